package caller

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"tollgate/internal/words"
)

// Names says whose certificates are whose, by the names that they carry; see the package comment for how they match. Make it with [NewNames].
// It does not change once all are added.
type Names struct {
	what        string            // an owner is: "caller" or "identity"
	uris        map[string]string // URI to owner
	dnsNames    map[string]string // DNS name in lower case to owner
	commonNames map[string]string // subject common name to owner
}

// NewNames returns names without any. Errors call an owner what: "caller" or "identity".
func NewNames(what string) *Names {
	return &Names{what, map[string]string{}, map[string]string{}, map[string]string{}}
}

// Add adds a name of an owner. The error says what is wrong with it, or that it has an owner already.
func (n *Names) Add(owner string, c *CertificateName) error {
	if err := c.Check(); err != nil {
		return err
	}
	names, name := n.commonNames, c.CommonName
	switch {
	case c.URI != "":
		names, name = n.uris, c.URI
	case c.DNS != "":
		names, name = n.dnsNames, strings.ToLower(c.DNS)
	}
	if other, taken := names[name]; taken {
		return fmt.Errorf("%q is already a certificate name of %s %q", name, n.what, other)
	}
	names[name] = owner
	return nil
}

// has reports whether a certificate can be that of an owner.
func (n *Names) has(owner string) bool {
	for _, names := range [...]map[string]string{n.uris, n.dnsNames, n.commonNames} {
		for _, one := range names {
			if one == owner {
				return true
			}
		}
	}
	return false
}

// Owner returns the owner that a certificate names, and the name that says so; empty texts if it names none. The error is an [*Error], with
// the reason AmbiguousCertificate.
func (n *Names) Owner(certificate *x509.Certificate) (owner, by string, err error) {
	ambiguous := false
	consider := func(names map[string]string, name string) {
		one, ok := names[name]
		if ok && owner == "" {
			owner, by = one, name
		}
		ambiguous = ambiguous || ok && one != owner
	}
	for _, uri := range rawURIs(certificate) {
		consider(n.uris, uri)
	}
	for _, name := range certificate.DNSNames {
		consider(n.dnsNames, strings.ToLower(name))
	}
	commonNames := commonNamesOf(certificate)
	for _, name := range commonNames {
		consider(n.commonNames, name)
	}
	switch {
	case ambiguous:
		return "", "", &Error{Reason: AmbiguousCertificate, Detail: words.Say("error.caller.names_of_" + n.what)}
	case owner != "" && len(commonNames) > 1:
		return "", "", &Error{Reason: AmbiguousCertificate, Detail: words.Say("error.caller.common_names")}
	}
	return owner, by, nil
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
