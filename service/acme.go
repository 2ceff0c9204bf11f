package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/internal/certs"
	"tollgate/internal/certs/acme"
)

// usedACME is a source of certificates that an authority issues, on a listener.
type usedACME struct {
	listener  string
	challenge certs.ACMEChallenge
	*acme.Source
}

// openACME takes what is stored. The authority is asked after [service.startACME].
func (k *tlsReloader) openACME(listener string, c *certs.ACMEConfig) (*acme.Source, error) {
	roots, err := certs.LoadBundle(c.CA)
	if err != nil {
		return nil, err
	}
	secrets, err := c.Read(k.secrets)
	if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	source, err := acme.Open(acme.Config{
		ACMEConfig: *c, Secrets: secrets, Roots: roots.Pool, Report: k.found, Logger: k.logger.With(zap.String("listener", listener)),
	})
	if err != nil {
		return nil, err
	}
	k.acme = append(k.acme, usedACME{listener, c.Challenge, source})
	k.bundles = append(k.bundles, usedBundle{place{listener: listener}, func() *certs.Bundle { return roots }})
	return source, nil
}

// answer gives what answers the challenges that come to a listener itself; nil if none do.
func (k *tlsReloader) answer(listener string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	var sources []*acme.Source
	for _, u := range k.acme {
		if u.listener == listener && u.challenge == certs.TLSALPN01 {
			sources = append(sources, u.Source)
		}
	}
	if len(sources) == 0 {
		return nil
	}
	return acme.Answer(sources...)
}

// asksByItself tells a reloader that goes to its authority in the background, so that its Reload says nothing.
func asksByItself(k certs.Reloader) bool {
	if p, ok := k.(placed); ok {
		k = p.Reloader
	}
	_, ok := k.(*acme.Source)
	return ok
}

// warnings says for which hosts something is missing.
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

// without names the listeners that have no certificate at all.
func (k *tlsReloader) without() (reasons []string) {
	has := map[string]bool{}
	for _, s := range k.sources {
		has[s.listener] = has[s.listener] || len(s.Current()) > 0
	}
	for _, u := range k.acme {
		if !has[u.listener] {
			has[u.listener] = true // it is named once
			reasons = append(reasons, fmt.Sprintf("listener %s has no certificate yet", u.listener))
		}
	}
	return reasons
}

// startACME begins to get certificates, once whatever answers challenges is there.
func (s *Service) startACME(ctx context.Context) error {
	challenges, err := s.listenChallenges(ctx)
	if err != nil {
		return fmt.Errorf("http_challenge: %w", err)
	}
	for _, u := range s.reloader.acme {
		address := s.addresses[u.listener]
		if u.challenge == certs.HTTP01 {
			address = challenges
		}
		if err := u.Start(address); err != nil {
			return fmt.Errorf("listener %s: %w", u.listener, err)
		}
	}
	return nil
}

const (
	// maxChallengeConns bounds the connections of authorities, which ask from a few places at once.
	maxChallengeConns  = 256
	maxChallengeHeader = 8 << 10
	challengeTimeout   = 10 * time.Second
)

// listenChallenges answers HTTP-01 challenges, and gives the address; "" if none is configured.
func (s *Service) listenChallenges(ctx context.Context) (string, error) {
	if s.config.HTTPChallenge == nil {
		return "", nil
	}
	inner, err := accept.Listen(ctx, "tcp", s.config.HTTPChallenge.Address.Listen())
	if err != nil {
		return "", err
	}
	var sources []*acme.Source
	for _, u := range s.reloader.acme {
		sources = append(sources, u.Source)
	}
	s.servers = append(s.servers, s.begin(accept.NewServer(inner, accept.ServerConfig{
		Handler: acme.Handler(sources...), Listener: accept.Config{MaxConns: maxChallengeConns}, MaxHeader: maxChallengeHeader,
		Timeout: challengeTimeout, IdleTimeout: challengeTimeout, ErrorLog: s.errorLog(zap.DebugLevel),
	})))
	s.logger.Info("answering ACME challenges", zap.String("address", inner.Addr().String()))
	return inner.Addr().String(), nil
}
