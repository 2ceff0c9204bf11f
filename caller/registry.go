package caller

import (
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/signing"
)

// Registry knows all callers. But for when keys were used, it does not change after [NewRegistry] and [Registry.TakeUses]. It is safe for
// concurrent use.
type Registry struct {
	callers map[string]struct{}
	names   *Names
	keys    map[keyName]*accessKey
	schemes *signing.Schemes
	matched *lru.Cache[*x509.Certificate, match]
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
		matched: matched,
		callers: make(map[string]struct{}),
		names:   NewNames("caller"),
		keys:    make(map[keyName]*accessKey),
		schemes: schemes,
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
func (r *Registry) Certified(name string) bool { return r.names.has(name) }

func (r *Registry) add(c Config, read ReadSecret) error {
	problems := []error{checkName(c.Name)}
	if r.Has(c.Name) {
		problems = append(problems, errors.New("another caller has this name"))
	}
	r.callers[c.Name] = struct{}{}
	for i, a := range c.Auth {
		if a.Certificate != nil {
			if err := r.names.Add(c.Name, a.Certificate); err != nil {
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
	var identity Identity
	owner, name, err := r.names.Owner(certificate)
	if owner != "" {
		identity = Identity{Caller: owner, By: ByCertificate, Detail: name}
	}
	r.matched.Add(certificate, match{identity, err})
	return identity, err
}
