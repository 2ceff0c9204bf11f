package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tollgate/internal/watch"
	"tollgate/tlspolicy"
)

// Clients decides which client certificates count, by files that are read again when they change. Each file counts by itself:
// one that is bad stays as it was and holds up no other.
type Clients struct {
	settings *ListenerTLS
	now      func() time.Time
	bundle   *watch.Value[Bundle]
	crls     []*watch.Value[[]*crl]
	deny     *watch.Value[denyList] // nil without

	mu       sync.Mutex
	reported string // what was said of lists that lack
}

var _ Reloader = (*Clients)(nil)

// LoadClients reads the files of a listener's ClientCA, ClientCRL and ClientDeny, all of which must be good. A list of ClientCRL (RFC 5280)
// counts if its issuer is in the bundle and has signed it; it must be a full one. A file of up to 16 MiB has one in DER or any number in
// PEM.
func LoadClients(t *ListenerTLS) (*Clients, error) { return loadClients(t, time.Now) }

func loadClients(t *ListenerTLS, now func() time.Time) (*Clients, error) {
	c := &Clients{settings: t, now: now}
	var err error
	if c.bundle, err = watchBundle(t.ClientCA); err != nil {
		return nil, err
	}
	for _, path := range t.ClientCRL {
		list, err := watchCRLs(path, c.issuers, now)
		if err != nil {
			return nil, err
		}
		c.crls = append(c.crls, list)
	}
	if t.ClientDeny != "" {
		c.deny, err = watch.ValueOf(watch.Input{What: "list of denied certificates", Path: t.ClientDeny, Limit: maxFile}, parseDenyList)
	}
	return c, err
}

func (c *Clients) issuers() []*x509.Certificate { return c.Authorities().Certificates }

// Authorities returns the bundle in use.
func (c *Clients) Authorities() *Bundle { return c.bundle.Load() }

// Pool returns the authorities of now, for [tlspolicy.Server]: the same pointer as long as they are the same.
func (c *Clients) Pool() *x509.CertPool { return c.Authorities().Pool }

// Name returns the path of the bundle.
func (c *Clients) Name() string { return c.settings.ClientCA }

// Poll takes changes of the files, and says when a revocation list begins to be missing.
func (c *Clients) Poll() (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed, err = c.bundle.Poll()
	problems := []error{err}
	for _, list := range c.crls {
		if changed { // another may be the signer now
			list.Invalidate()
		}
		listChanged, err := list.Poll()
		changed, problems = changed || listChanged, append(problems, err)
	}
	if c.deny != nil {
		denyChanged, err := c.deny.Poll()
		changed, problems = changed || denyChanged, append(problems, err)
	}
	return changed, errors.Join(append(problems, c.newlyLacking())...)
}

// Reload reads all files again.
func (c *Clients) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reported = "" // an operator's request repeats the report
	problems := []error{c.bundle.Reload()}
	for _, list := range c.crls {
		list.Invalidate()
		problems = append(problems, list.Reload())
	}
	if c.deny != nil {
		problems = append(problems, c.deny.Reload())
	}
	return errors.Join(problems...)
}

// newlyLacking returns an error for what revocation lists lack, once until it is something else.
func (c *Clients) newlyLacking() error {
	text := strings.Join(c.lacking(), "; ")
	if text == c.reported {
		return nil
	}
	if c.reported = text; text == "" {
		return nil
	}
	return errors.New(text)
}

// lacking returns which lists are outdated, and which authorities have none.
func (c *Clients) lacking() (what []string) {
	if len(c.crls) == 0 {
		return nil
	}
	consequence := "certificates of which it says nothing are refused"
	if c.settings.lenient() {
		consequence = "certificates of which it says nothing pass"
	}
	now, listed := c.now(), map[string]bool{}
	for _, file := range c.crls {
		for _, list := range *file.Load() {
			if listed[string(list.issuer.RawSubject)] = true; list.outdated(now) {
				what = append(what, fmt.Sprintf("the revocation list %s of %.200q is outdated since %s: %s",
					file.Name(), describeIssuer(list.issuer), list.nextUpdate.UTC().Format(time.RFC3339), consequence))
			}
		}
	}
	for _, issuer := range c.issuers() {
		if !listed[string(issuer.RawSubject)] {
			what = append(what, fmt.Sprintf("there is no revocation list of %.200q: %s", describeIssuer(issuer), consequence))
		}
	}
	return what
}

// Check reports whether a client certificate counts now. It gets the chains that were verified when the connection was
// made, leaf first, and costs no signature, so it can be asked again at each request. The error is a
// [*tlspolicy.NotAllowed].
//
// One good chain is enough: it ends in an authority of now, none of it has expired, and no revocation list names a
// certificate of it. But a certificate that is denied by its serial number is refused whatever its chain.
func (c *Clients) Check(chains [][]*x509.Certificate) error {
	var first error
	for _, chain := range chains {
		if err := c.denied(chain); err != nil {
			return err
		}
	}
	for _, chain := range chains {
		err := c.checkChain(chain)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return &tlspolicy.NotAllowed{Kind: tlspolicy.KindInvalid, Why: "no chain of it was verified"}
	}
	return first
}

func (c *Clients) denied(chain []*x509.Certificate) error {
	if c.deny == nil {
		return nil
	}
	list := *c.deny.Load()
	for i, certificate := range chain {
		if line := list.find(certificate, chain[min(i+1, len(chain)-1)]); line > 0 {
			return refuse(tlspolicy.KindRevoked, certificate, "denied by line %d of %s", line, c.settings.ClientDeny)
		}
	}
	return nil
}

func (c *Clients) checkChain(chain []*x509.Certificate) error {
	last, now := chain[len(chain)-1], c.now()
	if !c.Authorities().known[string(last.Raw)] {
		return refuse(tlspolicy.KindAuthority, chain[0], "its authority %.200q is not in %s any more", describeIssuer(last), c.settings.ClientCA)
	}
	for i, certificate := range chain {
		if now.After(certificate.NotAfter) {
			return refuse(tlspolicy.KindExpired, certificate, "it held until %s", certificate.NotAfter.UTC().Format(time.RFC3339))
		}
		if i == len(chain)-1 || len(c.crls) == 0 {
			continue // the last is trusted as it is
		}
		if err := c.status(certificate, chain[i+1], now); err != nil {
			return err
		}
	}
	return nil
}

// status asks the lists of its issuer about a certificate.
func (c *Clients) status(certificate, issuer *x509.Certificate, now time.Time) error {
	fresh := false
	for _, file := range c.crls {
		for _, list := range *file.Load() {
			if !list.about(certificate, issuer) {
				continue
			}
			if list.names(certificate) {
				return refuse(tlspolicy.KindRevoked, certificate, "by the list %s", file.Name())
			}
			fresh = fresh || !list.outdated(now)
		}
	}
	if fresh || c.settings.lenient() {
		return nil
	}
	return refuse(tlspolicy.KindStatus, certificate, "there is no revocation list of its issuer %.200q that holds now", describeIssuer(issuer))
}

func refuse(kind tlspolicy.Kind, certificate *x509.Certificate, format string, args ...any) error {
	return &tlspolicy.NotAllowed{Kind: kind, Why: fmt.Sprintf("serial number %x: %s", certificate.SerialNumber, fmt.Sprintf(format, args...))}
}

// RevocationList is what is known of a list, for metrics.
type RevocationList struct {
	Path                   string
	Issuer                 string // distinguished name
	ThisUpdate, NextUpdate time.Time
	Revoked                int // certificates that it names
}

// RevocationLists returns the lists in use.
func (c *Clients) RevocationLists() []RevocationList {
	var all []RevocationList
	for _, file := range c.crls {
		for _, l := range *file.Load() {
			all = append(all, RevocationList{file.Name(), describeIssuer(l.issuer), l.thisUpdate, l.nextUpdate, len(l.revoked)})
		}
	}
	return all
}
