package admin

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestCertificateMetrics: the first expiry of those that share a name counts, and what is over shows as that.
func TestCertificateMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	now := time.Now()
	certificates := []Certificate{
		{Listener: "https", Name: "gw.example", NotAfter: now.Add(50 * time.Hour)},
		{Listener: "https", Name: "gw.example", NotAfter: now.Add(10 * time.Hour)},
		{Listener: "https", Name: "gw.example", NotAfter: now.Add(30 * time.Hour)},
		{Upstream: "bss", Name: "CN=us", NotAfter: now.Add(-10 * time.Hour)},
	}
	lists := []RevocationList{
		{Listener: "https", File: "a.crl", Issuer: "CN=ca", NextUpdate: now.Add(20 * time.Hour)}, {Listener: "https", File: "b.crl", Issuer: "CN=ca"},
	}
	m := NewCertificates(registry, CertificateSources{
		Certificates: func() []Certificate { return certificates }, RevocationLists: func() []RevocationList { return lists },
	})
	m.Watch("listener https: gw.crt")
	m.Reloaded("listener https: gw.crt", nil)
	m.Reloaded("listener https: gw.crt", nil)
	m.Reloaded("upstream bss: us.crt", errors.New("no such file"))
	page := get((&Server{Registry: registry}).Handler(Loopback), "http://localhost/metrics").Body.String()
	for series, want := range map[string]float64{
		`tollgate_certificate_expiry_timestamp_seconds{listener="https",name="gw.example",upstream=""}`:        timestamp(now.Add(10 * time.Hour)),
		`tollgate_certificate_expiry_timestamp_seconds{listener="",name="CN=us",upstream="bss"}`:               timestamp(now.Add(-10 * time.Hour)),
		`tollgate_revocation_list_next_update_timestamp_seconds{file="a.crl",issuer="CN=ca",listener="https"}`: timestamp(now.Add(20 * time.Hour)),
		`tollgate_certificate_reloads_total{result="ok",what="listener https: gw.crt"}`:                        2,
		`tollgate_certificate_reloads_total{result="failed",what="listener https: gw.crt"}`:                    0,
		`tollgate_certificate_reloads_total{result="failed",what="upstream bss: us.crt"}`:                      1,
	} {
		found := regexp.MustCompile("(?m)^"+regexp.QuoteMeta(series)+" (.*)$").FindAllStringSubmatch(page, -1)
		if len(found) != 1 {
			t.Errorf("%s stands there %d times", series, len(found))
			continue
		}
		if got, err := strconv.ParseFloat(found[0][1], 64); err != nil || got != want {
			t.Errorf("%s is %s, want %v", series, found[0][1], want)
		}
	}
	if strings.Contains(page, "b.crl") {
		t.Error("a list without a next update has an expiry")
	}
}
