package tlspolicy

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
)

func TestNamed(t *testing.T) {
	for _, name := range Names() {
		p := mustNamed(t, name)
		if p.Name() != name || !slices.Equal(p.Versions(), []uint16{tls.VersionTLS12, tls.VersionTLS13}) || !p.HTTP2() {
			t.Errorf("%s: name %q, versions %v, HTTP/2 %t", name, p.Name(), p.Versions(), p.HTTP2())
		}
	}
	if got := len(mustNamed(t, "huawei").Suites()); got != 30 {
		t.Errorf("huawei has %d suites, want all 30", got)
	}
	high := mustNamed(t, Default).Suites()
	if len(high) != 28 || slices.ContainsFunc(high, func(s Suite) bool { return s.Level != High }) {
		t.Errorf("huawei-high: %v", high)
	}
	_, err := Named("huawei-hihg")
	if err == nil || !strings.Contains(err.Error(), `did you mean "huawei-high"`) || !strings.Contains(err.Error(), "choices: huawei, huawei-high") {
		t.Errorf("unknown name: %v", err)
	}
}

// TestDefaultGroupsAreGo holds our list against what crypto/tls offers by itself, hybrids first.
func TestDefaultGroupsAreGo(t *testing.T) {
	var offered []tls.CurveID
	server := peerServer(func(c *tls.Config) {
		c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			offered = h.SupportedCurves
			return nil, nil
		}
	})
	connect(t, server, peerClient(func(*tls.Config) {}))
	if !slices.Equal(offered, mustNamed(t, Default).Groups()) {
		t.Errorf("Go offers %v, the default policy has %v", offered, mustNamed(t, Default).Groups())
	}
}

func TestNew(t *testing.T) {
	p := mustNew(t, "mine", Config{
		Versions:     []string{"1.3", "1.2"},
		CipherSuites: []string{"TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"},
		Groups:       []string{"secp256r1", "X25519MLKEM768"},
	})
	if !slices.Equal(p.Versions(), []uint16{tls.VersionTLS12, tls.VersionTLS13}) {
		t.Errorf("versions %x", p.Versions())
	}
	if !slices.Equal(p.Groups(), []tls.CurveID{tls.X25519MLKEM768, tls.CurveP256}) {
		t.Errorf("groups %v", p.Groups())
	}
	if got := p.Suites(); len(got) != 3 || got[0].Offered || !got[1].Offered {
		t.Errorf("suites %v", got)
	}
	if p.HTTP2() {
		t.Error("HTTP/2 without a suite that net/http accepts for it")
	}
	if !mustNew(t, "13", Config{Versions: []string{"1.3"}}).HTTP2() {
		t.Error("no HTTP/2 under TLS 1.3 alone")
	}
}

func TestNewErrors(t *testing.T) {
	const rsa256, aes256 = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"
	for name, c := range map[string]struct {
		name   string
		custom Config
		want   []string
	}{
		"no name":         {"", Config{}, []string{"needs a name"}},
		"taken name":      {Default, Config{}, []string{"built-in"}},
		"unknown version": {"x", Config{Versions: []string{"1.1"}}, []string{`unknown TLS version "1.1"`, "choices: 1.2, 1.3"}},
		"version twice":   {"x", Config{Versions: []string{"1.2", "1.2"}}, []string{`"1.2" is listed twice`}},
		"unknown suite": {"x", Config{CipherSuites: []string{"ECDHE-RSA-AES256-GCM-SHA38", rsa256, aes256}},
			[]string{"unknown cipher suite", `did you mean "ECDHE-RSA-AES256-GCM-SHA384"?`, "choices that Go can speak: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "}},
		"empty suite":          {"x", Config{CipherSuites: []string{"", rsa256, aes256}}, []string{`unknown cipher suite ""`}},
		"off the whitelist":    {"x", Config{CipherSuites: []string{"TLS_RSA_WITH_AES_128_CBC_SHA"}}, []string{"is not on the whitelist", "choices"}},
		"off, in OpenSSL":      {"x", Config{CipherSuites: []string{"AES128-SHA"}}, []string{`"AES128-SHA" is not on the whitelist`}},
		"off, 3DES in OpenSSL": {"x", Config{CipherSuites: []string{"ECDHE-RSA-DES-CBC3-SHA"}}, []string{"is not on the whitelist"}},
		"suite twice":          {"x", Config{CipherSuites: []string{rsa256, "ECDHE-RSA-AES256-GCM-SHA384", aes256}}, []string{"listed twice"}},
		"nothing for 1.2":      {"x", Config{CipherSuites: []string{aes256}}, []string{"no cipher suite for TLS 1.2", "add one of TLS_ECDHE", `set versions: ["1.3"]`}},
		"nothing for 1.3":      {"x", Config{CipherSuites: []string{rsa256}}, []string{"no cipher suite for TLS 1.3", "add one of TLS_AES_128_GCM_SHA256", `set versions: ["1.2"]`}},
		"Go speaks none": {"x", Config{Versions: []string{"1.3"}, CipherSuites: []string{"TLS_AES_128_CCM_SHA256"}},
			[]string{"no cipher suite for TLS 1.3 that Go can speak"}},
		"suite of a version left out": {"x", Config{Versions: []string{"1.2"}, CipherSuites: []string{rsa256, aes256}},
			[]string{aes256 + " is a suite of TLS 1.3, which versions leaves out"}},
		"unknown group": {"x", Config{Groups: []string{"X25519MLKEM"}}, []string{`unknown group "X25519MLKEM"`, `did you mean "X25519MLKEM768"?`, "choices: "}},
		"group twice":   {"x", Config{Groups: []string{"P-256", "secp256r1"}}, []string{"listed twice"}},
		"hybrids only":  {"x", Config{Groups: []string{"X25519MLKEM768"}}, []string{"no group for TLS 1.2", `set versions: ["1.3"]`}},
		"all problems": {"", Config{Versions: []string{"2"}, CipherSuites: []string{"A"}, Groups: []string{"B"}},
			[]string{"needs a name", `TLS version "2"`, `cipher suite "A"`, `group "B"`}},
	} {
		p, err := New(c.name, c.custom)
		if err == nil {
			t.Errorf("%s: accepted with %v", name, p.Suites())
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error lacks %q: %v", name, want, err)
			}
		}
	}
}

func TestTable(t *testing.T) {
	d, err := aes256(t).Describe()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"HTTP/2    no", "suites and order fixed for this process (TLS_AES_256_GCM_SHA384)", "X25519MLKEM768, "} {
		if !strings.Contains(d.Lines(), want) {
			t.Errorf("the description lacks %q:\n%s", want, d.Lines())
		}
	}
	want := map[string]Status{
		"TLS_AES_256_GCM_SHA384": StatusOffered, "TLS_AES_128_GCM_SHA256": StatusNotAllowed, "TLS_DHE_RSA_WITH_AES_128_CCM": StatusNotAllowed,
	}
	for _, row := range aes256(t).Rows() {
		if status, ok := want[row.Name]; ok && row.Status != status {
			t.Errorf("%s: %s, want %s", row.Name, row.Status, status)
		}
	}
	for _, row := range mustNamed(t, "huawei").Rows() {
		if (row.Status == StatusOffered) != row.Offered || row.Status == StatusNotAllowed {
			t.Errorf("huawei: %s is %s", row.Name, row.Status)
		}
	}
}

func FuzzNew(f *testing.F) {
	f.Add("mine", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", "X25519")
	f.Add("mine", "1.3", "TLS_AES_256_GCM_SHA384", "secp256r1")
	f.Add("", "\x00", strings.Repeat("É", 100), "")
	f.Fuzz(func(t *testing.T, name, version, suite, group string) {
		p, err := New(name, Config{[]string{version}, []string{suite}, []string{group}})
		if err != nil {
			if len(err.Error()) > 4096 || strings.ContainsAny(err.Error(), "\x00\r\x1b") {
				t.Errorf("error text %q", err)
			}
			return
		}
		if len(p.Suites()) != 1 || len(p.Versions()) != 1 || len(p.Groups()) != 1 || !p.Suites()[0].Offered {
			t.Errorf("accepted: %+v", p)
		}
	})
}
