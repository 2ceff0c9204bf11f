package certs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
)

var _ Source = (*Set)(nil)

// Set chooses among the certificates of several sources, by rules that leave one answer to each peer:
//
//   - Certificates with the very name that the peer asks for come first, then those with a wildcard for it: "*" for exactly
//     one label, the first (RFC 9525, section 6.3). Upper and lower case are the same. Common names do not count.
//   - A peer that asks for no name, or for one that no certificate has, is served as if it had asked for the first name of
//     the first certificate.
//   - Among those, ECDSA comes before Ed25519 and that before RSA, and else the order of the sources counts; so of two
//     certificates of a kind for the same name, the second is never used.
//   - The first that the peer can use is taken: signature algorithms, groups and, in TLS 1.2, suites. If it can use none,
//     it gets the first, and the handshake ends with the reason.
type Set struct {
	sources []Source
	index   atomic.Pointer[index]
}

// NewSet returns a set of at least one source.
func NewSet(first Source, more ...Source) *Set {
	return &Set{sources: append([]Source{first}, more...)}
}

// GetCertificate is for [tls.Config].
func (s *Set) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	exact, wild := s.now().find(hello.ServerName)
	switch {
	case len(exact)+len(wild) == 0:
		return nil, errors.New("there is no certificate yet")
	case len(exact) == 0:
		exact, wild = wild, nil
	}
	if len(exact) == 1 && len(wild) == 0 {
		return exact[0], nil
	}
	return choose(hello, exact, wild), nil
}

// choose returns the first certificate that the peer can use. Their names are settled, and are not compared once more.
func choose(hello *tls.ClientHelloInfo, exact, wild []*tls.Certificate) *tls.Certificate {
	nameless := *hello
	nameless.ServerName = ""
	for _, list := range [...][]*tls.Certificate{exact, wild} {
		for _, certificate := range list {
			if nameless.SupportsCertificate(certificate) == nil {
				return certificate
			}
		}
	}
	return exact[0]
}

// Current returns the certificates of all sources, in their order.
func (s *Set) Current() []*tls.Certificate { return s.now().all }

// Close closes all sources.
func (s *Set) Close() error {
	var problems []error
	for _, source := range s.sources {
		problems = append(problems, source.Close())
	}
	return errors.Join(problems...)
}

// now returns the index of what the sources return now. The first call after a change remakes it.
func (s *Set) now() *index {
	known := s.index.Load()
	if known != nil && known.holds(s.sources) {
		return known
	}
	made := newIndex(s.sources)
	s.index.Store(made)
	return made
}

// index finds certificates by name.
type index struct {
	from     [][]*tls.Certificate // what each source returned
	all      []*tls.Certificate
	exact    map[string][]*tls.Certificate // by name in lower case
	wild     map[string][]*tls.Certificate // "*.example.com" by "example.com"
	fallback string                        // the first name of the first certificate
}

func newIndex(sources []Source) *index {
	x := &index{exact: map[string][]*tls.Certificate{}, wild: map[string][]*tls.Certificate{}}
	for _, source := range sources {
		current := source.Current()
		x.from, x.all = append(x.from, current), append(x.all, current...)
	}
	for _, kind := range []func(any) bool{isECDSA, isEd25519, isOther} {
		for _, certificate := range x.all {
			if kind(certificate.Leaf.PublicKey) {
				x.add(certificate)
			}
		}
	}
	if len(x.all) > 0 {
		x.fallback = namesOf(x.all[0].Leaf)[0]
	}
	return x
}

func isECDSA(key any) bool   { _, ok := key.(*ecdsa.PublicKey); return ok }
func isEd25519(key any) bool { _, ok := key.(ed25519.PublicKey); return ok }
func isOther(key any) bool   { return !isECDSA(key) && !isEd25519(key) }

// noName stands for the name of a certificate that has none. No peer can ask for it.
const noName = "*"

// namesOf returns the names of a leaf in lower case, at least one. Addresses are names here, since certificates for the same
// address belong together; peers send none as a name (RFC 6066, section 3).
func namesOf(leaf *x509.Certificate) []string {
	names := make([]string, 0, len(leaf.DNSNames)+len(leaf.IPAddresses)+1)
	for _, name := range leaf.DNSNames {
		names = append(names, strings.ToLower(name))
	}
	for _, address := range leaf.IPAddresses {
		names = append(names, address.String())
	}
	if len(names) == 0 {
		names = append(names, noName)
	}
	return names
}

func (x *index) add(certificate *tls.Certificate) {
	for _, name := range namesOf(certificate.Leaf) {
		byName := x.exact
		if parent, ok := strings.CutPrefix(name, "*."); ok {
			name, byName = parent, x.wild
		}
		if !slices.Contains(byName[name], certificate) { // a certificate may repeat a name
			byName[name] = append(byName[name], certificate)
		}
	}
}

// holds reports whether the sources still return what the index was made of.
func (x *index) holds(sources []Source) bool {
	for i, source := range sources {
		now, then := source.Current(), x.from[i]
		if len(now) != len(then) || len(now) > 0 && &now[0] != &then[0] {
			return false
		}
	}
	return true
}

// find returns the certificates for a name that a peer asked for, or else for the fallback.
func (x *index) find(name string) (exact, wild []*tls.Certificate) {
	if exact, wild = x.named(strings.ToLower(name)); len(exact)+len(wild) > 0 {
		return exact, wild
	}
	if parent, ok := strings.CutPrefix(x.fallback, "*."); ok {
		return nil, x.wild[parent]
	}
	exact = x.exact[x.fallback]
	_, wild = x.named(x.fallback)
	return exact, wild
}

func (x *index) named(name string) (exact, wild []*tls.Certificate) {
	if name == "" || name == noName {
		return nil, nil
	}
	if first, parent, ok := strings.Cut(name, "."); ok && first != "" {
		wild = x.wild[parent]
	}
	return x.exact[name], wild
}
