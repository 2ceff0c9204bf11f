package tlspolicy

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
)

const (
	aes128Code = tls.TLS_AES_128_GCM_SHA256
	aes256Code = tls.TLS_AES_256_GCM_SHA384
	chachaCode = tls.TLS_CHACHA20_POLY1305_SHA256
)

// only13 makes a policy of these TLS 1.3 suites and all of TLS 1.2.
func only13(t testing.TB, codes ...uint16) *Policy {
	t.Helper()
	names := []string{"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"}
	for _, code := range codes {
		names = append(names, tls.CipherSuiteName(code))
	}
	return mustNew(t, strings.Join(names[2:], "+"), Config{CipherSuites: names})
}

func TestNewPlan(t *testing.T) {
	named, high := mustNamed(t, "huawei"), mustNamed(t, Default)
	tls12 := mustNew(t, "1.2", Config{Versions: []string{"1.2"}})
	for name, c := range map[string]struct {
		uses    []Use
		suites  []uint16
		changed bool
	}{
		"nothing":            {nil, nil, false},
		"TLS 1.2 only":       {[]Use{{"a", tls12, RoleServer}, {"b", tls12, RoleClient}}, nil, false},
		"named":              {[]Use{{"a", named, RoleServer}, {"b", high, RoleClient}}, goSuites13(), false},
		"named and 1.2":      {[]Use{{"a", named, RoleServer}, {"b", tls12, RoleClient}}, goSuites13(), false},
		"one strict":         {[]Use{{"a", only13(t, aes256Code), RoleServer}}, []uint16{aes256Code}, true},
		"strict both sides":  {[]Use{{"a", only13(t, aes256Code), RoleServer}, {"b", only13(t, aes256Code), RoleClient}}, []uint16{aes256Code}, true},
		"nested listeners":   {[]Use{{"a", high, RoleServer}, {"b", only13(t, aes256Code), RoleServer}}, []uint16{aes256Code, aes128Code, chachaCode}, true},
		"strict and wide":    {[]Use{{"a", only13(t, aes256Code), RoleServer}, {"b", high, RoleClient}}, []uint16{aes256Code, aes128Code, chachaCode}, true},
		"three nested":       {[]Use{{"a", only13(t, chachaCode), RoleServer}, {"b", only13(t, aes256Code, chachaCode), RoleServer}, {"c", high, RoleServer}}, []uint16{chachaCode, aes256Code, aes128Code}, true},
		"Go's favourite":     {[]Use{{"a", only13(t, aes128Code), RoleServer}, {"b", high, RoleServer}}, goSuites13(), true}, // the list for slow AES begins with ChaCha20
		"strict TLS 1.2 too": {[]Use{{"a", only13(t, aes256Code), RoleServer}, {"b", tls12, RoleClient}}, []uint16{aes256Code}, true},
	} {
		plan, err := NewPlan(c.uses)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(plan.suites, c.suites) || plan.changed != c.changed {
			t.Errorf("%s: %s, changed %t; want %s, %t", name, suiteNames(plan.suites), plan.changed, suiteNames(c.suites), c.changed)
		}
		for _, use := range c.uses {
			wantPrefix(t, name, plan.suites, use)
			wantPrefix(t, name, plan.noAES, use)
		}
	}
}

// wantPrefix checks the property that makes a listener's choice right: its own suites come first.
func wantPrefix(t *testing.T, name string, list []uint16, use Use) {
	t.Helper()
	own := use.Policy.offered(tls.VersionTLS13)
	if len(own) == 0 {
		return
	}
	for _, code := range list[:len(own)] {
		if !slices.Contains(own, code) {
			t.Errorf("%s: in %s the suites of %s do not come first", name, suiteNames(list), use.Where)
		}
	}
	if use.Role == RoleClient && len(list) != len(own) {
		t.Errorf("%s: %s offers more than its policy", name, use.Where)
	}
}

func TestNewPlanConflicts(t *testing.T) {
	high := mustNamed(t, Default)
	for name, c := range map[string]struct {
		uses []Use
		want []string
	}{
		"listeners apart": {
			[]Use{{"listener :1", only13(t, aes256Code), RoleServer}, {"listener :2", only13(t, chachaCode), RoleServer}},
			[]string{"listener :1 ", "listener :2 ", "only listener :1 allows TLS_AES_256_GCM_SHA384 and only listener :2 allows TLS_CHACHA20_POLY1305_SHA256"},
		},
		"strict upstream": {
			[]Use{{"listener :1", high, RoleServer}, {"upstream bss", only13(t, aes256Code), RoleClient}},
			[]string{"listener :1 ", "upstream bss ", "listener :1 needs TLS_AES_128_GCM_SHA256, which would then also be offered to upstream bss"},
		},
		"two upstreams": {
			[]Use{{"upstream a", high, RoleClient}, {"upstream b", only13(t, aes256Code), RoleClient}},
			[]string{"upstream a needs TLS_AES_128_GCM_SHA256, which would then also be offered to upstream b"},
		},
	} {
		_, err := NewPlan(c.uses)
		if err == nil {
			t.Errorf("%s: planned", name)
			continue
		}
		for _, want := range append(c.want, "allow the same TLS 1.3 suites in both policies", `set versions: ["1.2"]`) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error lacks %q: %v", name, want, err)
			}
		}
		slices.Reverse(c.uses)
		if _, err := NewPlan(c.uses); err == nil {
			t.Errorf("%s: planned in the other order", name)
		}
	}
}

// TestSelfTestFindsFaults: without the change that a plan needs, the self-test must fail.
func TestSelfTestFindsFaults(t *testing.T) {
	strict, high := only13(t, aes256Code), mustNamed(t, Default)
	for name, c := range map[string]struct {
		uses []Use
		want string
	}{
		"server":        {[]Use{{"listener :1", strict, RoleServer}}, `listener :1 (policy "TLS_AES_256_GCM_SHA384"): a peer that offers TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384 gets TLS_AES_128_GCM_SHA256`},
		"second server": {[]Use{{"listener :1", high, RoleServer}, {"listener :2", strict, RoleServer}}, "listener :2"},
		"client":        {[]Use{{"upstream bss", strict, RoleClient}}, "upstream bss (policy \"TLS_AES_256_GCM_SHA384\"): TLS_AES_128_GCM_SHA256 is offered"},
	} {
		plan, err := NewPlan(c.uses)
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.selfTest(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	plan, err := NewPlan([]Use{{"listener :1", high, RoleServer}, {"upstream bss", high, RoleClient}})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.selfTest(); err != nil {
		t.Errorf("named policies: %v", err)
	}
}

// TestRefusalIsClean: a peer without an allowed suite of TLS 1.3 gets handshake_failure, although the process has
// suites for it.
func TestRefusalIsClean(t *testing.T) {
	server := only13(t, aes256Code).testServer()
	record, err := captureHello(peerClient(func(*tls.Config) {}))
	if err != nil {
		t.Fatal(err)
	}
	for _, offer := range [][]uint16{{aes128Code}, {aes128Code, chachaCode}, {0x1304}, {}} {
		hello, err := withSuites(record, offer)
		if err != nil {
			t.Fatal(err)
		}
		if chosen, err := answer(server, hello); err != nil || chosen != 0 {
			t.Errorf("offering %x: chosen %x, %v", offer, chosen, err)
		}
	}
}
