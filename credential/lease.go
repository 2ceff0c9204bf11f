package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	tries  bool     // it is counted among the calls that try the access key
	row    int      // of rejections, in which it was taken; where it tries
	probed []*pause // the pauses that it probes
}

// TrialWait is how long a call waits for its turn to try keys on trial. A caller that learns soon that its call was not sent can
// act on it, and a call that waited for longer would have little of its time left for the provider to answer.
const TrialWait = 5 * time.Second

// TrialError is returned by [Permit.Lease] if the calls that try the credential's keys left no place to the call.
type TrialError struct {
	Credential string
	Err        error // of the context, if that ended the wait; nil otherwise
}

func (e *TrialError) Error() string {
	return fmt.Sprintf("credential %s is on trial, and the calls that try its keys are not answered yet", e.Credential)
}

func (e *TrialError) Unwrap() error { return e.Err }

// Lease takes the keys for one call of a caller. The error is a *[PausedError] while the credential is paused, or a
// *[TrialError] if the call waits for keys on trial until ctx ends, until the given time, or for [TrialWait].
func (p Permit) Lease(ctx context.Context, caller string, now, until time.Time) (*Lease, error) {
	if p.credential == nil {
		return nil, errors.New("no permit: the credential was not checked for this operation")
	}
	var over <-chan time.Time // set by the first wait: most calls do not wait
	for {
		lease := &Lease{permit: p, set: p.credential.active.Load(), caller: caller}
		forbids, wait := lease.set.take(lease, now)
		switch {
		case forbids != nil:
			return nil, &PausedError{p.credential.config.Name, *forbids}
		case wait == nil:
			return lease, nil
		case p.credential.active.Load() != lease.set:
			continue // other keys came before there was something to wait for
		}
		if over == nil {
			over = time.After(min(TrialWait, time.Until(until)))
		}
		select {
		case <-wait:
		case <-over:
			return nil, &TrialError{Credential: p.credential.config.Name}
		case <-ctx.Done():
			return nil, &TrialError{p.credential.config.Name, ctx.Err()}
		}
	}
}

// Probes reports whether the call tries a credential that is paused.
func (l *Lease) Probes() bool { return len(l.probed) > 0 }

// AccessKey is the public half of the leased keys.
func (l *Lease) AccessKey() string { return l.set.keys.AccessKey }

// Sign returns the headers to add to a request of the permitted operation.
func (l *Lease) Sign(now time.Time, r signing.Request) ([]signing.Header, error) {
	if method := l.permit.operation.Method; method != "*" && r.Method != method {
		return nil, fmt.Errorf("permit is for %s %s, not for %s", method, l.permit.operation.Name, r.Method)
	}
	return l.set.key.Sign(now, r, signing.Account{DomainID: string(l.permit.credential.config.DomainID), SecurityToken: l.set.keys.SecurityToken})
}

// Verdict is what an answer says of a signature.
type Verdict uint8

// The verdicts.
const (
	NoVerdict  Verdict = iota // no answer, or none that says something of the signature
	Accepted                  // the provider took the signature
	Rejected                  // the provider said that signature or key is wrong
	OtherCause                // the provider let nothing through for another cause, such as arrears
)

// Done records the verdict on the signature. After Rejected it returns the pause that began or goes on for the keys in use; nil if
// other keys are. The reason is kept for readiness and refusals; it must hold no secret. After a rejection
// Done returns when the watcher has noted it; see [Credential.Watch].
func (l *Lease) Done(verdict Verdict, reason string, now time.Time) (begun *Pause) {
	if verdict == Rejected || verdict == OtherCause {
		l.permit.credential.reject()
	}
	pause, changed := l.set.done(l, verdict, reason, now)
	if changed || verdict == Rejected { // also one that is not the first waits until that is noted
		l.permit.credential.notify(verdict == Rejected)
	}
	if pause != nil && l.permit.credential.active.Load().concerned(l.set) {
		begun = pause
	}
	return begun
}
