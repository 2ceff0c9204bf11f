package service

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/caller"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/review"
	"tollgate/review/evidence"
	"tollgate/review/inbox"
	"tollgate/review/jobs"
	"tollgate/review/session"
	"tollgate/review/views"
)

const (
	// reviewCookie is the name of the cookie of people who look at pages.
	reviewCookie = "tollgate"
	// reviewLog is how pages call the gateway's own log.
	reviewLog = "log"
	// pageTime is how long a page may take in all, its way to the reader included.
	pageTime = 2 * time.Minute
	// Records of views have all that a page may be asked for.
	_ = uint(views.MaxWhole - review.MaxViewed)
	// pagesAtOnce is how many pages with records are made at a time, beside the calls.
	pagesAtOnce = 2
)

// listenReview opens the listener of review pages. It comes after the log, which the pages show.
func (s *Service) listenReview(ctx context.Context) error {
	c := s.config.Load()
	r := c.Review
	if r == nil {
		return nil
	}
	people, err := session.New(c.Identities)
	if err != nil {
		return err
	}
	inner, err := accept.Listen(ctx, r.Address.Network(), r.Address.Listen())
	if err != nil {
		return err
	}
	l := &liveListener{name: config.ReviewListener, socket: &socket{Listener: inner}}
	if r.TLS != nil {
		if l.parts, l.tls, err = s.certificates.listener(l.name, r.TLS); err != nil {
			_ = inner.Close()
			return err
		}
	}
	s.people, s.views = people, views.New(s.log, time.Now)
	s.background(s.summarizeViews)
	s.serveDoor(l.name, inner, accept.ServerConfig{
		Handler:  review.New(s.reviewConfig(c, s.gate(r, l.clients()))).Handler(),
		Listener: accept.Config{MaxConnsPerSource: adminConns / 2, HandshakeTimeout: time.Duration(c.Bounds.HeaderTimeout), TLS: l.tls}, Timeout: pageTime,
	})
	s.startACME(l)
	return nil
}

// reviewConfig returns what the pages show.
func (s *Service) reviewConfig(c *config.Config, gate *review.Gate) review.Config {
	zone, _ := c.Audit.Index.Location() // it was checked
	heavy := jobs.New(time.Now, true)
	s.closers = append(s.closers, heavy.Close)
	return review.Config{
		Logs: evidence.Logs{{Name: reviewLog, FS: os.DirFS(c.Audit.Dir), Dir: c.Audit.Dir, Index: s.index}},
		Zone: zone, Clock: time.Now, Hosts: setting.Texts(c.Review.Hosts), Door: gate, Views: s.views, Plan: s.gateway.Plan, Expiring: s.expiring, Jobs: heavy, AtOnce: pagesAtOnce,
	}
}

// gate returns what decides who looks at pages. Without clients there are no certificates.
func (s *Service) gate(r *config.Review, clients *certs.Clients) *review.Gate {
	gate := &review.Gate{Sessions: s.people, By: review.SignIn(r.SignIn), Cookie: reviewCookie, Clock: time.Now, Seen: s.signInSeen}
	if r.TLS != nil {
		gate.Cookie = review.SecurePrefix + reviewCookie
	}
	if clients != nil {
		gate.Certificate = func(r *http.Request) *x509.Certificate { return s.personsCertificate(r, clients) }
	}
	return gate
}

// personsCertificate returns the certificate of a connection that counts now: it may have been revoked since the handshake. In place of one that
// names a caller, also beside a person, it returns one that names no person: applications cannot sign in.
func (s *Service) personsCertificate(r *http.Request, clients *certs.Clients) *x509.Certificate {
	connection := accept.ConnectionOf(r.Context())
	if connection == nil || connection.TLS == nil || len(connection.TLS.VerifiedChains) == 0 || clients.Check(connection.TLS.VerifiedChains) != nil {
		return nil
	}
	leaf := connection.TLS.VerifiedChains[0][0]
	_, _, err := s.callers.Load().Identify(caller.Evidence{Certificate: leaf}, time.Now())
	if unknown, _ := errors.AsType[*caller.Error](err); unknown == nil || unknown.Reason != caller.UnknownCertificate {
		return &x509.Certificate{}
	}
	return leaf
}

// expiring returns the certificates that handshakes depend on and the keys of callers, as far as they end, each once.
func (s *Service) expiring() (all []inbox.Expiry) {
	known := map[string]bool{}
	for _, p := range s.certificates.all() {
		for _, c := range p.needed() {
			id := fmt.Sprintf("%x", sha256.Sum256(c.Raw))
			if !known[id] {
				all = append(all, inbox.Expiry{What: inbox.OwnCertificate, Name: certs.NameOf(c), ID: id, NotAfter: c.NotAfter})
			}
			known[id] = true
		}
	}
	for _, k := range s.virtualKeys() {
		if k.NotAfter != 0 {
			all = append(all, inbox.Expiry{What: inbox.VirtualKey, Name: k.ID, Caller: k.Caller, ID: k.ID, NotAfter: k.NotAfter.Time()})
		}
	}
	return all
}

// signInSeen notes who has signed in, or was refused. Attempts beyond the bound of a source are counted only.
func (s *Service) signInSeen(r *http.Request, person *session.Person, refused *session.Error) {
	switch {
	case refused == nil:
		s.logger.Info("a person has signed in to the review pages", zap.String("identity", person.Name), zap.String("remote", r.RemoteAddr))
		return
	case refused.Reason != session.TooManyAttempts:
		s.logger.Warn("a sign-in to the review pages was refused", zap.String("reason", string(refused.Reason)), zap.String("remote", r.RemoteAddr))
	}
	s.metrics.Refused(gateway.Result{Listener: config.ReviewListener, Reason: refusalReason(refused.Reason), Status: refused.Status()})
}

// refusalReason returns the word of metrics, which have each reason from the start: for what is no certificate of anyone, the word that callers
// without an identity have.
func refusalReason(why session.Reason) string {
	if why == session.UnknownCertificate || why == session.TooManyAttempts {
		return string(why)
	}
	return string(caller.NoIdentity)
}

// summarizeViews writes due sums of views until ctx ends, and then what is left: the pages have ended by then, and the log is open still.
func (s *Service) summarizeViews(ctx context.Context) {
	ticker := time.NewTicker(summaryPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.viewsWritten(s.views.Flush())
		case <-ctx.Done():
			s.viewsWritten(s.views.Close())
			return
		}
	}
}

// viewsWritten notes that the log did not take a sum of views. Its state is in the log already, so it is said seldom.
func (s *Service) viewsWritten(err error) {
	if err != nil {
		s.cutOff.Do(func() {
			s.logger.Warn("views of review pages that have no records of their own are not summed up in the audit log yet", zap.Error(err))
		})
	}
}

// followPeople makes the people of a configuration those who may look, and ends the sessions of others.
func (s *Service) followPeople(c *config.Config) {
	if s.people == nil {
		return
	}
	if err := s.people.Update(c.Identities); err != nil { // they were checked
		s.logger.Error("the identities of a configuration were not taken: those before may sign in", zap.Error(err))
	}
}
