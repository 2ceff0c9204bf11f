package certs

import (
	"crypto/x509"
	"fmt"
	"time"
)

// warnBefore is how long before its end something should have been renewed, if it holds for long. What holds for less than
// five times that is due when a fifth of its time is left.
const warnBefore = 14 * 24 * time.Hour

// Expiry is when something that holds for a time begins and ends to hold.
type Expiry struct {
	NotBefore, NotAfter time.Time
}

// ExpiryOf gives the expiry of a certificate.
func ExpiryOf(c *x509.Certificate) Expiry { return Expiry{c.NotBefore, c.NotAfter} }

// Expiry is that of the list: from its update to the next. A list that does not say when the next one comes has none.
func (l RevocationList) Expiry() Expiry { return Expiry{l.ThisUpdate, l.NextUpdate} }

// Warning says in words what is the matter at a time: it "has expired" or "expires" soon (within 14 days, or a fifth of its
// time if that is less), or does not hold yet; "" if all is well.
func (e Expiry) Warning(now time.Time) string {
	if e.NotAfter.IsZero() {
		return ""
	}
	left := e.NotAfter.Sub(now)
	switch {
	case now.Before(e.NotBefore):
		return "does not hold before " + e.NotBefore.UTC().Format(time.RFC3339)
	case left <= 0:
		return "has expired: " + e.NotAfter.UTC().Format(time.RFC3339)
	case left < min(warnBefore, e.NotAfter.Sub(e.NotBefore)/5):
		return fmt.Sprintf("expires in %s: %s", rough(left), e.NotAfter.UTC().Format(time.RFC3339))
	}
	return ""
}

// rough is a time in days, or exactly if it is less than two.
func rough(d time.Duration) string {
	if days := d / (24 * time.Hour); days >= 2 {
		return fmt.Sprintf("%d days", days)
	}
	return d.Round(time.Minute).String()
}

// NameOf is a name for people by which to tell a certificate: the first of its names, else its subject.
func NameOf(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	case len(c.URIs) > 0:
		return c.URIs[0].String()
	}
	return c.Subject.String()
}
