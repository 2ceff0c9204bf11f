package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificate is one that handshakes depend on, with callers of a listener or with an upstream: of a chain that the gateway shows, or of
// the authorities that it trusts.
type Certificate struct {
	Listener, Upstream string // one of them
	Name               string // which distinguishes it from others there
	NotAfter           time.Time
}

// RevocationList is one that client certificates of a listener are checked with.
type RevocationList struct {
	Listener, File, Issuer string
	NextUpdate             time.Time // zero: it does not say
}

// CertificateSources return what is in use now. They are asked at each scrape, concurrently.
type CertificateSources struct {
	Certificates    func() []Certificate
	RevocationLists func() []RevocationList
}

// Certificates are the metrics of certificates and revocation lists: when they expire, and whether new ones could be taken.
// Label values come from the configuration and from the operator's own files.
type Certificates struct {
	sources        CertificateSources
	expiry, update *prometheus.Desc
	reloads        *prometheus.CounterVec
}

// NewCertificates registers the metrics.
func NewCertificates(registry *prometheus.Registry, s CertificateSources) *Certificates {
	c := &Certificates{
		sources: s,
		expiry: prometheus.NewDesc("tollgate_certificate_expiry_timestamp_seconds",
			"When a certificate expires that handshakes depend on: each of a chain that the gateway shows, and the first to expire of a file of authorities.", []string{"listener", "upstream", "name"}, nil),
		update: prometheus.NewDesc("tollgate_revocation_list_next_update_timestamp_seconds",
			"When the next revocation list should be there.", []string{"listener", "file", "issuer"}, nil),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tollgate_certificate_reloads_total",
			Help: "Certificates and lists that were read again, because they changed or were due or a reload was asked for, by result: ok or failed.",
		}, []string{"what", "result"}),
	}
	registry.MustRegister(c, c.reloads)
	return c
}

// Watch makes the counts of what is looked after begin at 0, so that the first failure shows as an increase.
func (c *Certificates) Watch(what string) {
	c.reloads.WithLabelValues(what, "ok")
	c.reloads.WithLabelValues(what, "failed")
}

// Reloaded counts that something was read again, or with an error that it was not.
func (c *Certificates) Reloaded(what string, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	c.reloads.WithLabelValues(what, result).Inc()
}

// Describe implements [prometheus.Collector].
func (c *Certificates) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.expiry, c.update, oldCertificateExpiry, oldListExpiry} {
		to <- desc
	}
}

// Collect implements [prometheus.Collector].
func (c *Certificates) Collect(to chan<- prometheus.Metric) {
	certificates := soonest[[3]string]{}
	for _, one := range c.sources.Certificates() {
		certificates.add([3]string{one.Listener, one.Upstream, one.Name}, one.NotAfter)
	}
	for labels, at := range certificates {
		sendTime(to, c.expiry, oldCertificateExpiry, at, labels[:]...)
	}
	lists := soonest[[3]string]{}
	for _, one := range c.sources.RevocationLists() {
		if !one.NextUpdate.IsZero() {
			lists.add([3]string{one.Listener, one.File, one.Issuer}, one.NextUpdate)
		}
	}
	for labels, at := range lists {
		sendTime(to, c.update, oldListExpiry, at, labels[:]...)
	}
}

// soonest has the first of the times for each set of labels: certificates of one name, RSA and ECDSA, are one series.
type soonest[K comparable] map[K]time.Time

func (s soonest[K]) add(labels K, at time.Time) {
	if earlier, ok := s[labels]; !ok || at.Before(earlier) {
		s[labels] = at
	}
}
