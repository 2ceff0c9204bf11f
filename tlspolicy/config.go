package tlspolicy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// clientSessions bounds how many upstream sessions one client configuration keeps for resumption. An upstream is one
// name; the rest is room for redirected names.
const clientSessions = 8

// Server says what a listener adds to its policy.
type Server struct {
	// GetCertificate chooses the certificate of a connection. The versions of the ClientHello that it gets are those that the
	// peer offered, which SupportsCertificate then goes by. Required: without it every handshake fails.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

	// ClientCAs are the authorities whose client certificates count. Nil means that none is asked for, unless
	// RequireClientCert is set: then no peer can connect (the system's authorities are never used for callers).
	ClientCAs *x509.CertPool

	// CurrentClientCAs returns the authorities of now, in place of ClientCAs, where they may change. It is asked at each
	// handshake; the same pointer means that they are the same. A change ends all sessions: their tickets resume nothing.
	// It must not return nil.
	CurrentClientCAs func() *x509.CertPool

	// CheckClient has a last word on a verified client certificate, in full and resumed handshakes alike: whether it is
	// revoked, for example. It gets the verified chains, leaf first, and refuses with a [*NotAllowed]. Optional.
	CheckClient func(chains [][]*x509.Certificate) error

	// RequireClientCert refuses callers without a certificate. Otherwise one that is given must be valid.
	RequireClientCert bool

	// Challenge returns the certificate for handshakes of an ACME authority: those in which the peer offers [ACMEProtocol] and
	// nothing else. No client certificate is asked for, no ticket is sent, and the server that accepts the connection must close
	// it at once. Optional: without it such handshakes fail for want of a common protocol.
	Challenge func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// ACMEProtocol is the ALPN name of handshakes by which an ACME authority sees whose a name is (RFC 8737).
const ACMEProtocol = "acme-tls/1"

// Server makes the configuration of a listener. ALPN has HTTP/2 where the policy allows it, and HTTP/1.1. To learn what
// a peer offered whose handshake fails, run the handshake with a context from [WithHello]. Tickets of the configuration and
// its copies are sealed with keys of its own; SetSessionTicketKeys has no effect on it.
func (p *Policy) Server(s Server) *tls.Config { return p.server(s, &tickets{now: time.Now}) }

func (p *Policy) server(s Server, t *tickets) *tls.Config {
	var current func() *tls.Config
	if s.CurrentClientCAs != nil {
		s.ClientCAs = s.CurrentClientCAs()
		current = (&generations{policy: p, server: s, now: t.now}).current
	}
	config := p.serverFor(s, t)
	config.GetConfigForClient = p.admit(refusing(config), p.challengeFor(s), current)
	return config
}

// serverFor makes a configuration with the authorities that s has, and the tickets t.
func (p *Policy) serverFor(s Server, t *tickets) *tls.Config {
	config := p.base()
	config.WrapSession, config.UnwrapSession = t.seal, t.open
	config.GetCertificate = fromOffered(s.GetCertificate)
	config.NextProtos = []string{"http/1.1"}
	if p.HTTP2() {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	config.ClientAuth, config.ClientCAs = clientAuth(s)
	if s.CheckClient != nil {
		config.VerifyConnection = func(cs tls.ConnectionState) error {
			if err := p.Check(cs); err != nil || len(cs.VerifiedChains) == 0 {
				return err
			}
			return s.CheckClient(strong(cs.VerifiedChains))
		}
	}
	return config
}

// challengeFor makes the configuration for handshakes of an ACME authority; nil if there are none.
func (p *Policy) challengeFor(s Server) *tls.Config {
	if s.Challenge == nil {
		return nil
	}
	config := p.base()
	config.GetCertificate, config.NextProtos, config.SessionTicketsDisabled = fromOffered(s.Challenge), []string{ACMEProtocol}, true
	return config
}

// generations makes a configuration for each set of client authorities that there is in turn, with ticket keys of its own:
// a session that was begun under other authorities cannot be resumed, not even one whose handshake ended after the change.
type generations struct {
	policy *Policy
	server Server
	now    func() time.Time
	latest atomic.Pointer[tls.Config]
	mu     sync.Mutex // one makes the next
}

func (g *generations) current() *tls.Config {
	if config := g.latest.Load(); config != nil && config.ClientCAs == g.server.CurrentClientCAs() {
		return config
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	next := g.server
	next.ClientCAs = next.CurrentClientCAs()
	if config := g.latest.Load(); config != nil && config.ClientCAs == next.ClientCAs {
		return config
	}
	config := g.policy.serverFor(next, &tickets{now: g.now})
	g.latest.Store(config)
	return config
}

func clientAuth(s Server) (tls.ClientAuthType, *x509.CertPool) {
	switch {
	case s.RequireClientCert && s.ClientCAs == nil:
		return tls.RequireAndVerifyClientCert, x509.NewCertPool() // nil would mean the system's authorities
	case s.RequireClientCert:
		return tls.RequireAndVerifyClientCert, s.ClientCAs
	case s.ClientCAs != nil:
		return tls.VerifyClientCertIfGiven, s.ClientCAs
	}
	return tls.NoClientCert, nil
}

// Client says what a connection to an upstream adds to its policy.
type Client struct {
	// ServerName is the name that the upstream's certificate must have. Empty lets net/http fill in the URL's host.
	ServerName string

	// RootCAs are the authorities that count. Nil means the system's.
	RootCAs *x509.CertPool

	// Pins are public keys of which one must be in the upstream's verified chain, see [CheckPins]. None means
	// that every verified chain will do.
	Pins []Pin

	// Certificates are shown to an upstream that asks for one. Optional.
	Certificates []tls.Certificate

	// GetClientCertificate chooses among ours in place of Certificates, at each handshake. Optional.
	GetClientCertificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
}

// Client makes the configuration towards an upstream: HTTP/1.1 only, since HTTP/2 transports repeat requests on their
// own in some cases. The upstream's certificate is always verified.
func (p *Policy) Client(c Client) *tls.Config {
	config := p.base()
	config.ServerName = c.ServerName
	config.RootCAs = c.RootCAs
	config.Certificates = c.Certificates
	config.GetClientCertificate = c.GetClientCertificate
	config.NextProtos = []string{"http/1.1"}
	config.ClientSessionCache = tls.NewLRUClientSessionCache(clientSessions)
	config.VerifyConnection = func(cs tls.ConnectionState) error {
		if err := p.Check(cs); err != nil {
			return err
		}
		return p.checkPins(c.Pins, cs.VerifiedChains)
	}
	return config
}

// base sets every field that is part of the policy. Nothing is left to a default, since defaults change with Go
// versions and with GODEBUG, and a nil CipherSuites includes CBC suites off the whitelist.
func (p *Policy) base() *tls.Config {
	config := &tls.Config{
		MinVersion:       p.versions[0],
		MaxVersion:       p.versions[len(p.versions)-1],
		CipherSuites:     slices.Clone(p.offered(tls.VersionTLS12)),
		CurvePreferences: slices.Clone(p.groups),
		Renegotiation:    tls.RenegotiateNever,
		VerifyConnection: p.Check,
	}
	if config.CipherSuites == nil {
		config.CipherSuites = []uint16{} // TLS 1.3 only: an empty list offers nothing of TLS 1.2, nil would mean Go's own
	}
	return config
}

// Hello receives what is known of a handshake's peer. See [WithHello].
type Hello struct {
	Info     *tls.ClientHelloInfo // with the versions that were offered; nil until the ClientHello was read
	Mismatch *NotAllowed          // why no connection can come of it; nil if the offer is good enough
}

type helloKey struct{}

// WithHello returns a context for [tls.Conn.HandshakeContext]. Listener configurations of this package fill in h before
// the handshake goes on, so h may be read once the handshake has ended.
func WithHello(ctx context.Context, h *Hello) context.Context {
	return context.WithValue(ctx, helloKey{}, h)
}

// admit looks at a ClientHello before crypto/tls chooses from it. Where other policies of the process allow TLS 1.3
// suites that this one does not, crypto/tls would finish its side of a handshake that must fail: refuse ends it earlier
// and with the right alert. Everything else that does not match crypto/tls refuses properly by itself.
// challenge, if there is one, is for ACME authorities. current, if there is one, returns the configuration to go on with.
func (p *Policy) admit(refuse, challenge *tls.Config, current func() *tls.Config) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	return func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		info = asOffered(info)
		mismatch := p.mismatch(info)
		if h, ok := info.Context().Value(helloKey{}).(*Hello); ok {
			h.Info, h.Mismatch = info, mismatch
		}
		if mismatch != nil && mismatch.Kind == KindSuite && p.versionFor(info.SupportedVersions) == tls.VersionTLS13 {
			return refuse, nil
		}
		if challenge != nil && len(info.SupportedProtos) == 1 && info.SupportedProtos[0] == ACMEProtocol {
			return challenge, nil
		}
		if current != nil {
			return current(), nil
		}
		return nil, nil
	}
}

// refusing returns a configuration with which every TLS 1.3 handshake ends in the alert handshake_failure, as RFC 8446
// section 4.1.1 wants it: an error of GetConfigForClient would reach the peer as an internal error.
func refusing(config *tls.Config) *tls.Config {
	refuse := config.Clone()
	refuse.CurvePreferences = []tls.CurveID{0} // a reserved number, so no peer shares a group with us
	return refuse
}
