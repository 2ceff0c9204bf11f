// Package credential holds the named secrets that sign upstream calls, and makes it hard to use one for the wrong call.
//
// There is one way from a credential to a signature, and each step needs the one before it:
//
//	Credential.Permit(operation)  the class check: a Permit exists only for an operation that the credential may sign
//	Permit.Lease(ctx, now)        the pause check: a Lease holds the keys of one moment
//	Lease.Sign(request)           the signature
//	Lease.Done(verdict, now)      what the provider thought of it
//
// The keys themselves are not reachable from outside, so code that skips the class check does not compile.
//
// # Pausing
//
// More than five failed signatures in a row lock an access key at the provider for five minutes (reference: API
// gateway error APIG.0301). So the first answer that rejects a signature pauses the credential. It opens again when
// its keys change (they are read anew from their source at most once a second while paused), or when a single call
// that is let through after [PauseTime] as a probe is not rejected.
//
// Keys that the provider has never accepted are on trial: at most [trialCalls] calls use them at a time, so that a wrong
// key that meets a burst of calls is found out before the provider locks it. The others wait for the first verdict.
package credential

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/catalog"
	"tollgate/internal/secret"
	"tollgate/signing"
)

// PauseTime is how long a paused credential waits before one call may probe it. It is longer than the five minutes for
// which the provider locks a key.
const PauseTime = 5*time.Minute + 15*time.Second

// trialCalls is how many calls may use keys that were never accepted. The provider locks a key after more than five.
const trialCalls = 4

// reloadEvery bounds how often a paused credential reads its key source.
const reloadEvery = time.Second

// Keys are what a credential signs with.
type Keys struct {
	AccessKey     string
	SecretKey     secret.String
	SecurityToken secret.String // of temporary keys; empty otherwise
}

func (k Keys) equal(other Keys) bool {
	return k.AccessKey == other.AccessKey && k.SecretKey.Equal(other.SecretKey) && k.SecurityToken.Equal(other.SecurityToken)
}

func (k Keys) check() error {
	if k.AccessKey == "" || k.SecretKey.IsZero() {
		return errors.New("access key and secret key must not be empty")
	}
	return nil
}

// Config describes a credential.
type Config struct {
	Name     string
	Upstream string         // the one upstream whose calls it signs
	Class    catalog.Class  // ClassPartner or ClassCustomer
	Kinds    []catalog.Kind // narrower kinds that the account has
	// DomainID is the account id: sent as X-Domain-Id and demanded of every {domain_id} in a path that is not a customer's. Optional.
	DomainID string
	// PartnerID is demanded of every {partner_id} in a path. Optional: the DomainID of a partner credential.
	PartnerID string
	// Load reads the keys from where they are kept. It is called once by New and again while the credential is paused.
	Load func() (Keys, error)
}

// Credential is a named secret that signs calls of one class to one upstream. Its methods may be called concurrently.
type Credential struct {
	config Config
	active atomic.Pointer[keySet] // what calls sign with; replaced when the keys change
	paused atomic.Pointer[Pause]  // nil: open

	mutex    sync.Mutex // guards what follows, and every change of active and paused
	probing  bool
	loadedAt time.Time
}

// keySet is one generation of keys.
type keySet struct {
	keys   Keys
	key    *signing.Key
	trial  chan struct{} // holds one token for each call on trial
	proven chan struct{} // closed by the first acceptance
	once   sync.Once     // closes proven
}

func newKeySet(keys Keys) *keySet {
	return &keySet{
		keys: keys, key: signing.NewKey(keys.AccessKey, keys.SecretKey),
		trial: make(chan struct{}, trialCalls), proven: make(chan struct{}),
	}
}

func (s *keySet) isProven() bool {
	select {
	case <-s.proven:
		return true
	default:
		return false
	}
}

// Pause says why and since when a credential signs nothing.
type Pause struct {
	Reason  string
	Since   time.Time
	ProbeAt time.Time // from then on one call at a time may try
}

// New checks the configuration and loads the keys.
func New(config Config) (*Credential, error) {
	if config.Class != catalog.ClassPartner && config.Class != catalog.ClassCustomer {
		return nil, fmt.Errorf("credential %s: class must be partner or customer", config.Name)
	}
	if config.PartnerID == "" && config.Class == catalog.ClassPartner {
		config.PartnerID = config.DomainID
	}
	c := &Credential{config: config}
	keys, err := config.Load()
	if err == nil {
		err = keys.check()
	}
	if err != nil {
		return nil, fmt.Errorf("credential %s: %w", config.Name, err)
	}
	c.use(keys)
	return c, nil
}

func (c *Credential) use(keys Keys) { c.active.Store(newKeySet(keys)) }

// Name is the name that the configuration gives.
func (c *Credential) Name() string { return c.config.Name }

// Upstream is the name of the upstream that the credential belongs to.
func (c *Credential) Upstream() string { return c.config.Upstream }

// Class is the credential's class.
func (c *Credential) Class() catalog.Class { return c.config.Class }

// AccessKey is the public half of the keys in use.
func (c *Credential) AccessKey() string { return c.active.Load().keys.AccessKey }

// DomainID is the account that the credential belongs to; empty if not configured.
func (c *Credential) DomainID() string { return c.config.DomainID }

// PartnerID is the partner account that the credential belongs to; empty if not configured.
func (c *Credential) PartnerID() string { return c.config.PartnerID }

// Paused tells whether and why the credential signs nothing at present.
func (c *Credential) Paused() (Pause, bool) {
	if p := c.paused.Load(); p != nil {
		return *p, true
	}
	return Pause{}, false
}

// ClassError says why a credential must not sign an operation.
type ClassError struct {
	Credential string
	Class      catalog.Class
	Operation  string
	Wants      string
}

func (e *ClassError) Error() string {
	return fmt.Sprintf("credential %s is of class %s, but %s takes %s", e.Credential, e.Class, e.Operation, e.Wants)
}

// Permit is the right to sign one operation with one credential. The zero Permit gives no lease.
type Permit struct {
	credential *Credential
	operation  *catalog.Operation
}

// Permit checks that the credential may sign the operation: its class, and the narrower kind where one is asked for.
// An operation of unknown class is permitted to both classes here; that a person has confirmed it is checked where the
// grant is read. The error is a *[ClassError].
func (c *Credential) Permit(operation *catalog.Operation) (Permit, error) {
	if !c.has(operation) {
		return Permit{}, &ClassError{c.config.Name, c.config.Class, operation.Name, wanted(operation)}
	}
	return Permit{c, operation}, nil
}

func (c *Credential) has(operation *catalog.Operation) bool {
	switch operation.Class {
	case catalog.ClassPartner, catalog.ClassCustomer:
		if c.config.Class != operation.Class {
			return false
		}
	case catalog.ClassEither, catalog.ClassUnknown:
	default: // an unsigned endpoint takes no credential
		return false
	}
	return operation.Kind == catalog.KindAny || slices.Contains(c.config.Kinds, operation.Kind)
}

func wanted(operation *catalog.Operation) string {
	switch {
	case operation.Class == catalog.ClassNone:
		return "no credential"
	case operation.Kind != catalog.KindAny:
		return fmt.Sprintf("%s credentials of kind %s only", operation.Class, operation.Kind)
	default:
		return fmt.Sprintf("%s credentials only", operation.Class)
	}
}
