package e2e

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/e2e/firstversion"
	"tollgate/internal/bsssim"
)

// firstFolder has what the first version left; its README says what that is.
const firstFolder = "testdata/first-version"

// reviewerToken is the token of li-wei.
const reviewerToken = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var writeFirst = flag.Bool("write-first-version", false, "write "+firstFolder+" again")

// TestWriteFirstVersion has the first version write the log of testdata/first-version, over eleven weeks by the clock of its log.
func TestWriteFirstVersion(t *testing.T) {
	if !*writeFirst {
		t.Skip("-write-first-version was not given")
	}
	f := newFirstLog(t)
	f.longAgo()
	f.killed()
	f.partial()
	f.today()
	f.afterwards()
	f.export()
	f.save()
}

// firstLog is a world in which the first version writes a log.
type firstLog struct {
	*world
	clocked string // the binary whose clock is set
	real    string
}

func newFirstLog(t *testing.T) *firstLog {
	f := &firstLog{clocked: firstversion.WithClock(t), real: firstversion.Binary(t)}
	f.world = newFirstWorld(t)
	must(t, os.Mkdir(f.file("callers.d"), 0o700))
	return f
}

// newFirstWorld is a world for the configuration of the first version's log.
func newFirstWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t, bsssim.Config{Unthrottled: true, PayAgain: true})
	must(t, w.simulator.Deposit("c-17", "1000000"))
	w.env = append(w.env, "TILL_SK="+tillSecret)
	w.provider.Store(&handling{http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v2/orders/customer-orders/details/") {
			http.Error(rw, "{}", http.StatusBadGateway) // or the gateway would settle what is unknown, sooner or later
			return
		}
		w.simulator.ServeHTTP(rw, r)
	})})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w.values.App = w.serveOn(listener, &app{})
	return w
}

// firstConfig is the text of the configuration.
func firstConfig(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(firstFolder, "tollgate.yaml"))
	must(t, err)
	return string(text)
}

// days starts the binary with the clock of its log so many days behind, and a log that is kept for 40 days.
func (f *firstLog) days(ago int) *process {
	f.t.Helper()
	f.binary, f.env = f.clocked, append(f.env, fmt.Sprintf("%s=-%dh", firstversion.ClockVariable, ago*24))
	f.configure(replaceOnce(f.t, firstConfig(f.t), "  name: first.example/billing\n", "  name: first.example/billing\n  keep: 40d\n  keep_less_than_180_days: true\n") + unhardened)
	return f.start()
}

func (f *firstLog) fault(operation string, kind bsssim.FaultKind) {
	f.t.Helper()
	must(f.t, f.simulator.Inject(bsssim.Fault{Operation: operation, Kind: kind}))
}

// call calls as the one whom a listener knows.
func (f *firstLog) call(p *process, listener, method, target, body string) answer {
	f.t.Helper()
	return send(f.t, http.DefaultTransport, request(f.t, method, "http://"+p.address(listener)+target, body))
}

// pays pays an order as the shop, without a signature.
func (f *firstLog) pays(p *process, order string) string {
	f.t.Helper()
	return f.call(p, "plain", "POST", payVersions[0].path, fmt.Sprintf(payVersions[0].body, order)).header.Get("Tollgate-Call-Id")
}

// operator runs a command of the first version that must succeed.
func (f *firstLog) operator(args ...string) string {
	f.t.Helper()
	got := runBinary(f.t, f.binary, f.env, append(args, "--config", f.config)...)
	if got.code != 0 {
		f.t.Fatalf("%q: %+v", args, got)
	}
	return got.stdout
}

var freezeID = regexp.MustCompile(`f-[0-9a-f]{8}`)

// longAgo is what is pruned later: calls of each effect and outcome, refusals, a freeze and its lift, and a payment that stays unknown.
func (f *firstLog) longAgo() {
	f.addOrders(20, "50.00")
	p := f.days(80)
	f.call(p, "plain", "GET", balancesPath, "")
	f.pays(p, "CS-T0")
	f.fault("PayOrders", bsssim.Drop)
	f.pays(p, "CS-T1")
	f.fault("PayOrders", bsssim.ServerError)
	f.pays(p, "CS-T2")
	f.call(p, "plain", "GET", "/v2/no/such/operation", "")
	said := f.operator("freeze", "--caller", "intern", "--reason", "left the company")
	f.call(p, "intern", "GET", balancesPath, "")
	f.operator("unfreeze", freezeID.FindString(said), "--reason", "came back")
	p.stop()
	f.days(75).stop() // whose first commit closes the segment
}

// killed ends with a call in flight, which the next start closes; of two unknown payments one is resolved.
func (f *firstLog) killed() {
	p := f.days(20)
	f.fault("PayOrders", bsssim.Truncate)
	f.operator("resolve", f.pays(p, "CS-T3"), "--outcome", "succeeded", "--reason", "read at the provider")
	f.call(p, "plain", "GET", ordersPath, "")
	hold := f.holdPayments()
	ended := make(chan error, 1)
	go func() {
		_, err := ask(&http.Transport{}, request(f.t, "POST", "http://"+p.address("plain")+payVersions[0].path, fmt.Sprintf(payVersions[0].body, "CS-T4")))
		ended <- err
	}()
	<-hold.arrived
	p.kill()
	if err := <-ended; err == nil {
		f.t.Error("the killed gateway answered")
	}
	close(hold.release)
	f.held.Store(nil)
	f.days(20).stop()
}

// partial has a batch done in part, and brings in another signing key.
func (f *firstLog) partial() {
	p := f.days(10)
	f.fault("CreatePartnerCoupons", bsssim.Partial)
	f.does(p, attempt{who: asOffice, path: "/v2/promotions/benefits/partner-coupons", body: `{"quota_id":"Q-1","customer_ids":["c-17","c-18"],"face_value":10}`})
	p.stop()
	if got := runBinary(f.t, f.binary, f.env, "audit", "rotate-key", "--dir", f.file("audit")); got.code != 0 {
		f.t.Fatalf("%+v", got)
	}
}

// today calls in all ways, prunes what is older than 40 days, and ends with a freeze in force.
func (f *firstLog) today() {
	p := f.days(0)
	eventually(f.t, "the oldest segment is pruned", func() bool {
		pruned, _ := filepath.Glob(f.file("audit/*.hashes"))
		return len(pruned) > 0
	})
	f.callers(p)
	f.withholds(p)
	f.reviews(p)
	f.operators(p)
	p.stop()
}

// callers are those with keys, over TLS and without, and unauthenticated peers.
func (f *firstLog) callers(p *process) {
	balance(f.t, f.shop(p).bss(f.t))
	f.newKeyOf(p)
	for order := range 5 { // the cap is full after four
		f.try(p, paying(asTill, 0, fmt.Sprintf("CS-T1%d", order)))
	}
	paid := f.does(p, paying(asShop, 0, "CS-T5"))
	f.turnsDown(p, paying(asShop, 1, "CS-T5"), http.StatusConflict, "TG.4008")
	f.does(p, attempt{who: asShop, path: payVersions[0].path, body: fmt.Sprintf(payVersions[0].body, "CS-T5"), header: []string{"Tollgate-Repeat", paid}})
	f.turnsDown(p, paying(asShop, 0, "CS-T1"), http.StatusConflict, "TG.4008")
	f.try(p, paying(asShop, 0, "CS-NONE"))
	f.does(p, couponIssue("700"))
	f.try(p, couponIssue("701"))
	for range 3 {
		f.call(p, "intern", "GET", balancesPath, "")
	}
	for range 30 {
		f.try(p, attempt{who: identity{"TGNONE", "none"}, path: payVersions[0].path})
	}
	f.try(p, attempt{who: identity{shopKey, "wrong"}, path: payVersions[0].path})
	connection, err := net.Dial("tcp", p.address("https"))
	must(f.t, err)
	_, err = connection.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	must(f.t, errors.Join(err, connection.Close()))
}

// newKeyOf makes a key of a caller, and calls by it.
func (f *firstLog) newKeyOf(p *process) {
	f.operator("key", "new", "--caller", "shop")
	eventually(f.t, "the key is in force", func() bool { return strings.Contains(p.log(), "the configuration was reloaded") })
}

// withholds sends what records do not show.
func (f *firstLog) withholds(p *process) {
	f.call(p, "plain", "POST", "/login?code=27x4w1&jwt=eyJ.x.y", "pin=7w-3")
	f.call(p, "plain", "GET", "/search/x?q=shoes&password=hunter2-pass", "")
	f.call(p, "plain", "POST", "/reset/27x4w1?otp=86z0k4", "pin=7w-3")
	f.call(p, "plain", "POST", "/gone", "")
}

// reviews looks at a page of records.
func (f *firstLog) reviews(p *process) {
	at := "http://" + p.address("review")
	li := f.browser(p, "li")
	li.expect("303 "+at+"/calls", at+"/signin", "--data", "token="+reviewerToken+"&next=/calls")
	li.expect("200 li-wei", at+"/calls")
}

// operators reload another plan, lift what holds an act, and freeze.
func (f *firstLog) operators(p *process) {
	call := f.does(p, paying(asShop, 0, "CS-T6"))
	f.operator("acts", "allow-repeat", call, "--reason", "a refund is under way")
	text, err := os.ReadFile(f.config)
	must(f.t, err)
	f.write("tollgate.yaml", replaceOnce(f.t, string(text), `CNY: "1000"`, `CNY: "2000"`))
	f.operator("reload")
	f.write("tollgate.yaml", "admin: {")
	if got := runBinary(f.t, f.binary, f.env, "reload", "--config", f.config); got.code != 1 {
		f.t.Errorf("%+v", got)
	}
	f.write("tollgate.yaml", string(text))
	f.operator("freeze", "--caller", "office", "--reason", "a key leaked")
	f.turnsDown(p, couponIssue("1"), http.StatusForbidden, "TG.3010")
}

// afterwards the binary as it was released takes the log over, without an end to how long it is kept.
func (f *firstLog) afterwards() {
	f.binary = f.real
	f.configure(firstConfig(f.t) + unhardened)
	p := f.start()
	f.does(p, paying(asShop, 0, "CS-T7"))
	f.fault("PayOrders", bsssim.CloseAfterRead)
	f.pays(p, "CS-T8")
	eventually(f.t, "the index has it all", func() bool {
		_, page := p.admin("/metrics")
		return metric(page, "tollgate_audit_indexed_seq") >= metric(page, "tollgate_audit_last_seq")
	})
	p.stop()
}

// export makes what an auditor gets.
func (f *firstLog) export() {
	f.write("first.pub", runBinary(f.t, f.real, nil, "audit", "key", "--dir", f.file("audit")).stdout)
	got := runBinary(f.t, f.real, nil, "audit", "export", "--dir", f.file("audit"), "--out", f.file("bundle.zip"), "--last", "100d")
	if got.code != 0 {
		f.t.Fatalf("%+v", got)
	}
}

// save writes the folder, without what is allocated ahead in the live segment.
func (f *firstLog) save() {
	for _, name := range []string{"audit", "callers.d"} {
		must(f.t, os.RemoveAll(filepath.Join(firstFolder, name)))
		must(f.t, os.CopyFS(filepath.Join(firstFolder, name), os.DirFS(f.file(name))))
	}
	must(f.t, os.Remove(filepath.Join(firstFolder, "audit/lock")))
	for _, name := range []string{"first.pub", "bundle.zip", "kept.jsonl"} {
		text, err := os.ReadFile(f.file(name))
		must(f.t, errors.Join(err, os.WriteFile(filepath.Join(firstFolder, name), text, 0o600)))
	}
	segments, err := filepath.Glob(filepath.Join(firstFolder, "audit/*"+logfile.SegmentSuffix))
	must(f.t, err)
	for _, name := range segments {
		text, err := os.ReadFile(name)
		must(f.t, errors.Join(err, os.WriteFile(name, bytes.TrimRight(text, "\x00"), 0o600)))
	}
	must(f.t, firstversion.Source("config/testdata/full.good.yml", filepath.Join(firstFolder, "full.yaml")))
}
