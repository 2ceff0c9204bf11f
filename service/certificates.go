package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/internal/certs"
	"tollgate/internal/private"
	"tollgate/internal/setting"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// tlsReloader looks after everything of TLS that may change while the gateway runs. It is filled before it is started.
type tlsReloader struct {
	logger   *zap.Logger
	secrets  setting.Secrets
	policies map[string]*tlspolicy.Policy
	found    private.Report // takes what is found out about files of the gateway's own
	metrics  *admin.Certificates
	watch    certs.Watch
	sources  []usedSource
	clients  []usedClients
	bundles  []usedBundle
	acme     []usedACME
	stop     func() // looking after them; nil before that begins

	interval time.Duration // 0: as [certs.Watch] has it

	mu      sync.Mutex
	failing map[string]failure // by the reloader's name
}

// place is where something is used.
type place struct{ listener, upstream string } // one of them

func (p place) String() string {
	if p.upstream != "" {
		return "upstream " + p.upstream
	}
	return "listener " + p.listener
}

type usedSource struct {
	place
	certs.Source
}

// usedBundle is a file of authorities that peers are verified with.
type usedBundle struct {
	place
	now func() *certs.Bundle
}

type usedClients struct {
	listener string
	*certs.Clients
}

// failure is why something could not be taken anew.
type failure struct {
	since time.Time
	err   error
}

// placed is a reloader that says where it is used: one file may serve several listeners.
type placed struct {
	certs.Reloader
	where string
}

func (p placed) Name() string { return p.where + ": " + p.Reloader.Name() }

func newTLSReloader(logger *zap.Logger, found private.Report) *tlsReloader {
	k := &tlsReloader{logger: logger, found: found, failing: map[string]failure{}}
	k.watch.Report = k.report
	return k
}

func (k *tlsReloader) add(where string, reloader certs.Reloader) {
	k.watch.Reloaders = append(k.watch.Reloaders, placed{reloader, where})
}

// listener opens the certificates of a listener, and what tells which client certificates count; nil if none is asked for.
func (k *tlsReloader) listener(name string, t *certs.ListenerTLS) (*tls.Config, *certs.Clients, error) {
	policy, err := k.policy(t.Policy)
	if err != nil {
		return nil, nil, err
	}
	certificates, err := k.open(name, t.Certificates)
	if err != nil {
		return nil, nil, err
	}
	server := tlspolicy.Server{
		GetCertificate: certificates.GetCertificate, RequireClientCert: t.ClientCertificate == "required", Challenge: k.answer(name),
	}
	if t.ClientCA == "" {
		return policy.Server(server), nil, nil
	}
	clients, err := certs.LoadClients(t)
	if err != nil {
		return nil, nil, err
	}
	k.clients = append(k.clients, usedClients{name, clients})
	k.bundles = append(k.bundles, usedBundle{place{listener: name}, clients.Authorities})
	k.add("listener "+name, clients)
	server.CurrentClientCAs, server.CheckClient = clients.Pool, clients.Check
	return policy.Server(server), clients, nil
}

// policy finds a TLS policy by its name.
func (k *tlsReloader) policy(name string) (*tlspolicy.Policy, error) {
	if p := k.policies[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("there is no TLS policy %q", name)
}

func (k *tlsReloader) open(listener string, configured []certs.Certificate) (certs.Source, error) {
	var all []certs.Source
	for _, c := range configured {
		source, reloader, err := k.openCertificate(listener, c)
		if err != nil {
			return nil, err
		}
		all = append(all, source)
		k.sources = append(k.sources, usedSource{place{listener: listener}, source})
		k.add("listener "+listener, reloader)
	}
	return certs.NewSet(all[0], all[1:]...), nil
}

func (k *tlsReloader) openCertificate(listener string, c certs.Certificate) (certs.Source, certs.Reloader, error) {
	switch {
	case c.ACME != nil:
		source, err := k.openACME(listener, c.ACME)
		return source, source, err
	case c.Internal != nil:
		internal, err := certs.OpenInternal(*c.Internal, k.found)
		return internal, internal, err
	}
	files, err := certs.Load(c.Files.Cert, c.Files.Key)
	return files, files, err
}

// upstream makes the configuration towards an upstream; nil for plain HTTP.
func (k *tlsReloader) upstream(u *upstream.Config) (*tls.Config, error) {
	t := u.TLS
	if t == nil {
		return nil, nil
	}
	policy, err := k.policy(t.Policy)
	if err != nil {
		return nil, err
	}
	roots, err := certs.LoadBundle(t.CA)
	if err != nil {
		return nil, err
	}
	k.bundles = append(k.bundles, usedBundle{place{upstream: u.Name}, func() *certs.Bundle { return roots }})
	client := tlspolicy.Client{ServerName: string(t.ServerName), RootCAs: roots.Pool, Pins: t.Pins}
	if t.ClientCertificate == nil {
		return policy.Client(client), nil
	}
	files, err := certs.Load(t.ClientCertificate.Cert, t.ClientCertificate.Key)
	if err != nil {
		return nil, err
	}
	k.sources = append(k.sources, usedSource{place{upstream: u.Name}, files})
	k.add("upstream "+u.Name, files)
	client.GetClientCertificate = files.GetClientCertificate
	out := policy.Client(client)
	out.ClientSessionCache = nil // a session that is taken up would show the certificate with which it began, not the one of now
	return out, nil
}

// start looks after all of it until close.
func (k *tlsReloader) start() {
	for _, reloader := range k.watch.Reloaders {
		k.metrics.Watch(reloader.Name())
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.watch.Run(ctx, k.interval)
	}()
	k.stop = func() {
		cancel()
		<-done
	}
}

func (k *tlsReloader) close() {
	if k.stop != nil {
		k.stop()
	}
	for _, s := range k.sources {
		if err := s.Close(); err != nil {
			k.logger.Warn("a source of certificates was not closed", zap.Error(err))
		}
	}
}

// report takes that something changed, or that it could not be taken anew and so stays as it was.
func (k *tlsReloader) report(name string, err error) {
	k.metrics.Reloaded(name, err)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		delete(k.failing, name)
		k.logger.Info("certificates have changed", zap.String("what", name), zap.Strings("in_use", k.inUse()))
		return
	}
	k.failing[name] = failure{time.Now(), err}
	k.logger.Error("certificates: what was in use stays in use", zap.String("what", name), zap.Error(err))
}

// reload takes all of it anew, changed or not.
func (k *tlsReloader) reload() {
	for _, reloader := range k.watch.Reloaders {
		err := reloader.Reload()
		if asksByItself(reloader) {
			continue // it has only begun
		}
		if err != nil {
			k.report(reloader.Name(), err)
			continue
		}
		k.metrics.Reloaded(reloader.Name(), nil)
		k.mu.Lock()
		delete(k.failing, reloader.Name())
		k.mu.Unlock()
	}
	k.logger.Info("SIGHUP: certificates, client authorities and revocation lists were read again, and keys of credentials will be; the rest of the configuration is read at start only",
		zap.Strings("in_use", k.inUse()))
}

// inUse describes what is in use, for the log.
func (k *tlsReloader) inUse() []string {
	var lines []string
	for _, s := range k.sources {
		for _, c := range s.Current() {
			lines = append(lines, fmt.Sprintf("%s: certificate %s, serial %x, until %s", s.place, certs.NameOf(c.Leaf), c.Leaf.SerialNumber, stamp(c.Leaf.NotAfter)))
		}
	}
	for _, c := range k.clients {
		for _, l := range c.RevocationLists() {
			lines = append(lines, fmt.Sprintf("listener %s: revocation list %s of %s, %d revoked, until %s", c.listener, l.Path, l.Issuer, l.Revoked, stamp(l.NextUpdate)))
		}
	}
	return lines
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "the next"
	}
	return t.UTC().Format(time.RFC3339)
}

// warnings are what expires soon or has expired, and what could not be taken anew.
func (k *tlsReloader) warnings(now time.Time) []string {
	var warnings []string
	for _, s := range k.sources {
		for _, c := range s.Current() {
			if text := certs.ChainWarning(c, now); text != "" {
				warnings = append(warnings, fmt.Sprintf("%s: %s", s.place, text))
			}
		}
	}
	for _, b := range k.bundles {
		if text := b.now().Warning(now); text != "" {
			warnings = append(warnings, fmt.Sprintf("%s: %s", b.place, text))
		}
	}
	for _, c := range k.clients {
		for _, l := range c.RevocationLists() {
			if text := l.Expiry().Warning(now); text != "" {
				warnings = append(warnings, fmt.Sprintf("listener %s: the revocation list %s of %s %s", c.listener, l.Path, l.Issuer, text))
			}
		}
	}
	for _, u := range k.acme {
		warnings = append(warnings, u.warnings()...)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, reloader := range k.watch.Reloaders {
		if asksByItself(reloader) {
			continue // it has told above how it stands
		}
		if f, failed := k.failing[reloader.Name()]; failed {
			warnings = append(warnings, fmt.Sprintf("%s stays as it was since %s: %v", reloader.Name(), stamp(f.since), f.err))
		}
	}
	return warnings
}

// metricsSources gives what the metrics show.
func (k *tlsReloader) metricsSources() admin.CertificateSources {
	return admin.CertificateSources{
		Certificates: k.certificates,
		RevocationLists: func() (all []admin.RevocationList) {
			for _, c := range k.clients {
				for _, l := range c.RevocationLists() {
					all = append(all, admin.RevocationList{Listener: c.listener, File: l.Path, Issuer: l.Issuer, NextUpdate: l.NextUpdate})
				}
			}
			return all
		},
	}
}

// certificates are those that handshakes depend on: all of each chain, and of each bundle the one that expires first.
func (k *tlsReloader) certificates() (all []admin.Certificate) {
	add := func(p place, c *x509.Certificate) {
		if c != nil {
			all = append(all, admin.Certificate{Listener: p.listener, Upstream: p.upstream, Name: certs.NameOf(c), NotAfter: c.NotAfter})
		}
	}
	for _, s := range k.sources {
		for _, shown := range s.Current() {
			for _, c := range certs.Chain(shown) {
				add(s.place, c)
			}
		}
	}
	for _, b := range k.bundles {
		add(b.place, certs.Soonest(b.now().Certificates))
	}
	return all
}
