// Package service makes a running gateway of a configuration: it opens the audit log, the upstreams and the listeners, wires
// what stands between them, reloads certificates, says whether the gateway is ready, and drains it.
package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/audit"
	"tollgate/audit/mac"
	"tollgate/audit/mirror"
	"tollgate/audit/store"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/credential/accepted"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/replay"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// Process is what a service takes of the process that it is in.
type Process struct {
	Version   string // of the program, for the log
	Logger    *zap.Logger
	LookupEnv setting.LookupEnv // finds the keys that are kept in the environment; nil: os.LookupEnv
}

// Service is a running gateway: the parts that a configuration names, wired together. What the configuration does not have, such as
// the pause of a credential or the connections to an upstream, is kept here, by the names that the configuration gives.
type Service struct {
	config             *config.Config
	version            string // of the program, for the log
	logger             *zap.Logger
	secrets            setting.Secrets // where keys are kept
	log                *audit.Log
	copies             *mirror.Mirror  // of checkpoints
	index              *store.Index    // of the log; nil when none is kept
	forecast           admin.Forecast  // of the log's disk
	refusals           *audit.Refusals // of calls
	connectionRefusals *audit.Refusals // of connections that came to no call
	gateway            *gateway.Gateway
	metrics            *admin.Metrics
	registry           *prometheus.Registry
	operations         map[string][]*catalog.Operation // by upstream
	plan               tlspolicy.Plan
	credentials        map[string]*credential.Credential
	upstreams          map[string]*gateway.Upstream
	reloader           *tlsReloader // of certificates
	private            *privateFiles
	descriptors        descriptors
	accepted           *accepted.Memory // nil: without the log's key
	closers            []func()
	servers            []accept.Server        // all but the admin listener's
	addresses          map[string]string      // where listeners listen, by name
	protected          map[string]*tls.Config // TLS of the listeners that have it, by name
	admin              accept.Server          // nil without an admin listener
	failed             chan error             // a server that ended by itself
	starting           starting
	stop               context.CancelFunc
	flushed            chan struct{} // closed when the summary loop has ended
	draining           chan struct{} // closed when draining begins
	announce           sync.Once     // of that

	checkpointed atomic.Pointer[time.Time] // when the newest checkpoint was signed
	cutOff       rate.Sometimes            // for the log line about connections for which there is no room
}

// AuditLog returns the log of calls.
func (s *Service) AuditLog() *audit.Log { return s.log }

// Address returns the address on which a listener listens, by the listener's name; the admin listener's is "admin".
func (s *Service) Address(listener string) string { return s.addresses[listener] }

// Failure returns a channel that receives an error when a listener has ended by itself.
func (s *Service) Failure() <-chan error { return s.failed }

// summaryPeriod is how often a due summary of refusals is looked for; summaries are by the minute.
const summaryPeriod = 5 * time.Second

// Start opens everything that the configuration names and serves. On error nothing is left open; otherwise the caller must call
// [Service.Drain]. The admin listener answers from the beginning: reading a long log takes a while. When ctx ends meanwhile, so does Start, and the error wraps that of ctx.
func Start(ctx context.Context, c *config.Config, p Process) (*Service, error) {
	files := newPrivateFiles(c.PrivateFiles, p.Logger)
	s := &Service{
		config: c, version: p.Version, logger: p.Logger, secrets: setting.Secrets{Dir: c.Dir, LookupEnv: p.LookupEnv}, private: files, registry: prometheus.NewRegistry(), upstreams: map[string]*gateway.Upstream{}, addresses: map[string]string{}, protected: map[string]*tls.Config{},
		reloader: newTLSReloader(p.Logger, files.found), failed: make(chan error, len(c.Listeners)+2), flushed: make(chan struct{}), draining: make(chan struct{}),
		cutOff: rate.Sometimes{Interval: time.Second}, starting: starting{done: make(chan struct{})},
	}
	if err := s.start(ctx); err != nil {
		closing, stop := context.WithTimeout(context.Background(), closeTime) // a copy of checkpoints may hang
		defer stop()
		_ = s.closeAll(closing) // err says what went wrong first
		return nil, err
	}
	return s, nil
}

func (s *Service) start(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	s.share()
	s.closers = append(s.closers, s.reloader.close)
	s.metrics = admin.NewMetrics(s.registry)
	if err := s.listenAdmin(ctx); err != nil {
		return err
	}
	if err := s.openUpstreams(); err != nil {
		return err
	}
	recovery, err := s.openLog(ctx)
	if err != nil {
		return err
	}
	hashKey, err := s.openHashKey()
	if err != nil {
		return err
	}
	s.openIndex()
	s.rememberAccepted()
	if err := s.build(recovery, hashKey); err != nil {
		return err
	}
	for _, listener := range s.config.Listeners {
		if err := s.listen(ctx, listener); err != nil {
			return fmt.Errorf("listener %s: %w", listener.Name, err)
		}
	}
	if err := s.startACME(ctx); err != nil {
		return err
	}
	s.reloader.start()
	s.startSigning()
	s.startEvents()
	s.private.exposed()
	close(s.starting.done)
	return nil
}

// prepare makes what opens nothing and fixes the TLS 1.3 suites, which must be before the first handshake.
func (s *Service) prepare() (err error) {
	if err = s.fixTLS(); err != nil {
		return fmt.Errorf("tls policy: %w", err)
	}
	if s.operations, err = s.config.Operations(); err != nil {
		return fmt.Errorf("upstreams: %w", err)
	}
	s.credentials, err = openCredentials(s.config.Credentials, s.secrets)
	return err
}

// fixTLS makes the TLS policies, and fixes the TLS 1.3 suites of the process for them.
func (s *Service) fixTLS() (err error) {
	s.reloader.secrets = s.secrets
	if s.reloader.policies, err = s.config.Policies(); err != nil {
		return err
	}
	if s.plan, err = s.config.TLSPlan(s.reloader.policies); err != nil {
		return err
	}
	return s.plan.Fix()
}

func (s *Service) openUpstreams() error {
	for _, u := range s.config.Upstreams {
		tlsConfig, err := s.reloader.upstream(u)
		if err != nil {
			return fmt.Errorf("upstream %s: %w", u.Name, err)
		}
		transport := upstream.New(*u, tlsConfig)
		s.closers = append(s.closers, transport.Close)
		s.upstreams[u.Name] = gatewayUpstream(u, transport)
	}
	return nil
}

func (s *Service) build(recovery audit.Recovery, hashKey *mac.Key) error {
	limiter, err := ratelimit.New(s.config.Limits)
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	sources, err := ratelimit.NewSources(s.config.Limits.Unauthenticated)
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	memory, err := refill(s.config.Bounds.Replay, recovery)
	if err != nil {
		return err
	}
	s.reloader.metrics = admin.NewCertificates(s.registry, s.reloader.metricsSources())
	admin.RegisterState(s.registry, admin.Sources{
		Log: s.log.Status, Checkpointed: s.checkpointed.Load, Copies: s.copies.Status, Forecast: &s.forecast, Indexed: s.indexed,
		Credentials: s.signers(), Upstreams: s.signedUpstreams(), Replay: memory, Limiter: limiter, Failed: sources,
		Withheld: func() uint64 { return s.refusals.Withheld() + s.connectionRefusals.Withheld() },
	})
	plan, err := s.planCalls(limiter)
	if err != nil {
		return err
	}
	s.gateway = gateway.New(gateway.Config{
		Sources: sources, Replay: memory, Log: s.log, MAC: hashKey, Refusals: s.refusals, Observer: s.metrics, Logger: s.logger, Now: time.Now,
	}, plan)
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.startSummaries(ctx)
	s.startPruning(ctx)
	return nil
}

// refill gives the replay memory what the log knows, so that a restart forgets no signature.
func refill(size int, recovery audit.Recovery) (*replay.Memory, error) {
	memory := replay.New(size)
	slices.SortFunc(recovery.Signatures, func(a, b audit.Signature) int { return b.Date.Compare(a.Date) })
	for _, signature := range recovery.Signatures {
		key, err := replay.ParseKey(signature.Hash)
		if err != nil {
			return nil, fmt.Errorf("audit log: a signature hash is malformed: %w", err)
		}
		if err := memory.Refill(key, signature.Date, time.Now(), recovery.Earliest); err != nil {
			return nil, fmt.Errorf("bounds.replay is too small for the signatures of the last half hour: %w", err)
		}
	}
	return memory, nil
}

// startSummaries writes due summaries of refusals, and looks at the disk and at private files, until ctx ends.
func (s *Service) startSummaries(ctx context.Context) {
	go func() {
		defer close(s.flushed)
		ticker := time.NewTicker(summaryPeriod)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				s.refusals.Flush(now)
				s.connectionRefusals.Flush(now)
				status := s.log.Status()
				s.forecast.Add(now, status.Free, status.Written)
				s.private.exposed()
			case <-ctx.Done():
				return
			}
		}
	}()
}
