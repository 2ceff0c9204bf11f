package chaos

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"text/template"
	"time"

	"tollgate/fleet/redistest"
	"tollgate/internal/testpki"
)

// gatewayName is the name that all gateways have.
const gatewayName = "gateway.example"

// world is everything that the gateways stand in.
type world struct {
	options
	t        *testing.T
	dir      string
	gateways *testpki.CA // issues the certificates of the gateways, which callers trust
	provider *provider
	upstream *redistest.Proxy // in front of the provider
	redis    *redistest.Server
	toRedis  *redistest.Proxy
	replicas []*replica // those of the fleet, and the lone one last
	callers  *callers
	cap      int

	mu      sync.Mutex
	journal []string
	notes   []*note
}

// members are the names of the fleet. The lone gateway is none of it, since hard caps are not shared.
var members = []string{"a", "b", "c", "d"}

const lone = "lone"

// newWorld starts Redis and the provider, and writes what gateways read. It starts no gateway.
func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{options: o, t: t, dir: t.TempDir(), gateways: testpki.Must(testpki.New()), cap: max(10, int(o.length.Seconds()))}
	w.provider = newProvider(t, o.random(100))
	w.upstream = redistest.NewProxy(t, w.provider.address)
	w.redis = redistest.Start(t, redistest.Options{})
	w.toRedis = redistest.NewProxy(t, w.redis.Address())
	if err := os.Mkdir(w.file("callers.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.callers = newCallers(w)
	for _, step := range []error{
		w.writeGatewayCertificate(), w.writeAuthorities("provider.pem", w.provider.authority), w.writeCloudKeys(),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	for _, name := range append(members, lone) {
		w.replicas = append(w.replicas, newReplica(w, name))
	}
	t.Cleanup(w.end)
	return w
}

// end ends what still runs, and shows what happened if the test has failed.
func (w *world) end() {
	for _, r := range w.replicas {
		if l := r.current(); l != nil && l.running() {
			_ = l.end(killed) // it may end by itself
		}
	}
	if !w.t.Failed() {
		return
	}
	for _, line := range w.journal {
		w.t.Log(line)
	}
	for _, r := range w.replicas {
		w.t.Logf("the end of what gateway %s logged:\n%s", r.name, r.logTail())
	}
}

// happened adds an event to the journal, which a failure shows.
func (w *world) happened(format string, arguments ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.journal = append(w.journal, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, arguments...))
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

// write has a file be a text, from one moment to the next.
func (w *world) write(name, text string) error {
	next := w.file(name + ".next")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, w.file(name))
}

// writeAuthorities writes a file of authorities.
func (w *world) writeAuthorities(name string, all ...*testpki.CA) error {
	var text bytes.Buffer
	for _, ca := range all {
		text.Write(ca.CertPEM())
	}
	return w.write(name, text.String())
}

// writeGatewayCertificate issues the gateways a certificate.
func (w *world) writeGatewayCertificate() error {
	certificate, err := w.gateways.Issue(testpki.Leaf{Names: []string{gatewayName}, Server: true})
	if err != nil {
		return err
	}
	key, err := testpki.KeyPEM(certificate)
	if err != nil {
		return err
	}
	if err := w.write("gateway.key", string(key)); err != nil {
		return err
	}
	return w.write("gateway.crt", string(testpki.CertPEM(certificate)))
}

// settings are what reloads change, and what else differs between configurations.
type settings struct {
	Name, Upstream, Redis string
	Lone                  bool
	Cap                   int
	Calls, Rate           int // of no consequence to the load
	Spare                 bool
}

// configuration is that of every gateway.
var configuration = template.Must(template.New("configuration").Parse(`
guard: {mode: enforce}
listeners:
  - {name: https, address: "127.0.0.1:0", hosts: [gateway.example],
     tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}, client_ca: clients.pem}}
{{if .Spare}}  - {name: spare, address: "unix:{{.Name}}-spare.sock", caller: spare}
{{end}}upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, timeout: 3s, connect_timeout: 1s, tls: {ca: provider.pem}}
credentials:
  c17: {class: customer, domain_id: c-17, keys: {file: c-17.json}}
  c18: {class: customer, domain_id: c-18, keys: {file: c-18.json}}
  p1: {class: partner, domain_id: p-1, keys: {file: p-1.json}}
callers:
  shop: {grants: [{operations: [effect:read, effect:write], credential: c17}]}
  till: {grants: [{operations: [effect:spend], credential: c18}]}
  report:
    auth: [{certificate: {uri: "spiffe://corp.example/report"}}]
    grants: [{operations: [effect:read], credential: p1}]
  spare: {grants: [{operations: [effect:read], credential: p1}]}
include: [callers.d]
limits: {published: false, rules: [{name: wide, per: [caller], rate: {{.Rate}}/s, burst: {{.Rate}}}]}
{{if .Lone}}caps: [{name: tills, match: {callers: [till]}, each: day, amount: {CNY: "{{.Cap}}"}}]
{{else}}fleet: {redis: {address: "{{.Redis}}"}, members: [a, b, c, d], name: {{.Name}}, patience: 250ms}
{{end}}audit: {dir: audit-{{.Name}}, segment_size: 1MiB, checkpoints: {every: 1s, records: 50, copies: [{file: kept-{{.Name}}.jsonl}]}}
admin: {address: "127.0.0.1:0", socket: {{.Name}}.sock}
log: {level: info, format: json}
bounds: {drain: 20s, calls: {{.Calls}}}
`))

func (s *settings) text() (string, error) {
	var text bytes.Buffer
	err := configuration.Execute(&text, s)
	return text.String(), err
}
