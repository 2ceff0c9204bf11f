package review

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/review/session"
)

// knownDoor is a door behind which one person is, or no one.
type knownDoor struct{ person *session.Person }

func (d knownDoor) Who(*http.Request) *session.Person { return d.person }

// fakeViews keeps views, and can refuse them.
type fakeViews struct {
	seen []string
	err  error
}

func (v *fakeViews) Seen(person, page, query string) error {
	if v.err == nil {
		v.seen = append(v.seen, person+" "+page+"?"+query)
	}
	return v.err
}

func (v *fakeViews) Ready() error { return v.err }

const ofRecords = "text of a record"

// marked returns a visitor of a server whose pages are all there, and say one text.
func marked(t *testing.T, c Config) (*visitor, []route) {
	t.Helper()
	v := visit(t, c)
	c.Clock, c.Hosts, c.Zone = func() (now time.Time) { return now }, []string{"review.test"}, time.UTC
	s := New(c)
	for i := range s.routes {
		s.routes[i].serve = func(*Server, *request) (*page, error) {
			return &page{answer: func(w http.ResponseWriter) { _, _ = w.Write([]byte(ofRecords)) }}, nil
		}
	}
	v.handler = s.Handler()
	return v, s.routes
}

// example returns the method of a route, and an address that it has.
func (r route) example() (method, address string) {
	method, address, _ = strings.Cut(r.pattern, " ")
	return method, strings.NewReplacer("{$}", "", "{id...}", "unknown/log/7", "{period}", "2026-10", "{log}", "log", "{id}", "01a1e2fc-2da0-7e78-98ca-057d9d0a5236").Replace(address)
}

// TestEachRouteIsViewed holds of each route that a page of records is shown to people who are signed in alone, and only once its view is recorded.
func TestEachRouteIsViewed(t *testing.T) {
	li := knownDoor{&session.Person{Name: "li", Roles: []session.Role{session.Viewer}}}
	views, broken := &fakeViews{}, &fakeViews{err: errors.New("the log is broken")}
	seen, routes := marked(t, Config{Door: li, Views: views})
	refused, _ := marked(t, Config{Door: li, Views: broken})
	outside, _ := marked(t, Config{Door: knownDoor{}, Views: views})
	for _, one := range routes {
		method, address := one.example()
		if !one.records {
			if method != http.MethodGet || address != "/health" && address != "/period" { // which leads on to a page of records
				t.Errorf("%s shows no records? Say here why", one.pattern)
			}
			continue
		}
		views.seen = nil
		seen.expect(http.StatusOK, ofRecords, method, address+"?b=2&a=1")
		if want := []string{"li " + address + "?a=1&b=2"}; !slices.Equal(views.seen, want) {
			t.Errorf("%s: views %q, want %q", one.pattern, views.seen, want)
		}
		if answer, body := refused.ask(method, address); answer.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, ofRecords) {
			t.Errorf("%s, whose view is not recorded: %s", one.pattern, answer.Status)
		}
		views.seen = nil
		if answer, body := outside.ask(method, address); answer.StatusCode != http.StatusSeeOther || !strings.HasPrefix(answer.Header.Get("Location"), "/signin") || strings.Contains(body, ofRecords) || views.seen != nil {
			t.Errorf("%s, not signed in: %s to %s, views %q", one.pattern, answer.Status, answer.Header.Get("Location"), views.seen)
		}
	}
}

// TestLongAddresses: what a view has no room for is not shown, so that nothing can be looked for behind padding.
func TestLongAddresses(t *testing.T) {
	views := &fakeViews{}
	v, _ := marked(t, Config{Door: knownDoor{&session.Person{Name: "li"}}, Views: views})
	padding := strings.Repeat("+", MaxViewed)
	for _, address := range []string{"/search?a=" + padding + "&q=secret", "/calls.csv?account=" + padding + "&caller=shop", "/exceptions/" + strings.Repeat("x", MaxViewed)} {
		if answer, body := v.ask("GET", address); answer.StatusCode != http.StatusRequestURITooLong || strings.Contains(body, ofRecords) || views.seen != nil {
			t.Errorf("%.40s…: %s, views %q", address, answer.Status, views.seen)
		}
	}
	v.expect(http.StatusOK, ofRecords, "GET", "/search?q="+strings.Repeat("x", MaxViewed-len("q=")))
}

// TestEachFormIsOurs holds of each form that it is taken from these pages alone, and not with GET.
func TestEachFormIsOurs(t *testing.T) {
	gate := tokenGate(t)
	v, routes := marked(t, Config{Door: gate})
	v.signIn("/")
	forms := []string{"/signin", "/signout", "/preferences"}
	for _, one := range routes {
		if method, address := one.example(); method != http.MethodGet {
			forms = append(forms, address)
		}
	}
	if len(forms) < 3+6 {
		t.Error("forms:", forms)
	}
	for _, address := range forms {
		for _, headers := range []map[string]string{
			{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": "https://review.test"}, {"Origin": "null"},
			{"Origin": "http://review.test.evil.example"}, {"Origin": "http://review.test:81"}, {"Origin": "http://evil.example/review.test"},
		} {
			v.headers = headers
			if answer, body := v.ask("POST", address); answer.StatusCode != http.StatusForbidden || strings.Contains(body, ofRecords) || answer.Header.Get("Set-Cookie") != "" {
				t.Errorf("POST %s with %v: %s", address, headers, answer.Status)
			}
		}
		v.headers = map[string]string{"Sec-Fetch-Site": "cross-site"}
		if answer, body := v.ask("GET", address); address != "/signin" && answer.StatusCode != http.StatusMethodNotAllowed && answer.StatusCode != http.StatusNotFound || strings.Contains(body, ofRecords) {
			t.Errorf("GET %s: %s", address, answer.Status)
		}
	}
}

// TestEachAnswerIsGuarded holds that whatever is answered, errors and files too, has the headers that keep it from caches, frames and guesses
// at its type.
func TestEachAnswerIsGuarded(t *testing.T) {
	v, routes := marked(t, Config{Door: tokenGate(t)})
	asked := [][2]string{
		{"GET", "/signin"}, {"POST", "/signin"}, {"GET", "/signout"}, {"GET", "/no"}, {"PUT", "/"}, {"OPTIONS", "/calls"}, {"TRACE", "/"}, {"GET", "/calls/../log"}, {"HEAD", "/calls.csv"}, {"GET", "/icon.svg"},
		{"GET", "//evil.example/%2e%2e"}, {"GET", "/style.css"}, {"GET", "/signin?next=" + url.QueryEscape("/\r\nSet-Cookie: a=b")},
	}
	for _, one := range routes {
		method, address := one.example()
		asked = append(asked, [2]string{method, address})
	}
	check := func(method, address string) {
		t.Helper()
		answer, _ := v.ask(method, address)
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := answer.Header.Values(name); !slices.Equal(got, []string{want}) {
				t.Errorf("%s %s: %s, %s is %q", method, address, answer.Status, name, got)
			}
		}
		if to := answer.Header.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
			t.Errorf("%s %s leads to %s", method, address, to)
		}
	}
	for range 2 { // then signed in
		for _, one := range asked {
			check(one[0], one[1])
		}
		v.headers = map[string]string{"Origin": "null"}
		check("POST", "/signin")
		v.headers = nil
		v.signIn("/")
	}
}
