package service_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/internal/testpki"
	"tollgate/service"
)

// reader is a person's browser, as far as its requests count.
type reader struct {
	*testing.T
	client  *http.Client
	address string // "https://127.0.0.1:1234"
	host    string // empty: that of the address
	origin  string
	cookie  string // "name=value"
}

func (o *operated) reader(t *testing.T, scheme string, certificates ...tls.Certificate) *reader {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.ca.Pool(), Certificates: certificates}}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &reader{T: t, client: client, address: scheme + "://" + o.Address(config.ReviewListener)}
}

// ask sends a request, a form with POST, and returns "STATUS BODY" and the answer's header.
func (r *reader) ask(method, path string, form ...string) (string, http.Header) {
	r.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	request, err := http.NewRequestWithContext(r.Context(), method, r.address+path, strings.NewReader(values.Encode()))
	if err != nil {
		r.Fatal(err)
	}
	request.Host = r.host
	for name, value := range map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Cookie": r.cookie, "Origin": r.origin} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	answer, err := r.client.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		r.Fatal(err)
	}
	return fmt.Sprintf("%d %s", answer.StatusCode, body), answer.Header
}

// expect asks, and compares the status and parts of the body, each behind a blank: "200 li-wei".
func (r *reader) expect(want, method, path string, form ...string) {
	r.Helper()
	status, part, _ := strings.Cut(want, " ")
	if got, _ := r.ask(method, path, form...); !strings.HasPrefix(got, status) || !strings.Contains(got, part) {
		r.Errorf("%s %s: %s\nwant %s", method, path, got, want)
	}
}

// signIn signs in and keeps the cookie, whose attributes it returns.
func (r *reader) signIn(form ...string) (attributes string) {
	r.Helper()
	got, header := r.ask("POST", "/signin", form...)
	if !strings.HasPrefix(got, "303") {
		r.Fatal("signing in: ", got)
	}
	r.cookie, attributes, _ = strings.Cut(header.Get("Set-Cookie"), "; ")
	return attributes
}

func (o *operated) reload(t *testing.T, pairs ...string) {
	t.Helper()
	o.write(t, "gw.yaml", strings.NewReplacer(pairs...).Replace(reviewedText))
	if _, err := o.Reload(t.Context(), service.Trigger{By: service.ByAPI}, false); err != nil {
		t.Fatal(err)
	}
}

const (
	liToken    = "li-wei-0123456789abcdef0123456789abcdef0123456789abcdef"
	otherToken = "li-wei-fedcba9876543210fedcba9876543210fedcba9876543210"
	byURI      = `{certificate: {uri: "spiffe://test/li-wei"}}`
)

func hashed(token string) string {
	return fmt.Sprintf("{token: {sha256: %x}}", sha256.Sum256([]byte(token)))
}

const reviewedText = `
listeners: [{name: https, address: "127.0.0.1:0", tls: {certificate: {files: {cert: tls.crt, key: tls.key}}, client_ca: ca.pem}}]
upstreams: {bss: {url: "http://127.0.0.1:9", catalog: cn}}
credentials: {main: {class: partner, access_key: {env: AK}, secret_key: {env: SK}}}
callers: {app: {auth: [{certificate: {uri: "spiffe://test/app"}}], grants: [{operations: [ListProvinces], credential: main}]}}
audit: {dir: audit}
admin: {address: "127.0.0.1:0", socket: none}
review: {address: "127.0.0.1:0", tls: {certificate: {files: {cert: tls.crt, key: tls.key}}, client_ca: ca.pem, client_deny: denied}, sign_in: certificate}
identities:
  li-wei: {proofs: [` + byURI + `], roles: [viewer]}
  wang-fang: {proofs: [{certificate: {uri: "spiffe://test/wang-fang"}}], roles: [reviewer]}
`

func (o *operated) certificate(uris ...string) tls.Certificate {
	return testpki.Must(o.ca.Client("someone", uris...))
}

// TestReviewByCertificate: a person signs in with a certificate of their own, and no one else does; the session needs that certificate, and ends
// with it and with the identity.
func TestReviewByCertificate(t *testing.T) {
	o := startOf(t, reviewedText)
	defer o.Drain() //nolint:errcheck // its log is closed below
	li := o.certificate("spiffe://test/li-wei")
	none, person := o.reader(t, "https"), o.reader(t, "https", li)
	for _, path := range []string{"/about", "/calls?caller=app"} {
		none.expect("303", "GET", path)
		person.expect("303", "GET", path)
	}
	none.expect("200 Pages can be shown", "GET", "/health")
	none.expect("403 has shown no certificate", "GET", "/signin")
	none.expect("403 has shown no certificate", "POST", "/signin")
	for what, uris := range map[string][]string{"an application": {"spiffe://test/app"}, "an application and a person": {"spiffe://test/app", "spiffe://test/li-wei"}, "two people": {"spiffe://test/wang-fang", "spiffe://test/li-wei"}} {
		other := o.reader(t, "https", o.certificate(uris...))
		t.Log(what)
		other.expect("403 Applications cannot sign in", "GET", "/signin")
		other.expect("403 Applications cannot sign in", "POST", "/signin")
	}
	person.expect("200 li-wei", "GET", "/signin")
	person.origin = "https://evil.test"
	person.expect("403", "POST", "/signin")
	person.origin, person.host = "", "evil.test"
	person.expect("421", "GET", "/health")
	person.expect("421", "POST", "/signin")
	person.host = ""
	if got := person.signIn("next", "/calls"); got != "Path=/; HttpOnly; Secure; SameSite=Strict" || !strings.HasPrefix(person.cookie, "__Host-tollgate=") {
		t.Error("the cookie:", person.cookie, got)
	}
	person.expect("200 li-wei", "GET", "/about")
	person.expect("200 throw-away CA", "GET", "/") // whose end is near
	for _, holder := range []*reader{o.reader(t, "https"), o.reader(t, "https", o.certificate("spiffe://test/app")), o.reader(t, "https", o.certificate("spiffe://test/wang-fang"))} {
		holder.cookie = person.cookie
		holder.expect("303", "GET", "/about")
	}
	o.reload(t, "roles: [viewer]", "roles: [viewer, reviewer]")
	person.expect("200 li-wei", "GET", "/about")
	o.reload(t, byURI, `{certificate: {uri: "spiffe://test/li"}}`)
	person.expect("303", "GET", "/about")
	o.reload(t)
	person.expect("303", "GET", "/about")
	person.signIn()
	o.write(t, "denied", fmt.Sprintf("%X\n", li.Leaf.SerialNumber))
	o.reload(t)
	person.expect("303", "GET", "/about")
	person.expect("403 was revoked", "GET", "/signin") // on the connection that was open
	if got := viewsIn(t, o); !slices.Equal(got, []string{"li-wei /about", "li-wei /"}) {
		t.Errorf("the log has the views %q", got)
	}
}

// viewsIn closes the log and returns the views that it has: "IDENTITY PAGE".
func viewsIn(t *testing.T, o *operated) (all []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := o.AuditLog().Close(ctx); err != nil {
		t.Fatal(err)
	}
	err := logfile.Read(filepath.Join(o.dir, "audit"), func(r *logfile.Record, _ []byte) error {
		if r.Event == logfile.EventViewed {
			all = append(all, r.Identity+" "+r.Subject)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReviewByToken: on loopback without TLS people sign in too. Wrong tokens run out, and a reload with another token ends the session. While the
// log takes no record, pages with records are not shown, and health says so.
func TestReviewByToken(t *testing.T) {
	text := strings.NewReplacer(", tls: {certificate: {files: {cert: tls.crt, key: tls.key}}, client_ca: ca.pem, client_deny: denied}, sign_in: certificate", ", sign_in: token", byURI, hashed(liToken))
	o := startOf(t, text.Replace(reviewedText))
	defer o.Drain() //nolint:errcheck // its log is closed below
	person := o.reader(t, "http")
	person.expect("200 Your token", "GET", "/signin?next=%2Fcalls")
	if got := person.signIn("token", liToken); got != "Path=/; HttpOnly; SameSite=Strict" || !strings.HasPrefix(person.cookie, "tollgate=") {
		t.Error("the cookie:", person.cookie, got)
	}
	person.expect("200 li-wei", "GET", "/about")
	person.expect("200 li-wei", "GET", "/calls")
	thief := o.reader(t, "http")
	for _, token := range []string{"", liToken[1:], otherToken} {
		thief.expect("403 not the token of a person", "POST", "/signin", "token", token)
	}
	for range 7 {
		thief.expect("403", "POST", "/signin", "token", "0")
	}
	thief.expect("429 Too many failed attempts", "POST", "/signin", "token", liToken)
	person.expect("200 li-wei", "GET", "/about")
	o.write(t, "gw.yaml", strings.Replace(text.Replace(reviewedText), hashed(liToken), hashed(otherToken), 1))
	if _, err := o.Reload(t.Context(), service.Trigger{By: service.ByAPI}, false); err != nil {
		t.Fatal(err)
	}
	person.expect("303", "GET", "/about")
	o.write(t, "gw.yaml", text.Replace(reviewedText))
	if _, err := o.Reload(t.Context(), service.Trigger{By: service.ByAPI}, false); err != nil {
		t.Fatal(err)
	}
	person.cookie = ""
	person.expect("429", "POST", "/signin", "token", liToken) // the bound is of the source
	if got := viewsIn(t, o); !slices.Equal(got, []string{"li-wei /about", "li-wei /calls"}) {
		t.Errorf("the log has the views %q", got)
	}
}

// TestReviewWithoutRecords: while the log takes no record, pages with records are not shown, and health says so to everyone and why to those who
// are signed in.
func TestReviewWithoutRecords(t *testing.T) {
	o := startOf(t, reviewedText)
	defer o.Drain() //nolint:errcheck // its log is closed
	person := o.reader(t, "https", o.certificate("spiffe://test/li-wei"))
	person.signIn()
	person.expect("200 li-wei", "GET", "/about")
	viewsIn(t, o)
	person.expect("503 takes no record now", "GET", "/calls")
	person.expect("503 takes no record now", "GET", "/about")
	person.expect("200 cannot be recorded: ", "GET", "/health")
	person.cookie = ""
	person.expect("200 Sign in to see the reason", "GET", "/health")
	person.signIn()
}

// TestReviewListener: status lists the listener, and what its bounds and handshakes refuse is counted under its name.
func TestReviewListener(t *testing.T) {
	o := startOf(t, reviewedText)
	defer func() {
		if err := o.Drain(); err != nil {
			t.Error(err)
		}
		if c, err := tls.Dial("tcp", o.Address(config.ReviewListener), &tls.Config{RootCAs: o.ca.Pool()}); err == nil {
			t.Error("the listener is open after the end", c.Close())
		}
	}()
	if c, err := tls.Dial("tcp", o.Address(config.ReviewListener), &tls.Config{RootCAs: o.ca.Pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("a handshake outside the policy", c.Close())
	}
	o.reader(t, "https").expect("403", "POST", "/signin")
	o.reader(t, "https", o.certificate("spiffe://test/app")).expect("403", "POST", "/signin")
	answer, err := http.Get("http://" + o.Address("admin") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range []string{
		`tollgate_refusals_total{caller="",listener="review",operation="",reason="no_identity",upstream=""} 1`,
		`tollgate_refusals_total{caller="",listener="review",operation="",reason="unknown_certificate",upstream=""} 1`,
		`tollgate_connections_refused_total{listener="review",reason="no common version"} 1`,
	} {
		if !strings.Contains(string(page), series) {
			t.Errorf("the metrics do not have %s: %s", series, lines(string(page), "review"))
		}
	}
}

// lines returns the lines of a text that have a word.
func lines(text, word string) (found string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found += line
		}
	}
	return found
}
