package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tollgate/internal/secret"
	"tollgate/signing"
)

// PausedError is returned by [Permit.Lease] while the credential is paused.
type PausedError struct {
	Credential string
	Pause      Pause
}

func (e *PausedError) Error() string {
	return fmt.Sprintf("credential %s is paused since %s: %s", e.Credential, e.Pause.Since.UTC().Format(time.RFC3339), e.Pause.Reason)
}

// Lease holds the keys of one moment for one call. Every lease must end with [Lease.Done].
type Lease struct {
	permit  Permit
	set     *keySet
	probe   bool
	onTrial bool // holds a token of the set's trial
}

// Lease takes the keys for one call. The error is a *[PausedError] while the credential is paused, or the context's if
// it ends while the call waits for keys on trial.
func (p Permit) Lease(ctx context.Context, now time.Time) (*Lease, error) {
	if p.credential == nil {
		return nil, errors.New("no permit: the credential was not checked for this operation")
	}
	if p.credential.paused.Load() != nil {
		return p.leaseOfPaused(now)
	}
	set := p.credential.active.Load()
	if set.isProven() {
		return &Lease{permit: p, set: set}, nil
	}
	return p.leaseOnTrial(ctx, set, now)
}

// leaseOnTrial waits until few enough calls use keys that were never accepted, or one of those was accepted.
func (p Permit) leaseOnTrial(ctx context.Context, set *keySet, now time.Time) (*Lease, error) {
	lease := &Lease{permit: p, set: set}
	select {
	case <-set.proven:
		return lease, nil
	case set.trial <- struct{}{}:
		lease.onTrial = true
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the first answer to credential %s: %w", p.credential.config.Name, ctx.Err())
	}
	if p.credential.paused.Load() != nil { // what was waited for came out badly
		lease.endTrial(Unheard)
		return p.leaseOfPaused(now)
	}
	return lease, nil
}

// endTrial gives back the token of a call on trial; an acceptance ends the trial for all.
func (l *Lease) endTrial(verdict Verdict) {
	if verdict == Accepted {
		l.set.once.Do(func() { close(l.set.proven) })
	}
	if l.onTrial {
		l.onTrial = false
		<-l.set.trial
	}
}

// leaseOfPaused reopens a credential whose keys have changed, or lets one call probe one whose pause is over.
func (p Permit) leaseOfPaused(now time.Time) (*Lease, error) {
	c := p.credential
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.reload(now)
	pause := c.paused.Load()
	if pause == nil {
		return &Lease{permit: p, set: c.active.Load()}, nil
	}
	if c.probing || now.Before(pause.ProbeAt) {
		return nil, &PausedError{c.config.Name, *pause}
	}
	c.probing = true
	return &Lease{permit: p, set: c.active.Load(), probe: true}, nil
}

// reload reads the keys again and reopens the credential when they have changed. A failing source changes nothing.
// The caller holds the mutex.
func (c *Credential) reload(now time.Time) {
	if now.Sub(c.loadedAt) < reloadEvery {
		return
	}
	c.loadedAt = now
	keys, err := c.config.Load()
	if err != nil || keys.check() != nil || keys.equal(c.active.Load().keys) {
		return
	}
	c.use(keys)
	c.paused.Store(nil)
	c.probing = false
}

// AccessKey is the public half of the leased keys.
func (l *Lease) AccessKey() string { return l.set.keys.AccessKey }

// SecurityToken is sent as X-Security-Token; empty for permanent keys.
func (l *Lease) SecurityToken() secret.String { return l.set.keys.SecurityToken }

// DomainID is sent as X-Domain-Id; empty if not configured.
func (l *Lease) DomainID() string { return l.permit.credential.config.DomainID }

// Sign gives the Authorization header for a request of the permitted operation.
func (l *Lease) Sign(r *signing.Request) (string, error) {
	if method := l.permit.operation.Method; method != "*" && r.Method != method {
		return "", fmt.Errorf("permit is for %s %s, not for %s", method, l.permit.operation.Name, r.Method)
	}
	return l.set.key.Sign(r)
}

// Verdict is what became of a signature.
type Verdict uint8

// The verdicts.
const (
	Unheard  Verdict = iota // no answer, or none that tells
	Accepted                // the provider took the signature
	Rejected                // the provider said that signature or key is wrong
)

// Done reports what became of the signature. A rejection pauses the credential, unless its keys have changed since the
// lease was taken. The reason is kept for readiness and refusals; it must hold no secret.
func (l *Lease) Done(verdict Verdict, reason string, now time.Time) {
	defer l.endTrial(verdict) // after a rejection has paused the credential
	if verdict != Rejected && !l.probe {
		return
	}
	c := l.permit.credential
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if l.set != c.active.Load() {
		return // a verdict on keys that are no longer in use
	}
	if l.probe {
		c.probing = false
	}
	switch verdict {
	case Rejected:
		c.pause(reason, now)
	case Accepted:
		c.paused.Store(nil)
	case Unheard: // the next call may probe
	}
}

// pause keeps the first moment of an unbroken pause. The caller holds the mutex.
func (c *Credential) pause(reason string, now time.Time) {
	since := now
	if before := c.paused.Load(); before != nil {
		since = before.Since
	}
	c.paused.Store(&Pause{Reason: reason, Since: since, ProbeAt: now.Add(PauseTime)})
}
