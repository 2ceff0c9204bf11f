package browser

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tollgate/internal/words"
	"tollgate/review"
	"tollgate/review/reviewtest"
)

// shared are what all tests use: starting them takes longer than most tests.
var shared struct {
	browser *Browser
	site    *Site // see largeSite
	dir     string
	axe     string
}

// The logs, each made when a test first needs it.
var (
	largeLog   = logOf("gateway-1", reviewtest.Log)
	secondLog  = logOf("gateway-2", reviewtest.Second)
	hostileLog = logOf("hostile", reviewtest.Hostile)
	quietLog   = logOf("quiet", reviewtest.Quiet)
)

// made is a log that was made, and where.
type made struct {
	reviewtest.Made
	dir string
}

func logOf(name string, write func(string) reviewtest.Made) func() made {
	return sync.OnceValue(func() made {
		dir := filepath.Join(shared.dir, name)
		return made{write(dir), dir}
	})
}

// largeSite serves the large log, for tests that start no job.
var largeSite = sync.OnceValues(func() (_ *Site, err error) {
	shared.site, err = Serve(context.Background(), largeLog().dir)
	return shared.site, err
})

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := withBrowser(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withBrowser(m *testing.M) (code int, err error) {
	axe, err := os.ReadFile("../node/node_modules/axe-core/axe.min.js")
	if err != nil {
		return 1, fmt.Errorf("axe-core is missing (make e2e/node/node_modules): %w", err)
	}
	shared.axe = string(axe)
	if shared.dir, err = os.MkdirTemp("", "browser-"); err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(shared.dir) }()
	if shared.browser, err = Start(context.Background()); err != nil {
		return 1, err
	}
	defer shared.browser.Close()
	defer func() {
		if shared.site != nil {
			shared.site.Close()
		}
	}()
	if code = m.Run(); code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" {
		err = allAsked()
	}
	return code, err
}

// allAsked returns an error if there is a route that no test asked for with the browser.
func allAsked() error {
	routes := review.New(review.Config{Door: &review.Gate{}}).Routes()
	mux, open := muxOf(routes), slices.Clone(routes)
	for _, asked := range shared.browser.Asked() {
		method, address, _ := strings.Cut(asked, " ")
		pattern := patternOf(mux, method, address)
		open = slices.DeleteFunc(open, func(p string) bool { return p == pattern })
	}
	if len(open) > 0 {
		return fmt.Errorf("no test asked for %v with the browser", open)
	}
	return nil
}

func muxOf(routes []string) *http.ServeMux {
	mux := http.NewServeMux()
	for _, pattern := range routes {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	return mux
}

// patternOf returns the route of an address; empty: there is none.
func patternOf(mux *http.ServeMux, method, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	_, pattern := mux.Handler(&http.Request{Method: method, URL: u, Host: u.Host})
	return pattern
}

// looker is a person at a browser. What goes wrong ends the test.
type looker struct {
	*testing.T
	*Tab
	words *words.Words
}

// look opens a tab on a server for a person whose browser prefers a language.
func look(t *testing.T, origin string, lang words.Language) *looker {
	t.Helper()
	tab, err := shared.browser.Open(origin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	l := &looker{t, tab, words.In(lang)}
	l.must(l.Language(string(lang)))
	l.must(l.Resize(1280, 900))
	l.must(l.Theme("light"))
	return l
}

func (l *looker) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *looker) visit(address string) {
	l.Helper()
	l.must(l.Visit(address))
}

// eval evaluates an expression in the page.
func eval[T any](l *looker, expression string) T {
	l.Helper()
	v, err := Eval[T](l.Tab, expression)
	l.must(err)
	return v
}

// text returns what a person reads on the page.
func (l *looker) text() string {
	l.Helper()
	return eval[string](l, "document.body.innerText")
}

// here returns the address of the page, without its origin.
func (l *looker) here() string {
	l.Helper()
	return eval[string](l, "location.pathname + location.search")
}

// none reports what was found that may not be.
func (l *looker) none(where, what string, find func() (string, error)) {
	l.Helper()
	found, err := find()
	l.must(err)
	if found != "" {
		l.Errorf("%s: %s: %s", where, what, found)
	}
}

// accessible reports what axe-core finds.
func (l *looker) accessible(where string, rules ...string) {
	l.Helper()
	found, err := l.Violations(shared.axe, rules...)
	l.must(err)
	for _, v := range found {
		l.Errorf("%s: %s", where, v)
	}
}

// behaved reports what the pages did that they may not.
func (l *looker) behaved(where string) {
	l.Helper()
	for _, c := range l.Complaints() {
		l.Errorf("%s: %s", where, c)
	}
}

// serve serves the pages of logs.
func serve(t *testing.T, dirs ...string) *Site {
	t.Helper()
	site, err := Serve(t.Context(), dirs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	return site
}
