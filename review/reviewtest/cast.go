package reviewtest

import (
	"strings"
	"time"

	"tollgate/audit/logfile"
)

// application is a caller, as its calls show it.
type application struct {
	name, listener, by, identity string
	sources                      []string
	tls                          []logfile.TLS // of its connections, the usual one first
}

// credential is a cloud key and whom it belongs to.
type credential struct{ name, class, account, upstream, site, currency string }

const (
	partnerCN   = "partner-cn"
	partnerIntl = "partner-intl"
	acme        = "acme"
	globex      = "globex"
)

var credentials = map[string]credential{
	partnerCN:   {partnerCN, "partner", "0123456789abcdef0123456789abcdef", "bss", "cn", "CNY"},
	partnerIntl: {partnerIntl, "partner", "00112233445566778899aabbccddeeff", "bss-intl", "intl", "USD"},
	acme:        {acme, "customer", "fedcba9876543210fedcba9876543210", "bss", "cn", "CNY"},
	globex:      {globex, "customer", "8899aabbccddeeff0011223344556677", "bss-intl", "intl", "USD"},
}

var firstKeys = map[string]string{partnerCN: "HPUAPARTNERCN00001", partnerIntl: "HPUAPARTNERINTL001", acme: "HPUAACME0000000001", globex: "HPUAGLOBEX00000001"}

var billing = &application{
	name: "billing-app", listener: "central", by: "certificate", identity: "spiffe://corp.example/billing-app", sources: []string{"10.20.4.11", "10.20.4.12"},
	tls: []logfile.TLS{
		{
			Version: "TLS 1.3", Suite: "TLS_AES_256_GCM_SHA384", Group: "X25519MLKEM768", ALPN: "h2", ServerName: "gateway.corp.example",
			Peer: "spiffe://corp.example/billing-app", PeerFingerprint: fingerprint("b1"), PeerNotAfter: time.Date(2026, 11, 28, 16, 0, 0, 0, time.UTC),
			Offer: offer13,
		},
		{
			Version: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256", Group: "X25519", ALPN: "http/1.1", ServerName: "gateway.corp.example",
			Peer: "spiffe://corp.example/billing-app", PeerFingerprint: fingerprint("b1"), PeerNotAfter: time.Date(2026, 11, 28, 16, 0, 0, 0, time.UTC),
			Offer: offer13,
		},
	},
}

var shop = &application{
	name: "shop", listener: "central", by: "access_key", identity: "TGSHOP", sources: []string{"10.20.7.31", "10.20.7.32", "10.20.7.33"},
	tls: []logfile.TLS{
		{Version: "TLS 1.2", Suite: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Group: "P-256", ServerName: "gateway.corp.example", Offer: offer12},
		{Version: "TLS 1.3", Suite: "TLS_CHACHA20_POLY1305_SHA256", Group: "X25519", ALPN: "http/1.1", ServerName: "gateway.corp.example", Offer: offer13},
	},
}

var reports = &application{name: "reports", listener: "reports", by: "listener", sources: []string{"127.0.0.1"}}

// upstreamTLS are connections to the provider, by upstream. The certificate of one ends soon.
var upstreamTLS = map[string]logfile.TLS{
	"bss": {
		Version: "TLS 1.3", Suite: "TLS_AES_256_GCM_SHA384", Group: "X25519", PeerFingerprint: fingerprint("c0"),
		PeerNotAfter: time.Date(2027, 4, 2, 23, 59, 59, 0, time.UTC),
	},
	"bss-intl": {
		Version: "TLS 1.2", Suite: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Group: "P-256", PeerFingerprint: fingerprint("d0"),
		PeerNotAfter: time.Date(2026, 12, 2, 23, 59, 59, 0, time.UTC),
	},
}

var offer13 = &logfile.Offer{
	Versions: []string{"TLS 1.3", "TLS 1.2"},
	Suites: []string{
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	},
	Groups: []string{"X25519MLKEM768", "X25519", "P-256", "P-384"}, ServerName: "gateway.corp.example",
}

var offer12 = &logfile.Offer{
	Versions: []string{"TLS 1.2", "TLS 1.1"},
	Suites: []string{
		"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
		"TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA",
	},
	Groups: []string{"P-256", "P-384", "P-521"}, ServerName: "gateway.corp.example",
}

func fingerprint(pair string) string { return strings.Repeat(pair, 32) }

// customers of the partner, by site.
var customers = []string{
	"c0a80101d4e94b6c9f3a2b7d1e5f6071", "c0a80102a1b24c3d8e9f0a1b2c3d4e5f", "c0a801035e6f4a7b9c0d1e2f3a4b5c6d", "c0a801047d8e4f9aab1c2d3e4f5a6b7c",
	"c0a80105b3c44d5e8f6071829304a5b6", "c0a801069f0e4d1c8b2a394857667584",
}
