package tlspolicy

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
)

func TestCheck(t *testing.T) {
	good := tls.ConnectionState{
		Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, CurveID: tls.X25519, HandshakeComplete: true,
	}
	policy := mustNamed(t, "huawei")
	for name, c := range map[string]struct {
		change func(*tls.ConnectionState)
		want   string
	}{
		"good":          {func(*tls.ConnectionState) {}, ""},
		"version":       {func(s *tls.ConnectionState) { s.Version = tls.VersionTLS11 }, `TLS policy "huawei": version TLS 1.1 is not allowed`},
		"suite of 1.3":  {func(s *tls.ConnectionState) { s.Version = tls.VersionTLS13 }, `TLS policy "huawei": suite TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 is not allowed`},
		"not offered":   {func(s *tls.ConnectionState) { s.CipherSuite = 0x009F }, `TLS policy "huawei": suite 0x009F is not allowed`},
		"unknown group": {func(s *tls.ConnectionState) { s.CurveID = 0x100 }, `TLS policy "huawei": group 0x0100 is not allowed`},
		"hybrid in 1.2": {func(s *tls.ConnectionState) { s.CurveID = tls.X25519MLKEM768 }, `TLS policy "huawei": group X25519MLKEM768 is not allowed`},
		"no group":      {func(s *tls.ConnectionState) { s.CurveID = 0 }, `TLS policy "huawei": group 0x0000 is not allowed`},
		"no group yet":  {func(s *tls.ConnectionState) { s.CurveID, s.HandshakeComplete = 0, false }, ""},
		"no group to resume": {func(s *tls.ConnectionState) { s.CurveID, s.HandshakeComplete, s.DidResume = 0, false, true },
			`TLS policy "huawei": group 0x0000 is not allowed`},
		"no group in 1.3": {func(s *tls.ConnectionState) {
			s.Version, s.CipherSuite, s.CurveID, s.HandshakeComplete = tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, 0, false
		}, `TLS policy "huawei": group 0x0000 is not allowed`},
	} {
		state := good
		c.change(&state)
		var got string
		if err := policy.Check(state); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestCheckKeys: a short RSA key anywhere in the peer's chain is refused, unless there is a chain without one.
func TestCheckKeys(t *testing.T) {
	key := func(bits uint) *x509.Certificate {
		return &x509.Certificate{PublicKey: &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1)}}
	}
	ec := pki().ca.Certificate()
	for name, c := range map[string]struct {
		chains [][]*x509.Certificate
		want   string
	}{
		"no certificate": {nil, ""},
		"ECDSA":          {[][]*x509.Certificate{{ec, ec}}, ""},
		"RSA":            {[][]*x509.Certificate{{key(2048), ec}}, ""},
		"short":          {[][]*x509.Certificate{{key(1024), ec}}, `TLS policy "huawei": certificate key RSA with 1024 bits is not allowed`},
		"one bit short":  {[][]*x509.Certificate{{key(2047)}}, `TLS policy "huawei": certificate key RSA with 2047 bits is not allowed`},
		"short issuer":   {[][]*x509.Certificate{{key(4096), key(1024), ec}}, `TLS policy "huawei": certificate key RSA with 1024 bits is not allowed`},
		"another chain":  {[][]*x509.Certificate{{key(4096), key(1024)}, {key(4096), ec}}, ""},
	} {
		state := tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519, VerifiedChains: c.chains}
		var got string
		if err := mustNamed(t, "huawei").Check(state); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	policy := mustNamed(t, Default)
	state := tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519MLKEM768}
	if n := testing.AllocsPerRun(100, func() { _ = policy.Check(state) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
