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
	return fmt.Sprintf("credential %s %s", e.Credential, e.Pause)
}

// String describes a pause, as in "is paused since 2026-11-29T10:00:00Z for all callers: wrong signature".
func (p Pause) String() string {
	whom := "all callers"
	if p.Caller != "" {
		whom = "caller " + p.Caller
	}
	return fmt.Sprintf("is paused since %s for %s: %s", p.Since.UTC().Format(time.RFC3339), whom, p.Reason)
}

// Lease holds the keys of one moment for one call. Every lease must end with [Lease.Done].
type Lease struct {
	permit Permit
	set    *keySet
	caller string
	trial  *trial   // of which it holds a token; nil: none
	probed []string // the pauses that it probes, by caller
}

// Lease takes the keys for one call of a caller. The error is a *[PausedError] while the credential is paused, or the
// context's if it ends while the call waits for keys on trial.
func (p Permit) Lease(ctx context.Context, caller string, now time.Time) (*Lease, error) {
	if p.credential == nil {
		return nil, errors.New("no permit: the credential was not checked for this operation")
	}
	for {
		lease := &Lease{permit: p, set: p.credential.active.Load(), caller: caller}
		ok, err := lease.take(ctx, now)
		if err != nil {
			return nil, err
		}
		if ok {
			return lease, nil
		}
	}
}

// take reports whether the call may use the keys. It is false without an error when they stand differently meanwhile.
func (l *Lease) take(ctx context.Context, now time.Time) (bool, error) {
	if l.set.paused(l.caller) != nil {
		return l.probe(now)
	}
	if trial := l.set.trial.Load(); trial != nil {
		return l.enter(ctx, trial)
	}
	return true, nil
}

func (l *Lease) probe(now time.Time) (bool, error) {
	probed, forbids := l.set.probe(l.caller, now)
	if forbids != nil {
		return false, &PausedError{l.permit.credential.config.Name, forbids.Pause}
	}
	l.probed = probed
	return len(probed) > 0, nil
}

// enter waits until few enough calls use keys on trial.
func (l *Lease) enter(ctx context.Context, trial *trial) (bool, error) {
	select {
	case <-trial.over:
		return false, nil
	case trial.tokens <- struct{}{}:
		l.trial = trial
	case <-ctx.Done():
		return false, fmt.Errorf("waiting for the first answer to credential %s: %w", l.permit.credential.config.Name, ctx.Err())
	}
	if l.permit.credential.active.Load() == l.set && l.set.paused(l.caller) == nil {
		return true, nil
	}
	l.leave() // what was waited for came out badly, or there are other keys
	return false, nil
}

func (l *Lease) leave() {
	if l.trial != nil {
		<-l.trial.tokens
		l.trial = nil
	}
}

// Probes reports whether the call tries a credential that is paused.
func (l *Lease) Probes() bool { return len(l.probed) > 0 }

// AccessKey is the public half of the leased keys.
func (l *Lease) AccessKey() string { return l.set.keys.AccessKey }

// SecurityToken is sent as X-Security-Token; empty for permanent keys.
func (l *Lease) SecurityToken() secret.String { return l.set.keys.SecurityToken }

// DomainID is sent as X-Domain-Id; empty if not configured.
func (l *Lease) DomainID() string { return l.permit.credential.config.DomainID }

// Sign returns the Authorization header for a request of the permitted operation.
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
	Unheard    Verdict = iota // no answer, or none that says something of the signature
	Accepted                  // the provider took the signature
	Rejected                  // the provider said that signature or key is wrong
	OtherCause                // the provider let nothing through for another cause, such as arrears
)

// Done reports what became of the signature. After Rejected it returns the pause that began or goes on; verdicts on keys that
// are no longer in use concern nobody. The reason is kept for readiness and refusals; it must hold no secret.
func (l *Lease) Done(verdict Verdict, reason string, now time.Time) (begun *Pause) {
	defer l.leave() // after a rejection has paused the credential
	if len(l.probed) > 0 {
		l.set.endProbe(l.probed, verdict == Accepted)
	}
	switch verdict {
	case Accepted:
		l.accepted(now)
	case Rejected:
		l.permit.credential.Reread()
		if pause := l.set.reject(l.caller, reason, now); l.set == l.permit.credential.active.Load() {
			begun = &pause
		}
	case OtherCause:
		l.permit.credential.Reread()
	}
	return begun
}

// accepted ends a trial that the call was part of. A call that went out before a trial began says nothing about it.
func (l *Lease) accepted(now time.Time) {
	l.set.accepted.Store(now.UnixNano())
	trial := l.trial
	if len(l.probed) > 0 {
		trial = l.set.trial.Load()
	}
	if trial != nil {
		l.set.accept(trial)
	}
}
