// Package service makes a running gateway of a configuration: it opens the audit log, the upstreams and the listeners, wires
// what stands between them, reloads certificates, says whether the gateway is ready, and drains it.
package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/audit"
	"tollgate/audit/mirror"
	"tollgate/audit/store"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/certs"
	"tollgate/ratelimit"
	"tollgate/replay"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// Service is a running gateway: the parts that a configuration names, wired together.
type Service struct {
	config    *config.Config
	version   string // of the program, for the log
	logger    *zap.Logger
	log       *audit.Log
	copies    *mirror.Mirror  // of checkpoints
	index     *store.Index    // of the log; nil when none is kept
	forecast  admin.Forecast  // of the log's disk
	refusals  *audit.Refusals // of calls
	strangers *audit.Refusals // of connections that came to no call
	gateway   *gateway.Gateway
	metrics   *admin.Metrics
	registry  *prometheus.Registry
	upstreams map[*config.Upstream]*gateway.Upstream
	keeping   *keeping // of certificates
	private   *privateFiles
	closers   []func()
	servers   []*http.Server    // of the listeners
	addresses map[string]string // where listeners listen, by name
	admin     *http.Server      // nil without an admin listener
	failed    chan error        // a server that ended by itself
	stop      context.CancelFunc
	flushed   chan struct{} // closed when the summary loop has ended
	draining  chan struct{} // closed when draining begins

	checkpointed atomic.Pointer[time.Time] // when the newest checkpoint was signed
	cutOff       rate.Sometimes            // for the log line about connections for which there is no room
}

// AuditLog returns the log of calls.
func (s *Service) AuditLog() *audit.Log { return s.log }

// Failure returns a channel that receives an error when a listener has ended by itself.
func (s *Service) Failure() <-chan error { return s.failed }

// summaryPeriod is how often a due summary of refusals is looked for; summaries are by the minute.
const summaryPeriod = 5 * time.Second

// Start opens everything that the configuration names and serves. version is that of the program, for the log. On error
// nothing is left open; otherwise the caller must call [Service.Drain].
func Start(ctx context.Context, c *config.Config, version string, logger *zap.Logger) (*Service, error) {
	files := newPrivateFiles(c.PrivateFiles, logger)
	s := &Service{
		config: c, version: version, logger: logger, private: files, registry: prometheus.NewRegistry(), upstreams: map[*config.Upstream]*gateway.Upstream{}, addresses: map[string]string{},
		keeping: newKeeping(logger, files.found), failed: make(chan error, len(c.Listeners)+2), flushed: make(chan struct{}), draining: make(chan struct{}),
		cutOff: rate.Sometimes{Interval: time.Second},
	}
	if err := s.start(ctx); err != nil {
		s.closeAll(context.Background())
		return nil, err
	}
	return s, nil
}

func (s *Service) start(ctx context.Context) error {
	if err := s.config.TLS.Fix(); err != nil {
		return fmt.Errorf("tls policy: %w", err)
	}
	s.closers = append(s.closers, s.keeping.close)
	if err := s.openUpstreams(); err != nil {
		return err
	}
	recovery, err := s.openLog()
	if err != nil {
		return err
	}
	s.openIndex()
	if err := s.build(recovery); err != nil {
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
	s.keeping.start()
	s.private.exposed()
	return s.listenAdmin(ctx)
}

func (s *Service) openUpstreams() error {
	for _, u := range s.config.Upstreams {
		tlsConfig, err := s.keeping.upstream(u)
		if err != nil {
			return fmt.Errorf("upstream %s: %w", u.Name, err)
		}
		transport := upstream.New(upstream.Config{
			URL: u.URL, Socket: u.Socket, TLS: tlsConfig, ConnectTimeout: u.ConnectTimeout, MaxConns: u.MaxConns,
		})
		s.closers = append(s.closers, transport.Close)
		s.upstreams[u] = &gateway.Upstream{
			Name: u.Name, Scheme: u.URL.Scheme, Host: u.URL.Host, Site: u.Site, Signed: u.Signed, Timeout: u.Timeout, MaxConns: u.MaxConns, Transport: transport,
		}
	}
	return nil
}

func (s *Service) build(recovery audit.Recovery) error {
	limiter, err := ratelimit.New(s.config.Limits)
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	sources, err := ratelimit.NewSources(s.config.Sources)
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	memory, err := refill(s.config.Bounds.Replay, recovery.Signatures)
	if err != nil {
		return err
	}
	s.metrics = admin.NewMetrics(s.registry)
	s.keeping.metrics = admin.NewCertificates(s.registry, s.keeping.metricsSources())
	admin.RegisterState(s.registry, admin.Sources{
		Log: s.log.Status, Checkpointed: s.checkpointed.Load, Copies: s.copies.Status, Forecast: &s.forecast, Indexed: s.indexed,
		Credentials: s.config.Credentials, Replay: memory, Limiter: limiter, Failed: sources,
		Withheld: func() uint64 { return s.refusals.Withheld() + s.strangers.Withheld() },
	})
	b := s.config.Bounds
	s.gateway = gateway.New(gateway.Config{
		Callers: s.config.Callers, Grants: s.config.GrantTable, Limiter: limiter, Sources: sources, Replay: memory,
		Log: s.log, Refusals: s.refusals, Observer: s.metrics, Logger: s.logger, Now: time.Now,
		Bounds: gateway.Bounds{
			Body: b.Body, Bodies: b.Bodies, HeldAnswer: b.HeldAnswer, Headers: b.Headers, AllHeaders: b.AllHeaders, Calls: b.Calls,
			BodyTimeout: b.BodyTimeout, WriteTimeout: b.WriteTimeout, LogDeadline: s.config.Audit.Deadline,
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.startSummaries(ctx)
	s.startPruning(ctx)
	return nil
}

// refill gives the replay memory what the log knows, so that a restart forgets no signature.
func refill(size int, signatures []audit.Signature) (*replay.Memory, error) {
	memory := replay.New(size)
	for _, signature := range signatures {
		key, err := replay.ParseKey(signature.Hash)
		if err != nil {
			return nil, fmt.Errorf("audit log: a signature hash is malformed: %w", err)
		}
		if err := memory.Refill(key, signature.Date, time.Now()); err != nil {
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
				s.strangers.Flush(now)
				status := s.log.Status()
				s.forecast.Add(now, status.Free, status.Written)
				s.private.exposed()
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (s *Service) listen(ctx context.Context, l *config.Listener) error {
	tlsConfig, clients, err := s.protection(l)
	if err != nil {
		return err
	}
	inner, err := accept.Listen(ctx, l.Network, l.Address)
	if err != nil {
		return err
	}
	bounded := accept.New(inner, accept.Config{
		MaxConns: l.MaxConns, MaxConnsPerSource: l.MaxConnsPerSource, HandshakeTimeout: s.config.Bounds.HeaderTimeout,
		TLS: tlsConfig, Refused: func(r accept.Refusal) { s.connectionRefused(l.Name, r) },
	})
	s.servers = append(s.servers, s.serve(l.Name, bounded, s.gateway.Handler(s.gatewayListener(l, clients)), tlsConfig))
	s.addresses[l.Name] = inner.Addr().String()
	s.logger.Info("listening", zap.String("listener", l.Name), zap.String("address", inner.Addr().String()), zap.Bool("tls", tlsConfig != nil))
	return nil
}

// protection is what a listener's TLS needs; nothing for plain HTTP.
func (s *Service) protection(l *config.Listener) (*tls.Config, *certs.Clients, error) {
	if l.TLS == nil {
		return nil, nil, nil
	}
	return s.keeping.listener(l.Name, l.TLS)
}

func (s *Service) gatewayListener(l *config.Listener, clients *certs.Clients) *gateway.Listener {
	out := &gateway.Listener{Name: l.Name, Hosts: l.Hosts, Local: l.Loopback, Caller: l.Caller}
	if clients != nil {
		out.CheckClient = clients.Check
	}
	for _, route := range l.Routes {
		r := gateway.Route{Hosts: route.Hosts, Router: route.Router}
		r.Upstreams = make(map[*catalog.Operation]*gateway.Upstream, len(route.Upstreams))
		for operation, u := range route.Upstreams {
			r.Upstreams[operation] = s.upstreams[u]
		}
		out.Routes = append(out.Routes, r)
	}
	return out
}

// serve runs an HTTP server on a listener. HTTP/2 is served where the TLS policy negotiated it.
func (s *Service) serve(name string, listener net.Listener, handler http.Handler, tlsConfig *tls.Config) *http.Server {
	b := s.config.Bounds
	errorLog, _ := zap.NewStdLogAt(s.logger, zap.WarnLevel) // fails for unknown levels only
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: b.HeaderTimeout, IdleTimeout: b.IdleTimeout, MaxHeaderBytes: int(b.Headers),
		ErrorLog:  errorLog,
		HTTP2:     gateway.HTTP2(b.WriteTimeout),
		Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	server.DisableGeneralOptionsHandler = true // "OPTIONS *" is a call like any other, and refused as one
	if tlsConfig != nil {
		server.TLSConfig = tlsConfig
		server.Protocols.SetHTTP2(slices.Contains(tlsConfig.NextProtos, "h2"))
	}
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return gateway.WithConnection(ctx, func() (int64, bool) { return accept.Taken(conn) })
	}
	watch := accept.Requests{
		Refused: func(net.Addr) { s.metrics.ConnectionRefused(name, "malformed or broken off request") },
		Silent:  func(r accept.Refusal) { s.connectionRefused(name, r) },
	}
	watch.Watch(server)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return server
}

func (s *Service) listenAdmin(ctx context.Context) error {
	a := s.config.Admin
	if a.Address == "" {
		return nil
	}
	inner, err := accept.Listen(ctx, a.Network, a.Address)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	bounded := accept.New(inner, accept.Config{MaxConns: 64})
	s.admin = s.serve("admin", bounded, admin.Handler(s.registry, s.readiness), nil)
	s.logger.Info("admin listening", zap.String("address", inner.Addr().String()))
	return nil
}

// readiness says whether calls are taken. A paused credential hurts some calls only.
func (s *Service) readiness() admin.Readiness {
	r := admin.Readiness{Ready: true, Warnings: slices.Concat(s.evidenceWarnings(), s.keeping.warnings(time.Now()), s.private.exposed())}
	if err := s.log.Status().Err; err != nil {
		r.Ready, r.Reasons = false, append(r.Reasons, "audit log: "+err.Error())
	}
	if without := s.keeping.without(); len(without) > 0 {
		r.Ready, r.Reasons = false, append(r.Reasons, without...)
	}
	select {
	case <-s.draining:
		r.Ready, r.Reasons = false, append(r.Reasons, "draining: the gateway is stopping")
	default:
	}
	for _, c := range s.config.Credentials {
		if pause, paused := c.Paused(); paused {
			r.Warnings = append(r.Warnings, fmt.Sprintf("credential %s is paused since %s: %s", c.Name(), pause.Since.UTC().Format(time.RFC3339), pause.Reason))
		}
	}
	return r
}

// connectionRefused counts a connection that came to no call, logs it and puts it on record, within the bounds that
// the record of strangers has.
func (s *Service) connectionRefused(listener string, r accept.Refusal) {
	s.metrics.ConnectionRefused(listener, string(r.Reason))
	switch r.Reason {
	case accept.ReasonSilent: // health checks and port scans: they take no place from what is worth a record
		s.logger.Debug("a connection was closed before its first byte", zap.String("listener", listener), zap.String("remote", r.Remote))
		return
	case accept.ReasonMadeRoom, accept.ReasonTooMany, accept.ReasonTooManySource:
		s.cutOff.Do(func() {
			s.logger.Warn("a connection is cut off; the metric tollgate_connections_refused_total counts all of them", zap.String("listener", listener),
				zap.String("remote", r.Remote), zap.String("reason", string(r.Reason)), zap.String("setting", r.Reason.Setting()))
		})
	}
	if r.Reason == accept.ReasonMadeRoom {
		return // it was idle: nothing was refused
	}
	reason := "connection: " + string(r.Reason)
	s.strangers.Unknown(time.Now(), r.Source, reason, func() *audit.Record {
		s.logger.Info("connection refused", zap.String("listener", listener), zap.String("remote", r.Remote),
			zap.String("reason", string(r.Reason)), zap.NamedError("cause", r.Err), zap.Any("offer", r.Offer))
		source, port := splitRemote(r.Remote)
		return &audit.Record{
			Kind: audit.KindRefusal, Listener: listener, Source: source, SourcePort: port, Decision: audit.Refused, Reason: reason,
			TLSIn: offerRecord(r.Offer),
		}
	})
}

// splitRemote splits a peer's address; a unix socket has no port.
func splitRemote(remote string) (source string, port uint16) {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote, 0
	}
	return address.Addr().String(), address.Port()
}

func offerRecord(o tlspolicy.Offer) *audit.TLS {
	if len(o.Versions) == 0 && len(o.Suites) == 0 {
		return nil
	}
	return &audit.TLS{Offer: &audit.Offer{Versions: o.Versions, Suites: o.Suites, Groups: o.Groups, ServerName: o.ServerName}}
}

// Drain stops listening, lets calls under way end within the configured time, and closes the log last. The admin
// listener answers meanwhile, so that whoever asks learns that the gateway is stopping.
func (s *Service) Drain() error {
	close(s.draining)
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Bounds.Drain)
	defer cancel()
	shutdown := make(chan error, len(s.servers))
	for _, server := range s.servers {
		go func() { shutdown <- server.Shutdown(ctx) }()
	}
	var problems []error
	for range s.servers {
		if err := <-shutdown; !errors.Is(err, context.DeadlineExceeded) { // then gateway.Wait says the same better
			problems = append(problems, err)
		}
	}
	if err := s.gateway.Wait(ctx); err != nil {
		problems = append(problems, errors.New("calls were still under way when the time to drain was over; their outcome will be recorded as unknown"))
	}
	s.servers = nil
	closing, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	return errors.Join(append(problems, s.closeAll(closing))...)
}

// closeAll closes what is open, in the order in which it depends on each other.
func (s *Service) closeAll(ctx context.Context) error {
	for _, server := range append(s.servers, s.admin) {
		if server != nil {
			_ = server.Close()
		}
	}
	if s.stop != nil {
		s.stop()
		<-s.flushed
	}
	for _, closeOne := range s.closers {
		closeOne()
	}
	var err error
	if s.log != nil {
		s.refusals.Close()
		s.strangers.Close()
		err = s.log.Close(ctx)
	}
	if s.copies != nil { // after the log, whose last checkpoint is for them
		if problem := s.copies.Close(ctx); problem != nil { // the log is whole all the same
			s.logger.Warn("the last checkpoint was not copied everywhere", zap.Error(problem))
		}
	}
	return err
}
