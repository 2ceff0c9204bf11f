package service_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
	"tollgate/service"
)

// TestTwoAtOnce runs two gateways in one process: each has listeners, a log and metrics of its own, and stopping one leaves the
// other.
func TestTwoAtOnce(t *testing.T) {
	upstream := httptest.NewServer(bsssim.New(bsssim.Config{}))
	defer upstream.Close()
	one, two := start(t, "one", upstream.URL, "huawei-high"), start(t, "two", upstream.URL, "huawei-high")
	defer two.drain(t)
	one.get(t, 1)
	two.get(t, 2)
	for g, want := range map[*gateway]int{one: 1, two: 2} {
		if got := g.metric(t, "tollgate_calls_total"); got != want {
			t.Errorf("%s counted %d calls, want %d", g.name, got, want)
		}
	}
	one.drain(t)
	if connection, err := tls.Dial("tcp", one.address, &tls.Config{RootCAs: one.ca.Pool()}); err == nil {
		t.Errorf("a stopped gateway listens, %v", connection.Close())
	}
	two.get(t, 3)
	for g, want := range map[*gateway]int{one: 1, two: 5} {
		if got := g.intents(t); got != want {
			t.Errorf("the log of %s has %d intents, want %d", g.name, got, want)
		}
	}
}

// TestAnotherSetOfSuites: the TLS 1.3 suites are the process's. A gateway that needs others is refused, and leaves nothing open.
func TestAnotherSetOfSuites(t *testing.T) {
	one := start(t, "one", "http://127.0.0.1:9", "huawei-high")
	defer one.drain(t)
	_, err := service.Start(t.Context(), load(t, testpki.Must(testpki.New()), t.TempDir(), "http://127.0.0.1:9", "narrow"), service.Process{Version: "test", Logger: zap.NewNop(), LookupEnv: keys})
	const want = `tls policy: listener https (policy "narrow"): they need another list of TLS 1.3 suites`
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "needs a restart") {
		t.Errorf("a gateway with other TLS 1.3 suites: %v", err)
	}
}

// gateway is a running one, with what a caller of it needs.
type gateway struct {
	*service.Service
	name, dir, address, admin string
	ca                        *testpki.CA
	client                    *http.Client
}

func start(t *testing.T, name, upstream, policy string) *gateway {
	t.Helper()
	return startIn(t, t.TempDir(), name, upstream, policy)
}

// startIn is start in a folder that may have a log.
func startIn(t *testing.T, dir, name, upstream, policy string) *gateway {
	t.Helper()
	g := &gateway{name: name, dir: dir, ca: testpki.Must(testpki.New())}
	s, err := service.Start(t.Context(), load(t, g.ca, g.dir, upstream, policy), service.Process{Version: "test", Logger: zap.NewNop(), LookupEnv: keys})
	if err != nil {
		t.Fatal(err)
	}
	g.Service, g.address, g.admin = s, s.Address("https"), s.Address("admin")
	trust := &tls.Config{RootCAs: g.ca.Pool(), Certificates: []tls.Certificate{testpki.Must(g.ca.Client("app", "spiffe://test/app"))}}
	g.client = &http.Client{Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}}
	return g
}

// keys answers references to the environment.
func keys(name string) (string, bool) {
	account := bsssim.DefaultAccounts()[0]
	value, ok := map[string]string{"AK": account.AccessKey, "SK": account.SecretKey}[name]
	return value, ok
}

func load(t *testing.T, ca *testpki.CA, dir, upstream, policy string) *config.Config {
	t.Helper()
	if err := testpki.WriteFiles(testpki.Must(ca.Server("127.0.0.1")), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")); err != nil {
		t.Fatal(err)
	}
	if err := ca.WriteFile(filepath.Join(dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	const text = `
tls_policies: {narrow: {versions: ["1.3"], cipher_suites: [TLS_AES_256_GCM_SHA384]}}
listeners: [{name: https, address: "127.0.0.1:0", tls: {policy: %s, certificate: {files: {cert: tls.crt, key: tls.key}}, client_ca: ca.pem}}]
upstreams: {bss: {url: %q, catalog: cn}}
credentials: {main: {class: partner, access_key: {env: AK}, secret_key: {env: SK}}}
callers: {app: {auth: [{certificate: {uri: "spiffe://test/app"}}], grants: [{operations: [ListProvinces], credential: main}]}}
audit: {dir: audit}
admin: {address: "127.0.0.1:0", socket: none}
`
	c, err := config.Parse(filepath.Join(dir, "tollgate.yaml"), fmt.Appendf(nil, text, policy, upstream), dir, config.Options{Secrets: true, LookupEnv: keys})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// get makes calls that succeed.
func (g *gateway) get(t *testing.T, calls int) {
	t.Helper()
	for range calls {
		body, status := g.fetch(t, "https://"+g.address+"/v2/systems/configs/provinces")
		if status != http.StatusOK {
			t.Fatalf("%s: %d, %s", g.name, status, body)
		}
	}
}

func (g *gateway) fetch(t *testing.T, url string) (string, int) {
	t.Helper()
	response, err := g.client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), response.StatusCode
}

// metric returns the sum over all labels.
func (g *gateway) metric(t *testing.T, name string) (sum int) {
	t.Helper()
	page, _ := g.fetch(t, "http://"+g.admin+"/metrics")
	for line := range strings.Lines(page) {
		if labels, value, _ := strings.Cut(line, "} "); strings.HasPrefix(labels, name+"{") {
			var n int
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			sum += n
		}
	}
	return sum
}

func (g *gateway) intents(t *testing.T) (n int) {
	t.Helper()
	err := logfile.Read(filepath.Join(g.dir, "audit"), func(r *logfile.Record, _ []byte) error {
		if r.Kind == logfile.KindIntent {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (g *gateway) drain(t *testing.T) {
	t.Helper()
	if err := g.Drain(); err != nil {
		t.Error(err)
	}
}
