// Package session knows who looks at pages: people with identities of their own, which are no callers. A person shows a proof and is given a
// session; a [Manager] has the sessions, in memory only.
//
// # Proofs
//
// An [Identity] has certificates, tokens or both, and a gateway takes one of the two kinds. `tollgate review` takes neither: it prints an
// address with a token that is good once ([Manager.Invite]).
//
// # Sessions
//
// A session is 256 random bits that the browser keeps in a cookie; of them, and of tokens, only hashes are in memory. It ends after 30
// minutes without a request, 8 hours after its beginning, when the person signs out, and when the proof that began it is no longer the
// person's. One that a certificate began is good on connections that show a certificate of that person, and no others. Beyond 20 sessions of
// a person, and 1,000 in all, the one of these without a request for longest ends.
//
// # Failed attempts
//
// A source of addresses has 10 failed attempts, and gets one back every 6 seconds. What can be guessed is refused then, right or wrong. A
// certificate cannot be guessed, nor can a token that is good once, which a reader must not be kept from by other processes of the machine.
package session

import (
	"slices"
	"time"
)

// Role is what a person may do.
type Role string

// The roles. A reviewer may do what a viewer may.
const (
	Viewer   Role = "viewer"
	Reviewer Role = "reviewer"
)

// Person is one who is signed in.
type Person struct {
	Name  string
	Roles []Role
}

// May reports whether a person may do what a role may.
func (p *Person) May(role Role) bool {
	return slices.Contains(p.Roles, role) || role == Viewer && slices.Contains(p.Roles, Reviewer)
}

// Bounds of sessions.
const (
	MaxSessions = 1000
	MaxOfPerson = 20 // so that no person can end the sessions of others by signing in again and again
	IdleTime    = 30 * time.Minute
	WholeTime   = 8 * time.Hour
)

// session is one that has begun.
type session struct {
	person      string
	proof       string // its id; empty for an invitation, which no configuration takes back
	certificate bool   // a certificate began it
	began, used time.Time
}

// over reports whether a session has ended by itself.
func (s *session) over(now time.Time) bool {
	return now.Sub(s.used) >= IdleTime || now.Sub(s.began) >= WholeTime
}
