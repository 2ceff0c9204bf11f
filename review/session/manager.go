package session

import (
	"crypto/rand"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"tollgate/caller"
	"tollgate/internal/source"
	"tollgate/ratelimit"
)

// Manager knows who is signed in. Make it with [New]. It is safe for concurrent use.
type Manager struct {
	failures *ratelimit.Sources

	mutex    sync.Mutex
	people   map[string]*Person
	names    *caller.Names     // of certificates
	tokens   map[Hash]string   // by their hashes: the person
	proofs   map[string]string // by their ids: the person
	sessions map[Hash]*session
	invited  invitation
}

// attempts are the failed ones that a source has.
var attempts = ratelimit.Unauthenticated{Rate: ratelimit.Rate(10.0 / 60), Burst: 10, Sources: 10_000}

// New returns a manager of identities that were checked.
func New(identities []Identity) (*Manager, error) {
	failures, err := ratelimit.NewSources(attempts)
	if err != nil {
		return nil, err
	}
	m := &Manager{failures: failures, sessions: map[Hash]*session{}}
	return m, m.Update(identities)
}

// Update makes other identities those that may sign in, and ends the sessions whose proof is not their person's any more.
func (m *Manager) Update(identities []Identity) error {
	people, names := map[string]*Person{}, caller.NewNames("identity")
	tokens, proofs := map[Hash]string{}, map[string]string{}
	for _, one := range identities {
		people[one.Name] = &Person{one.Name, one.Roles}
		for _, p := range one.Proofs {
			if other, taken := proofs[p.ID()]; taken {
				return fmt.Errorf("identity %q: a proof is already one of %q", one.Name, other)
			}
			proofs[p.ID()] = one.Name
			if err := p.addTo(one.Name, names, tokens); err != nil {
				return fmt.Errorf("identity %q: %w", one.Name, err)
			}
		}
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.people, m.names, m.tokens, m.proofs = people, names, tokens, proofs
	for key, s := range m.sessions {
		if s.proof != "" && proofs[s.proof] != s.person {
			delete(m.sessions, key)
		}
	}
	return nil
}

func (p *Proof) addTo(person string, names *caller.Names, tokens map[Hash]string) error {
	if p.Certificate != nil {
		return names.Add(person, p.Certificate)
	}
	tokens[p.Token.SHA256] = person
	return nil
}

// Certified returns the person that a certificate is of; nil if it is of none. The certificate was verified.
func (m *Manager) Certified(certificate *x509.Certificate) *Person {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	person, _ := m.certified(certificate)
	return person
}

// certified also returns the id of the proof. mutex is held.
func (m *Manager) certified(certificate *x509.Certificate) (*Person, string) {
	if certificate == nil {
		return nil, ""
	}
	name, by, err := m.names.Owner(certificate)
	if err != nil || name == "" {
		return nil, ""
	}
	return m.people[name], certificateID(by)
}

// SignInCertificate begins the session of the person that a certificate is of, and returns its token. The certificate was verified; nil: none was
// shown.
func (m *Manager) SignInCertificate(certificate *x509.Certificate, from source.Source, now time.Time) (string, *Person, *Error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	person, proof := m.certified(certificate)
	if person != nil {
		return m.begin(session{person: person.Name, proof: proof, certificate: true}, now), person, nil
	}
	reason := UnknownCertificate
	if certificate == nil {
		reason = NoCertificate
	}
	return "", nil, m.failed(reason, from, now)
}

// SignInToken begins the session of the person whose token is shown, and returns its own token.
func (m *Manager) SignInToken(token string, from source.Source, now time.Time) (string, *Person, *Error) {
	if ok, wait := m.failures.Allowed(from, now); !ok {
		return "", nil, &Error{TooManyAttempts, wait}
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	shown := hashOf(token)
	person := m.people[m.owner(shown)]
	if person == nil || len(token) < MinToken {
		return "", nil, m.failed(WrongToken, from, now)
	}
	return m.begin(session{person: person.Name, proof: tokenID(shown)}, now), person, nil
}

// owner compares with all tokens, so that the time says nothing. mutex is held.
func (m *Manager) owner(shown Hash) (person string) {
	for hash, name := range m.tokens {
		if subtle.ConstantTimeCompare(hash[:], shown[:]) == 1 {
			person = name
		}
	}
	return person
}

// begin makes a session. mutex is held.
func (m *Manager) begin(s session, now time.Time) (token string) {
	m.makeRoom(s.person, now)
	s.began, s.used, token = now, now, random()
	m.sessions[hashOf(token)] = &s
	return token
}

// makeRoom ends the sessions that are over, and of a person's, or of all, the one without a request for longest if there are too many still. mutex
// is held.
func (m *Manager) makeRoom(person string, now time.Time) {
	all, own := longest{}, longest{}
	for key, s := range m.sessions {
		if s.over(now) {
			delete(m.sessions, key)
			continue
		}
		if all.add(key, s); s.person == person {
			own.add(key, s)
		}
	}
	switch {
	case own.count >= MaxOfPerson:
		delete(m.sessions, own.key)
	case all.count >= MaxSessions:
		delete(m.sessions, all.key)
	}
}

// longest counts sessions, and has the one without a request for longest.
type longest struct {
	count int
	key   Hash
	used  time.Time
}

func (l *longest) add(key Hash, s *session) {
	if l.count++; l.count == 1 || s.used.Before(l.used) {
		l.key, l.used = key, s.used
	}
}

// random returns 256 random bits as text.
func random() string {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // it never returns an error
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

// Who returns the person whose session has a token; nil if there is none. A session that a certificate began needs a certificate of that person
// still; the one that is shown was verified, nil: none was.
func (m *Manager) Who(token string, certificate *x509.Certificate, now time.Time) *Person {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	key := hashOf(token)
	s := m.sessions[key]
	if s == nil {
		return nil
	}
	if s.over(now) {
		delete(m.sessions, key)
		return nil
	}
	if holder, _ := m.certified(certificate); s.certificate && (holder == nil || holder.Name != s.person) {
		return nil
	}
	s.used = now
	if s.proof == "" {
		return m.invited.person
	}
	return m.people[s.person]
}

// SignOut ends a session.
func (m *Manager) SignOut(token string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.sessions, hashOf(token))
}
