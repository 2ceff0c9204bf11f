package tlspolicy

import (
	"crypto/tls"
	"testing"
)

// BenchmarkCheck is what VerifyConnection adds to each handshake, beside milliseconds of public-key work.
func BenchmarkCheck(b *testing.B) {
	policy := mustNamed(b, Default)
	state := tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519MLKEM768}
	b.ReportAllocs()
	for b.Loop() {
		if err := policy.Check(state); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFactsOf is what the facts of a connection cost, dominated by the hash of the peer's certificate. They are
// meant to be taken once per connection.
func BenchmarkFactsOf(b *testing.B) {
	state := tls.ConnectionState{
		Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519MLKEM768,
	}
	state.PeerCertificates = append(state.PeerCertificates, pki().client.Leaf)
	b.ReportAllocs()
	for b.Loop() {
		if FactsOf(state).PeerFingerprint == "" {
			b.Fatal("no fingerprint")
		}
	}
}

// BenchmarkSelfTest is what Plan.Fix adds to the start of a process with one listener and one upstream.
func BenchmarkSelfTest(b *testing.B) {
	policy := mustNamed(b, Default)
	plan, err := NewPlan([]Use{{"listener", policy, RoleServer}, {"upstream", policy, RoleClient}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := plan.selfTest(); err != nil {
			b.Fatal(err)
		}
	}
}
