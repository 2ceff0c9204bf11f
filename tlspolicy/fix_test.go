package tlspolicy

import (
	"bytes"
	"context"
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// childEnv names the scenario of a child process: what Fix changes cannot be changed back, so each has its own.
const childEnv = "TLSPOLICY_TEST_CHILD"

func TestFix(t *testing.T) {
	for name, scenario := range fixScenarios() {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFixChild$", "-test.count=1", "-test.v")
			child.Env = append(os.Environ(), childEnv+"="+name, "GODEBUG="+scenario.godebug,
				"GORACE=atexit_sleep_ms=0") // the race detector would wait a second each time
			out, err := child.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("--- PASS: TestFixChild")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestFixChild(t *testing.T) {
	name := os.Getenv(childEnv)
	if name == "" {
		return // TestFix runs this in children
	}
	scenario, ok := fixScenarios()[name]
	if !ok {
		t.Fatalf("unknown scenario %q", name)
	}
	scenario.run(t)
}

type fixScenario struct {
	godebug string
	run     func(*testing.T)
}

func fixScenarios() map[string]fixScenario {
	return map[string]fixScenario{
		"one strict policy": {run: fixStrict},
		"nested listeners":  {run: fixNested},
		"no change":         {run: fixNothing},
		"failing self-test": {run: fixFails},
		"foreign toolchain": {run: fixForeign},
		"FIPS 140":          {godebug: "fips140=on", run: fixFIPS},
	}
}

func mustFix(t *testing.T, uses ...Use) {
	t.Helper()
	plan, err := NewPlan(uses)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Fix(); err != nil {
		t.Fatal(err)
	}
}

func fixStrict(t *testing.T) {
	strict := only13(t, aes256Code)
	mustFix(t, Use{"listener :1", strict, RoleServer}, Use{"upstream bss", strict, RoleClient})
	o := connect(t, strict.testServer(), strict.testClient())
	if !o.answered || o.client.CipherSuite != aes256Code || o.client.Version != tls.VersionTLS13 {
		t.Errorf("our own sides: %x %v %v", o.client.CipherSuite, o.clientErr, o.serverErr)
	}
	openSSLGets(t, strict)
	openSSLServes(t, strict)
	// A new configuration may come with the same set, or without TLS 1.3, but not with another set.
	mustFix(t, Use{"listener :2", only13(t, aes256Code), RoleServer})
	mustFix(t, Use{"listener :2", mustNew(t, "1.2", Config{Versions: []string{"1.2"}}), RoleServer})
	for _, other := range []*Policy{mustNamed(t, Default), only13(t, chachaCode)} {
		wantRestart(t, other)
	}
	if got := defaultCipherSuitesTLS13; !slices.Equal(got, []uint16{aes256Code}) {
		t.Errorf("the set is now %x", got)
	}
}

func wantRestart(t *testing.T, p *Policy) {
	t.Helper()
	plan, err := NewPlan([]Use{{"listener :1", p, RoleServer}})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Fix(); err == nil || !strings.Contains(err.Error(), "needs a restart") {
		t.Errorf("fixing %s in a running process: %v", p.Name(), err)
	}
}

func fixNested(t *testing.T) {
	strict, wide := only13(t, aes256Code), mustNamed(t, Default)
	mustFix(t, Use{"listener :1", wide, RoleServer}, Use{"listener :2", strict, RoleServer}, Use{"upstream bss", wide, RoleClient})
	openSSLGets(t, strict)
	openSSLGets(t, wide)
}

func fixNothing(t *testing.T) {
	wide := mustNamed(t, Default)
	mustFix(t, Use{"listener :1", wide, RoleServer}, Use{"upstream bss", wide, RoleClient})
	if !slices.Equal(defaultCipherSuitesTLS13, goSuites13()) || !slices.Equal(defaultCipherSuitesTLS13NoAES, goSuites13NoAES()) {
		t.Error("Go's own suites were changed")
	}
	openSSLGets(t, wide)
	wantRestart(t, only13(t, aes256Code))
}

// fixFails has a plan that does not do what its policy says: Fix must notice, and put Go's own suites back.
func fixFails(t *testing.T) {
	plan, err := NewPlan([]Use{{"listener :1", only13(t, aes256Code), RoleServer}})
	if err != nil {
		t.Fatal(err)
	}
	plan.suites, plan.noAES = goSuites13NoAES(), goSuites13NoAES()
	if err := plan.Fix(); err == nil || !strings.Contains(err.Error(), "TLS self-test of listener :1") {
		t.Errorf("a wrong plan: %v", err)
	}
	if !slices.Equal(defaultCipherSuitesTLS13, goSuites13()) || !slices.Equal(defaultCipherSuitesTLS13NoAES, goSuites13NoAES()) {
		t.Error("Go's own suites are not back")
	}
}

func fixForeign(t *testing.T) {
	defaultCipherSuitesTLS13 = []uint16{chachaCode}
	plan, err := NewPlan([]Use{{"listener :1", only13(t, aes256Code), RoleServer}})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Fix(); err == nil || !strings.Contains(err.Error(), "not the known ones") {
		t.Errorf("an unknown toolchain: %v", err)
	}
}

func fixFIPS(t *testing.T) {
	wide := mustNamed(t, Default)
	mustFix(t, Use{"listener :1", wide, RoleServer}, Use{"upstream bss", wide, RoleClient})
	if _, err := NewPlan([]Use{{"listener :1", only13(t, aes256Code), RoleServer}}); err == nil || !strings.Contains(err.Error(), "FIPS 140") {
		t.Errorf("a stricter list: %v", err)
	}
	if _, err := New("x", Config{Versions: []string{"1.3"}, CipherSuites: []string{tls.CipherSuiteName(chachaCode)}}); err == nil {
		t.Error("a policy of ChaCha20 alone is accepted")
	}
}

// openSSLGets connects with every combination of suites in both orders: each peer that offers an allowed suite gets
// one, each other peer gets the alert handshake_failure.
func openSSLGets(t *testing.T, p *Policy) {
	t.Helper()
	address := serve(t, p.testServer())
	for _, preference := range [][]uint16{goSuites13(), goSuites13NoAES()} {
		for _, offer := range subsets(preference) {
			names := strings.ReplaceAll(suiteNames(offer), ", ", ":")
			out, _ := openSSLClient(t, address, "-tls1_3", "-ciphersuites", names)
			chosen := between(out, "Cipher is ", "\n")
			switch allowed := intersect(offer, p.offered(tls.VersionTLS13)); {
			case allowed && !slices.ContainsFunc(p.offered(tls.VersionTLS13), func(c uint16) bool { return tls.CipherSuiteName(c) == chosen }):
				t.Errorf("%s: offering %s gets %q\n%s", p.name, names, chosen, out)
			case !allowed && !strings.Contains(out, "alert handshake failure"):
				t.Errorf("%s: offering %s is not refused cleanly:\n%s", p.name, names, out)
			}
		}
	}
}

// openSSLServes connects to a server that prefers what the policy does not allow.
func openSSLServes(t *testing.T, p *Policy) {
	t.Helper()
	for suites, want := range map[string]bool{
		"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384":       true,
		"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256": false,
	} {
		address := openSSLServer(t, "-tls1_3", "-ciphersuites", suites)
		conn, err := tls.Dial("tcp", address, p.testClient())
		if (err == nil) != want {
			t.Errorf("upstream with %s: %v", suites, err)
		}
		if err != nil {
			continue
		}
		if got := conn.ConnectionState().CipherSuite; got != aes256Code {
			t.Errorf("upstream with %s: %s", suites, tls.CipherSuiteName(got))
		}
		_ = conn.Close()
	}
}

func writePKI(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := testpki.WriteFiles(pki().rsa, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	if err := pki().ca.WriteFile(filepath.Join(dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	return dir
}
