package service

import (
	"crypto/tls"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/audit"
	"tollgate/audit/mirror"
	"tollgate/audit/store"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/credential/accepted"
	"tollgate/gateway"
	"tollgate/internal/certs"
	"tollgate/ratelimit"
	"tollgate/replay"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// state is what outlives a configuration: what is known of calls so far, and what is open. What a configuration has a name for is kept by
// that name; what stays under another configuration is said at [Service.open].
type state struct {
	limiter *ratelimit.Limiter // the counts of limits
	sources *ratelimit.Sources // of failed identifications
	replay  *replay.Memory

	log                *audit.Log
	copies             *mirror.Mirror  // of checkpoints
	index              *store.Index    // of the log; nil when none is kept
	forecast           admin.Forecast  // of the log's disk
	refusals           *audit.Refusals // of calls
	connectionRefusals *audit.Refusals // of connections that came to no call
	accepted           *accepted.Memory
	checkpointed       atomic.Pointer[time.Time] // when the newest checkpoint was signed

	certificates *tlsReloader

	mutex       sync.Mutex // guards what follows
	credentials map[string]*keptCredential
	upstreams   map[string]*keptUpstream
	listeners   map[string]*keptListener
}

// keptCredential has the keys in use, their pauses and their trial.
type keptCredential struct {
	*credential.Credential
	configured *credential.Config
}

// keptUpstream has the connections to an upstream, and what is known of its clock.
type keptUpstream struct {
	*gateway.Upstream // of the newest plan
	transport         *upstream.Transport
	reached           reached
	tls               *tlsParts
}

// reached is what is configured of the way to an upstream: all of it but what concerns its calls alone, and the TLS policy that it names.
type reached struct {
	upstream.Config
	policy tlspolicy.Config
}

func reachedBy(c *config.Config, u *upstream.Config) reached {
	r := reached{Config: *u}
	r.Sign, r.Catalog, r.Endpoints, r.Hosts, r.Timeout, r.Deprecated = nil, "", nil, nil, 0, ""
	if u.TLS != nil {
		r.policy = c.TLSPolicies[u.TLS.Policy]
	}
	return r
}

// keptListener has the server of a listener, and what its TLS needs.
type keptListener struct {
	server  accept.Server
	address string
	tls     *tls.Config    // nil: plain HTTP
	clients *certs.Clients // nil: no client certificates are asked for
}

// signers are the credentials, by name.
func (s *state) signers() (all []*credential.Credential) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.credentials)) {
		all = append(all, s.credentials[name].Credential)
	}
	return all
}

// signedUpstreams are those whose clocks are compared, by name.
func (s *state) signedUpstreams() (all []*gateway.Upstream) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.upstreams)) {
		if u := s.upstreams[name]; u.Signed {
			all = append(all, u.Upstream)
		}
	}
	return all
}

// opened is what a configuration needs, of the state or new: what calls by its plan go through.
type opened struct {
	credentials map[string]*keptCredential
	upstreams   map[string]*keptUpstream
	listeners   map[string]*keptListener
	undo        []func() // closes what is new
}

// open takes from the state what stays, by name, and makes the rest. Nothing of the state changes.
func (s *Service) open(c *config.Config) (o *opened, err error) {
	o = &opened{map[string]*keptCredential{}, map[string]*keptUpstream{}, maps.Clone(s.listeners), nil}
	defer func() {
		if err != nil {
			o.close()
		}
	}()
	for _, configured := range c.Credentials {
		if o.credentials[configured.Name], err = s.openCredential(c, configured); err != nil {
			return o, err
		}
	}
	for _, u := range c.Upstreams {
		if err = s.openUpstream(o, u, reachedBy(c, u)); err != nil {
			return o, fmt.Errorf("upstream %s: %w", u.Name, err)
		}
	}
	for _, l := range c.Listeners {
		if err = s.openListener(o, l); err != nil {
			return o, fmt.Errorf("listener %s: %w", l.Name, err)
		}
	}
	return o, nil
}

func (o *opened) close() {
	for _, undo := range o.undo {
		undo()
	}
}

// openCredential keeps a credential that is configured as it was. Another one stands as the one whose name it has, or as one whose name is
// gone, where it has a key of that one: a changed name or account un-pauses no key.
func (s *Service) openCredential(c *config.Config, configured *credential.Config) (*keptCredential, error) {
	var former []*credential.Credential
	if known := s.credentials[configured.Name]; known != nil {
		if reflect.DeepEqual(known.configured, configured) {
			return known, nil
		}
		former = append(former, known.Credential)
	}
	for name, known := range s.credentials {
		if !slices.ContainsFunc(c.Credentials, func(c *credential.Config) bool { return c.Name == name }) {
			former = append(former, known.Credential)
		}
	}
	made, err := credential.New(*configured, credential.Options{
		Former: former, Load: func() (credential.Keys, error) { return readKeys(configured, s.secrets) },
	})
	return &keptCredential{made, configured}, err
}

// openUpstream keeps the connections to an upstream if the way there stays, and what is known of its clock if the place does.
func (s *Service) openUpstream(o *opened, u *upstream.Config, way reached) error {
	known, skew := s.upstreams[u.Name], new(gateway.Skew)
	if known != nil && reflect.DeepEqual(known.reached.URL, u.URL) {
		skew = known.Skew
	}
	if known != nil && reflect.DeepEqual(known.reached, way) {
		o.upstreams[u.Name] = &keptUpstream{gatewayUpstream(u, known.transport, skew), known.transport, known.reached, known.tls}
		return nil
	}
	parts, tlsConfig, err := s.certificates.upstream(u)
	if err != nil {
		return err
	}
	transport := upstream.New(*u, tlsConfig)
	made := &keptUpstream{gatewayUpstream(u, transport, skew), transport, way, parts}
	o.upstreams[u.Name] = made
	o.undo = append(o.undo, func() { s.closeUpstream(made) })
	return nil
}

func (s *Service) closeUpstream(u *keptUpstream) {
	u.transport.Close()
	s.certificates.remove(u.tls)
}

// openListener opens what the TLS of a listener needs. A listener that is there stays as it is.
func (s *Service) openListener(o *opened, l *config.Listener) error {
	if o.listeners[l.Name] != nil {
		return nil
	}
	made := new(keptListener)
	o.listeners[l.Name] = made
	if l.TLS == nil {
		return nil
	}
	parts, tlsConfig, err := s.certificates.listener(l.Name, l.TLS)
	if err != nil {
		return err
	}
	made.tls, made.clients = tlsConfig, parts.clients
	o.undo = append(o.undo, func() { s.certificates.remove(parts) })
	return nil
}

// adopt makes what was opened the state, publishes the plan that needs it, and closes what no call that begins needs any more. Calls under way
// end on it.
func (s *Service) adopt(o *opened, publish func()) {
	s.mutex.Lock()
	before := s.upstreams
	s.credentials, s.upstreams, s.listeners = o.credentials, o.upstreams, o.listeners
	s.mutex.Unlock()
	if s.accepted != nil {
		s.accepted.Follow(s.signers())
	}
	publish()
	for name, u := range before {
		if next := o.upstreams[name]; next == nil || next.transport != u.transport {
			s.closeUpstream(u)
		}
	}
}
