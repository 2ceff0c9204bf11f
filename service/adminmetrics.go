package service

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/certs"
	"tollgate/internal/source"
)

// listenMetrics opens the metrics listener. It comes after the log, which has what it refuses.
func (s *Service) listenMetrics(ctx context.Context) error {
	c := s.config.Load()
	m := &c.Metrics
	if !m.Listens() {
		return nil
	}
	inner, err := accept.Listen(ctx, m.Address.Network(), m.Address.Listen())
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	l := &liveListener{name: config.MetricsListener, socket: &socket{Listener: inner}}
	if m.TLS != nil {
		if l.parts, l.tls, err = s.certificates.listener(l.name, m.TLS); err != nil {
			_ = inner.Close()
			return fmt.Errorf("metrics: %w", err)
		}
	}
	s.admin.server.Identify = (&scrapers{s, m, l.clients()}).identify
	s.serveOperators(l.name, admin.Network, inner, accept.Config{
		MaxConnsPerSource: adminConns / 4, HandshakeTimeout: time.Duration(c.Bounds.HeaderTimeout), TLS: l.tls,
	})
	s.startACME(l)
	return nil
}

// scrapers are those who may read metrics over a network.
type scrapers struct {
	*Service
	*config.Metrics
	clients *certs.Clients // nil: they have no certificates
}

// identify returns nil for a request that shows a certificate or the token. Each that does not counts for its source, of which no token is
// compared for a while after too many.
func (s *scrapers) identify(r *http.Request) error {
	if s.clients == nil && !s.HasToken() {
		return admin.LocalName(r) // on loopback, where nothing else keeps web pages out
	}
	now, connection := time.Now(), accept.ConnectionOf(r.Context())
	if s.showsCertificate(connection) {
		return nil
	}
	from := source.Parse(connection.Remote)
	if ok, wait := s.sources.Allowed(from, now); !ok { // a token might be guessed
		return s.refuse("too_many_failures", http.StatusTooManyRequests, "too many failed attempts: try again in "+strconv.Itoa(int(wait/time.Second)+1)+" s")
	}
	good, err := s.showsToken(r)
	switch {
	case err != nil:
		s.cutOff.Do(func() { s.logger.Error("metrics.bearer_token cannot be read", zap.Error(err)) })
		return s.refuse(admin.TokenUnreadable, http.StatusServiceUnavailable, "the gateway cannot read its token")
	case good:
		return nil
	}
	s.sources.Failed(from, now)
	return s.refuse("no_identity", http.StatusUnauthorized, "show the bearer token, or a client certificate that is trusted here")
}

// showsCertificate reports whether a connection has a certificate that counts now: it may have been revoked since the handshake.
func (s *scrapers) showsCertificate(c *accept.Connection) bool {
	return s.clients != nil && c.TLS != nil && len(c.TLS.VerifiedChains) > 0 && s.clients.Check(c.TLS.VerifiedChains) == nil
}

// refuse counts a request that was refused.
func (s *scrapers) refuse(reason string, status int, text string) error {
	s.metrics.Refused(gateway.Result{Listener: config.MetricsListener, Reason: reason, Status: status})
	return &admin.Error{Status: status, Text: text}
}

// showsToken reports whether a request has the token of now. Its length takes no part in how long the comparison takes.
func (s *scrapers) showsToken(r *http.Request) (bool, error) {
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !s.HasToken() || !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return false, nil
	}
	token, err := s.secrets.Read(s.BearerToken)
	if err == nil && len(token.Reveal()) < config.MinToken {
		err = fmt.Errorf("it has fewer than %d characters", config.MinToken)
	}
	if err != nil {
		return false, err
	}
	want, got := sha256.Sum256([]byte(token.Reveal())), sha256.Sum256([]byte(shown))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1, nil
}
