package session

import (
	"net/http"
	"time"

	"tollgate/internal/source"
)

// Reason says in one word why a person was not signed in. There are only the ones below, so metrics may be labelled with it.
type Reason string

// The reasons of an [Error].
const (
	NoCertificate      Reason = "no_certificate"      // none was shown, or none that is trusted
	UnknownCertificate Reason = "unknown_certificate" // it names no person, or several
	WrongToken         Reason = "wrong_token"         // it is of no person
	UsedInvitation     Reason = "used_invitation"     // it was taken up, is too old, or was never one
	TooManyAttempts    Reason = "too_many_failures"   // of this source, of late
)

// Error is why a person was not signed in.
type Error struct {
	Reason Reason
	Wait   time.Duration // of TooManyAttempts: until the next attempt
}

func (e *Error) Error() string { return string(e.Reason) }

// Status returns the status of the answer.
func (e *Error) Status() int {
	if e.Reason == TooManyAttempts {
		return http.StatusTooManyRequests
	}
	return http.StatusForbidden
}

// failed counts a failed attempt, and returns the error of it.
func (m *Manager) failed(why Reason, from source.Source, now time.Time) *Error {
	ok, wait := m.failures.Allowed(from, now)
	m.failures.Failed(from, now)
	if !ok {
		return &Error{TooManyAttempts, wait}
	}
	return &Error{why, 0}
}
