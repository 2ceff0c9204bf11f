package browser

import (
	"context"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"tollgate/audit/store"
	"tollgate/review"
	"tollgate/review/evidence"
	"tollgate/review/jobs"
	"tollgate/review/reviewtest"
	"tollgate/review/session"
)

// Site serves the pages of logs, at the time [reviewtest.Now], for a person who is signed in.
type Site struct {
	*httptest.Server
	Routes []string     // that are served, as [review.Server.Routes] returns them
	Jobs   *jobs.Runner // of the pages
	Log    string       // the name of the first log

	private string // folder of the indexes
}

// Serve serves the pages of logs in directories, each with an index of its own.
func Serve(ctx context.Context, dirs ...string) (*Site, error) {
	private, err := os.MkdirTemp("", "indexes-")
	if err != nil {
		return nil, err
	}
	var logs evidence.Logs
	for _, dir := range dirs {
		name := filepath.Base(dir)
		index := store.New(dir, filepath.Join(private, name)).InZone(reviewtest.Zone)
		if _, err := index.Rebuild(ctx, nil); err != nil {
			return nil, errors.Join(err, os.RemoveAll(private))
		}
		logs = append(logs, &evidence.Log{Name: name, FS: os.DirFS(dir), Dir: dir, Index: index})
	}
	clock := func() time.Time { return reviewtest.Now }
	s := &Site{Jobs: jobs.New(clock, false), Log: logs[0].Name, private: private}
	pages := review.New(review.Config{Logs: logs, Zone: reviewtest.Zone, Clock: clock, Hosts: []string{"127.0.0.1"}, Door: signedIn{}, Jobs: s.Jobs, Patience: patience})
	s.Routes, s.Server = pages.Routes(), httptest.NewServer(pages.Handler())
	return s, nil
}

// Close ends the server and its jobs, and removes the indexes.
func (s *Site) Close() {
	s.Server.Close()
	s.Jobs.Close()
	_ = os.RemoveAll(s.private)
}

// signedIn is a door that is open.
type signedIn struct{}

func (signedIn) Who(*http.Request) *session.Person {
	return &session.Person{Name: "Li Na", Roles: []session.Role{session.Reviewer}}
}

// Address is one of a page over the log of [reviewtest.Log].
type Address struct {
	Name string // of screenshots
	Path string
}

// Addresses returns one of each kind of page, and of each state of a page that has several.
func (s *Site) Addresses(made reviewtest.Made) ([]Address, error) {
	call := func(name string) string { return "/calls/" + s.Log + "/" + made.Calls[name] }
	all := []Address{
		{"inbox", "/"},
		{"month", "/period/2026-10"},
		{"year", "/period/2026"},
		{"no-calls", "/period/2025-03-01"},
		{"calls", "/calls?period=2026-11"},
		{"calls-filtered", "/calls?effect=spend&outcome=unknown"},
		{"calls-none", "/calls?caller=none"},
		{"call-paid", call(reviewtest.Paid)},
		{"call-waited", call(reviewtest.Waited)},
		{"call-refused", call(reviewtest.Held)},
		{"call-open", call(reviewtest.Open)},
		{"call-unknown", "/calls/" + s.Log + "/" + made.Unknown[0]},
		{"proof", call(reviewtest.Paid) + "/proof"},
		{"access", "/access"},
		{"explain", "/access?explain-caller=shop&method=POST&path=/v3/orders/customer-orders/pay"},
		{"tls", "/tls?period=2026-10"},
		{"log", "/log"},
		{"search", "/search?q=nothing-has-this-id"},
		{"search-many", "/search?q=shop"},
		{"about", "/about"},
		{"health", "/health"},
		{"bad-filter", "/calls?colour=red"},
		{"missing", "/no-such-page"},
	}
	exceptions, err := s.links("/", "/exceptions/")
	if err != nil {
		return nil, err
	}
	for _, path := range exceptions {
		if a := (Address{"exception-" + strings.Split(path, "/")[2], path}); !slices.ContainsFunc(all, func(other Address) bool { return other.Name == a.Name }) {
			all = append(all, a)
		}
	}
	plans, err := s.links("/access", "/access?plan=")
	for i, path := range plans[:min(1, len(plans))] {
		all = slices.Insert(all, i, Address{"access-earlier", path})
	}
	return all, err
}

var href = regexp.MustCompile(`href="([^"]+)"`)

// links returns the addresses on a page that begin so.
func (s *Site) links(page, begin string) (found []string, err error) {
	answer, err := s.Client().Get(s.URL + page)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	for _, m := range href.FindAllSubmatch(body, -1) {
		if path := html.UnescapeString(string(m[1])); strings.HasPrefix(path, begin) {
			found = append(found, path)
		}
	}
	return found, err
}
