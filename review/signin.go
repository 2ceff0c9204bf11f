package review

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tollgate/internal/source"
	"tollgate/review/session"
)

// SignIn is what people show to sign in.
type SignIn string

// The kinds of it.
const (
	ByCertificate SignIn = "certificate" // a client certificate of the connection
	ByToken       SignIn = "token"       // a token that is typed in
	ByInvitation  SignIn = "invitation"  // the address that the process printed, which is good once
)

// Gate is the [Door] of people who sign in.
type Gate struct {
	Sessions *session.Manager
	By       SignIn
	Cookie   string // the name of the cookie; it begins with [SecurePrefix] where pages are served over TLS
	Clock    func() time.Time
	// Certificate returns the certificate that the connection of a request shows, verified, and not that of a caller; nil: there is none. For
	// ByCertificate only.
	Certificate func(r *http.Request) *x509.Certificate
	// Seen takes who signed in, or why it was refused; nil: it is of no interest.
	Seen func(r *http.Request, person *session.Person, refused *session.Error)
}

// SecurePrefix begins the names of cookies that browsers take from this host alone, and send over TLS alone (RFC 6265bis, section 4.1.3.2).
const SecurePrefix = "__Host-"

// maxNext bounds the address to go on to.
const maxNext = 2 << 10

// Who implements [Door].
func (g *Gate) Who(r *http.Request) *session.Person {
	c, err := r.Cookie(g.Cookie)
	if err != nil {
		return nil
	}
	return g.Sessions.Who(c.Value, g.certificate(r), g.Clock())
}

func (g *Gate) certificate(r *http.Request) *x509.Certificate {
	if g.By != ByCertificate || g.Certificate == nil {
		return nil
	}
	return g.Certificate(r)
}

// cookie returns the cookie with a session's token. It lasts as long as the browser: the session ends by itself.
func (g *Gate) cookie(token string) *http.Cookie {
	return &http.Cookie{
		Name: g.Cookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(g.Cookie, SecurePrefix),
	}
}

// begin begins a session by what a request shows.
func (g *Gate) begin(r *http.Request) (string, *session.Person, *session.Error) {
	from, now, shown := source.Parse(r.RemoteAddr), g.Clock(), strings.TrimSpace(r.PostFormValue("token"))
	switch g.By {
	case ByCertificate:
		return g.Sessions.SignInCertificate(g.certificate(r), from, now)
	case ByToken:
		return g.Sessions.SignInToken(shown, from, now)
	}
	return g.Sessions.SignInInvited(shown, from, now)
}

// signInAddress returns the address of the page to sign in, which goes on to the page that was asked for.
func signInAddress(r *http.Request) string {
	next := r.URL.RequestURI()
	if r.Method != http.MethodGet || next == "/" || len(next) > maxNext {
		return "/signin"
	}
	return "/signin?" + url.Values{"next": {next}}.Encode()
}

// signInPage is what the page to sign in shows.
type signInPage struct {
	By      SignIn
	Next    string
	Token   string          // of an invitation
	Person  *session.Person // whose certificate is shown; nil: of no one
	Shown   bool            // a certificate is shown
	Refused session.Reason  // empty: there was no attempt
	Seconds int             // to wait until the next one
}

func (s *Server) signInHandlers(g *Gate) map[string]http.Handler {
	return map[string]http.Handler{
		"GET /signin":   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.showSignIn(w, r, g) }),
		"POST /signin":  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.signIn(w, r, g) }),
		"POST /signout": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { signOut(w, r, g) }),
	}
}

// showSignIn shows the page to sign in. It changes nothing: a program that fetches an address ahead of its reader uses up no invitation.
func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request, g *Gate) {
	query := r.URL.Query()
	p := &signInPage{By: g.By, Next: ownAddress(query.Get("next"))}
	if g.Who(r) != nil {
		http.Redirect(w, r, p.Next, http.StatusSeeOther)
		return
	}
	if token := query.Get("token"); g.By == ByInvitation && len(token) <= maxNext {
		p.Token = token
	}
	status := http.StatusOK
	if certificate := g.certificate(r); g.By == ByCertificate {
		if p.Shown, p.Person = certificate != nil, g.Sessions.Certified(certificate); p.Person == nil {
			status = http.StatusForbidden
		}
	}
	s.renderSignIn(w, r, p, status)
}

func (s *Server) renderSignIn(w http.ResponseWriter, r *http.Request, p *signInPage, status int) {
	ask := s.request(r)
	s.render(w, ask, &page{name: "signin", title: ask.words.Text("signin.title"), status: status, data: p})
}

// signIn begins a session, always a new one, and goes on to the page that was asked for.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, g *Gate) {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	next := ownAddress(r.PostFormValue("next"))
	token, person, refused := g.begin(r)
	if g.Seen != nil {
		g.Seen(r, person, refused)
	}
	if refused != nil {
		s.refuseSignIn(w, r, g, next, refused)
		return
	}
	g.endSession(r)
	http.SetCookie(w, g.cookie(token))
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (s *Server) refuseSignIn(w http.ResponseWriter, r *http.Request, g *Gate, next string, why *session.Error) {
	p := &signInPage{By: g.By, Next: next, Refused: why.Reason, Shown: why.Reason == session.UnknownCertificate}
	if why.Wait > 0 {
		p.Seconds = int(why.Wait/time.Second) + 1
		w.Header().Set("Retry-After", strconv.Itoa(p.Seconds))
	}
	s.renderSignIn(w, r, p, why.Status())
}

// endSession ends the session of a request, if it has one.
func (g *Gate) endSession(r *http.Request) {
	if c, err := r.Cookie(g.Cookie); err == nil {
		g.Sessions.SignOut(c.Value)
	}
}

// signOut ends the session.
func signOut(w http.ResponseWriter, r *http.Request, g *Gate) {
	g.endSession(r)
	gone := g.cookie("")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}
