package review

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/internal/words"
	"tollgate/review/session"
)

const token = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// visitor is a browser, as far as its requests count.
type visitor struct {
	*testing.T
	handler http.Handler
	cookies map[string]*http.Cookie
	headers map[string]string
	remote  string
}

func visit(t *testing.T, c Config) *visitor {
	t.Helper()
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	c.Clock, c.Hosts = func() time.Time { return time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC) }, []string{"review.test"}
	return &visitor{T: t, handler: New(c).Handler(), cookies: map[string]*http.Cookie{}, headers: map[string]string{}, remote: "192.0.2.7:5000"}
}

// ask sends a request, a form with POST, and returns the answer and its body.
func (v *visitor) ask(method, address string, form ...string) (*http.Response, string) {
	v.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	r := httptest.NewRequest(method, "http://review.test"+address, strings.NewReader(values.Encode()))
	r.RemoteAddr = v.remote
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range v.headers {
		r.Header.Set(name, value)
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	answer := w.Result()
	body, _ := io.ReadAll(answer.Body)
	for _, c := range answer.Cookies() {
		if v.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	return answer, string(body)
}

// expect asks, and compares status and what the body has.
func (v *visitor) expect(status int, has, method, address string, form ...string) *http.Response {
	v.Helper()
	answer, body := v.ask(method, address, form...)
	if answer.StatusCode != status || !strings.Contains(body, has) {
		v.Errorf("%s %s: %d, want %d with %q:\n%s", method, address, answer.StatusCode, status, has, body)
	}
	return answer
}

func people(t *testing.T) *session.Manager {
	t.Helper()
	m, err := session.New([]session.Identity{{Name: "li-wei", Roles: []session.Role{session.Viewer}, Proofs: []session.Proof{{Token: &session.Token{SHA256: sha256.Sum256([]byte(token))}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func tokenGate(t *testing.T) *Gate {
	return &Gate{Sessions: people(t), By: ByToken, Cookie: SecurePrefix + "tollgate", Clock: time.Now}
}

func (v *visitor) signIn(next string) *http.Response {
	v.Helper()
	answer, _ := v.ask("POST", "/signin", "token", " "+token+"\n", "next", next)
	if answer.StatusCode != http.StatusSeeOther {
		v.Fatalf("signing in: %s", answer.Status)
	}
	return answer
}

// TestSignIn: a page leads to the page to sign in, which leads back; the cookie is for this host over TLS alone; signing out ends the session,
// and signing in again is another one.
func TestSignIn(t *testing.T) {
	v := visit(t, Config{Door: tokenGate(t)})
	if answer := v.expect(303, "", "GET", "/about?lang=en&q=1"); answer.Header.Get("Location") != "/signin?next=%2Fabout%3Flang%3Den%26q%3D1" {
		t.Error("not signed in, a page leads to", answer.Header.Get("Location"))
	}
	v.expect(200, `value="/about?lang=en&amp;q=1"`, "GET", "/signin?next=%2Fabout%3Flang%3Den%26q%3D1")
	answer := v.signIn("/about?lang=en&q=1")
	if got := answer.Header.Get("Location"); got != "/about?lang=en&q=1" {
		t.Error("signed in, the way leads to", got)
	}
	const attributes = "; Path=/; HttpOnly; Secure; SameSite=Strict"
	first, rest, _ := strings.Cut(answer.Header.Get("Set-Cookie"), ";")
	if !regexp.MustCompile(`^__Host-tollgate=[A-Za-z0-9_-]{43}$`).MatchString(first) || ";"+rest != attributes {
		t.Error("the cookie is", answer.Header.Get("Set-Cookie"))
	}
	v.expect(200, "li-wei", "GET", "/about")
	v.expect(303, "", "GET", "/signin")
	former := *v.cookies[SecurePrefix+"tollgate"]
	v.signIn("/")
	if v.cookies[former.Name].Value == former.Value {
		t.Error("a new sign-in has the session of the one before")
	}
	now := v.cookies[former.Name]
	v.cookies[former.Name] = &former
	v.expect(303, "", "GET", "/about")
	v.cookies[former.Name] = now
	v.expect(200, "li-wei", "GET", "/about")
	v.expect(303, "", "POST", "/signout")
	if len(v.cookies) > 0 {
		t.Error("the cookie stays")
	}
	v.cookies[former.Name] = now
	v.expect(303, "", "GET", "/about")
}

func TestCookieOnLoopback(t *testing.T) {
	gate := tokenGate(t)
	gate.Cookie = "tollgate"
	answer := visit(t, Config{Door: gate}).signIn("/")
	if got := answer.Header.Get("Set-Cookie"); !strings.HasPrefix(got, "tollgate=") || !strings.HasSuffix(got, "; Path=/; HttpOnly; SameSite=Strict") {
		t.Error("the cookie is", got)
	}
}

// TestNext: after signing in, the way leads to these pages only.
func TestNext(t *testing.T) {
	for next, want := range map[string]string{
		"/calls?caller=a": "/calls?caller=a", "": "/", "https://evil.test/": "/", "//evil.test/x": "/", `/\evil.test`: "/", "javascript:alert(1)": "/", "calls": "/", "/%0d%0aSet-Cookie:x": "/%0d%0aSet-Cookie:x",
	} {
		if got := visit(t, Config{Door: tokenGate(t)}).signIn(next).Header.Get("Location"); got != want {
			t.Errorf("next %q leads to %q, want %q", next, got, want)
		}
	}
	long := visit(t, Config{Door: tokenGate(t)})
	if got := long.expect(303, "", "GET", "/about?"+strings.Repeat("x", maxNext)).Header.Get("Location"); got != "/signin" {
		t.Errorf("a long address is kept: %.50s", got)
	}
}

// TestWrongToken: ten attempts are refused as wrong, the next ones of that source as too many; another source is not concerned.
func TestWrongToken(t *testing.T) {
	v := visit(t, Config{Door: tokenGate(t)})
	v.expect(403, "not the token of a person", "POST", "/signin", "token", token[1:])
	for range 9 {
		v.expect(403, "", "POST", "/signin", "token", "")
	}
	if answer := v.expect(429, "Too many failed attempts", "POST", "/signin", "token", token); answer.Header.Get("Retry-After") != "6" || len(v.cookies) > 0 {
		t.Error("too many attempts:", answer.Header)
	}
	v.remote = "192.0.2.8:5000"
	v.signIn("/")
}

// TestOtherSites: no other site can make a browser sign in or out, nor use another name for this host.
func TestOtherSites(t *testing.T) {
	for name, value := range map[string]string{"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"} {
		v := visit(t, Config{Door: tokenGate(t)})
		v.signIn("/")
		v.headers[name] = value
		v.expect(403, "", "POST", "/signin", "token", token)
		v.expect(403, "", "POST", "/signout")
		v.expect(403, "", "POST", "/preferences", "lang", "en")
		v.expect(200, "li-wei", "GET", "/about")
	}
}

// TestInvitation: the page that shows an invitation uses nothing up, and posting it works once.
func TestInvitation(t *testing.T) {
	now := time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)
	m, err := session.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	gate := &Gate{Sessions: m, By: ByInvitation, Cookie: "tollgate-1", Clock: func() time.Time { return now }}
	invited := m.Invite(&session.Person{Name: "reviewer", Roles: []session.Role{session.Viewer}}, now)
	v := visit(t, Config{Door: gate})
	v.expect(200, "press Enter", "GET", "/signin")
	for range 3 {
		v.expect(200, invited, "GET", "/signin?token="+invited)
	}
	v.expect(303, "", "POST", "/signin", "token", invited)
	v.expect(200, "reviewer", "GET", "/about")
	v.expect(303, "", "GET", "/signin?token="+invited)
	other := visit(t, Config{Door: gate})
	other.expect(403, "has been used already", "POST", "/signin", "token", invited)
	other.expect(303, "", "GET", "/about")
	other.expect(200, "&lt;script&gt;", "GET", "/signin?token=%3Cscript%3E")
}

// TestCertificatePage: what the page says of the certificate that is shown.
func TestCertificatePage(t *testing.T) {
	var shown *x509.Certificate
	m := people(t)
	v := visit(t, Config{Door: &Gate{Sessions: m, By: ByCertificate, Cookie: "tollgate", Clock: time.Now, Certificate: func(*http.Request) *x509.Certificate { return shown }}})
	v.expect(403, "has shown no certificate", "GET", "/signin")
	v.expect(403, "has shown no certificate", "POST", "/signin")
	shown = &x509.Certificate{}
	v.expect(403, "Applications cannot sign in", "GET", "/signin")
	v.expect(403, "Applications cannot sign in", "POST", "/signin")
	v.expect(403, "", "POST", "/signin", "token", token)
	v.expect(303, "", "GET", "/about")
}

// TestSignInPages: in both languages each state of the page is there, without a message's id in place of its text.
func TestSignInPages(t *testing.T) {
	s := New(Config{Door: tokenGate(t), Zone: time.UTC, Clock: time.Now})
	for _, lang := range words.Languages() {
		for _, by := range []SignIn{ByCertificate, ByToken, ByInvitation} {
			for _, why := range []session.Reason{"", session.NoCertificate, session.UnknownCertificate, session.WrongToken, session.UsedInvitation, session.TooManyAttempts} {
				w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/signin?lang="+string(lang), nil)
				s.renderSignIn(w, r, &signInPage{By: by, Next: "/", Refused: why, Seconds: 6}, 200)
				if body := w.Body.String(); w.Code != 200 || strings.Contains(body, "signin.") || !strings.Contains(body, fmt.Sprintf("lang=%q", lang)) {
					t.Errorf("%s, %s, %q: %d\n%s", lang, by, why, w.Code, body)
				}
			}
		}
	}
}

// TestTurns: pages beyond those that are made and those that wait are refused, also after a while; one that ends makes room.
func TestTurns(t *testing.T) { synctest.Test(t, testTurns) }

func testTurns(t *testing.T) {
	turns := newTurns(2)
	var ends []func()
	for range 2 {
		release, err := turns.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, release)
	}
	results := make(chan error, waitingPages)
	for range waitingPages {
		go func() {
			release, err := turns.take(t.Context())
			release()
			results <- err
		}()
	}
	synctest.Wait()
	if _, err := turns.take(t.Context()); err != errBusy {
		t.Error("one too many:", err)
	}
	ends[0]()
	ends[0]() // which is no second place
	for range waitingPages {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	again, err := turns.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := turns.take(t.Context()); err != errBusy || time.Since(began) != waitingTime {
		t.Error("after a while:", err, time.Since(began))
	}
	again()
	ends[1]()
	if len(turns.free) != 0 || len(turns.places) != 0 {
		t.Error("places are left", len(turns.free), len(turns.places))
	}
}

// FuzzOwnAddress: where a reader is led after signing in is on this host, for Go and for browsers, which read a backslash as a slash and leave out
// tabs and line ends.
func FuzzOwnAddress(f *testing.F) {
	for _, next := range []string{"/", "/calls?caller=a&before=x", "//evil.test", `/\\evil.test`, "/\t/evil.test", "/.//evil.test", "/%2f/evil.test", "https://evil.test", "/x#//evil.test", "/é?é", "/calls?next=//evil.test", ""} {
		f.Add(next)
	}
	base := &url.URL{Scheme: "https", Host: "review.test", Path: "/signin"}
	f.Fuzz(func(t *testing.T, next string) {
		got := ownAddress(next)
		to, err := base.Parse(got)
		if err != nil || to.Host != base.Host || to.Scheme != base.Scheme {
			t.Errorf("%q leads to %v, %v", next, to, err)
		}
		path, _, _ := strings.Cut(got, "?")
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\t\r\n\x00") {
			t.Errorf("%q leads to %q", next, got)
		}
	})
}
