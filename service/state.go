package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/admin"
	"tollgate/audit"
	"tollgate/audit/blobs"
	"tollgate/audit/mirror"
	"tollgate/audit/store"
	"tollgate/caller"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/credential/accepted"
	"tollgate/freeze"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/internal/watch"
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
	freezes *freeze.Switch
	fleet   *membership // nil: the gateway is alone

	spending spending // what calls hold and have spent

	log                *audit.Log
	blobs              *blobs.Store    // texts of plans
	copies             *mirror.Mirror  // of checkpoints
	index              *store.Index    // of the log; nil when none is kept
	forecast           admin.Forecast  // of the log's disk
	refusals           *audit.Refusals // of calls
	connectionRefusals *audit.Refusals // of connections that came to no call
	accepted           *accepted.Memory
	checkpointed       atomic.Pointer[time.Time]       // when the newest checkpoint was signed
	callers            atomic.Pointer[caller.Registry] // those of the plan in force, with when their keys were used

	certificates *tlsReloader
	ending       sync.WaitGroup // servers that leave
	retired      []retired      // by when they were

	mutex          sync.Mutex // guards what follows
	credentials    map[string]*liveCredential
	upstreams      map[string]*liveUpstream
	listeners      map[string]*liveListener
	serverCount    int                 // how many servers listeners had so far
	leavingServers map[string]*leaving // servers of listeners that are configured otherwise now, by id
	descriptors    descriptors
}

// retired is a credential that no configuration has any more: its keys may come back.
type retired struct {
	*credential.Credential
	at time.Time
}

// maxRetired is how many retired credentials are remembered in any case. More are while they may be paused.
const maxRetired = 8

// liveCredential has the keys in use, their pauses and their trial.
type liveCredential struct {
	*credential.Credential
	configured *credential.Config
	place      setting.Target // of its upstream
}

// liveUpstream has the connections to an upstream, and what is known of its clock.
type liveUpstream struct {
	*gateway.Upstream // of the newest plan
	transport         *upstream.Transport
	reached           reached
	tls               *tlsParts
}

// reached is what is configured of the way to an upstream: all of it but what concerns its calls alone, and the TLS policy that it names.
type reached struct {
	upstream.Config
	policy      tlspolicy.Config
	authorities [sha256.Size]byte // what their file holds
}

// maxAuthorities is how much of a file of authorities is compared: more than package certs takes.
const maxAuthorities = 2 << 20

func reachedBy(c *config.Config, u *upstream.Config) reached {
	r := reached{Config: *u}
	r.Sign, r.Catalog, r.Endpoints, r.Hosts, r.Timeout, r.Deprecated = nil, "", nil, nil, 0, ""
	if u.TLS != nil {
		ca := watch.New(u.TLS.CA)
		r.policy, r.authorities = c.TLSPolicies[u.TLS.Policy], ca.Content(maxAuthorities)
	}
	return r
}

// signers are the credentials, by name.
func (s *state) signers() []*credential.Credential {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return signers(s.credentials)
}

func signers(kept map[string]*liveCredential) (all []*credential.Credential) {
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		all = append(all, kept[name].Credential)
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

// opened is what a configuration needs, of the state or new: what calls by its plan go through, and the plan.
type opened struct {
	credentials map[string]*liveCredential
	upstreams   map[string]*liveUpstream
	listeners   map[string]*liveListener
	leaving     map[string]*leaving
	descriptors descriptors
	plan        *gateway.Plan
	text        []byte   // of the plan
	dry         bool     // it is only to be seen whether it can be opened
	undo        []func() // closes what is new
}

// open takes from the state what stays, by name, and makes the rest, and the plan. Nothing of the state changes but the TLS policies, which
// close restores. With dry no file is written for it either.
func (s *Service) open(ctx context.Context, c *config.Config, dry bool) (o *opened, err error) {
	o = &opened{
		credentials: map[string]*liveCredential{}, upstreams: map[string]*liveUpstream{}, listeners: map[string]*liveListener{},
		leaving: s.stillLeaving(), descriptors: shareDescriptors(c, maxDescriptors()), dry: dry,
	}
	defer func() {
		if err != nil {
			o.close()
		}
	}()
	policies, suites := s.certificates.policies, s.suites
	o.undo = append(o.undo, func() { s.certificates.policies, s.suites = policies, suites })
	if err = s.fixTLS(c); err != nil {
		return o, fmt.Errorf("tls policy: %w", err)
	}
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
		if err = s.openListener(ctx, o, c, l); err != nil {
			return o, fmt.Errorf("listener %s: %w", l.Name, err)
		}
	}
	o.leave(s.config.Load(), s.listeners)
	o.plan, err = o.makePlan(c, s.secrets)
	return o, err
}

func (s *Service) stillLeaving() map[string]*leaving {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return maps.Clone(s.leavingServers)
}

func (o *opened) close() {
	for _, undo := range o.undo {
		undo()
	}
}

// openCredential keeps a credential that is configured as it was. Another one stands as the one whose name it has, or as another that does not
// stay, where it has a key of that one: a changed name or account un-pauses no key.
func (s *Service) openCredential(c *config.Config, configured *credential.Config) (*liveCredential, error) {
	known := s.credentials[configured.Name]
	if known.stays(c) {
		return known, nil
	}
	former := s.leaving(c)
	if known != nil {
		former = slices.Insert(former, 0, known.Credential) // it counts first
	}
	place := placeOf(c, configured)
	made, err := credential.New(*configured, credential.Options{
		Place: place.String(), Former: former,
		Load: func() (credential.Keys, error) { return configured.Read(s.secrets) }, Files: configured.Files(s.secrets.Dir),
	})
	return &liveCredential{made, configured, place}, err
}

// placeOf returns where the calls of a credential go.
func placeOf(c *config.Config, of *credential.Config) setting.Target {
	for _, u := range c.Upstreams {
		if u.Name == of.Upstream {
			return u.URL
		}
	}
	return setting.Target{}
}

// stays reports whether a credential is configured as it was, and its upstream is where it was.
func (k *liveCredential) stays(c *config.Config) bool {
	return k != nil && k.place == placeOf(c, k.configured) &&
		slices.ContainsFunc(c.Credentials, func(c *credential.Config) bool { return reflect.DeepEqual(k.configured, c) })
}

// leaving are the credentials that do not stay, and those that left before, the latest first.
func (s *Service) leaving(c *config.Config) (all []*credential.Credential) {
	for _, name := range slices.Sorted(maps.Keys(s.credentials)) {
		if known := s.credentials[name]; !known.stays(c) {
			all = append(all, known.Credential)
		}
	}
	for _, r := range slices.Backward(s.retired) {
		all = append(all, r.Credential)
	}
	return all
}

// retire remembers for a while the credentials before that are not those of now.
func (s *state) retire(before map[string]*liveCredential, now time.Time) {
	for name, known := range before {
		if s.credentials[name] != known {
			known.Retire(now)
			s.retired = append(s.retired, retired{known.Credential, now})
		}
	}
	for len(s.retired) > maxRetired && now.Sub(s.retired[0].at) > credential.PauseTime {
		s.retired = slices.Delete(s.retired, 0, 1)
	}
}

// openUpstream keeps the connections to an upstream if the way there stays, and what is known of its clock if the place does.
func (s *Service) openUpstream(o *opened, u *upstream.Config, way reached) error {
	known, skew := s.upstreams[u.Name], new(gateway.Skew)
	if known != nil && known.reached.URL == u.URL {
		skew = known.Skew
	}
	if known != nil && reflect.DeepEqual(known.reached, way) {
		o.upstreams[u.Name] = &liveUpstream{gatewayUpstream(u, known.transport, skew), known.transport, known.reached, known.tls}
		return nil
	}
	parts, tlsConfig, err := s.certificates.upstream(u)
	if err != nil {
		return err
	}
	transport := upstream.New(*u, tlsConfig, s.wayOptions(u, parts)...)
	made := &liveUpstream{gatewayUpstream(u, transport, skew), transport, way, parts}
	o.upstreams[u.Name] = made
	o.undo = append(o.undo, func() { s.closeUpstream(made) })
	return nil
}

func (s *Service) closeUpstream(u *liveUpstream) {
	u.transport.Close()
	s.certificates.remove(u.tls)
}

// errStarting is why nothing is reloaded before the gateway takes calls.
var errStarting = errors.New("the gateway is starting")

// errStopping is why a configuration that was opened in the end of the service is not adopted.
var errStopping = errors.New("the gateway is stopping")

// adopt makes what was opened for a configuration the state, publishes the plan that needs it, and closes what no call that begins needs any
// more. Calls under way end on it. The text of the plan is durable before anything can name it. The last thing that can fail is record, if
// there is one.
func (s *Service) adopt(c *config.Config, o *opened, publish func(*gateway.Plan), record func() error) error {
	if _, err := s.blobs.Put(o.text); err != nil {
		return fmt.Errorf("the text of the plan cannot be written: %w", err)
	}
	s.mutex.Lock()
	if s.isDraining() {
		s.mutex.Unlock()
		return errStopping
	}
	if record != nil {
		if err := record(); err != nil {
			s.mutex.Unlock()
			return err
		}
	}
	if s.accepted != nil { // before their keys are polled
		s.accepted.Follow(signers(o.credentials))
	}
	credentials, upstreams, listeners := s.credentials, s.upstreams, s.listeners
	s.credentials, s.upstreams, s.listeners, s.leavingServers, s.descriptors = o.credentials, o.upstreams, o.listeners, o.leaving, o.descriptors
	maps.DeleteFunc(s.leavingServers, func(_ string, l *leaving) bool { return l.ended }) // since it was opened
	s.config.Store(c)
	s.descriptors.log(s.logger)
	s.takeCallers(o.plan.Callers)
	s.metrics.Follow(callerNames(c), c.Metrics.Callers)
	publish(o.plan)
	s.blobs.InForce(o.plan.ID, time.Now())
	s.reloads.stale = false
	s.beginListeners(c, o)
	s.endListeners(listeners, o)
	s.mutex.Unlock()
	for name, l := range o.listeners {
		if listeners[name] != l {
			s.startACME(l)
		}
	}
	s.retire(credentials, time.Now())
	for name, u := range upstreams {
		if next := o.upstreams[name]; next == nil || next.transport != u.transport {
			s.closeUpstream(u)
		}
	}
	return nil
}
