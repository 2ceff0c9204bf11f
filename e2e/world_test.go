package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"text/template"

	"tollgate/audit/logfile"
	"tollgate/audit/verify"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// The virtual keys that the gateways of these tests issue.
const (
	shopKey      = "TGSHOP"
	shopSecret   = "virtual-secret-of-the-shop-Zx81"
	officeKey    = "TGOFFICE"
	officeSecret = "virtual-secret-of-the-office-Qw42"
	gatewayName  = "gateway.example"
	intlName     = "intl.gateway.example"
)

// world is a provider, a place for a gateway's files, and everything to reach them.
type world struct {
	binary    string
	t         testing.TB
	dir       string
	ca        *testpki.CA
	issuer    *x509.CertPool // of the gateway's certificate, if that is not ca
	held      atomic.Pointer[hold]
	stalled   []func(syscall.Signal)   // end what holds up system calls of a gateway
	provider  atomic.Pointer[handling] // in the place of the simulator of site cn, if it is set
	witness   *witness
	simulator *bsssim.Server // site cn
	intl      *bsssim.Server // site intl
	values    values
	config    string // path of the configuration; written by configure
	env       []string
}

// values fill in configurations.
type values struct {
	Dir, Upstream, Intl string
	App                 string // address of an internal application
}

// newWorld starts the simulators and makes certificates. It starts no gateway.
func newWorld(t testing.TB, simulated bsssim.Config) *world {
	t.Helper()
	w := &world{t: t, binary: binary, dir: t.TempDir(), ca: testpki.Must(testpki.New()), witness: &witness{}, simulator: bsssim.New(simulated)}
	t.Cleanup(func() {
		for _, complaint := range w.witness.complaints() {
			t.Error(complaint)
		}
	})
	simulated.Site = "intl"
	w.intl = bsssim.New(simulated)
	accounts := simulatedAccounts(simulated)
	w.values = values{
		Dir: w.dir, Upstream: w.serve(w.witness.before("cn", accounts, w.holding(http.HandlerFunc(w.provide)))), Intl: w.serve(w.witness.before("intl", accounts, w.intl)),
	}
	w.issue("gateway", testpki.Leaf{Names: []string{gatewayName, intlName, "localhost", "127.0.0.1"}, Server: true})
	if err := w.ca.WriteFile(w.file("ca.pem")); err != nil {
		t.Fatal(err)
	}
	w.write("office.sk", officeSecret+"\n")
	w.env = []string{"SHOP_SK=" + shopSecret, "RUNTIME_DIRECTORY=" + runtimeDir}
	for _, a := range accounts {
		name := strings.ToUpper(strings.ReplaceAll(a.DomainID, "-", ""))
		w.env = append(w.env, name+"_AK="+a.AccessKey, name+"_SK="+a.SecretKey, name+"_TOKEN="+a.SecurityToken)
	}
	return w
}

func simulatedAccounts(c bsssim.Config) []bsssim.Account {
	if c.Accounts == nil {
		return bsssim.DefaultAccounts()
	}
	return c.Accounts
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) string {
	w.t.Helper()
	if err := os.WriteFile(w.file(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.file(name)
}

// serve serves a handler over HTTPS with a certificate of the world's CA, and returns its address.
func (w *world) serve(handler http.Handler) string {
	w.t.Helper()
	certificate := testpki.Must(w.ca.Server("127.0.0.1"))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.serveOn(listener, handler)
}

func (w *world) serveOn(listener net.Listener, handler http.Handler) string {
	server := &http.Server{Handler: handler}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with Close
	}()
	w.t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return listener.Addr().String()
}

// issue makes a certificate and writes it to NAME.crt and NAME.key.
func (w *world) issue(name string, leaf testpki.Leaf) tls.Certificate {
	w.t.Helper()
	certificate := testpki.Must(w.ca.Issue(leaf))
	if err := testpki.WriteFiles(certificate, w.file(name+".crt"), w.file(name+".key")); err != nil {
		w.t.Fatal(err)
	}
	return certificate
}

// configure writes a configuration.
func (w *world) configure(text string) *world {
	w.t.Helper()
	w.config = w.writeConfig("tollgate.yaml", text)
	return w
}

// writeConfig fills a configuration in, and writes it to a file.
func (w *world) writeConfig(name, text string) string {
	w.t.Helper()
	var filled bytes.Buffer
	if err := template.Must(template.New("config").Parse(text)).Execute(&filled, w.values); err != nil {
		w.t.Fatal(err)
	}
	return w.write(name, harden(filled.String()))
}

// harden makes the gateway of a configuration give up the files that it does not name, as all gateways of these tests do whose configuration
// does not say anything else of hardening: what they do must be possible so.
func harden(text string) string {
	if strings.Contains(text, "hardening:") {
		return text
	}
	return strings.TrimRight(text, "\n") + "\nhardening: {landlock: require}\n"
}

// unhardened ends a configuration that the first version reads, too.
const unhardened = "\n# hardening: not known to the first version\n"

// hardened is how a gateway is confined whose reloads name folders below that of its configuration which it is to write to.
const hardened = "hardening: {landlock: require, paths: [{path: {{.Dir}}, write: true}]}\n"

// start runs the gateway and waits until it is ready.
func (w *world) start() *process {
	w.t.Helper()
	return launchBinary(w.t, w.binary, w.config, w.env).wait()
}

// startWith is start by another program, which runs a command under some conditions.
func (w *world) startWith(program ...string) *process {
	w.t.Helper()
	args := append(program, w.binary, "run", "--config", w.config)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(w.env[:len(w.env):len(w.env)], raceOptions)
	return launchCommand(w.t, cmd).wait()
}

// standard is a gateway with all that most tests need. It has no `limits`, so that tests can append their own.
const standard = `
listeners:
  - {name: https, address: "127.0.0.1:0", hosts: [gateway.example], upstreams: [bss, intl],
     tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}}}
  - {name: plain, address: "127.0.0.1:0", caller: shop, upstreams: [bss, intl]}
  - {name: keys, address: "127.0.0.1:0", upstreams: [bss, intl]}
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, timeout: 20s, tls: {ca: ca.pem}}
  intl: {url: "https://{{.Intl}}", catalog: intl, hosts: [intl.gateway.example], tls: {ca: ca.pem}}
credentials:
  partner:     {class: partner, upstream: bss, domain_id: p-1, access_key: {env: P1_AK}, secret_key: {env: P1_SK}}
  distributor: {class: partner, upstream: bss, kinds: [distributor], domain_id: p-9, access_key: {env: P9_AK}, secret_key: {env: P9_SK}}
  customer:    {class: customer, upstream: bss, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
  partner-intl: {class: partner, upstream: intl, domain_id: p-1, access_key: {env: P1_AK}, secret_key: {env: P1_SK}}
callers:
  shop:      # a customer's application
    auth: [{access_key: {id: TGSHOP, secret: {env: SHOP_SK}}}]
    grants:
      - {operations: [effect:read, effect:write, effect:spend], credential: customer}
  office:    # a partner's application
    auth: [{access_key: {id: TGOFFICE, secret: {file: office.sk}}}]
    grants:
      - {operations: [effect:read, CreateSubCustomer, SendVerificationMessageCode, UpdateCustomerAccountAmount, ReclaimToPartnerAccount], credential: partner}
      - {operations: [CreatePartnerCoupons], credential: partner, customers: [c-17, c-18]}
      - {operations: [ListIndirectPartners], credential: distributor}
      - {operations: [effect:read, UpdateSubCustomerBudget], credential: partner-intl}
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
log: {level: debug, format: json}
bounds: {drain: 20s}
guard: {mode: shadow} # tests that are not about it pay one order again and again
`

// unlimited lifts the published quotas, for tests that call often.
const unlimited = `
limits: {published: false}
`

// records reads the audit log.
func (w *world) records() []logfile.Record {
	w.t.Helper()
	var all []logfile.Record
	err := logfile.Read(w.file("audit"), func(r *logfile.Record, _ []byte) error {
		all = append(all, *r)
		return nil
	})
	if err != nil {
		w.t.Fatalf("reading the audit log: %v", err)
	}
	return all
}

// verified runs `audit verify` on the log, which must find no fault, and returns its report.
func (w *world) verified(args ...string) *verify.Report {
	w.t.Helper()
	got := run(w.t, nil, append([]string{"audit", "verify", "--json", "--dir", w.file("audit")}, args...)...)
	var report verify.Report
	if err := json.Unmarshal([]byte(got.stdout), &report); got.code != 0 || err != nil {
		w.t.Errorf("audit verify %q: exit code %d, %v\n%s%s", args, got.code, err, got.stdout, got.stderr)
	}
	return &report
}

// firstCall returns the id of the first call on record.
func (w *world) firstCall() string {
	w.t.Helper()
	records := w.records()
	i := slices.IndexFunc(records, func(r logfile.Record) bool { return r.Call != "" })
	if i < 0 {
		w.t.Fatal("no call is on record")
	}
	return records[i].Call
}

// endedWell checks that the log ends as one does that was closed in good order: with a stop and a checkpoint.
func (w *world) endedWell() {
	w.t.Helper()
	records := w.records()
	last := records[max(len(records)-2, 0):]
	if len(last) < 2 || last[0].Kind != logfile.KindStop || last[1].Kind != logfile.KindCheckpoint {
		w.t.Errorf("the log ends with %+v", last)
	}
}

// recorded waits for the record of that kind of a call, and returns it.
func (w *world) recorded(kind logfile.Kind, call string) logfile.Record {
	w.t.Helper()
	var found logfile.Record
	eventually(w.t, "the audit log has the "+string(kind)+" of call "+call, func() bool {
		for _, r := range w.records() {
			if r.Kind == kind && r.Call == call {
				found = r
				return true
			}
		}
		return false
	})
	return found
}

// arrived returns the calls of an operation that the simulator saw.
func arrived(s *bsssim.Server, operation string) []bsssim.Call {
	var calls []bsssim.Call
	for _, c := range s.Calls() {
		if c.Operation == operation {
			calls = append(calls, c)
		}
	}
	return calls
}

// pool is what a caller trusts: what issues the gateway's certificate.
func (w *world) pool() *x509.CertPool {
	if w.issuer != nil {
		return w.issuer
	}
	return w.ca.Pool()
}

func (w *world) stat(name string) (os.FileInfo, error) { return os.Stat(w.file(name)) }

// hold stops a payment at the provider, so that a test can do something meanwhile.
type hold struct {
	arrived chan struct{} // gets one value for each payment
	release chan struct{} // closed by the test
}

// holdPayments holds payments from now on, until release is closed.
func (w *world) holdPayments() *hold {
	h := &hold{arrived: make(chan struct{}, 100), release: make(chan struct{})}
	w.held.Store(h)
	return h
}

// handling is a handler that can be pointed to.
type handling struct{ http.Handler }

func (w *world) provide(rw http.ResponseWriter, r *http.Request) {
	if p := w.provider.Load(); p != nil {
		p.ServeHTTP(rw, r)
		return
	}
	w.simulator.ServeHTTP(rw, r)
}

func (w *world) holding(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if h := w.held.Load(); h != nil && strings.HasSuffix(r.URL.Path, "/customer-orders/pay") {
			h.arrived <- struct{}{}
			select {
			case <-h.release:
			case <-r.Context().Done(): // the gateway is gone
			}
		}
		next.ServeHTTP(rw, r)
	})
}
