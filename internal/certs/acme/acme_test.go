package acme

import (
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/libdns/libdns"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"tollgate/internal/certs"
	"tollgate/internal/private"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/internal/testkubelet"
)

func TestMain(m *testing.M) {
	// Of locks: ends by itself within five seconds of the release.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

func good(t *testing.T) Config {
	return Config{Logger: zap.NewNop(), ACMEConfig: certs.ACMEConfig{
		Directory: "https://ca.test/dir", Hosts: []setting.CertificateHost{"a.test"}, Challenge: certs.HTTP01, Dir: t.TempDir(),
	}}
}

func overRFC2136(change func(*certs.RFC2136)) func(*Config) {
	return func(c *Config) {
		r := &certs.RFC2136{Server: "127.0.0.1:53", KeyName: "k"}
		change(r)
		c.Challenge, c.DNS, c.Secrets.TSIG = certs.DNS01, certs.ACMEDNS{RFC2136: r}, secret.New("c2VjcmV0")
	}
}

func overHuawei(change func(*certs.HuaweiDNS)) func(*Config) {
	return func(c *Config) {
		h := &certs.HuaweiDNS{Region: "cn-north-4"}
		change(h)
		c.Challenge, c.DNS = certs.DNS01, certs.ACMEDNS{Huawei: h}
		c.Secrets.AccessKey, c.Secrets.SecretKey = secret.New("ak-value"), secret.New("sk-value")
	}
}

// also makes two changes, the second after the first.
func also(first, second func(*Config)) func(*Config) {
	return func(c *Config) {
		first(c)
		second(c)
	}
}

func TestConfig(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"":                        func(*Config) {},
		" ":                       func(c *Config) { c.Directory = "http://127.0.0.1:14000/dir" },
		"  ":                      overRFC2136(func(*certs.RFC2136) {}),
		"   ":                     overHuawei(func(*certs.HuaweiDNS) {}),
		"not the address":         func(c *Config) { c.Directory = "ca.test" },
		"must be https":           func(c *Config) { c.Directory = "http://ca.test/dir" },
		"no storage":              func(c *Config) { c.Dir = "" },
		"must be ecdsa or rsa":    func(c *Config) { c.Key = "dsa" },
		"renewal window 1":        func(c *Config) { c.RenewalWindow = 1 },
		"renewal window -1":       func(c *Config) { c.RenewalWindow = -1 },
		"base64url":               func(c *Config) { c.Binding.KeyID, c.Secrets.Binding = "kid", secret.New("c2VjcmV0=") },
		"belong together":         func(c *Config) { c.Binding.KeyID = "kid" },
		"no logger":               func(c *Config) { c.Logger = nil },
		"0 hosts":                 func(c *Config) { c.Hosts = nil },
		"101 hosts":               func(c *Config) { c.Hosts = make([]setting.CertificateHost, certs.MaxACMEHosts+1) },
		"a wildcard needs":        func(c *Config) { c.Hosts = []setting.CertificateHost{"*.a.test"} },
		"is there twice":          func(c *Config) { c.Hosts = []setting.CertificateHost{"a.test", "a.test"} },
		`host "A.test" is not`:    func(c *Config) { c.Hosts = []setting.CertificateHost{"A.test"} },
		`host "192.0.2.1" is not`: func(c *Config) { c.Hosts = []setting.CertificateHost{"192.0.2.1"} },
		`host "a" is not`:         func(c *Config) { c.Hosts = []setting.CertificateHost{"a"} },
		`host "../b.test" is not`: func(c *Config) { c.Hosts = []setting.CertificateHost{"../b.test"} },
		`host "a..test" is not`:   func(c *Config) { c.Hosts = []setting.CertificateHost{"a..test"} },
		`challenge "": must be`:   func(c *Config) { c.Challenge = "" },
		"one of RFC 2136":         func(c *Config) { c.Challenge = certs.DNS01 },
		`resolver "a.test"`:       func(c *Config) { c.Challenge, c.DNS.Resolvers = certs.DNS01, []string{"a.test"} },
		`server "a.test"`:         overRFC2136(func(r *certs.RFC2136) { r.Server = "a.test" }),
		"a key name and a key":    also(overRFC2136(func(*certs.RFC2136) {}), func(c *Config) { c.Secrets.TSIG = secret.New("?") }),
		`algorithm "hmac-md5"`:    overRFC2136(func(r *certs.RFC2136) { r.Algorithm = "hmac-md5" }),
		"access key and secret":   also(overHuawei(func(*certs.HuaweiDNS) {}), func(c *Config) { c.Secrets.SecretKey = secret.String{} }),
		`region "a.test/"`:        overHuawei(func(h *certs.HuaweiDNS) { h.Region = "a.test/" }),
	} {
		c := good(t)
		change(&c)
		s, err := Open(c)
		if want = strings.TrimSpace(want); want == "" && err == nil {
			_ = s.Close()
			continue
		}
		if want == "" || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestPlainDirectory: plain HTTP is allowed to the hosts to which certmagic speaks it.
func TestPlainDirectory(t *testing.T) {
	for _, host := range []string{
		"localhost", "LOCALHOST.", "ca.localhost", "ca.local", "ca.internal", "ca.home.arpa", "home.arpa", "ca.test", "local", "localhost.test",
		"127.0.0.1", "127.1.2.3:14000", "10.1.2.3", "172.16.0.1", "172.32.0.1", "192.168.1.1", "192.169.1.1", "169.254.1.1", "8.8.8.8",
		"[::1]:14000", "[fe80::1]", "[fc00::1]", "[fd12::1]", "[2001:db8::1]",
	} {
		c := good(t)
		c.Directory = "http://" + host + "/dir"
		if err := c.Check(c.Secrets); (err == nil) != certmagic.SubjectIsInternal(host) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestRetry(t *testing.T) {
	var waits []string
	var failed time.Duration // in the first hour
	for i, all := 1, time.Duration(0); i <= 7; i++ {
		waits = append(waits, retry(i).String())
		if all += retry(i); all < time.Hour {
			failed++
		}
	}
	if got := strings.Join(waits, " "); got != "2m0s 4m0s 8m0s 16m0s 32m0s 1h0m0s 1h0m0s" || failed+1 > 5 || retry(1<<40) != LastRetry {
		t.Errorf("waits %s: %d tries in the first hour", got, failed+1)
	}
}

// TestOthersCertificates: names of others and requests for other things reach neither certmagic nor a file.
func TestOthersCertificates(t *testing.T) {
	s, err := Open(good(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	handler := Handler(func() []*Source { return []*Source{s} })
	for _, url := range []string{"http://a.test/", "http://a.test/.well-known/acme-challenge/x", "http://b.test/.well-known/acme-challenge/x"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", url, w.Code)
		}
	}
	for name, want := range map[string]bool{"a.test": true, "A.test": true, "b.test": false, "": false} {
		if s.answers(certs.HTTP01, name) != want || s.answers(certs.TLSALPN01, name) {
			t.Errorf("%q: %t", name, !want)
		}
	}
	if _, err := Answer(s)(&tls.ClientHelloInfo{ServerName: "a.test"}); err == nil || !strings.Contains(err.Error(), "no ACME challenge") {
		t.Errorf("answered: %v", err)
	}
}

// TestCloseWhileAsking: an authority that never answers does not keep the source from ending.
func TestCloseWhileAsking(t *testing.T) {
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	c := good(t)
	c.Directory = server.URL
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("nowhere"); err == nil {
		t.Error("an address without a port")
	}
	if err := s.Start("127.0.0.1:80"); err != nil {
		t.Fatal(err)
	}
	if err := s.Start("127.0.0.1:80"); err == nil {
		t.Error("started twice")
	}
	<-asked
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Hosts()[0].Err; err != nil {
		t.Errorf("being closed is reported as a failure: %v", err)
	}
}

// TestHuaweiDNS holds the provider against the public API, version 2, of Huawei Cloud DNS, as far as challenges need it.
func TestHuaweiDNS(t *testing.T) {
	was := http.DefaultClient.Transport
	defer func() { http.DefaultClient.Transport = was }()
	var calls []string
	http.DefaultClient.Transport = roundTrip(func(r *http.Request) (int, string) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "SDK-HMAC-SHA256 Access=ak-value, ") || r.URL.Host != "dns.cn-north-4.myhuaweicloud.com" {
			t.Errorf("signed %q, to %s", r.Header.Get("Authorization"), r.URL.Host)
		}
		return fakeHuawei(r, &calls)
	})
	c := good(t)
	overHuawei(func(*certs.HuaweiDNS) {})(&c)
	solver := c.solver(zap.NewNop())
	for _, text := range []string{"first", "second"} {
		records := []libdns.Record{libdns.RR{Type: "TXT", Name: "_acme-challenge", Data: text, TTL: recordTTL}}
		added, err := solver.DNSProvider.AppendRecords(t.Context(), "lab.test.", records)
		if err != nil || len(added) != 1 || added[0].RR().Data != text {
			t.Fatalf("added %v: %v", added, err)
		}
		if _, err := solver.DNSProvider.DeleteRecords(t.Context(), "lab.test.", added); err != nil {
			t.Fatal(err)
		}
	}
	const want = `POST /v2/zones/z1/recordsets {"name":"_acme-challenge.lab.test.","type":"TXT","ttl":60,"records":["\"first\""]}`
	if got := strings.Join(calls, "\n"); !strings.Contains(got, want) || !strings.Contains(got, "DELETE /v2/zones/z1/recordsets/r1") {
		t.Errorf("calls:\n%s", got)
	}
}

type roundTrip func(*http.Request) (int, string)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := f(r)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// fakeHuawei has one zone and returns the record set that was made in it.
func fakeHuawei(r *http.Request, calls *[]string) (int, string) {
	body := ""
	if r.Body != nil {
		all, _ := io.ReadAll(r.Body)
		body = " " + string(all)
	}
	*calls = append(*calls, r.Method+" "+r.URL.Path+body)
	switch made := `{"id":"r1","name":"_acme-challenge.lab.test.","type":"TXT","ttl":60,"records":["\"` + lastText(*calls) + `\""]}`; {
	case r.URL.Path == "/v2/zones" && r.URL.Query().Get("name") == "lab.test":
		return http.StatusOK, `{"zones":[{"id":"z1","name":"lab.test."}]}`
	case r.Method == http.MethodPost && r.URL.Path == "/v2/zones/z1/recordsets", r.Method == http.MethodDelete:
		return http.StatusAccepted, made
	case r.URL.Path == "/v2/zones/z1/recordsets" && r.URL.Query().Get("name") == "_acme-challenge.lab.test.":
		return http.StatusOK, `{"recordsets":[` + made + `]}`
	}
	return http.StatusNotFound, `{"code":"DNS.0302"}`
}

func lastText(calls []string) string {
	if strings.Contains(strings.Join(calls, " "), "second") {
		return "second"
	}
	return "first"
}

// TestSecondStartInKubernetes: keys of accounts and certificates that the kubelet handed to a group are for their owner only
// again; what is not named as certmagic names its keys is left alone. TestACMESecondStart of e2e has them made by certmagic.
func TestSecondStartInKubernetes(t *testing.T) {
	c := good(t)
	c.Dir = filepath.Join(c.Dir, "acme")
	keys := []string{"acme/ca.test-dir/users/default/default.key", "ecdsa/certificates/ca.test-dir/a.test/a.test.key", "rsa/certificates/ca.test-dir/b.test/b.test.key"}
	others := []string{"ecdsa/certificates/ca.test-dir/a.test/a.test.json", "other.key", "a/b/c/d/e/f.key"}
	for _, name := range append(others, keys...) {
		path := filepath.Join(c.Dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := testkubelet.SetFSGroup(c.Dir, testkubelet.AnyGroup()); err != nil {
		t.Fatal(err)
	}
	want := []private.Finding{{Path: c.Dir, Mode: 0o770, Now: 0o700}}
	for _, name := range keys {
		want = append(want, private.Finding{Path: filepath.Join(c.Dir, name), Mode: 0o660, Now: 0o600})
	}
	for _, want := range [][]private.Finding{want, nil} {
		var found []private.Finding
		c.Report = func(f private.Finding) { found = append(found, f) }
		s, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		if !slices.Equal(found, want) {
			t.Errorf("found %v, want %v", found, want)
		}
	}
	for _, name := range others {
		if info, err := os.Stat(filepath.Join(c.Dir, name)); err != nil || info.Mode() != fs.FileMode(0o660) {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
