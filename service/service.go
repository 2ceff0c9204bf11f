// Package service makes a running gateway of a configuration: it opens the audit log, the upstreams and the listeners, wires
// what stands between them, reloads certificates, says whether the gateway is ready, and drains it. Its life is
//
//	service.go    start: what is opened, in which order
//	state.go      what outlives a configuration, and what of it stays under another one
//	confine.go    the access to files that the process drops before it listens
//	listeners.go  sockets and servers, which come and go with configurations
//	plan.go       the plan that calls follow, made of a configuration and the state
//	reload.go     another configuration takes the place of the one that runs, or is refused
//	watch.go      files that are loaded again when they change
//	run.go        from start to signal
//	drain.go      the end: calls under way, then the log
//
// Other files have one part each: the log, listeners, certificates, keys and clocks, readiness, events.
package service

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/audit"
	"tollgate/audit/mac"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/internal/systemd"
	"tollgate/ratelimit"
	"tollgate/replay"
	"tollgate/review/session"
	"tollgate/review/views"
	"tollgate/tlspolicy"
)

// Process is what a service takes of the process that it is in.
type Process struct {
	Version   string // of the program, for the log
	Commit    string // that the program was built from
	Logger    *zap.Logger
	Level     *zap.AtomicLevel  // of Logger, which follows log.level; nil: it stays as it is
	Manager   systemd.Manager   // learns when the gateway is ready, reloads and stops
	LookupEnv setting.LookupEnv // finds the keys that are kept in the environment; nil: os.LookupEnv
	// Load reads the configuration that the service was started with again, with its secrets, by these options. Nil: it stays, and only what it
	// refers to is read again.
	Load    func(config.Options) (*config.Config, error)
	Machine fs.FS // the file system in which control groups are looked for; nil: the real one
}

// Service is a running gateway: what is made of its configuration ([Service.open]), and the state that outlives it.
type Service struct {
	process Process
	config  atomic.Pointer[config.Config] // that runs
	logger  *zap.Logger
	secrets setting.Secrets // where keys are kept
	state
	reloads      reloads
	gateway      *gateway.Gateway
	suites       tlspolicy.Plan // guarded by reloads
	metrics      *admin.Metrics
	pressure     *pressure
	confined     confined
	registry     *prometheus.Registry
	private      *privateFiles
	admin        operators
	people       *session.Manager // who look at review pages; nil without pages
	views        *views.Views     // what they look at
	challenges   accept.Server    // of authorities; nil without one
	challengesAt string           // its address
	closers      []func()
	failed       chan error // a server that ended by itself
	starting     starting
	started      time.Time
	draining     chan struct{}  // closed when draining begins
	cutOff       rate.Sometimes // for the log line about connections for which there is no room
}

// AuditLog returns the log of calls.
func (s *Service) AuditLog() *audit.Log { return s.log }

// Address returns the address on which a listener listens, by the listener's name; "admin" is the admin address, "admin socket" the path of
// the socket, "metrics" the metrics listener, and "review" that of review pages.
func (s *Service) Address(listener string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if l := s.listeners[listener]; l != nil {
		return l.socket.Addr().String()
	}
	return s.admin.doors[listener].address
}

// servers are those that callers and authorities connect to, and that have not ended yet.
func (s *Service) servers() (all []accept.Server) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, l := range s.listeners {
		all = append(all, l.server)
	}
	for _, l := range s.leavingServers {
		all = append(all, l.server)
	}
	if s.challenges != nil {
		all = append(all, s.challenges)
	}
	return all
}

// Failure returns a channel that receives an error when a listener has ended by itself.
func (s *Service) Failure() <-chan error { return s.failed }

// summaryPeriod is how often a due summary of refusals is looked for; summaries are by the minute.
const summaryPeriod = 5 * time.Second

// Start opens everything that the configuration names and serves. On error nothing is left open; otherwise the caller must call
// [Service.Drain]. The admin listener answers from the beginning: reading a long log takes a while. When ctx
// ends meanwhile, so does Start, and the error wraps that of ctx.
func Start(ctx context.Context, c *config.Config, p Process) (*Service, error) {
	return start(ctx, c, p, newPressure(p.Machine, p.Logger))
}

func start(ctx context.Context, c *config.Config, p Process, memory *pressure) (*Service, error) {
	files := newPrivateFiles(c.PrivateFiles, p.Logger)
	secrets := setting.Secrets{Dir: c.Dir, LookupEnv: p.LookupEnv}
	s := &Service{
		process: p, logger: p.Logger, secrets: secrets, private: files, registry: prometheus.NewRegistry(), pressure: memory,
		state: state{
			limiter: ratelimit.NewLimiter(), listeners: map[string]*liveListener{}, leavingServers: map[string]*leaving{},
			certificates: newTLSReloader(p.Logger, secrets, files.found),
		},
		failed: make(chan error, 1), draining: make(chan struct{}),
		cutOff: rate.Sometimes{Interval: time.Second}, starting: starting{done: make(chan struct{})}, started: time.Now(),
	}
	s.config.Store(c)
	if err := s.start(ctx); err != nil {
		closing, stop := context.WithTimeout(context.Background(), closeTime) // a copy of checkpoints may hang
		defer stop()
		_ = s.closeAll(closing) // err says what went wrong first
		return nil, err
	}
	return s, nil
}

func (s *Service) start(ctx context.Context) error {
	if err := s.fixTLS(s.config.Load()); err != nil { // before the first handshake
		return fmt.Errorf("tls policy: %w", err)
	}
	if err := s.confine(s.config.Load()); err != nil { // before the first byte of a peer
		return err
	}
	s.background(s.pressure.watch)
	s.metrics = admin.NewMetrics(s.registry)
	admin.RegisterBuild(s.registry, s.process.Version, s.process.Commit)
	if err := s.listenAdmin(ctx); err != nil {
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
	s.openIndex(func() uint64 { return s.log.Status().LastSeq })
	if err := s.listenChallenges(ctx); err != nil {
		return fmt.Errorf("http_challenge: %w", err)
	}
	if err := s.makeGateway(ctx, recovery, hashKey); err != nil {
		return err
	}
	if err := s.listenMetrics(ctx); err != nil {
		return err
	}
	if err := s.listenReview(ctx); err != nil {
		return fmt.Errorf("review: %w", err)
	}
	s.certificates.start()
	s.startSigning()
	s.startEvents()
	s.startWatching()
	s.private.exposed()
	close(s.starting.done)
	return nil
}

// fixTLS makes the TLS policies, and fixes the TLS 1.3 suites of the process for them. Where others are fixed it fails.
func (s *Service) fixTLS(c *config.Config) error {
	policies, err := c.Policies()
	if err != nil {
		return err
	}
	suites, err := c.TLSPlan(policies)
	if err == nil {
		err = suites.Fix()
	}
	if err != nil {
		return err
	}
	s.suites, s.certificates.policies = suites, policies
	return nil
}

// makeGateway makes the gateway, with what the log knows of calls so far, and makes it take calls.
func (s *Service) makeGateway(ctx context.Context, recovery audit.Recovery, hashKey *mac.Key) (err error) {
	c := s.config.Load()
	if s.sources, err = ratelimit.NewSources(c.Limits.Unauthenticated); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	if s.replay, err = refill(c.Bounds.Replay, recovery); err != nil {
		return err
	}
	if err = s.openFreezes(recovery); err != nil {
		return err
	}
	if err = s.newSpending(hashKey); err != nil {
		return err
	}
	parts := gateway.Config{
		Limiter: s.limiter, Ledger: s.spending.ledger, Sources: s.sources, Replay: s.replay, Log: s.log, MAC: hashKey, Freezes: s.freezes.Gate(), Refusals: s.refusals,
		Observer: s.metrics, MemoryBusy: &s.pressure.busy, Logger: s.logger, Now: time.Now,
	}
	if err := s.openFleet(ctx, c, &parts); err != nil {
		return err
	}
	if err := s.begin(ctx, c, func(plan *gateway.Plan) { s.gateway = gateway.New(parts, plan) }); err != nil {
		return err
	}
	if s.fleet != nil {
		s.fleet.gateway.Store(s.gateway)
	}
	if err := s.startSpending(ctx); err != nil {
		return err
	}
	s.background(s.countFresh)
	s.background(s.followPayments)
	s.registerState()
	s.background(s.summarize)
	s.background(s.maintainFreezes)
	s.startPruning()
	return nil
}

// registerState makes the metrics show the state.
func (s *Service) registerState() {
	s.reloads.metrics = admin.NewReloads(s.registry, time.Now(), s.planID())
	s.certificates.metrics = admin.NewCertificates(s.registry, s.certificates.metricsSources())
	s.registry.MustRegister(admin.UseSources{Calls: s.gateway.Use, Listeners: s.listenerUse, Upstreams: s.upstreamUse})
	admin.RegisterMemory(s.registry, s.pressure.sources())
	admin.RegisterState(s.registry, admin.Sources{
		Log: s.log.Status, Checkpointed: s.checkpointed.Load, Copies: s.copies.Status, Forecast: &s.forecast, Indexed: s.indexed,
		Credentials: s.signers, Upstreams: s.signedUpstreams, Replay: s.replay, Limiter: s.limiter, Waiting: s.waiting,
		Caps: s.capUse, Spending: s.spending.ledger.Census, SpendingOpen: func() bool { return s.rebuilding() == "" },
		Failed: s.sources, Freezes: s.freezes.Gate().Set, Keys: s.virtualKeys, CallerLabel: s.metrics.CallerLabel,
		Withheld: func() uint64 { return s.refusals.Withheld() + s.connectionRefusals.Withheld() },
	})
}

// refill returns a replay memory with the signatures that the log has, so that a restart loses none.
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

// background runs a part until the service is closed, which waits for it.
func (s *Service) background(run func(ctx context.Context)) {
	s.closers = append(s.closers, inBackground(run))
}

// inBackground runs a part until stop is called, which waits for it.
func inBackground(run func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// summarize writes due summaries of refusals, and looks at the disk and at private files, until ctx ends.
func (s *Service) summarize(ctx context.Context) {
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
}
