package browser

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"tollgate/internal/words"
	"tollgate/review/jobs"
)

// messageID is what stands in a page in the place of a message that there is not.
var messageID = regexp.MustCompile(`\b(?:frame|nav|state|language|failed|about|health|inbox|exception|period|calls|call|search|access|tls|log|signin|chart)\.[a-z]+_?[a-z_]*\b`)

// files are the routes that are no pages, and one that only leads to a page.
var files = map[string]bool{
	"GET /style.css": true, "GET /icon.svg": true, "GET /calls.csv": true, "GET /calls.json": true, "GET /calls/{log}/{id}/raw": true,
	"GET /calls/{log}/{id}/proof.json": true, "GET /calls/{log}/{id}/verify.py": true, "GET /access/plan.json": true, "GET /period": true,
}

// TestPages looks at each page that the server has, in each of its states.
func TestPages(t *testing.T) {
	t.Parallel()
	site, err := largeSite()
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := site.Addresses(largeLog().Made)
	if err != nil {
		t.Fatal(err)
	}
	mux, looked := muxOf(site.Routes), map[string]bool{}
	for _, a := range addresses {
		looked[patternOf(mux, http.MethodGet, site.URL+a.Path)] = true
	}
	for _, pattern := range site.Routes {
		if strings.HasPrefix(pattern, "GET ") && !files[pattern] && !looked[pattern] {
			t.Errorf("no address of %s is looked at", pattern)
		}
	}
	for _, lang := range words.Languages() {
		t.Run(string(lang), func(t *testing.T) {
			t.Parallel()
			l := look(t, site.URL, lang)
			for _, a := range addresses {
				l.page(a)
			}
		})
	}
}

// statuses are those of pages that say what is wrong with the address.
var statuses = map[string]int{"missing": http.StatusNotFound, "bad-filter": http.StatusBadRequest}

// page holds of a page: it is there, in its language, has each of its messages, does not scroll sideways, and has cards where the window is
// narrow; on paper it is whole and has no navigation; it asks nothing of other places, runs no script, and axe-core finds nothing serious in
// both themes.
func (l *looker) page(a Address) {
	l.Helper()
	where := a.Path + " in " + string(l.words.Language)
	l.visit(a.Path)
	want := http.StatusOK
	if other := statuses[a.Name]; other != 0 {
		want = other
		l.Complaints() // the browser notes the status
	}
	if l.Status() != want {
		l.Errorf("%s: status %d", where, l.Status())
	}
	l.shown(where)
}

// shown holds what [looker.page] says of the page that is shown.
func (l *looker) shown(where string) {
	l.Helper()
	if got := eval[string](l, "document.documentElement.lang"); got != string(l.words.Language) {
		l.Errorf("%s: its language is %q", where, got)
	}
	if id := messageID.FindString(l.text()); id != "" {
		l.Errorf("%s: there is no message %s", where, id)
	}
	l.none(where, "scrolls sideways", l.Sideways)
	var rules []string
	if l.words.Language == words.English {
		l.accessible(where)
		rules = []string{"color-contrast"} // themes differ in colours alone
	}
	l.must(l.Theme("dark"))
	if l.words.Language == words.English || !strings.Contains(where, "/exceptions/") { // which are one template
		l.accessible(where+", dark", rules...)
	}
	l.must(l.Resize(600, 900))
	l.none(where+", narrow", "scrolls sideways", l.Sideways)
	l.none(where+", narrow", "is no card", l.NoCards)
	l.must(l.Resize(718, 1000)) // A4
	l.must(l.Print())
	l.none(where+", printed", "is folded, cut off or of no use", l.Unprintable)
	l.none(where+", printed", "is too wide", l.Sideways)
	l.must(l.Theme("light"))
	l.must(l.Resize(1280, 900))
	l.behaved(where)
}

// TestSeveralLogs looks at the pages that show more where several logs are reviewed, and at those of a log without a call.
func TestSeveralLogs(t *testing.T) {
	t.Parallel()
	both := serve(t, largeLog().dir, secondLog().dir)
	l := look(t, both.URL, words.English)
	for _, path := range []string{"/", "/period/2026-10", "/calls?period=2026-11", "/access", "/tls?period=2026-10", "/log"} {
		l.page(Address{Path: path})
		if text := l.text(); !strings.Contains(text, "gateway-1") || !strings.Contains(text, "gateway-2") {
			t.Errorf("%s does not name both logs", path)
		}
	}
	empty := look(t, serve(t, quietLog().dir).URL, words.Chinese)
	for _, path := range []string{"/", "/period/2026-10", "/calls", "/access", "/tls?period=2026-10", "/log"} {
		empty.page(Address{Path: path})
	}
}

// TestJobs looks at the pages of jobs while one waits, runs, was stopped, and is done.
func TestJobs(t *testing.T) {
	t.Parallel()
	site := serve(t, largeLog().dir)
	l := look(t, site.URL, words.Chinese)
	const page, start, stop = "/log", "form[action='/log/verify'] button", "form[action='/log/cancel'] button"
	running, release := held(t, site.Jobs, "verify/"+site.Log, 40, 100)
	<-running
	l.visit(page)
	if got := eval[string](l, `[...document.querySelectorAll("progress")].map(e => e.value).join()`); got != "40" {
		t.Errorf("the job is at %q", got)
	}
	l.shown("while a job runs")
	release()
	running, release = held(t, site.Jobs, "another", 0, 0)
	<-running
	l.visit(page)
	l.must(l.Follow(chromedp.Click(chromedp.CSS(start))))
	l.shown("while a job waits")
	l.must(l.Follow(chromedp.Click(chromedp.CSS(stop))))
	l.shown("after a job was stopped")
	l.must(l.Follow(chromedp.Click(chromedp.CSS(start))))
	release()
	l.finished(page, stop)
	l.shown("after a job")
	// The buttons of these jobs are on pages of logs that are larger.
	for action, page := range map[string]string{
		"/period/2026-10/read": "/period/2026-10", "/period/2026-10/cancel": "/period/2026-10", "/tls/make": "/tls", "/tls/cancel": "/tls",
	} {
		l.must(l.Follow(posting(action)))
		if !strings.HasPrefix(l.here(), page) || l.Status() != http.StatusOK {
			t.Errorf("%s led to %s", action, l.here())
		}
	}
	l.behaved("jobs")
}

// posting sends a form as a button of the page would.
func posting(action string) chromedp.Action[chromedp.Void] {
	script := `(() => { const f = document.createElement("form"); f.method = "post"; f.action = "` + action + `"; document.body.append(f); f.submit(); return 0 })()`
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[int](script)(ctx, t)
		return err
	})
}

// finished loads a page again until it has no button to stop its job.
func (l *looker) finished(page, stop string) {
	l.Helper()
	for runs := true; runs; runs = eval[bool](l, `!!document.querySelector("`+stop+`")`) {
		l.visit(page)
	}
}

// held starts a job that runs until it is released.
func held(t *testing.T, runner *jobs.Runner, name string, done, total int64) (running chan struct{}, release func()) {
	t.Helper()
	running, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	err := runner.Start(name, "Li Na", func(ctx context.Context, p *jobs.Progress) (any, error) {
		defer close(ended)
		p.Report(done, total)
		close(running)
		select {
		case <-end:
		case <-ctx.Done():
		}
		return nil, context.Canceled
	})
	if err != nil {
		t.Fatal(err)
	}
	return running, func() { close(end); <-ended }
}
