package session

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tollgate/caller"
	"tollgate/internal/source"
	"tollgate/internal/testpki"
)

var (
	start = time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)
	here  = source.Of(netip.MustParseAddr("192.0.2.7"))
	there = source.Of(netip.MustParseAddr("192.0.2.8"))
)

const (
	liToken   = "li-token-0123456789012345678901234567890123456789"
	wangToken = "wang-token-01234567890123456789012345678901234567"
	password  = "correct horse"
)

func tokenProof(token string) Proof {
	return Proof{Token: &Token{hashOf(token)}}
}

func certificateProof(uri string) Proof {
	return Proof{Certificate: &caller.CertificateName{URI: uri}}
}

func people() []Identity {
	return []Identity{
		{Name: "li", Roles: []Role{Viewer}, Proofs: []Proof{tokenProof(liToken), tokenProof(password), certificateProof("spiffe://corp/li")}},
		{Name: "wang", Roles: []Role{Reviewer}, Proofs: []Proof{tokenProof(wangToken), {Certificate: &caller.CertificateName{DNS: "Wang.Corp.Example"}}}},
	}
}

func manager(t *testing.T, identities ...Identity) *Manager {
	t.Helper()
	m, err := New(identities)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var authority = testpki.Must(testpki.New())

func certificate(t *testing.T, uri string) *x509.Certificate {
	t.Helper()
	return leaf(t, testpki.Must(authority.Client("li", uri)))
}

func leaf(t *testing.T, c tls.Certificate) *x509.Certificate {
	t.Helper()
	parsed, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// name returns the name of a person, or "".
func name(p *Person) string {
	if p == nil {
		return ""
	}
	return p.Name
}

func TestSignInToken(t *testing.T) {
	m := manager(t, people()...)
	for token, want := range map[string]string{liToken: "li", wangToken: "wang", password: "", "": "", liToken + " ": "", liToken[1:]: ""} {
		session, person, refused := m.SignInToken(token, source.Source{}, start)
		if name(person) != want || (refused == nil) != (want != "") || name(m.Who(session, nil, start)) != want {
			t.Errorf("%q: %v, %v; want %q", token, person, refused, want)
		}
		if refused != nil && refused.Reason != WrongToken {
			t.Errorf("%q: %v", token, refused)
		}
	}
	one, _, _ := m.SignInToken(liToken, here, start)
	two, _, _ := m.SignInToken(liToken, here, start)
	if one == two || len(one) != 43 {
		t.Errorf("the tokens of two sessions are %q and %q", one, two)
	}
}

func TestHash(t *testing.T) {
	right := hashOf("x").String()
	for text, want := range map[string]bool{right: true, strings.ToUpper(right): true, right[1:]: false, right + "00": false, "g" + right[1:]: false, "": false} {
		var h Hash
		if err := h.UnmarshalText([]byte(text)); (err == nil) != want || want && h != hashOf("x") {
			t.Errorf("%q: %v, %v", text, h, err)
		}
	}
}

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		has    []Role
		may    Role
		wanted bool
	}{{[]Role{Viewer}, Viewer, true}, {[]Role{Viewer}, Reviewer, false}, {[]Role{Reviewer}, Viewer, true}, {[]Role{Reviewer}, Reviewer, true}, {nil, Viewer, false}} {
		if got := (&Person{Roles: c.has}).May(c.may); got != c.wanted {
			t.Errorf("%v may %v: %v", c.has, c.may, got)
		}
	}
}

// TestCertificates: a session that a certificate began is good with a certificate of that person, and with nothing else.
func TestCertificates(t *testing.T) {
	m := manager(t, people()...)
	li, again := certificate(t, "spiffe://corp/li"), certificate(t, "spiffe://corp/li")
	wang := leaf(t, testpki.Must(authority.Issue(testpki.Leaf{Names: []string{"wang.corp.example"}})))
	session, person, refused := m.SignInCertificate(li, here, start)
	if refused != nil || person.Name != "li" {
		t.Fatal(person, refused)
	}
	for shown, want := range map[*x509.Certificate]string{li: "li", again: "li", wang: "", nil: "", certificate(t, "spiffe://corp/app"): ""} {
		if got := name(m.Who(session, shown, start)); got != want {
			t.Errorf("with %v: %q, want %q", shown, got, want)
		}
	}
	if got := name(m.Certified(wang)); got != "wang" {
		t.Errorf("a DNS name in capitals: %q", got)
	}
	if _, _, refused := m.SignInCertificate(certificate(t, "spiffe://corp/app"), here, start); refused == nil || refused.Reason != UnknownCertificate {
		t.Error("a certificate of an application:", refused)
	}
	if _, _, refused := m.SignInCertificate(nil, here, start); refused == nil || refused.Reason != NoCertificate {
		t.Error("no certificate:", refused)
	}
	if shared := leaf(t, testpki.Must(authority.Issue(testpki.Leaf{Names: []string{"wang.corp.example"}, URIs: []string{"spiffe://corp/li"}}))); m.Certified(shared) != nil {
		t.Error("a certificate of two people is of one of them")
	}
}

func TestLifetime(t *testing.T) {
	m := manager(t, people()...)
	idle, _, _ := m.SignInToken(liToken, here, start)
	busy, _, _ := m.SignInToken(liToken, here, start)
	out, _, _ := m.SignInToken(liToken, here, start)
	m.SignOut(out)
	if m.Who(out, nil, start) != nil {
		t.Error("a session that was signed out of goes on")
	}
	if m.Who(idle, nil, start.Add(IdleTime-time.Second)) == nil || m.Who(idle, nil, start.Add(2*IdleTime-time.Second)) != nil {
		t.Error("the idle time is not", IdleTime)
	}
	last := start
	for now := start; m.Who(busy, nil, now) != nil && last.Before(start.Add(2*WholeTime)); now = now.Add(time.Minute) {
		last = now
	}
	if got := last.Sub(start); got != WholeTime-time.Minute {
		t.Errorf("a session in use ended after %v", got)
	}
}

// TestMostSessions: one more session ends the one without a request for longest.
func TestMostSessions(t *testing.T) {
	crowd := people()
	for i := range MaxSessions / MaxOfPerson {
		crowd = append(crowd, Identity{Name: fmt.Sprint(i), Proofs: []Proof{tokenProof(fmt.Sprint(liToken, i))}})
	}
	m := manager(t, crowd...)
	var sessions []string
	for i := range MaxSessions {
		token, _, _ := m.SignInToken(fmt.Sprint(liToken, i/MaxOfPerson), here, start.Add(time.Duration(i)*time.Millisecond))
		sessions = append(sessions, token)
	}
	now := start.Add(time.Minute)
	m.Who(sessions[0], nil, now)
	if _, person, _ := m.SignInToken(wangToken, here, now); person == nil || len(m.sessions) != MaxSessions {
		t.Fatal(person, len(m.sessions))
	}
	for i, want := range map[int]bool{0: true, 1: false, 2: true, MaxSessions - 1: true} {
		if got := m.Who(sessions[i], nil, now) != nil; got != want {
			t.Errorf("session %d: %v", i, got)
		}
	}
}

// TestMostOfPerson: who signs in again and again ends sessions of their own, and no one else's.
func TestMostOfPerson(t *testing.T) {
	m := manager(t, people()...)
	wang, _, _ := m.SignInToken(wangToken, here, start)
	var sessions []string
	for i := range 2 * MaxSessions {
		token, _, _ := m.SignInToken(liToken, here, start.Add(time.Duration(i)*time.Millisecond))
		sessions = append(sessions, token)
	}
	now := start.Add(time.Minute)
	if m.Who(wang, nil, now) == nil {
		t.Error("the session of another person ended")
	}
	for i, want := range map[int]bool{1: true, MaxOfPerson: true, MaxOfPerson + 1: false} {
		if got := m.Who(sessions[len(sessions)-i], nil, now) != nil; got != want {
			t.Errorf("the session %d before the end: %v", i, got)
		}
	}
}

// TestUpdate: a session ends with the identity, with the proof that began it, and when the proof is of another person. Roles follow.
func TestUpdate(t *testing.T) {
	li := certificate(t, "spiffe://corp/li")
	for what, c := range map[string]struct {
		change              func(all []Identity) []Identity
		token, cert, others bool // which sessions go on
	}{
		"nothing":                    {func(all []Identity) []Identity { return all }, true, true, true},
		"the person is gone":         {func(all []Identity) []Identity { return all[1:] }, false, false, true},
		"the token is gone":          {func(all []Identity) []Identity { all[0].Proofs = all[0].Proofs[1:]; return all }, false, true, true},
		"the certificate is gone":    {func(all []Identity) []Identity { all[0].Proofs = all[0].Proofs[:2]; return all }, true, false, true},
		"all are of another person":  {func(all []Identity) []Identity { all[0].Name = "zhao"; return all }, false, false, true},
		"the person is a reviewer":   {func(all []Identity) []Identity { all[0].Roles = []Role{Reviewer}; return all }, true, true, true},
		"the file has no identities": {func([]Identity) []Identity { return nil }, false, false, false},
	} {
		m := manager(t, people()...)
		byToken, _, _ := m.SignInToken(liToken, here, start)
		byCertificate, _, _ := m.SignInCertificate(li, here, start)
		other, _, _ := m.SignInToken(wangToken, here, start)
		next := c.change(people())
		if err := m.Update(next); err != nil {
			t.Fatal(what, err)
		}
		for session, want := range map[string]bool{byToken: c.token, byCertificate: c.cert, other: c.others} {
			p := m.Who(session, li, start)
			if (p != nil) != want || p != nil && p.Name == "li" && p.Roles[0] != next[0].Roles[0] {
				t.Errorf("%s: %v, want %v", what, p, want)
			}
		}
	}
	m := manager(t, people()...)
	session, _, _ := m.SignInToken(liToken, here, start)
	twice := people()
	twice[1].Proofs = append(twice[1].Proofs, tokenProof(liToken))
	if err := m.Update(twice); err == nil || m.Who(session, nil, start) == nil {
		t.Error("a proof of two people:", err)
	}
}

// TestFailedAttempts: the eleventh of a source is refused, with the right token too; certificates, and other sources, are as before.
func TestFailedAttempts(t *testing.T) {
	m := manager(t, people()...)
	for i := range 10 {
		if _, _, refused := m.SignInToken("wrong", here, start); refused.Reason != WrongToken {
			t.Fatal(i, refused)
		}
	}
	_, _, refused := m.SignInToken(liToken, here, start)
	if refused == nil || refused.Reason != TooManyAttempts || refused.Wait <= 0 || refused.Wait > 6*time.Second {
		t.Errorf("the eleventh attempt: %+v", refused)
	}
	if _, person, _ := m.SignInToken(liToken, there, start); person == nil {
		t.Error("another source is refused")
	}
	if _, person, _ := m.SignInCertificate(certificate(t, "spiffe://corp/li"), here, start); person == nil {
		t.Error("a certificate is refused")
	}
	if _, _, refused := m.SignInCertificate(nil, here, start); refused.Reason != TooManyAttempts {
		t.Error("another failed attempt:", refused)
	}
	if _, person, _ := m.SignInToken(liToken, here, start.Add(time.Minute)); person == nil {
		t.Error("a minute later the source is refused")
	}
}

// TestInvite: an invitation is good once, for a while, and only the newest; failed attempts do not keep its person out.
func TestInvite(t *testing.T) {
	m, owner := manager(t), &Person{"reviewer", []Role{Viewer}}
	if _, _, refused := m.SignInInvited("", here, start); refused == nil {
		t.Error("without an invitation the empty token is one")
	}
	first := m.Invite(owner, start)
	second := m.Invite(owner, start)
	for range 20 {
		if _, _, refused := m.SignInInvited(first, here, start); refused == nil {
			t.Fatal("an earlier invitation is good")
		}
	}
	if _, _, refused := m.SignInInvited(first, here, start); refused.Reason != TooManyAttempts {
		t.Error("many failed attempts:", refused)
	}
	session, person, refused := m.SignInInvited(second, here, start.Add(InvitationTime-1))
	if person != owner || refused != nil || m.Who(session, nil, start.Add(InvitationTime)) != owner {
		t.Error("the invitation:", person, refused)
	}
	if _, _, refused := m.SignInInvited(second, there, start); refused == nil || refused.Reason != UsedInvitation {
		t.Error("a used invitation:", refused)
	}
	third := m.Invite(owner, start)
	if m.Who(session, nil, start.Add(InvitationTime)) == nil {
		t.Error("a new invitation ends a session")
	}
	if _, _, refused := m.SignInInvited(third, there, start.Add(InvitationTime)); refused == nil {
		t.Error("an old invitation is good")
	}
}
