package browser

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"tollgate/audit/store"
	"tollgate/review"
	"tollgate/review/evidence"
	"tollgate/review/reviewtest"
	"tollgate/review/session"
)

// Serve serves the pages of logs in directories, each with an index of its own, at the time [reviewtest.Now], for a person who is signed in.
func Serve(ctx context.Context, dirs ...string) (*httptest.Server, error) {
	var logs evidence.Logs
	for _, dir := range dirs {
		index := store.New(dir, "").InZone(reviewtest.Zone)
		if _, err := index.Rebuild(ctx, nil); err != nil {
			return nil, err
		}
		logs = append(logs, &evidence.Log{Name: filepath.Base(dir), FS: os.DirFS(dir), Dir: dir, Index: index})
	}
	pages := review.New(review.Config{
		Logs: logs, Zone: reviewtest.Zone, Clock: func() time.Time { return reviewtest.Now }, Hosts: []string{"127.0.0.1"}, Door: signedIn{},
	})
	return httptest.NewServer(pages.Handler()), nil
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

// Addresses returns one of each kind of page.
func Addresses(made reviewtest.Made, log string) []Address {
	call := func(name string) string { return "/calls/" + log + "/" + made.Calls[name] }
	return []Address{
		{"inbox", "/"},
		{"month", "/period/2026-10"},
		{"calls", "/calls?period=2026-11"},
		{"calls-filtered", "/calls?effect=spend&outcome=unknown"},
		{"call-paid", call(reviewtest.Paid)},
		{"call-waited", call(reviewtest.Waited)},
		{"call-refused", call(reviewtest.Held)},
		{"call-unknown", "/calls/" + log + "/" + made.Unknown[0]},
		{"access", "/access"},
		{"tls", "/tls?period=2026-10"},
		{"log", "/log"},
		{"search", "/search?q=nothing-has-this-id"},
		{"about", "/about"},
		{"health", "/health"},
		{"missing", "/no-such-page"},
	}
}
