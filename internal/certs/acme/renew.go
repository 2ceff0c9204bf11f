package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"tollgate/internal/certs"
)

// host is one name and its certificate. The mutex of the source guards all but name and wake.
type host struct {
	name string
	wake chan struct{}

	certificate *tls.Certificate // nil: none yet
	err         error            // of the last look
	failures    int              // in a row
	mismatched  bool             // what is stored does not fit together
}

// maintain looks after one host until the source is closed.
func (s *Source) maintain(h *host) {
	for wait := time.Duration(0); ; {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-h.wake:
			timer.Stop()
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
		err := s.look(h)
		if s.ctx.Err() != nil {
			return // whatever it says, it was cut off
		}
		wait = s.note(h, err)
	}
}

// look takes what is stored, and asks for a certificate if there is none or it is due.
func (s *Source) look(h *host) error {
	err := s.load(h)
	if err == nil && !due(s.leaf(h), s.config.RenewalWindow) {
		return nil
	}
	if err != nil && !missing(err) && !s.stillMismatched(h) {
		return err // another process may be writing it just now
	}
	// Where nothing is stored, this obtains. It does nothing if another process has done so in the meantime.
	if err := s.magic.RenewCertSync(s.ctx, h.name, err != nil && !missing(err)); err != nil {
		return err
	}
	return s.load(h)
}

// stillMismatched reports whether what is stored did not fit together at the last look either.
func (s *Source) stillMismatched(h *host) (was bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, h.mismatched = h.mismatched, true
	return was
}

func (s *Source) leaf(h *host) *x509.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return h.certificate.Leaf
}

// due reports whether a stored certificate is to be renewed, by certmagic's rule.
func due(leaf *x509.Certificate, window float64) bool {
	life, left := leaf.NotAfter.Sub(leaf.NotBefore), time.Until(leaf.NotAfter)
	return left < time.Duration(window*float64(life)) || left < 5*CheckInterval
}

// load takes a certificate from the storage into use, unless it is the one in use.
func (s *Source) load(h *host) error {
	certificate, err := s.stored(h.name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h.mismatched = false
	if h.certificate != nil && slices.EqualFunc(h.certificate.Certificate, certificate.Certificate, slices.Equal) {
		return nil
	}
	h.certificate, s.changed = certificate, true
	s.publish()
	s.config.Logger.Info("certificate in use", zap.String("host", h.name), zap.Time("not_after", certificate.Leaf.NotAfter))
	return nil
}

// publish remakes the list. The caller holds the mutex.
func (s *Source) publish() {
	var list []*tls.Certificate
	for _, h := range s.hosts {
		if h.certificate != nil {
			list = append(list, h.certificate)
		}
	}
	s.current.Store(&list)
}

func (s *Source) stored(name string) (*tls.Certificate, error) {
	issuer := s.issuer.IssuerKey()
	certKey, keyKey := certmagic.StorageKeys.SiteCert(issuer, name), certmagic.StorageKeys.SitePrivateKey(issuer, name)
	certPEM, err := s.magic.Storage.Load(s.ctx, certKey)
	if err != nil {
		return nil, err
	}
	keyPEM, err := s.magic.Storage.Load(s.ctx, keyKey)
	if err != nil {
		return nil, err
	}
	certificate, err := certs.ParsePair(certKey, certPEM, keyKey, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("what is stored for %s is not used: %w", name, err)
	}
	if !slices.Contains(certificate.Leaf.DNSNames, name) {
		return nil, fmt.Errorf("the certificate stored for %s is not used: it is for %.200q", name, certificate.Leaf.DNSNames)
	}
	return certificate, nil
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// note keeps the outcome of a look, and says how long to wait for the next.
func (s *Source) note(h *host, err error) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		h.err, h.failures = nil, 0
		return CheckInterval
	}
	h.failures++
	wait := retry(h.failures)
	s.report(h, err)
	consequence := "there is no certificate yet"
	if h.certificate != nil {
		consequence = "the old certificate stays in use until " + h.certificate.Leaf.NotAfter.UTC().Format(time.RFC3339)
	}
	s.config.Logger.Warn("certificate not issued: "+consequence, zap.String("host", h.name), zap.Error(h.err),
		zap.Int("failures", h.failures), zap.Duration("again_in", wait))
	return wait
}

// fail notes what is wrong before anything was asked for.
func (s *Source) fail(h *host, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.mismatched = true
	s.report(h, err)
}

// report keeps an error for Hosts and, if it is another than before, for Poll.
func (s *Source) report(h *host, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	err = fmt.Errorf("certificate for %s from %s: %w", h.name, s.config.Directory, err)
	if h.err == nil || h.err.Error() != err.Error() {
		s.failed = errors.Join(s.failed, err)
	}
	h.err = err
}

// retry returns the wait after so many failures in a row.
func retry(failures int) time.Duration {
	return min(FirstRetry<<min(failures-1, 10), LastRetry)
}
