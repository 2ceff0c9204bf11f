package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/config"
	"tollgate/internal/certs"
	"tollgate/internal/certs/acme"
)

// usedACME is a source of certificates that an authority issues, on a listener.
type usedACME struct {
	listener  string
	challenge certs.ACMEChallenge
	*acme.Source
}

// openACME takes what is stored. The authority is asked after [Service.startACME].
func (k *tlsReloader) openACME(p *tlsParts, c *certs.ACMEConfig) (*acme.Source, error) {
	roots, err := certs.LoadBundle(c.CA)
	if err != nil {
		return nil, err
	}
	secrets, err := c.Read(k.secrets)
	if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	source, err := acme.Open(acme.Config{
		ACMEConfig: *c, Secrets: secrets, Roots: roots.Pool, Report: k.found, Logger: k.logger.With(zap.String("listener", p.listener)),
	})
	if err != nil {
		return nil, err
	}
	p.acme = append(p.acme, usedACME{p.listener, c.Challenge, source})
	p.bundles = append(p.bundles, func() *certs.Bundle { return roots })
	return source, nil
}

// answer returns what answers the challenges that come to a listener itself; nil if none do.
func (p *tlsParts) answer() func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	var sources []*acme.Source
	for _, u := range p.acme {
		if u.challenge == certs.TLSALPN01 {
			sources = append(sources, u.Source)
		}
	}
	if len(sources) == 0 {
		return nil
	}
	return acme.Answer(sources...)
}

// asksByItself reports whether a reloader goes to its authority in the background, so that the result of its Reload means nothing.
func asksByItself(k certs.Reloader) bool {
	if p, ok := k.(placed); ok {
		k = p.Reloader
	}
	_, ok := k.(*acme.Source)
	return ok
}

// warnings returns for which hosts something is missing.
func (u usedACME) warnings() (warnings []string) {
	for _, h := range u.Hosts() {
		switch {
		case h.Leaf != nil && h.Err != nil:
			warnings = append(warnings, fmt.Sprintf("listener %s: not renewed: %v", u.listener, h.Err))
		case h.Leaf == nil:
			warnings = append(warnings, fmt.Sprintf("listener %s: no certificate for %s yet%s", u.listener, h.Name, because(h.Err)))
		}
	}
	return warnings
}

func because(err error) string {
	if err == nil {
		return ": it is being asked for"
	}
	return ": " + err.Error()
}

// without names the listeners that have no certificate at all, and with which the gateway started: one that comes while it runs does not take
// the others out of service.
func (k *tlsReloader) without() (reasons []string) {
	for _, p := range k.all() {
		if len(p.acme) > 0 && !p.late && len(p.current()) == 0 && p.listener != config.MetricsListener && p.listener != config.ReviewListener { // calls do not need these
			reasons = append(reasons, fmt.Sprintf("%s has no certificate yet", p.place))
		}
	}
	return reasons
}

// sourcesACME returns the sources of all listeners.
func (k *tlsReloader) sourcesACME() (all []*acme.Source) {
	for _, p := range k.all() {
		for _, u := range p.acme {
			all = append(all, u.Source)
		}
	}
	return all
}

// startACME begins to get the certificates of a listener, once whatever answers challenges is there.
func (s *Service) startACME(l *liveListener) {
	if l.parts == nil {
		return
	}
	for _, u := range l.parts.acme {
		address := l.socket.Addr().String()
		if u.challenge == certs.HTTP01 {
			address = s.challengesAt
		}
		if err := u.Start(address); err != nil { // it was started, which only a fault of ours would do twice
			s.logger.Error("certificates are not asked for", zap.String("listener", u.listener), zap.Error(err))
		}
	}
}

const (
	// maxChallengeConns bounds the connections of authorities, which ask from a few places at once.
	maxChallengeConns  = 256
	maxChallengeHeader = 8 << 10
	challengeTimeout   = 10 * time.Second
)

// listenChallenges answers HTTP-01 challenges, those of listeners that come later included, if the configuration says where.
func (s *Service) listenChallenges(ctx context.Context) error {
	if s.config.Load().HTTPChallenge == nil {
		return nil
	}
	inner, err := accept.Listen(ctx, "tcp", s.config.Load().HTTPChallenge.Address.Listen())
	if err != nil {
		return err
	}
	s.challenges = s.run(accept.NewServer(inner, accept.ServerConfig{
		Handler: acme.Handler(s.certificates.sourcesACME), Listener: accept.Config{MaxConns: maxChallengeConns}, MaxHeader: maxChallengeHeader,
		Timeout: challengeTimeout, IdleTimeout: challengeTimeout, ErrorLog: s.errorLog(zap.DebugLevel),
	}))
	s.logger.Info("answering ACME challenges", zap.String("address", inner.Addr().String()))
	s.challengesAt = inner.Addr().String()
	return nil
}
