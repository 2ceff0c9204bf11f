package service_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/internal/testpki"
	"tollgate/service"
)

// operated is a gateway with all three doors for operators.
type operated struct {
	*service.Service
	dir, file string
	ca        *testpki.CA
}

func startOperated(t *testing.T) *operated {
	t.Helper()
	o := startOf(t, operatedText)
	t.Cleanup(func() {
		if err := o.Drain(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// startOf starts a gateway of a configuration. The caller must drain it.
func startOf(t *testing.T, text string) *operated {
	t.Helper()
	dir, err := os.MkdirTemp("", "tg") // a short path: it has a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := &operated{dir: dir, file: filepath.Join(dir, "gw.yaml"), ca: testpki.Must(testpki.New())}
	load(t, o.ca, dir, "http://127.0.0.1:9", "huawei-high") // for its files
	o.write(t, "token", "first-token-of-the-scraper")
	o.write(t, "denied", "")
	o.write(t, "gw.yaml", text)
	t.Setenv("RUNTIME_DIRECTORY", dir)
	env := func(name string) (string, bool) {
		if name == "RUNTIME_DIRECTORY" {
			return dir, true
		}
		return keys(name)
	}
	read := func(config.Options) (*config.Config, error) {
		return config.Load(o.file, config.Options{Secrets: true, LookupEnv: env})
	}
	c, err := read(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if o.Service, err = service.Start(t.Context(), c, service.Process{Version: "v1", Logger: zap.NewNop(), LookupEnv: env, Load: read}); err != nil {
		t.Fatal(err)
	}
	return o
}

// operatedText is its configuration.
const operatedText = `
listeners: [{name: https, address: "127.0.0.1:0", tls: {certificate: {files: {cert: tls.crt, key: tls.key}}, client_ca: ca.pem}}]
upstreams: {bss: {url: "http://127.0.0.1:9", catalog: cn}}
credentials: {main: {class: partner, access_key: {env: AK}, secret_key: {env: SK}}}
callers: {app: {auth: [{certificate: {uri: "spiffe://test/app"}}], grants: [{operations: [ListProvinces], credential: main}]}}
limits: {unauthenticated: {rate: 1/h, burst: 5}}
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
metrics: {address: "127.0.0.1:0", tls: {certificate: {files: {cert: tls.crt, key: tls.key}}, client_ca: ca.pem, client_deny: denied}, bearer_token: {file: token}}
`

func (o *operated) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMetricsListener: a token or a certificate is needed, each is enough, failed attempts run out, and nothing but metrics and readiness
// is served.
func TestMetricsListener(t *testing.T) {
	o := startOperated(t)
	with := testpki.Must(o.ca.Client("scraper", "spiffe://test/scraper"))
	none, scraper := o.client(), o.client(with)
	ask := func(client *http.Client, method, path string, tokens ...string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+o.Address("metrics")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range tokens {
			r.Header.Add("Authorization", token)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), "token-of") {
			t.Errorf("the answer has the token: %s", body)
		}
		return fmt.Sprint(response.StatusCode, " ", string(body))
	}
	expect := func(got, want string) {
		t.Helper()
		if !strings.HasPrefix(got, want[:3]) || !strings.Contains(got, strings.TrimSpace(want[3:])) {
			t.Errorf("%.200s, want %s", got, want)
		}
	}
	expect(ask(scraper, "GET", "/metrics"), "200 tollgate_audit_available 1")
	expect(ask(scraper, "GET", "/readyz"), `200 "ready":true`)
	expect(ask(none, "GET", "/metrics", "Bearer first-token-of-the-scraper"), "200 tollgate_audit_available 1")
	expect(ask(scraper, "GET", "/livez"), "404")
	expect(ask(scraper, "POST", "/v1/reload"), "404")
	expect(ask(scraper, "GET", "/v1/status"), "404")
	expect(ask(scraper, "POST", "/metrics"), "405")
	o.write(t, "token", "second-token-of-the-scraper\n")
	expect(ask(none, "GET", "/metrics", "bearer second-token-of-the-scraper"), "200")
	expect(ask(none, "GET", "/metrics", "Bearer first-token-of-the-scraper"), "401 show the bearer token") // 1
	o.write(t, "token", "short")
	expect(ask(none, "GET", "/metrics", "Bearer short"), "503 cannot read its token")
	if err := os.Remove(filepath.Join(o.dir, "token")); err != nil {
		t.Fatal(err)
	}
	expect(ask(none, "GET", "/metrics", "Bearer "), "503 cannot read its token")
	o.write(t, "token", "second-token-of-the-scraper")
	expect(ask(none, "GET", "/v1/reload"), "401")                                                                           // 2
	expect(ask(none, "GET", "/metrics", "Bearer second-token-of-the-scraper", "Bearer second-token-of-the-scraper"), "401") // 3
	expect(ask(none, "GET", "/metrics", "Basic second-token-of-the-scraper"), "401")                                        // 4
	expect(ask(none, "GET", "/metrics", "Bearer second-token-of-the-scrape"), "401")                                        // 5
	expect(ask(none, "GET", "/metrics", "Bearer second-token-of-the-scraper"), "429 too many failed attempts")
	page := ask(scraper, "GET", "/metrics")
	expect(page, `200 tollgate_refusals_total{caller="",listener="metrics",operation="",reason="no_identity",upstream=""} 5`)
	expect(page, `200 tollgate_refusals_total{caller="",listener="metrics",operation="",reason="too_many_failures",upstream=""} 1`)
}

// client returns one that trusts the gateway, with certificates or without.
func (o *operated) client(certificates ...tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: o.ca.Pool(), Certificates: certificates}}}
}

// TestAdminOfAGateway: the socket is found by the configuration and serves the API, the loopback address does not.
func TestAdminOfAGateway(t *testing.T) {
	o := startOperated(t)
	client, err := admin.Find(o.file)
	if err != nil {
		t.Fatal(err)
	}
	o.checkStatus(t, client)
	checkWired(t, client)
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, "/v1/status": 404, "/v1/openapi.json": 404} {
		response, err := http.Get("http://" + o.Address("admin") + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s at the loopback address: %d, want %d", path, response.StatusCode, want)
		}
	}
}

// checkWired asks for each act of the description with nothing in the request: the gateway has them all.
func checkWired(t *testing.T, client *admin.Client) {
	t.Helper()
	text, err := client.Page(t.Context(), "/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var described struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(text, &described); err != nil || len(described.Paths) < 6 {
		t.Fatalf("%d paths, %v", len(described.Paths), err)
	}
	for path, methods := range described.Paths {
		for method := range methods {
			var answer any
			var refused *admin.Error
			err := client.Do(t.Context(), strings.ToUpper(method), path, nil, &answer)
			if errors.As(err, &refused) && (refused.Status == http.StatusNotImplemented || refused.Status == http.StatusNotFound) {
				t.Errorf("%s %s: %v", method, path, err)
			}
		}
	}
}

// checkStatus holds the status to what the gateway is, which has no secret.
func (o *operated) checkStatus(t *testing.T, client *admin.Client) {
	t.Helper()
	s, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Version != "v1" || s.PID != os.Getpid() || !s.Readiness.Ready || s.Configuration.File != o.file || s.Started.IsZero() {
		t.Errorf("%+v", s)
	}
	var listeners []string
	for _, l := range s.Listeners {
		listeners = append(listeners, l.Name+" "+l.TLS)
		if l.Address != o.Address(l.Name) || l.Name == "admin socket" && l.Connections < 1 { // this one, and perhaps one that is being closed
			t.Errorf("%+v", l)
		}
	}
	if got := fmt.Sprint(listeners); got != "[https huawei-high admin  admin socket  metrics huawei-high]" {
		t.Errorf("listeners %s", got)
	}
	if u := s.Upstreams[0]; len(s.Upstreams) != 1 || u.Name != "bss" || u.URL != "http://127.0.0.1:9" || u.Most == 0 {
		t.Errorf("upstreams %+v", s.Upstreams)
	}
	key, _ := keys("AK")
	c := s.Credentials[0]
	if c.Name != "main" || c.Class != "partner" || c.Generation != 1 || c.Trial == nil || c.AccessKey == key || !strings.HasPrefix(key, c.AccessKey[:4]) || len(c.AccessKey) >= len(key) {
		t.Errorf("credentials %+v", s.Credentials)
	}
	if s.Log == nil || s.Log.Dir != filepath.Join(o.dir, "audit") || s.Log.Seq == 0 || s.Log.Segment == "" || s.Log.Free == nil {
		t.Errorf("log %+v", s.Log)
	}
	if len(s.Certificates) == 0 || s.Certificates[0].NotAfter.IsZero() || s.Certificates[0].Listener == "" {
		t.Errorf("certificates %+v", s.Certificates)
	}
	secret, _ := keys("SK")
	if text, err := json.Marshal(s); err != nil || strings.Contains(string(text), secret) || strings.Contains(string(text), key) || strings.Contains(string(text), "token-of") {
		t.Errorf("a secret: %s, %v", text, err)
	}
}

// TestReloadOverTheSocket: what changed comes back in words; a dry run changes nothing; what is refused leaves everything as it was and
// shows in the status.
func TestReloadOverTheSocket(t *testing.T) {
	o := startOperated(t)
	client, err := admin.Find(o.file)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(dryRun bool) (*admin.Reloaded, string) {
		t.Helper()
		r, err := client.Reload(t.Context(), dryRun)
		var refused *admin.Error
		if err != nil && (!errors.As(err, &refused) || refused.Status != http.StatusUnprocessableEntity) {
			t.Fatalf("%v", err)
		}
		return r, fmt.Sprint(err)
	}
	status := func() *admin.ConfigurationStatus {
		t.Helper()
		s, err := client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return &s.Configuration
	}
	first := status()
	if first.Plan == "" || first.Reloaded != nil || first.Refused != nil {
		t.Errorf("at the start: %+v", first)
	}
	o.write(t, "gw.yaml", strings.Replace(operatedText, "[ListProvinces]", "[ListProvinces, ListCities]", 1))
	dry, _ := reload(true)
	if !dry.DryRun || !dry.Changed || len(dry.Changes) != 1 || !strings.Contains(dry.Changes[0].Text, "ListCities") || dry.PlanBefore != first.Plan || status().Plan != first.Plan {
		t.Errorf("dry run: %+v", dry)
	}
	done, _ := reload(false)
	if done.DryRun || !done.Changed || !reflect.DeepEqual(done.Changes, dry.Changes) || done.Plan == first.Plan {
		t.Errorf("reload: %+v", done)
	}
	if s := status(); s.Plan != done.Plan || s.Reloaded == nil || s.Refused != nil {
		t.Errorf("after a reload: %+v", s)
	}
	for text, want := range map[string]string{
		"callers: 7": "gw.yaml:1:10:",
		strings.Replace(operatedText, "{dir: audit}", "{dir: other}", 1):                                                                         "a change of audit.dir",
		strings.Replace(operatedText, "bearer_token: {file: token}", "", 1):                                                                      "metrics.bearer_token",
		strings.Replace(operatedText, `metrics: {address: "127.0.0.1:0", tls: {`, `metrics: {address: "127.0.0.1:0", tls: {policy: huawei, `, 1): "metrics.tls",
	} {
		o.write(t, "gw.yaml", text)
		for _, dryRun := range []bool{true, false} {
			if r, said := reload(dryRun); !strings.Contains(said, want) {
				t.Errorf("%.40q, dry run %v: %+v, %s; want %s", text, dryRun, r, said, want)
			}
		}
		if s := status(); s.Plan != done.Plan || s.Refused == nil || !strings.Contains(s.Refused.Error, want) || s.Reloaded != nil {
			t.Errorf("after %s: %+v", want, s)
		}
	}
	for s := o.AuditLog().Status(); s.DurableSeq < s.LastSeq; s = o.AuditLog().Status() {
		runtime.Gosched()
	}
	found := false
	err = logfile.Read(filepath.Join(o.dir, "audit"), func(r *logfile.Record, _ []byte) error {
		found = found || r.Event == logfile.EventConfigReloaded && r.Identity == fmt.Sprintf("uid %d", os.Geteuid()) && r.Data["trigger"] == service.ByAPI
		return nil
	})
	if err != nil || !found {
		t.Errorf("the record of the reload does not say who asked for it: %v", err)
	}
}

// TestRevokedScraper: a certificate that is denied since the connection was made does not count on it any more.
func TestRevokedScraper(t *testing.T) {
	o := startOperated(t)
	with := testpki.Must(o.ca.Client("scraper", "spiffe://test/scraper"))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.ca.Pool(), Certificates: []tls.Certificate{with}}}}
	defer client.CloseIdleConnections()
	connections := 0
	ask := func() int {
		trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
			if !i.Reused {
				connections++
			}
		}}
		r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", "https://"+o.Address("metrics")+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	if got := ask(); got != 200 {
		t.Errorf("before: %d", got)
	}
	o.write(t, "denied", fmt.Sprintf("%x\n", with.Leaf.SerialNumber))
	if _, err := o.Reload(t.Context(), service.Trigger{By: service.BySignal}, false); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != 401 || connections != 1 {
		t.Errorf("on the open connection: %d (%d connections)", got, connections)
	}
}
