// Package acme provides listeners with certificates that an authority issues over ACME (RFC 8555), and renews them in time. It is
// a package of its own so that what is needed for that (certmagic) stays out of package certs.
//
// # What is where
//
// A [Source] has one certificate for each of its hosts. They, their keys and the account are in a directory, which several
// processes may share: what one of them gets, the others use, and each can answer the challenges of the others. The locks
// are those of certmagic, files that are written again every five seconds, so they hold on any file system that can create a
// file exclusively, and one of a process that died is taken over after ten seconds.
//
// # When the authority cannot be reached
//
// A certificate that is in the directory is served whatever the authority does. Without one the source has none, says so in
// [Source.Hosts], and asks again and again: after [FirstRetry], and each time twice as long up to [LastRetry].
//
// # Challenges
//
// The authority wants to see that the hosts are ours, in one way that has to be chosen: [certs.HTTP01] asks on port 80, for which
// there is [Handler]; [certs.TLSALPN01] shakes hands on port 443, for which there is [Answer]; [certs.DNS01] looks into the DNS.
// Until [Source.Start] nothing is asked for, so that what answers can be set up first.
//
// # Process-wide state
//
// certmagic keeps the challenges of the moment and a limit on how often it asks (ten orders in ten seconds for each authority
// and account; a goroutine each, which stays) for the whole process. Neither is configuration; its defaults are not used.
package acme

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"tollgate/internal/certs"
	"tollgate/internal/private"
	"tollgate/internal/setting"
)

// How often a certificate is looked at, and how long after a failure an authority is asked again. Let's Encrypt takes five
// failed validations of a name in an hour.
const (
	CheckInterval = 10 * time.Minute
	FirstRetry    = 2 * time.Minute
	LastRetry     = time.Hour
)

// DefaultRenewalWindow is the part of its life, at its end, in which a certificate is renewed.
const DefaultRenewalWindow = 1.0 / 3

// Config says where certificates come from, and what a running source needs besides.
type Config struct {
	certs.ACMEConfig

	// Secrets are what the references of ACMEConfig lead to.
	Secrets certs.ACMESecrets

	// Roots are the authorities that vouch for the directory's own certificate. Nil means the system's.
	Roots *x509.CertPool

	// RenewalWindow is the part of its life in which a certificate is renewed, up to 0.9. Default (0):
	// DefaultRenewalWindow. One that has less than an hour left is renewed in any case.
	RenewalWindow float64

	// Report is called with each file of a key, and with Dir, that group or others may use: see package private. Optional.
	Report private.Report

	// Logger gets what happens: Info for certificates that are taken into use, Warn for what fails. Required.
	Logger *zap.Logger
}

var (
	_ certs.Source   = (*Source)(nil)
	_ certs.Reloader = (*Source)(nil)
)

// Source is a certificate for each of its hosts. It may be used concurrently.
type Source struct {
	config Config
	cache  *certmagic.Cache // certmagic wants one; nothing is ever in it
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer
	set    *certs.Set

	ctx     context.Context // of everything that goes on by itself
	cancel  context.CancelFunc
	group   sync.WaitGroup
	started bool

	current atomic.Pointer[[]*tls.Certificate]
	mu      sync.Mutex // guards what follows and changes of current
	hosts   []*host
	changed bool  // since the last Poll
	failed  error // since the last Poll
}

// Open reads what is in the directory and asks no authority. The source may be empty after that; see [Source.Start].
func Open(config Config) (*Source, error) {
	config.Key = cmp.Or(config.Key, certs.ECDSA)
	if config.RenewalWindow == 0 {
		config.RenewalWindow = DefaultRenewalWindow
	}
	if config.Logger == nil {
		return nil, errors.New("ACME: no logger")
	}
	if !(config.RenewalWindow >= 0 && config.RenewalWindow <= 0.9) {
		return nil, fmt.Errorf("ACME: renewal window %v: must be more than 0 and at most 0.9 of a certificate's life", config.RenewalWindow)
	}
	if err := config.Check(config.Secrets); err != nil {
		return nil, fmt.Errorf("ACME: %w", err)
	}
	private.TightenAll(config.Dir, config.Report, keyFiles...)
	s := &Source{config: config}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.build()
	s.set = certs.NewSet(s)
	s.current.Store(new([]*tls.Certificate))
	for _, name := range setting.Texts(config.Hosts) {
		h := &host{name: name, wake: make(chan struct{}, 1)}
		s.hosts = append(s.hosts, h)
		if err := s.load(h); err != nil && !missing(err) {
			s.fail(h, err)
		}
	}
	return s, nil
}

// build makes what certmagic needs.
func (s *Source) build() {
	// What fails comes back as an error too, and is said here; and peers could fill the log with challenges that never were.
	logger := zap.NewNop()
	s.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return s.magic, nil },
		RenewCheckInterval: CheckInterval, Logger: logger,
	})
	key := certmagic.P256
	if s.config.Key == certs.RSA {
		key = certmagic.RSA2048
	}
	template := certmagic.Config{
		Storage: newStorage(s.config.Dir, s.config.Key), KeySource: certmagic.StandardKeyGenerator{KeyType: key},
		RenewalWindowRatio: s.config.RenewalWindow, Logger: logger,
		OCSP: certmagic.OCSPConfig{DisableStapling: true}, DisableARI: true,
		Issuers: []certmagic.Issuer{}, // not nil, which would mean those of certmagic's defaults
	}
	s.magic = certmagic.New(s.cache, template)
	s.issuer = certmagic.NewACMEIssuer(s.magic, s.issuerTemplate(logger))
	s.magic.Issuers = []certmagic.Issuer{issuer{s.issuer}}
}

func (s *Source) issuerTemplate(logger *zap.Logger) certmagic.ACMEIssuer {
	c := s.config
	template := certmagic.ACMEIssuer{
		CA: c.Directory, TestCA: c.Directory, Email: c.Email, Agreed: true, TrustedRoots: c.Roots, Logger: logger,
		DisableHTTPChallenge: c.Challenge != certs.HTTP01, DisableTLSALPNChallenge: c.Challenge != certs.TLSALPN01,
	}
	if c.Binding.KeyID != "" {
		template.ExternalAccount = &acme.EAB{KeyID: c.Binding.KeyID, MACKey: c.Secrets.Binding.Reveal()}
	}
	if c.Challenge == certs.DNS01 {
		template.DNS01Solver = c.solver(logger)
	}
	return template
}

// issuer keeps certmagic from asking for an address on standard input, and from taking that of another source.
type issuer struct{ *certmagic.ACMEIssuer }

func (i issuer) PreCheck(ctx context.Context, names []string, _ bool) error {
	if i.Email == "" {
		return nil
	}
	return i.ACMEIssuer.PreCheck(ctx, names, false)
}

// Start begins to get and renew certificates. Address is where challenges are answered by now: that of a server with [Handler]
// for [HTTP01], of a listener with [Answer] for [TLSALPN01], "" for [certs.DNS01]. It may be called once.
func (s *Source) Start(address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.ctx.Err() != nil {
		return errors.New("ACME: started twice, or after the end")
	}
	if s.config.Challenge != certs.DNS01 {
		if err := s.answerAt(address); err != nil {
			return err
		}
	}
	s.started = true
	for _, h := range s.hosts {
		s.group.Go(func() { s.maintain(h) })
	}
	return nil
}

// answerAt sets for certmagic where challenges are answered: it finds the port taken, and opens none of its own.
func (s *Source) answerAt(address string) error {
	host, text, err := net.SplitHostPort(address)
	port, portErr := strconv.Atoi(text)
	if err != nil || portErr != nil {
		return fmt.Errorf("ACME: address %.100q: must be host:port", address)
	}
	s.issuer.ListenHost, s.issuer.AltHTTPPort, s.issuer.AltTLSALPNPort = host, port, port
	return nil
}

// Close ends what goes on, and waits for it. What is served stays as it is.
func (s *Source) Close() error {
	s.mu.Lock()
	ended := s.ctx.Err() != nil
	s.cancel()
	s.mu.Unlock()
	s.group.Wait()
	if !ended {
		s.cache.Stop()
	}
	return nil
}

// Current returns the certificates that there are, in the order of the hosts.
func (s *Source) Current() []*tls.Certificate { return *s.current.Load() }

// GetCertificate is for [tls.Config]. It chooses as a [certs.Set] does.
func (s *Source) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.set.GetCertificate(hello)
}

// Name returns the directory that keeps the certificates, and the first host.
func (s *Source) Name() string {
	return filepath.Join(s.config.Dir, string(s.config.Key)) + ", " + string(s.config.Hosts[0])
}

// Poll reports what has happened since its last call: whether there are other certificates, and what failed and is not the
// same as before.
func (s *Source) Poll() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed, err, s.changed, s.failed = s.changed, s.failed, false, nil
	return changed, err
}

// Reload looks at all certificates at once, in the background, and asks for those that could not be had without waiting
// for the time of the next try.
func (s *Source) Reload() error {
	for _, h := range s.hosts {
		select {
		case h.wake <- struct{}{}:
		default: // it will look anyway
		}
	}
	return nil
}

// Host is how it stands with one host.
type Host struct {
	Name string
	Leaf *x509.Certificate // nil: there is no certificate yet
	Err  error             // why there is none, or why it is not renewed; nil if the last look was good
}

// Hosts returns the state of each host. A host without a certificate is a reason not to be ready.
func (s *Source) Hosts() []Host {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Host, 0, len(s.hosts))
	for _, h := range s.hosts {
		one := Host{Name: h.name, Err: h.err}
		if h.certificate != nil {
			one.Leaf = h.certificate.Leaf
		}
		all = append(all, one)
	}
	return all
}
