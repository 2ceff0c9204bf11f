// Package acme gives listeners certificates that an authority issues over ACME (RFC 8555), and renews them in time. It is
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
// The authority wants to see that the hosts are ours, in one way that has to be chosen: [HTTP01] asks on port 80, for which
// there is [NewServer]; [TLSALPN01] shakes hands on port 443, for which there is [Answer]; [DNS01] looks into the DNS.
// Until [Source.Start] nothing is asked for, so that whatever answers can be set up first.
//
// # Process-wide state
//
// certmagic keeps the challenges of the moment and a limit on how often it asks (ten orders in ten seconds for each authority
// and account; a goroutine each, which stays) for the whole process. Neither is configuration; its defaults are not used.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"tollgate/internal/certs"
	"tollgate/internal/private"
	"tollgate/internal/secret"
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

// MaxHosts bounds the hosts of a source. Each costs a goroutine and an order.
const MaxHosts = 100

// Key is a kind of private key.
type Key string

// The kinds of keys.
const (
	ECDSA Key = "ecdsa" // P-256
	RSA   Key = "rsa"   // 2048 bits
)

// Challenge is a way to show that a host is ours.
type Challenge string

// The challenges.
const (
	HTTP01    Challenge = "http-01"     // RFC 8555, section 8.3
	TLSALPN01 Challenge = "tls-alpn-01" // RFC 8737
	DNS01     Challenge = "dns-01"      // RFC 8555, section 8.4
)

// Binding ties the account to one that the authority knows otherwise (RFC 8555, section 7.3.4).
type Binding struct {
	KeyID string
	Key   secret.String // MAC key in unpadded base64url
}

// Config says where certificates come from. Using it means that the operator has agreed to the authority's terms.
type Config struct {
	// Directory is the address of the authority, https unless it is of a private network.
	Directory string

	// Hosts are DNS names, up to MaxHosts; a wildcard as the first label needs DNS01.
	Hosts []string

	// Email is where the authority writes to. Optional.
	Email string

	// Roots are the authorities that vouch for the directory's own certificate. Nil means the system's.
	Roots *x509.CertPool

	// Binding is for authorities that want one. Optional.
	Binding Binding

	// Dir keeps account, keys and certificates. It is made, for its owner only, if it is not there.
	Dir string

	// Key is the kind of keys. Default (""): ECDSA. Sources for both kinds may share a directory.
	Key Key

	// RenewalWindow is the part of its life in which a certificate is renewed, up to 0.9. Default (0):
	// DefaultRenewalWindow. One that has less than an hour left is renewed in any case.
	RenewalWindow float64

	// Challenge is the one to use, DNS what it needs if it is DNS01.
	Challenge Challenge
	DNS       DNS

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

// Open reads what is in the directory and asks nobody. The source may be empty after that; see [Source.Start].
func Open(config Config) (*Source, error) {
	if config.Key == "" {
		config.Key = ECDSA
	}
	if config.RenewalWindow == 0 {
		config.RenewalWindow = DefaultRenewalWindow
	}
	if config.Logger == nil {
		return nil, errors.New("ACME: no logger")
	}
	if err := config.Check(); err != nil {
		return nil, fmt.Errorf("ACME: %w", err)
	}
	tighten(config.Dir, config.Report)
	s := &Source{config: config}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.build()
	s.set = certs.NewSet(s)
	s.current.Store(new([]*tls.Certificate))
	for _, name := range config.Hosts {
		h := &host{name: name, wake: make(chan struct{}, 1)}
		s.hosts = append(s.hosts, h)
		if err := s.load(h); err != nil && !missing(err) {
			s.fail(h, err)
		}
	}
	return s, nil
}

// Check says what is wrong with a configuration, its Logger aside. It looks at nothing outside of it.
func (c *Config) Check() error {
	directory, err := url.Parse(c.Directory)
	switch {
	case err != nil || directory.Host == "":
		return fmt.Errorf("directory %.200q is not the address of an authority, such as https://ca.example.com/directory", c.Directory)
	case directory.Scheme != "https" && (directory.Scheme != "http" || !certmagic.SubjectIsInternal(directory.Host)):
		return fmt.Errorf("directory %.200q: must be https", c.Directory)
	case c.Dir == "":
		return errors.New("no storage directory")
	case c.Key != "" && c.Key != ECDSA && c.Key != RSA:
		return fmt.Errorf("key %.100q: must be %s or %s", string(c.Key), ECDSA, RSA)
	case !(c.RenewalWindow >= 0 && c.RenewalWindow <= 0.9):
		return fmt.Errorf("renewal window %v: must be more than 0 and at most 0.9 of a certificate's life", c.RenewalWindow)
	case (c.Binding.KeyID == "") != c.Binding.Key.IsZero():
		return errors.New("account binding: key id and key belong together")
	case !isMACKey(c.Binding.Key):
		return errors.New("account binding: the key is not in base64url without padding")
	}
	return errors.Join(c.checkHosts(), c.checkChallenge())
}

func isMACKey(key secret.String) bool {
	_, err := base64.RawURLEncoding.DecodeString(key.Reveal())
	return err == nil
}

func (c *Config) checkHosts() error {
	if len(c.Hosts) == 0 || len(c.Hosts) > MaxHosts {
		return fmt.Errorf("%d hosts: must be from 1 to %d", len(c.Hosts), MaxHosts)
	}
	seen := map[string]bool{}
	for _, name := range c.Hosts {
		switch wild := strings.HasPrefix(name, "*."); {
		case !isName(name):
			return fmt.Errorf("host %.100q is not a DNS name in lower case", name)
		case wild && c.Challenge != DNS01:
			return fmt.Errorf("host %s: a wildcard needs the challenge %s", name, DNS01)
		case seen[name]:
			return fmt.Errorf("host %s: is there twice", name)
		}
		seen[name] = true
	}
	return nil
}

// isName takes names with two labels or more in the letters of certificates.
func isName(name string) bool {
	name = strings.TrimPrefix(name, "*.")
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(labels) > 1 && len(name) <= 253 && net.ParseIP(name) == nil
}

func (c *Config) checkChallenge() error {
	switch c.Challenge {
	case HTTP01, TLSALPN01:
		return nil
	case DNS01:
		return c.DNS.check()
	}
	return fmt.Errorf("challenge %.100q: must be %s, %s or %s", string(c.Challenge), HTTP01, TLSALPN01, DNS01)
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
	if s.config.Key == RSA {
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
		DisableHTTPChallenge: c.Challenge != HTTP01, DisableTLSALPNChallenge: c.Challenge != TLSALPN01,
	}
	if c.Binding.KeyID != "" {
		template.ExternalAccount = &acme.EAB{KeyID: c.Binding.KeyID, MACKey: c.Binding.Key.Reveal()}
	}
	if c.Challenge == DNS01 {
		template.DNS01Solver = c.DNS.solver(logger)
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

// Start begins to get and renew certificates. Address is where challenges are answered by now: that of a server of [NewServer]
// for [HTTP01], of a listener with [Answer] for [TLSALPN01], "" for [DNS01]. It may be called once.
func (s *Source) Start(address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.ctx.Err() != nil {
		return errors.New("ACME: started twice, or after the end")
	}
	if s.config.Challenge != DNS01 {
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

// answerAt tells certmagic where challenges are answered: it finds the port taken, and opens none of its own.
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

// Current gives the certificates that there are, in the order of the hosts.
func (s *Source) Current() []*tls.Certificate { return *s.current.Load() }

// GetCertificate is for [tls.Config]. It chooses as a [certs.Set] does.
func (s *Source) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.set.GetCertificate(hello)
}

// Name gives the directory that keeps the certificates, and the first host.
func (s *Source) Name() string {
	return filepath.Join(s.config.Dir, string(s.config.Key)) + ", " + s.config.Hosts[0]
}

// Poll says what has happened since it was last asked: whether there are other certificates, and what failed and is not the
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

// Hosts says how it stands. A host without a certificate is a reason not to be ready.
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
