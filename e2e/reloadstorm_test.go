package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// storm is the configuration of a gateway that is reloaded all the time.
const storm = `
guard: {mode: shadow}
listeners:
  - {name: https, address: "127.0.0.1:0", hosts: [gateway.example],
     tls: {policy: {{.Policy}}, certificate: {files: {cert: {{.Certificate}}.crt, key: {{.Certificate}}.key}}{{.ClientCA}}}}
  - {name: plain, address: "127.0.0.1:0", caller: shop{{.Connections}}}
  - {name: guest, address: "127.0.0.1:0", caller: guest}
  - {name: probe, address: "127.0.0.1:0", caller: probe}
  - {name: keys, address: "127.0.0.1:0"}
{{.Extra}}
tls_policies:
  narrow: {cipher_suites: [TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256, ECDHE-ECDSA-AES256-GCM-SHA384]}
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, timeout: {{.Timeout}}s, tls: {ca: ca.pem}}
credentials:
  partner:  {class: partner, domain_id: p-1, access_key: {env: P1_AK}, secret_key: {env: P1_SK}}
  customer: {class: customer, domain_id: c-17, access_key: {{.AccessKey}}, secret_key: {{.SecretKey}}}
callers:
  shop:
    auth: [{access_key: {id: TGSHOP, secret: {env: SHOP_SK}}}, {certificate: {uri: "spiffe://corp.example/shop"}}]
    grants: [{operations: [effect:read, effect:write, effect:spend], credential: customer}]
  guest: {grants: {{.Guest}}}
  probe: {grants: [{operations: [effect:read], credential: customer}]}
{{.Callers}}
limits:
  published: false
  rules:
    - {name: kept, per: [caller], callers: [probe], rate: 3/h, burst: 3}
    - {name: changing, per: [caller], callers: [shop], rate: {{.Rate}}/s, burst: {{.Rate}}}
audit: {dir: audit}
admin: {address: "127.0.0.1:0", socket: admin.sock}
log: {level: info, format: json}
bounds: {drain: 20s, header_timeout: {{.HeaderTimeout}}s, calls: {{.Calls}}}
`

// weather fills in the storm's configuration.
type weather struct {
	Upstream, Policy, Certificate, ClientCA, Connections, Extra, AccessKey, SecretKey, Guest, Callers string
	Spare                                                                                             bool
	Timeout, Rate, HeaderTimeout, Calls                                                               int
}

func newWeather(upstream string, random *rand.Rand) *weather {
	either := func(a, b string) string { return []string{a, b}[random.IntN(2)] }
	w := &weather{
		Upstream: upstream, Policy: either("huawei-high", "narrow"), Certificate: either("gateway", "gateway2"),
		ClientCA: either("", ", client_ca: ca.pem"), Connections: either("", ", max_connections: 500"),
		AccessKey: either("{env: C17_AK}", "{file: customer.ak}"), SecretKey: either("{env: C17_SK}", "{file: customer.sk}"),
		Guest:   either("[]", "[{operations: [effect:read], credential: customer}]"),
		Extra:   either("", `  - {name: extra, address: "unix:extra.sock", caller: guest}`),
		Timeout: 20 + random.IntN(3), Rate: 100_000 + random.IntN(3), HeaderTimeout: 10 + random.IntN(2), Calls: 1000 + random.IntN(50),
	}
	if w.Spare = random.IntN(2) == 0; w.Spare {
		w.Callers = "  spare: {auth: [{access_key: {id: TGSPARE, secret: {file: spare.sk}}}], grants: [{operations: [effect:read], credential: customer}]}\n"
	}
	for i := range random.IntN(5) {
		w.Callers += fmt.Sprintf("  more%d: {auth: [{certificate: {dns: more%d.example}}], grants: [{operations: [effect:read], credential: partner}]}\n", i, i)
	}
	return w
}

func (w *weather) text(t testing.TB) string {
	var text strings.Builder
	if err := template.Must(template.New("storm").Parse(storm)).Execute(&text, w); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// spoil makes a configuration wrong in one of several ways.
func spoil(t testing.TB, text, busy string, random *rand.Rand) string {
	ways := []struct{ from, to string }{
		{"\ncallers:", "\ncalers:"},
		{"operations: [effect:read], credential: customer", "operations: [effect:read], credential: missing"},
		{"audit: {dir: audit}", "audit: {dir: elsewhere}"}, // needs a restart
		{"{files: {cert: ", "{files: {cert: missing-"},
		{"\nlimits:", "\nlimits: ]"},
		{`address: "127.0.0.1:0", caller: probe`, `address: "` + busy + `", caller: probe`},
	}
	way := ways[random.IntN(len(ways))]
	if !strings.Contains(text, way.from) {
		t.Fatalf("%q is not in the configuration", way.from)
	}
	return strings.Replace(text, way.from, way.to, 1)
}

// TestReloadStorm reloads a gateway under load, with good and bad configurations at random: listeners come, go and change, as do
// certificates, authorities, callers, limits, bounds and credentials. No call fails for it, each record names the plan that
// decided, a key that is gone is refused at once, counts go on, and nothing is left over.
func TestReloadStorm(t *testing.T) {
	t.Parallel()
	reloads := 60
	if soaking() {
		reloads = 500
	}
	random := rand.New(rand.NewPCG(seed(t), 0))
	w := newWorld(t, bsssim.Config{Unthrottled: true})
	w.issue("gateway2", testpki.Leaf{Names: []string{gatewayName, "localhost", "127.0.0.1"}, Server: true})
	good := account(t, "c-17")
	w.writeKeys(good.AccessKey, good.SecretKey)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	w.write("spare.sk", spareSecret+"\n")
	now := newWeather(w.values.Upstream, random)
	w.config = w.write("tollgate.yaml", now.text(t))
	p := w.start()
	probing, spare := w.countsDown(p), w.spare(p)
	calm := p.leftovers()
	load := w.startLoad(p)
	for i := range reloads {
		next, bad := newWeather(w.values.Upstream, random), random.IntN(3) == 0
		text := next.text(t)
		if bad {
			text = spoil(t, text, taken.Addr().String(), random)
		} else {
			now = next
		}
		w.write("tollgate.yaml", text)
		if status, body := w.act("POST", "/v1/reload"); bad != (status != http.StatusOK) {
			t.Fatalf("reload %d (bad: %v): %d %s\n%s", i, bad, status, body, text)
		}
		probing(t)
		spare.check(t, now.Spare)
	}
	load.stop(t)
	if spare.refused == 0 {
		t.Error("no connection was open when its key went: the test says nothing")
	}
	p.cameDownTo(calm)
	p.stop()
	w.checkPlans(load)
}

// act asks the admin socket.
func (w *world) act(method, path string) (status int, body string) {
	w.t.Helper()
	return actAt(w.t, w.file("admin.sock"), method, path)
}

func actAt(t testing.TB, socket, method, path string) (status int, body string) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	got := send(t, transport, request(t, method, "http://localhost"+path, ""))
	return got.status, got.body
}

// spareKey is an application whose virtual key comes and goes, and which keeps its connection.
type spareKey struct {
	client  *bss.BssClient
	status  int
	reused  bool
	refused int // on a connection that was open before
}

const spareSecret = "SKSPARE-0123456789abcdefghijklmnopqrst"

func (w *world) spare(p *process) *spareKey {
	s := &spareKey{}
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { s.reused = c.Reused }}
	keyed := *w.shop(p)
	keyed.accessKey, keyed.secret = "TGSPARE", spareSecret
	s.client = keyed.at(p.address("keys")).through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		response, err := next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
		if err == nil {
			s.status = response.StatusCode
		}
		return response, err
	}).bss(w.t)
	return s
}

// check makes a call, which is let in if the configuration has the key.
func (s *spareKey) check(t testing.TB, known bool) {
	t.Helper()
	s.status = 0
	_, err := s.client.ShowCustomerAccountBalances(&model.ShowCustomerAccountBalancesRequest{})
	switch want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[known]; {
	case s.status != want:
		t.Errorf("the key that is in force: %v; answer %d, %v", known, s.status, err)
	case !known && s.reused:
		s.refused++
	}
}

// leftovers are what a process holds.
type leftovers struct {
	goroutines, files int
	heap              float64
}

func (p *process) leftovers() leftovers {
	p.t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return leftovers{p.goroutines(), len(files), p.gauge("go_memstats_heap_alloc_bytes")}
}

// cameDownTo waits until the process holds little more than before the load. The heap has garbage of up to 32 MiB.
func (p *process) cameDownTo(before leftovers) {
	p.t.Helper()
	var now leftovers
	defer func() { p.t.Logf("before: %+v; after: %+v", before, now) }()
	eventually(p.t, "goroutines, files and memory return", func() bool {
		now = p.leftovers()
		return now.goroutines <= before.goroutines+20 && now.files <= before.files+20 && now.heap <= before.heap+40<<20
	})
}

// countsDown uses a limit up, and returns what checks that it still is.
func (w *world) countsDown(p *process) (check func(testing.TB)) {
	transport := &http.Transport{}
	w.t.Cleanup(transport.CloseIdleConnections)
	ask := func(t testing.TB) answer {
		return send(t, transport, request(t, "GET", "http://"+p.address("probe")+"/v2/accounts/customer-accounts/balances", ""))
	}
	for ask(w.t).status == http.StatusOK {
	}
	return func(t testing.TB) {
		if got := ask(t); got.status != http.StatusTooManyRequests {
			t.Errorf("the used up limit answers %d %s", got.status, got.body)
		}
	}
}

// stormLoad is what calls while the gateway is reloaded.
type stormLoad struct {
	group    sync.WaitGroup
	done     chan struct{}
	calls    atomic.Int64
	extra    atomic.Int64 // over the socket that comes and goes
	mutex    sync.Mutex
	failures []string
	guest    map[string]bool // by call: whether the guest was allowed
}

// startLoad begins with reads and payments over HTTP/1.1, signed calls over HTTP/2 with a client certificate, and a guest whose grant
// comes and goes.
func (w *world) startLoad(p *process) *stormLoad {
	l := &stormLoad{done: make(chan struct{}), guest: map[string]bool{}}
	for worker := range 2 {
		l.run(func(i int) string { return w.order(p, worker, i) })
	}
	shop := w.issue("shop", testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}})
	signed := w.shop(p)
	signed.transport = w.transport(p.address("https"), shop)
	client := signed.bss(w.t)
	l.run(func(int) string {
		if _, err := client.ShowCustomerAccountBalances(&model.ShowCustomerAccountBalancesRequest{}); err != nil {
			return fmt.Sprintf("signed, over TLS: %v", err)
		}
		return ""
	})
	l.run(func(int) string { return l.visit("http://"+p.address("guest"), &guestTransport) })
	l.run(func(int) string { return l.visitExtra(w.file("extra.sock")) })
	return l
}

// run makes calls one after the other until the load stops. A call returns what is wrong.
func (l *stormLoad) run(call func(i int) string) {
	l.group.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-l.done:
				return
			default:
			}
			l.calls.Add(1)
			if wrong := call(i); wrong != "" {
				l.mutex.Lock()
				l.failures = append(l.failures, wrong)
				l.mutex.Unlock()
			}
		}
	})
}

func (l *stormLoad) stop(t testing.TB) {
	close(l.done)
	l.group.Wait()
	t.Logf("%d calls, %d of them over the socket that comes and goes", l.calls.Load(), l.extra.Load())
	if l.extra.Load() == 0 {
		t.Error("there was no call over the socket that comes and goes: the test says nothing")
	}
	for i, failure := range l.failures {
		if i == 10 {
			t.Fatalf("and %d more", len(l.failures)-i)
		}
		t.Error(failure)
	}
}

var stormTransports [2]http.Transport

// order asks for an order, or pays one.
func (w *world) order(p *process, worker, i int) string {
	got, err := ask(&stormTransports[worker], p.orderRequest(i%len(orderKinds), orderName(worker, i)))
	if err != nil || strings.HasPrefix(got.code, "TG.") {
		return fmt.Sprintf("order %d of worker %d: %d %s, %v", i, worker, got.status, got.body, err)
	}
	return ""
}

var guestTransport http.Transport

// visit calls as the guest, and notes whether it was allowed.
func (l *stormLoad) visit(base string, transport http.RoundTripper) string {
	r, err := http.NewRequest("GET", base+"/v2/accounts/customer-accounts/balances", http.NoBody)
	if err != nil {
		return err.Error()
	}
	got, err := ask(transport, r)
	if err != nil || got.status != http.StatusOK && got.code != "TG.3001" {
		return fmt.Sprintf("the guest: %d %s, %v", got.status, got.body, err)
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.guest[got.header.Get("Tollgate-Call-Id")] = got.status == http.StatusOK
	return ""
}

// visitExtra calls over a socket that comes and goes. While it is there each connection has an answer.
func (l *stormLoad) visitExtra(socket string) string {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		time.Sleep(time.Millisecond) // it is not there
		return ""
	}
	defer connection.Close()
	l.extra.Add(1)
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return connection, nil }}
	return l.visit("http://localhost", transport)
}

// checkPlans holds what the guest got against the plans that records name.
func (w *world) checkPlans(l *stormLoad) {
	w.t.Helper()
	grants := map[string]bool{} // by plan: whether the guest has a grant
	blobs, err := filepath.Glob(w.file("audit/blobs/????????????????*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, file := range blobs {
		text, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		var plan struct {
			Callers map[string]struct{ Grants []json.RawMessage }
		}
		if err := json.Unmarshal(text, &plan); err != nil {
			w.t.Fatalf("%s: %v", file, err)
		}
		grants[filepath.Base(file)[:logfile.PlanDigits]] = len(plan.Callers["guest"].Grants) > 0
	}
	seen := map[bool]int{}
	for id, h := range w.consistent() {
		for _, r := range []*logfile.Record{h.intent, h.outcome, h.refusal} {
			if r == nil {
				continue
			}
			if granted, known := grants[r.Plan]; !known {
				w.t.Fatalf("call %s names the plan %q, whose text is not there", id, r.Plan)
			} else if allowed, guest := l.guest[id]; guest && allowed != granted {
				w.t.Fatalf("call %s of the guest: allowed %v, by plan %s: %v", id, allowed, r.Plan, granted)
			} else if guest {
				seen[allowed]++
			}
		}
	}
	if seen[true] == 0 || seen[false] == 0 {
		w.t.Errorf("the guest was allowed and refused %v: the test says nothing", seen)
	}
}
