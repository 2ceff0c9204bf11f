package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// warnBefore is how long before its end something should have been renewed, if it holds for long. What holds for less than
// five times that is due when a fifth of its time is left.
const warnBefore = 14 * 24 * time.Hour

// Expiry is when something that holds for a time begins and ends to hold.
type Expiry struct {
	NotBefore, NotAfter time.Time
}

// Chain returns the certificates that a peer is shown with a certificate, leaf first: a handshake depends on each of them.
func Chain(c *tls.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{c.Leaf}
	for _, der := range c.Certificate[1:] {
		if issuer, err := x509.ParseCertificate(der); err == nil { // [ParsePair] has read it
			chain = append(chain, issuer)
		}
	}
	return chain
}

// Soonest returns the certificate that expires first, or nil.
func Soonest(certificates []*x509.Certificate) *x509.Certificate {
	if len(certificates) == 0 {
		return nil
	}
	return slices.MinFunc(certificates, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
}

// ChainWarning is the [Expiry.Warning] of a certificate and its chain, with the name of the one that it is about; "" if all is well.
func ChainWarning(c *tls.Certificate, now time.Time) string {
	first, text := warning(Chain(c), now)
	switch first {
	case nil:
		return ""
	case c.Leaf:
		return fmt.Sprintf("the certificate %s %s", NameOf(first), text)
	}
	return fmt.Sprintf("the certificate %s in the chain of %s %s", NameOf(first), NameOf(c.Leaf), text)
}

// Warning is the [Expiry.Warning] of the authorities of a bundle, with the name of the one that it is about; "" if all is well. An
// authority that does not hold yet is well: it was put there in time for those that follow.
func (b *Bundle) Warning(now time.Time) string {
	begun := slices.DeleteFunc(slices.Clone(b.Certificates), func(c *x509.Certificate) bool { return now.Before(c.NotBefore) })
	first, text := warning(begun, now)
	if first == nil {
		return ""
	}
	return fmt.Sprintf("the authority %s of %s %s", NameOf(first), b.Path, text)
}

// warning describes, of the certificates about which there is something to say, the one that expires first.
func warning(certificates []*x509.Certificate, now time.Time) (first *x509.Certificate, text string) {
	due := slices.DeleteFunc(slices.Clone(certificates), func(c *x509.Certificate) bool { return expiryOf(c).Warning(now) == "" })
	if first = Soonest(due); first == nil {
		return nil, ""
	}
	text = expiryOf(first).Warning(now)
	if more := len(due) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more there to look at)", more)
	}
	return first, text
}

func expiryOf(c *x509.Certificate) Expiry { return Expiry{c.NotBefore, c.NotAfter} }

// Expiry is that of the list: from its update to the next. A list that does not say when the next one comes has none.
func (l RevocationList) Expiry() Expiry { return Expiry{l.ThisUpdate, l.NextUpdate} }

// Warning describes the state of a certificate at a time: it "has expired" or "expires" soon (within 14 days, or a fifth of its
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

// NameOf is a name by which people know a certificate: the first of its names, else its subject.
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
