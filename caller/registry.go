package caller

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/signing"
)

// Registry knows all callers. But for when keys were used, it does not change after [NewRegistry] and [Registry.TakeUses]. It is safe for
// concurrent use.
type Registry struct {
	callers     map[string]struct{}
	uris        map[string]string // URI to caller
	dnsNames    map[string]string // DNS name in lower case to caller
	commonNames map[string]string // subject common name to caller
	keys        map[keyName]*accessKey
	schemes     *signing.Schemes
	matched     *lru.Cache[*x509.Certificate, match]
}

// match is what a certificate turned out to mean.
type match struct {
	identity Identity
	err      error
}

// maxMatched bounds how many certificates are remembered.
const maxMatched = 1024

// keyName is an access key as one scheme takes it.
type keyName struct{ scheme, id string }

// ReadSecret returns what a reference leads to.
type ReadSecret func(setting.Reference) (secret.String, error)

// NewRegistry returns a registry of callers whose access keys are good for each of the schemes. Without read it knows no access keys. The
// error joins every problem: bad or repeated names, names of certificates and access keys that two callers share, and weak secrets, of
// which it shows nothing but the length.
func NewRegistry(configs []Config, schemes *signing.Schemes, read ReadSecret) (*Registry, error) {
	matched, err := lru.New[*x509.Certificate, match](maxMatched)
	if err != nil {
		return nil, err // the size is not positive
	}
	r := &Registry{
		matched:     matched,
		callers:     make(map[string]struct{}),
		uris:        make(map[string]string),
		dnsNames:    make(map[string]string),
		commonNames: make(map[string]string),
		keys:        make(map[keyName]*accessKey),
		schemes:     schemes,
	}
	var problems []error
	for i, c := range configs {

		if err := r.add(c, read); err != nil {
			problems = append(problems, fmt.Errorf("caller %d (%.70q): %w", i+1, c.Name, err))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return r, nil
}

// Len returns how many callers there are.
func (r *Registry) Len() int { return len(r.callers) }

// Schemes returns the schemes of the callers' signatures.
func (r *Registry) Schemes() *signing.Schemes { return r.schemes }

// Has reports whether there is a caller of this name.
func (r *Registry) Has(name string) bool {
	_, ok := r.callers[name]
	return ok
}

// Certified reports whether a client certificate can be that of the caller of this name.
func (r *Registry) Certified(name string) bool {
	for _, names := range [...]map[string]string{r.uris, r.dnsNames, r.commonNames} {
		for _, caller := range names {
			if caller == name {
				return true
			}
		}
	}
	return false
}

func (r *Registry) add(c Config, read ReadSecret) error {
	problems := []error{checkName(c.Name)}
	if r.Has(c.Name) {
		problems = append(problems, errors.New("another caller has this name"))
	}
	r.callers[c.Name] = struct{}{}
	for i, a := range c.Auth {
		if a.Certificate != nil {
			if err := r.addCertificate(c.Name, a.Certificate); err != nil {
				problems = append(problems, fmt.Errorf("certificate %d: %w", i+1, err))
			}
		}
		if a.AccessKey != nil && read != nil {
			if err := r.addAccessKey(c.Name, a.AccessKey, read); err != nil {
				problems = append(problems, fmt.Errorf("access key %d: %w", i+1, err))
			}
		}
	}
	return errors.Join(problems...)
}

func (r *Registry) addCertificate(caller string, c *CertificateName) error {
	if err := c.Check(); err != nil {
		return err
	}
	names, name := r.commonNames, c.CommonName
	switch {
	case c.URI != "":
		names, name = r.uris, c.URI
	case c.DNS != "":
		names, name = r.dnsNames, strings.ToLower(c.DNS)
	}
	if other, taken := names[name]; taken {
		return fmt.Errorf("%q is already a certificate name of caller %q", name, other)
	}
	names[name] = caller
	return nil
}

// addAccessKey does not repeat an ID that failed its check: it may be a secret in the wrong place.
func (r *Registry) addAccessKey(caller string, k *VirtualKey, read ReadSecret) error {
	value, err := read(k.Secret)
	if err == nil {
		err = k.Check(value)
	}
	if err != nil {
		return err
	}
	used := new(atomic.Int64)
	for _, scheme := range r.schemes.All() {
		name := keyName{scheme.Name(), k.ID}
		if other, taken := r.keys[name]; taken {
			return fmt.Errorf("id %q is already an access key of caller %q", k.ID, other.caller)
		}
		r.keys[name] = &accessKey{caller, scheme.NewKey(k.ID, value), k.NotAfter, used}
	}
	return nil
}

// match returns the caller that a certificate names, or an empty Identity if it names none. A connection has one certificate
// for all its calls, so what was found is cached.
func (r *Registry) match(certificate *x509.Certificate) (Identity, error) {
	if known, ok := r.matched.Get(certificate); ok {
		return known.identity, known.err
	}
	identity, err := r.find(certificate)
	r.matched.Add(certificate, match{identity, err})
	return identity, err
}

func (r *Registry) find(certificate *x509.Certificate) (Identity, error) {
	var found Identity
	ambiguous := false
	consider := func(names map[string]string, name string) {
		caller, ok := names[name]
		if ok && found.Caller == "" {
			found = Identity{Caller: caller, By: ByCertificate, Detail: name}
		}
		ambiguous = ambiguous || ok && caller != found.Caller
	}
	for _, uri := range rawURIs(certificate) {
		consider(r.uris, uri)
	}
	for _, name := range certificate.DNSNames {
		consider(r.dnsNames, strings.ToLower(name))
	}
	commonNames := commonNamesOf(certificate)
	for _, name := range commonNames {
		consider(r.commonNames, name)
	}
	switch {
	case ambiguous:
		return Identity{}, &Error{Reason: AmbiguousCertificate, Detail: "the client certificate carries names of different callers"}
	case found.Caller != "" && len(commonNames) > 1:
		return Identity{}, &Error{Reason: AmbiguousCertificate, Detail: "the client certificate has several common names, of which none counts"}
	}
	return found, nil
}

// oidAlternativeName is the subject alternative name extension (RFC 5280, section 4.2.1.6).
var oidAlternativeName = asn1.ObjectIdentifier{2, 5, 29, 17}

// tagURI is the kind of a URI among alternative names (RFC 5280, section 4.2.1.6).
const tagURI = 6

// rawURIs returns the URIs as the authority wrote them. Those of crypto/x509 are parsed: written out again, one with an
// upper-case scheme, an empty fragment or an odd escape becomes equal to another.
func rawURIs(c *x509.Certificate) (uris []string) {
	if len(c.URIs) == 0 {
		return nil
	}
	for _, e := range c.Extensions {
		var names []asn1.RawValue
		if !e.Id.Equal(oidAlternativeName) {
			continue
		}
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			continue
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == tagURI {
				uris = append(uris, string(name.Bytes))
			}
		}
	}
	return uris
}

// oidCommonName is the attribute of a subject that holds a common name (RFC 5280, appendix A.1).
var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// commonNamesOf returns the common names that may count. A subject can hold any number of them: crypto/x509 shows the last, where
// others show the first.
func commonNamesOf(c *x509.Certificate) (names []string) {
	if hasAlternativeNames(c) {
		return nil
	}
	for _, attribute := range c.Subject.Names {
		if attribute.Type.Equal(oidCommonName) {
			name, _ := attribute.Value.(string) // crypto/x509 takes no other values
			names = append(names, name)
		}
	}
	return names
}

// hasAlternativeNames reports whether a certificate has the extension itself, because it may hold only kinds of names that crypto/x509 skips.
func hasAlternativeNames(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidAlternativeName) })
}
