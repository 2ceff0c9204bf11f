package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestExpiryWarning(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, c := range []struct {
		name        string
		age, lifeIn time.Duration // since when it holds, and for how long yet
		want        string        // part of the warning; "" for none
	}{
		{"long and far", 300 * day, 14 * day, ""},
		{"long and near", 300 * day, 14*day - time.Second, "expires in 13 days: 2026-03-15T11:59:59Z"},
		{"a month, a fifth left", 24 * day, 6 * day, ""},
		{"a month, less than a fifth left", 24*day + time.Second, 6*day - time.Second, "expires in 5 days"},
		{"a day", 20 * time.Hour, 4 * time.Hour, "expires in 4h0m0s"},
		{"the last second", 30 * day, time.Second, "expires in 0s"},
		{"over", 30 * day, 0, "has expired: 2026-03-01T12:00:00Z"},
		{"not yet", -time.Second, 30 * day, "does not hold before 2026-03-01T12:00:01Z"},
	} {
		got := Expiry{noon.Add(-c.age), noon.Add(c.lifeIn)}.Warning(noon)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := (RevocationList{ThisUpdate: noon}).Expiry().Warning(noon.AddDate(100, 0, 0)); got != "" {
		t.Errorf("a list without a next update: %q", got)
	}
}

func TestNameOf(t *testing.T) {
	id, _ := url.Parse("spiffe://corp.example/gateway")
	full := x509.Certificate{
		DNSNames: []string{"a.example", "b.example"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}, URIs: []*url.URL{id},
		Subject: pkix.Name{CommonName: "gateway"},
	}
	for _, want := range []string{"a.example", "10.0.0.1", "spiffe://corp.example/gateway", "CN=gateway"} {
		if got := NameOf(&full); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		switch want {
		case "a.example":
			full.DNSNames = nil
		case "10.0.0.1":
			full.IPAddresses = nil
		default:
			full.URIs = nil
		}
	}
}
