package browser

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tollgate/internal/words"
	"tollgate/review/reviewtest"
)

// looker is a person at a browser. What goes wrong ends the test.
type looker struct {
	*testing.T
	*Tab
	axe string
}

// look opens a tab on a server.
func look(t *testing.T, server *httptest.Server) *looker {
	t.Helper()
	axe, err := os.ReadFile("../node/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal("axe-core is missing (make e2e/node/node_modules):", err)
	}
	b, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	tab, err := b.Open(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &looker{t, tab, string(axe)}
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

// text returns what a person reads on the page.
func (l *looker) text() string {
	l.Helper()
	text, err := Eval[string](l.Tab, "document.body.innerText")
	l.must(err)
	return text
}

// check reports what axe-core finds, and whether the page scrolls sideways.
func (l *looker) check(where string) {
	l.Helper()
	found, err := l.Violations(l.axe)
	l.must(err)
	for _, v := range found {
		l.Errorf("%s: %s", where, v)
	}
	l.fits(where)
}

func (l *looker) fits(where string) {
	l.Helper()
	wide, err := l.Sideways()
	l.must(err)
	if wide != "" {
		l.Errorf("%s scrolls sideways: %s", where, wide)
	}
}

// behaved reports what the pages did that they may not.
func (l *looker) behaved(where string) {
	l.Helper()
	for _, c := range l.Complaints() {
		l.Errorf("%s: %s", where, c)
	}
}

// serve serves the pages of a log.
func serve(t *testing.T, log func(dir string) reviewtest.Made) (*httptest.Server, reviewtest.Made) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "gateway-1")
	made := log(dir)
	server, err := Serve(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server, made
}

// messageID is what stands in a page in the place of a message that there is not.
var messageID = regexp.MustCompile(`\b(?:frame|nav|state|language|failed|about|health|inbox|exception|period|calls|call|search|access|tls|log|signin|chart)\.[a-z]+_?[a-z_]*\b`)

// TestPages holds of each page in both languages and themes, wide and narrow: it is there, in its language, does not scroll sideways, asks nothing
// of other places, runs no script, and axe-core finds nothing serious.
func TestPages(t *testing.T) {
	server, made := serve(t, reviewtest.Log)
	l := look(t, server)
	for _, a := range Addresses(made, "gateway-1") {
		for _, lang := range words.Languages() {
			where := a.Path + " in " + string(lang)
			l.must(l.Language(string(lang)))
			l.must(l.Resize(1280, 900))
			l.must(l.Theme("light"))
			l.visit(a.Path)
			want := http.StatusOK
			if a.Name == "missing" {
				want = http.StatusNotFound
				l.Complaints() // the browser notes the status
			}
			if l.Status() != want {
				t.Errorf("%s: status %d", where, l.Status())
			}
			if got, err := Eval[string](l.Tab, "document.documentElement.lang"); err != nil || got != string(lang) {
				t.Errorf("%s: its language is %s %v", where, got, err)
			}
			if id := messageID.FindString(l.text()); id != "" {
				t.Errorf("%s: there is no message %s", where, id)
			}
			l.check(where)
			l.must(l.Theme("dark"))
			l.check(where + ", dark")
			l.must(l.Resize(600, 900))
			l.fits(where + ", narrow")
			l.behaved(where)
		}
	}
}

// TestHostileRecords holds that texts of records stay text on each page that shows them.
func TestHostileRecords(t *testing.T) {
	server, made := serve(t, reviewtest.Hostile)
	l := look(t, server)
	addresses := []string{"/", "/period/2026-11", "/calls", "/tls", "/log", "/access"}
	for _, id := range made.Calls {
		addresses = append(addresses, "/calls/gateway-1/"+id)
	}
	for _, address := range addresses {
		l.must(l.Resize(1280, 900))
		l.visit(address)
		if l.Status() != http.StatusOK {
			t.Errorf("%s: status %d", address, l.Status())
		}
		foreign, err := Eval[string](l.Tab, `[...document.querySelectorAll("script, img, iframe, object, embed, [style], [onerror], [onmouseover], a[href^='http'], a[href^='javascript:']")].map(e => e.outerHTML).join(" ").slice(0, 300)`)
		if err != nil || foreign != "" {
			t.Errorf("%s: has %s %v", address, foreign, err)
		}
		if at := strings.IndexFunc(l.text(), hidden); at >= 0 {
			t.Errorf("%s: has a character that does not show: %q", address, l.text()[max(0, at-20):at+20])
		}
		l.fits(address)
		l.must(l.Resize(600, 900))
		l.fits(address + ", narrow")
		l.behaved(address)
	}
}

// hidden reports whether a character steers how others are shown.
func hidden(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
