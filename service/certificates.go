package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/fleet"
	"tollgate/internal/certs"
	"tollgate/internal/private"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// tlsReloader looks after everything of TLS that may change while the gateway runs.
type tlsReloader struct {
	logger   *zap.Logger
	secrets  setting.Secrets
	policies map[string]*tlspolicy.Policy
	found    private.Report // takes what is found out about files of the gateway's own
	metrics  *admin.Certificates
	watch    certs.Watch
	stop     func() // looking after them; nil before that begins

	interval time.Duration // 0: as [certs.Watch] has it

	mu      sync.Mutex
	parts   []*tlsParts        // what is open
	failing map[string]failure // by the reloader's name
}

// tlsParts are what one listener, or the way to one upstream, has of that.
type tlsParts struct {
	place
	sources   []certs.Source
	clients   *certs.Clients         // nil: no client certificates are asked for
	bundles   []func() *certs.Bundle // authorities that peers are verified with
	acme      []usedACME
	late      bool                 // opened while the gateway was running
	login     func() secret.String // for the proxy of an upstream; nil: none
	reloaders []certs.Reloader
}

// place is where something is used.
type place struct{ listener, upstream string } // one of them

// redisPlace is that of the fleet's Redis. No upstream has a dot in its name.
var redisPlace = place{upstream: "fleet.redis"}

func (p place) String() string {
	if p.upstream != "" {
		return "upstream " + p.upstream
	}
	return "listener " + p.listener
}

// failure is why something could not be reloaded.
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

func newTLSReloader(logger *zap.Logger, secrets setting.Secrets, found private.Report) *tlsReloader {
	k := &tlsReloader{logger: logger, secrets: secrets, found: found, failing: map[string]failure{}}
	k.watch.Report, k.watch.Reloaders = k.report, k.reloaders
	return k
}

// all returns what is open.
func (k *tlsReloader) all() []*tlsParts {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.parts)
}

func (k *tlsReloader) reloaders() (all []certs.Reloader) {
	for _, p := range k.all() {
		all = append(all, p.watched()...)
	}
	return all
}

// watched are the reloaders under names that say where they are used.
func (p *tlsParts) watched() (all []certs.Reloader) {
	for _, reloader := range p.reloaders {
		all = append(all, placed{reloader, p.String()})
	}
	return all
}

// add looks after what was opened from now on, and has it shown.
func (k *tlsReloader) add(p *tlsParts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.parts = append(k.parts, p)
	for _, reloader := range p.watched() {
		delete(k.failing, reloader.Name()) // it has just been read
	}
	if p.late = k.stop != nil; p.late { // otherwise start does it
		k.show(p)
	}
}

// show makes the metrics count from 0 how often something was reloaded.
func (k *tlsReloader) show(p *tlsParts) {
	for _, reloader := range p.watched() {
		k.metrics.Watch(reloader.Name())
	}
}

// remove closes what is not needed any more.
func (k *tlsReloader) remove(p *tlsParts) {
	k.mu.Lock()
	k.parts = slices.DeleteFunc(k.parts, func(other *tlsParts) bool { return other == p })
	k.mu.Unlock()
	k.closeSources(p)
}

func (k *tlsReloader) closeSources(p *tlsParts) {
	for _, s := range p.sources {
		if err := s.Close(); err != nil {
			k.logger.Warn("a source of certificates was not closed", zap.Error(err))
		}
	}
}

// listener opens the certificates of a listener, and what decides which client certificates count.
func (k *tlsReloader) listener(name string, t *certs.ListenerTLS) (*tlsParts, *tls.Config, error) {
	p := &tlsParts{place: place{listener: name}}
	out, err := k.openListener(p, t)
	if err != nil {
		k.closeSources(p)
		return nil, nil, err
	}
	k.add(p)
	return p, out, nil
}

func (k *tlsReloader) openListener(p *tlsParts, t *certs.ListenerTLS) (*tls.Config, error) {
	policy, err := k.policy(t.Policy)
	if err != nil {
		return nil, err
	}
	for _, c := range t.Certificates {
		if err := k.openCertificate(p, c); err != nil {
			return nil, err
		}
	}
	if len(p.sources) == 0 {
		return nil, errors.New("there is no certificate to show")
	}
	server := tlspolicy.Server{
		GetCertificate:    certs.NewSet(p.sources[0], p.sources[1:]...).GetCertificate,
		RequireClientCert: t.ClientCertificate == "required", Challenge: p.answer(),
	}
	if t.ClientCA == "" {
		return policy.Server(server), nil
	}
	if p.clients, err = certs.LoadClients(t); err != nil {
		return nil, err
	}
	p.bundles = append(p.bundles, p.clients.Authorities)
	p.reloaders = append(p.reloaders, p.clients)
	server.CurrentClientCAs, server.CheckClient = p.clients.Pool, p.clients.Check
	return policy.Server(server), nil
}

// policy finds a TLS policy by its name.
func (k *tlsReloader) policy(name string) (*tlspolicy.Policy, error) {
	if p := k.policies[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("there is no TLS policy %q", name)
}

func (k *tlsReloader) openCertificate(p *tlsParts, c certs.Certificate) (err error) {
	var source interface {
		certs.Source
		certs.Reloader
	}
	switch {
	case c.ACME != nil:
		source, err = k.openACME(p, c.ACME)
	case c.Internal != nil:
		source, err = certs.OpenInternal(*c.Internal, k.found)
	default:
		source, err = certs.Load(c.Files.Cert, c.Files.Key)
	}
	if err != nil {
		return err
	}
	p.sources, p.reloaders = append(p.sources, source), append(p.reloaders, source)
	return nil
}

// upstream makes the configuration towards an upstream; nil for plain HTTP.
func (k *tlsReloader) upstream(u *upstream.Config) (*tlsParts, *tls.Config, error) {
	p, t := &tlsParts{place: place{upstream: u.Name}}, u.TLS
	if t == nil {
		return p, nil, nil
	}
	policy, err := k.policy(t.Policy)
	if err == nil {
		err = k.openLogin(p, u.ProxyAuth)
	}
	if err != nil {
		return nil, nil, err
	}
	roots, err := certs.LoadBundle(t.CA)
	if err != nil {
		return nil, nil, err
	}
	p.bundles = append(p.bundles, func() *certs.Bundle { return roots })
	client, err := p.client(t)
	if err != nil {
		return nil, nil, err
	}
	client.RootCAs = roots.Pool
	k.add(p)
	return p, clientConfig(policy, client), nil
}

// client returns what a connection needs beside the authorities, whose files are read again in other ways here and there.
func (p *tlsParts) client(t *certs.UpstreamTLS) (tlspolicy.Client, error) {
	client := tlspolicy.Client{ServerName: string(t.ServerName), Pins: t.Pins}
	if t.ClientCertificate == nil {
		return client, nil
	}
	files, err := certs.Load(t.ClientCertificate.Cert, t.ClientCertificate.Key)
	if err != nil {
		return client, err
	}
	p.sources, p.reloaders = append(p.sources, files), append(p.reloaders, files)
	client.GetClientCertificate = files.GetClientCertificate
	return client, nil
}

// clientConfig makes the configuration. Sessions are not taken up where a certificate is shown: they would show the one with which they
// began, not the one of now.
func clientConfig(policy *tlspolicy.Policy, client tlspolicy.Client) *tls.Config {
	out := policy.Client(client)
	if client.GetClientCertificate != nil {
		out.ClientSessionCache = nil
	}
	return out
}

// redis returns what makes the configuration of one connection to the fleet's Redis, by the files of now.
func (k *tlsReloader) redis(t *fleet.TLS) (func() *tls.Config, error) {
	policy, err := k.policy(t.Policy)
	if err != nil {
		return nil, err
	}
	p := &tlsParts{place: redisPlace}
	client, err := p.client(&certs.UpstreamTLS{ServerName: t.ServerName, ClientCertificate: t.Certificate})
	if err != nil {
		return nil, err
	}
	roots := func() *certs.Bundle { return &certs.Bundle{} }
	if t.CA != "" {
		authorities, err := certs.LoadAuthorities(t.CA)
		if err != nil {
			return nil, err
		}
		p.reloaders, roots = append(p.reloaders, authorities), authorities.Load
	}
	p.bundles = append(p.bundles, roots)
	k.add(p)
	return func() *tls.Config {
		now := client
		now.RootCAs = roots().Pool
		out := clientConfig(policy, now)
		out.ClientSessionCache = nil // a session would outlive the authorities of now
		return out
	}, nil
}

// start looks after all of it until close.
func (k *tlsReloader) start() {
	for _, p := range k.all() {
		k.show(p)
	}
	k.stop = inBackground(func(ctx context.Context) { k.watch.Run(ctx, k.interval) })
}

func (k *tlsReloader) close() {
	if k.stop != nil {
		k.stop()
	}
	for _, p := range k.all() {
		k.closeSources(p)
	}
}

// report notes that something changed, or that it could not be reloaded and so stays as it was.
func (k *tlsReloader) report(name string, err error) {
	k.metrics.Reloaded(name, err)
	if err == nil {
		k.note(name, nil)
		k.logger.Info("certificates have changed", zap.String("what", name), zap.Strings("in_use", k.inUse()))
		return
	}
	k.note(name, err)
	k.logger.Error("certificates: what was in use stays in use", zap.String("what", name), zap.Error(err))
}

// note keeps why something could not be reloaded; nil: it was.
func (k *tlsReloader) note(name string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		delete(k.failing, name)
		return
	}
	k.failing[name] = failure{time.Now(), err}
}

// reload reloads all of it, changed or not.
func (k *tlsReloader) reload() {
	for _, reloader := range k.reloaders() {
		err := reloader.Reload()
		if asksByItself(reloader) {
			continue // it has only begun
		}
		if err != nil {
			k.report(reloader.Name(), err)
			continue
		}
		k.metrics.Reloaded(reloader.Name(), nil)
		k.note(reloader.Name(), nil)
	}
	k.logger.Info("certificates, client authorities and revocation lists were read again",
		zap.Strings("in_use", k.inUse()))
}

// inUse describes what is in use, for the log.
func (k *tlsReloader) inUse() []string {
	var lines, lists []string
	for _, p := range k.all() {
		for _, c := range p.current() {
			lines = append(lines, fmt.Sprintf("%s: certificate %s, serial %x, until %s", p.place, certs.NameOf(c.Leaf), c.Leaf.SerialNumber, stamp(c.Leaf.NotAfter)))
		}
		for _, l := range p.revocationLists() {
			lists = append(lists, fmt.Sprintf("%s: revocation list %s of %s, %d revoked, until %s", p.place, l.Path, l.Issuer, l.Revoked, stamp(l.NextUpdate)))
		}
	}
	return append(lines, lists...)
}

// current are the certificates that are shown now.
func (p *tlsParts) current() (all []*tls.Certificate) {
	for _, s := range p.sources {
		all = append(all, s.Current()...)
	}
	return all
}

func (p *tlsParts) revocationLists() []certs.RevocationList {
	if p.clients == nil {
		return nil
	}
	return p.clients.RevocationLists()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "the next"
	}
	return t.UTC().Format(time.RFC3339)
}

// warnings are what expires soon or has expired, and what could not be reloaded.
func (k *tlsReloader) warnings(now time.Time) (warnings []string) {
	for _, p := range k.all() {
		warnings = append(warnings, p.warnings(now)...)
	}
	for _, reloader := range k.reloaders() {
		if asksByItself(reloader) {
			continue // its warnings stand above
		}
		k.mu.Lock()
		f, failed := k.failing[reloader.Name()]
		k.mu.Unlock()
		if failed {
			warnings = append(warnings, fmt.Sprintf("%s stays as it was since %s: %v", reloader.Name(), stamp(f.since), f.err))
		}
	}
	return warnings
}

func (p *tlsParts) warnings(now time.Time) (warnings []string) {
	for _, c := range p.current() {
		if text := certs.ChainWarning(c, now); text != "" {
			warnings = append(warnings, fmt.Sprintf("%s: %s", p.place, text))
		}
	}
	for _, bundle := range p.bundles {
		if text := bundle().Warning(now); text != "" {
			warnings = append(warnings, fmt.Sprintf("%s: %s", p.place, text))
		}
	}
	for _, l := range p.revocationLists() {
		if text := l.Expiry().Warning(now); text != "" {
			warnings = append(warnings, fmt.Sprintf("%s: the revocation list %s of %s %s", p.place, l.Path, l.Issuer, text))
		}
	}
	for _, u := range p.acme {
		warnings = append(warnings, u.warnings()...)
	}
	return warnings
}

// metricsSources returns what the metrics show.
func (k *tlsReloader) metricsSources() admin.CertificateSources {
	return admin.CertificateSources{
		Certificates: k.certificates,
		RevocationLists: func() (all []admin.RevocationList) {
			for _, p := range k.all() {
				for _, l := range p.revocationLists() {
					all = append(all, admin.RevocationList{Listener: p.listener, File: l.Path, Issuer: l.Issuer, NextUpdate: l.NextUpdate})
				}
			}
			return all
		},
	}
}

// needed are the certificates that handshakes depend on: all of each chain, and of each bundle the one that expires first.
func (p *tlsParts) needed() (all []*x509.Certificate) {
	for _, shown := range p.current() {
		all = append(all, certs.Chain(shown)...)
	}
	for _, bundle := range p.bundles {
		if soonest := certs.Soonest(bundle().Certificates); soonest != nil {
			all = append(all, soonest)
		}
	}
	return all
}

// certificates are those that handshakes depend on, with where they are used.
func (k *tlsReloader) certificates() (all []admin.Certificate) {
	for _, p := range k.all() {
		for _, c := range p.needed() {
			all = append(all, admin.Certificate{Listener: p.listener, Upstream: p.upstream, Name: certs.NameOf(c), NotAfter: c.NotAfter})
		}
	}
	return all
}
