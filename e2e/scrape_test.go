package e2e

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"tollgate/fleet/redistest"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// observed is a member of a fleet that has all that metrics are about.
const observed = `
listeners:
  - {name: https, address: "127.0.0.1:0", hosts: [gateway.example], tls: {certificate: {files: {cert: gateway.crt, key: gateway.key}}, client_ca: ca.pem, client_crl: [ca.crl]}}
  - {name: plain, address: "127.0.0.1:0", caller: shop}
  - {name: till, address: "127.0.0.1:0", caller: till}
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, timeout: 20s, tls: {ca: ca.pem}}
credentials:
  customer: {class: customer, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
callers:
  shop:
    auth: [{access_key: {id: TGSHOP, secret: {env: SHOP_SK}, not_after: 2099-01-01}}]
    grants: [{operations: [effect:read, effect:spend], credential: customer}]
  till: {grants: [{operations: [ShowCustomerAccountBalances, PayOrders], credential: customer}]}
limits: {rules: [{name: day, per: [caller], rate: 1/h, burst: 1, mode: shadow}]}
caps: [{name: payments, match: {callers: [shop]}, each: day, count: 1, mode: soft}]
guard: {mode: shadow}
audit: {dir: audit-NAME, checkpoints: {copies: [{file: copy-NAME.jsonl}]}}
admin: {address: "127.0.0.1:0", socket: NAME.sock}
log: {level: info, format: json}
`

// observe starts a fleet whose first member has all that metrics are about, and returns that one.
func (w *world) observe() *process {
	w.t.Helper()
	list := x509.RevocationList{ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)}
	w.write("ca.crl", string(testpki.Must(w.ca.RevocationList(list))))
	redis := redistest.Start(w.t, redistest.Options{})
	var members []*member
	for _, name := range memberNames[:2] {
		text := strings.NewReplacer("NAME", name, "MEMBERS", "a, b").Replace(observed + overRedis(redis.Address(), time.Second))
		config := w.writeConfig("tollgate-"+name+".yaml", text)
		members = append(members, &member{launch(w.t, config, w.env), name, config, w.file("audit-" + name), w.file(name + ".sock")})
	}
	for _, m := range members {
		m.wait()
	}
	(&fleet{world: w, members: members}).whole()
	w.t.Cleanup(members[1].stop)
	return members[0].process
}

// happen brings about all that has no series before it has happened: calls of each outcome, refusals of each kind, a credential that is rejected, a
// quota that is slowed.
func (w *world) happen(p *process) {
	w.t.Helper()
	transport := &http.Transport{}
	w.t.Cleanup(transport.CloseIdleConnections)
	call := func(listener, method, path, body string, status int) {
		w.t.Helper()
		if got := send(w.t, transport, request(w.t, method, "http://"+p.address(listener)+path, body)); got.status != status {
			w.t.Errorf("%s %s %s: %d %s, want %d", listener, method, path, got.status, got.body, status)
		}
	}
	const balances, orders, pay = "/v2/accounts/customer-accounts/balances", "/v2/orders/customer-orders", "/v3/orders/customer-orders/pay"
	order := func(id string) string { return `{"order_id":"` + id + `","use_coupon":"NO","use_discount":"NO"}` }
	for range 2 { // the second one is over the limit in shadow mode
		call("plain", "GET", balances, "", http.StatusOK)
		call("till", "GET", balances, "", http.StatusOK)
	}
	call("plain", "POST", pay, order("CS-1001"), http.StatusNoContent)
	call("plain", "POST", pay, order("CS-1001"), http.StatusBadRequest) // its act is held, and the cap full; in shadow mode
	call("plain", "POST", pay, order("CS-NONE"), http.StatusBadRequest) // failed
	call("till", "GET", orders, "", http.StatusForbidden)               // no grant
	w.provider.Store(&handling{http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })})
	call("plain", "POST", pay, order("CS-1002"), http.StatusBadGateway) // unknown
	call("plain", "POST", pay, order("CS-1003"), http.StatusBadGateway)
	w.provider.Store(&handling{http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "30")
		http.Error(rw, `{"error_code":"APIGW.0308"}`, http.StatusTooManyRequests)
	})})
	call("plain", "GET", orders, "", http.StatusTooManyRequests)
	w.provider.Store(&handling{http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		http.Error(rw, `{"error_code":"APIGW.0301"}`, http.StatusUnauthorized)
	})})
	call("till", "GET", balances, "", http.StatusServiceUnavailable)
	w.provider.Store(nil)
	w.sendRaw(p.address("https"), "no handshake\r\n\r\n")
	w.sendRaw(p.address("plain"), "GET / HTTP/1.1\r\nHost: localhost\r\nbad field\r\n\r\n")
}

// sendRaw sends bytes and waits until the gateway has closed the connection.
func (w *world) sendRaw(address, text string) {
	w.t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if _, err = c.Write([]byte(text)); err == nil {
		_, _ = bytes.NewBuffer(nil).ReadFrom(c)
	}
}

// scrape is what Prometheus has of a gateway: the labels of each series, by metric.
type scrape map[string][]map[string]string

// scrape reads a page of metrics, as Prometheus does, which adds the labels job and instance. A histogram has the series that it is made of.
func (p *process) scrape() (all scrape, page string) {
	p.t.Helper()
	_, page = p.admin("/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		p.t.Fatal(err)
	}
	samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, slices.Collect(maps.Values(families))...)
	if err != nil {
		p.t.Fatal(err)
	}
	all = scrape{}
	for _, s := range samples {
		labels := map[string]string{"job": "tollgate", "instance": "gw-0:9091"}
		for name, value := range s.Metric {
			labels[string(name)] = string(value)
		}
		name := labels[model.MetricNameLabel]
		delete(labels, model.MetricNameLabel)
		all[name] = append(all[name], labels)
	}
	return all, page
}

// TestRulesAndDashboard: alerts, the series that they are tried on, and the dashboard name metrics and labels that a gateway has. What an alert
// asks for an increase of is there before the first count.
func TestRulesAndDashboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	p := w.observe()
	born, _ := p.scrape()
	w.happen(p)
	var page string
	var had scrape
	eventually(t, "the index is open", func() bool { had, page = p.scrape(); return had["tollgate_audit_index_lag_records"] != nil })
	addSlow(t, had)
	had.withoutDeprecated(page)
	for _, file := range glob(t, "../deploy/prometheus/*.rules.yml") {
		for _, rule := range rulesOf(t, file) {
			had.checkRule(t, born, rule)
		}
	}
	for _, file := range glob(t, "../deploy/prometheus/tests/*.yml") {
		had.checkCases(t, file)
	}
	had.checkDashboard(t, "../deploy/grafana/tollgate.json")
	lint(t, page)
	had.checkBuild(t)
	p.stop()
}

// checkBuild compares the metric of the build with what the program itself says.
func (s scrape) checkBuild(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary, "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var program struct{ Version, Commit string }
	if err := json.Unmarshal(out, &program); err != nil {
		t.Fatal(err)
	}
	build := s["tollgate_build_info"][0]
	if build["version"] != program.Version || build["revision"] != program.Commit {
		t.Errorf("tollgate_build_info has %v; tollgate version says %+v", build, program)
	}
}

// addSlow adds the metric that no gateway has in its first ten minutes: without labels, as the manual has it.
func addSlow(t *testing.T, s scrape) {
	t.Helper()
	const name = "tollgate_audit_disk_full_timestamp_seconds"
	manual, err := os.ReadFile("../docs/metrics.md")
	if err != nil || s[name] != nil || !strings.Contains(string(manual), fmt.Sprintf("| `%s` | gauge | | ", name)) {
		t.Errorf("%s is in the scrape, or not in docs/metrics.md without labels: %v", name, err)
	}
	s[name] = []map[string]string{{"job": "tollgate", "instance": "gw-0:9091"}}
}

// withoutDeprecated removes the metrics that nothing should use any more.
func (s scrape) withoutDeprecated(page string) {
	for _, found := range regexp.MustCompile(`(?m)^# HELP (\S+) Deprecated: `).FindAllStringSubmatch(page, -1) {
		delete(s, found[1])
	}
}

// parsed has promtool parse expressions, as recording rules.
func parsed(t *testing.T, exprs []string) {
	t.Helper()
	type rule struct{ Record, Expr string }
	type group struct {
		Name  string
		Rules []rule
	}
	g := group{Name: "dashboard"}
	for i, expr := range exprs {
		g.Rules = append(g.Rules, rule{fmt.Sprintf("panel:%d", i), expr})
	}
	text, err := yaml.Marshal(map[string][]group{"groups": {g}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.rules.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "promtool", "check", "rules", file).CombinedOutput()
	if want := fmt.Sprintf("%d rules found", len(exprs)); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("promtool check rules: %v, want %s\n%s", err, want, out)
	}
}

// lint has promtool look at the names, units and helps of metrics, the deprecated ones included.
func lint(t *testing.T, page string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
