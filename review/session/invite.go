package session

import (
	"crypto/subtle"
	"time"

	"tollgate/internal/source"
)

// InvitationTime is for how long the token of [Manager.Invite] is good.
const InvitationTime = 10 * time.Minute

// invitation is the newest one.
type invitation struct {
	person *Person
	hash   Hash
	until  time.Time // zero: it was taken up
}

// Invite returns a token by which a person may sign in once, within [InvitationTime]. It takes the place of the one before. Sessions that
// earlier ones began go on: they are of the person who owns the process.
func (m *Manager) Invite(person *Person, now time.Time) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	token := random()
	m.invited = invitation{person, hashOf(token), now.Add(InvitationTime)}
	return token
}

// SignInInvited begins a session by the token of an invitation, and returns its own token.
func (m *Manager) SignInInvited(token string, from source.Source, now time.Time) (string, *Person, *Error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	shown := hashOf(token)
	if subtle.ConstantTimeCompare(shown[:], m.invited.hash[:]) == 1 && now.Before(m.invited.until) {
		m.invited.until = time.Time{}
		return m.begin(session{person: m.invited.person.Name}, now), m.invited.person, nil
	}
	if ok, wait := m.failures.Allowed(from, now); !ok {
		return "", nil, &Error{TooManyAttempts, wait}
	}
	return "", nil, m.failed(UsedInvitation, from, now)
}
