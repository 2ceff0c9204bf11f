package browser

import (
	"bufio"
	"bytes"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tollgate/internal/words"
	"tollgate/review/reviewtest"
)

// command is `tollgate review`, which runs until the test ends.
type command struct {
	lines *bufio.Scanner
	input io.Writer
}

func startReview(t *testing.T, args ...string) *command {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "tollgate")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", binary, "./cmd/proxy") // as make build does, which is in the cache
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(binary, append([]string{"review"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var notes bytes.Buffer
	cmd.Stderr = &notes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, &notes)
		}
	})
	return &command{bufio.NewScanner(output), input}
}

// invitation returns the next address that is printed.
func (c *command) invitation(t *testing.T) *url.URL {
	t.Helper()
	for c.lines.Scan() {
		if at := strings.Index(c.lines.Text(), "http://"); at >= 0 {
			u, err := url.Parse(c.lines.Text()[at:])
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
	}
	t.Fatal("no address was printed")
	return nil
}

// TestReviewer does what reviewers do, with the program as it is shipped, in both languages: each begins with a browser that prefers the other.
func TestReviewer(t *testing.T) {
	t.Parallel()
	c := startReview(t, "--dir", largeLog().dir, "--zone", "Asia/Shanghai")
	for i, lang := range words.Languages() {
		u := c.invitation(t)
		l := look(t, u.Scheme+"://"+u.Host, words.Languages()[1-i])
		l.must(l.Do(chromedp.Navigate(u.String())))
		l.press("signin.open")
		l.must(l.Follow(chromedp.Click(chromedp.CSS("button[lang=" + string(lang) + "]"))))
		l.words = words.In(lang)
		if l.here() != "/" || eval[string](l, "document.documentElement.lang") != string(lang) {
			t.Fatalf("after signing in and choosing %s: %s", lang, l.here())
		}
		for _, task := range []func(*looker){(*looker).readsMonth, (*looker).readsException, (*looker).filters, (*looker).proves, (*looker).searches, (*looker).readsAccess, (*looker).verifies, (*looker).signsOut} {
			task(l)
			l.behaved("as a reviewer in " + string(lang))
		}
		if _, err := io.WriteString(c.input, "\n"); err != nil {
			t.Fatal(err)
		}
	}
}

// press presses the button with a message.
func (l *looker) press(message string) {
	l.Helper()
	l.must(l.Follow(chromedp.Click(chromedp.Search(`//main//button[normalize-space(.)="` + l.words.Text(message) + `"]`))))
}

// follow follows the link with a message.
func (l *looker) follow(message string) {
	l.Helper()
	l.must(l.Follow(chromedp.Click(linkTo(l.words.Text(message)))))
}

// fill types into a field, in the place of what is there.
func (l *looker) fill(field, value string) {
	l.Helper()
	selector := chromedp.CSS(field)
	l.must(l.Do(chromedp.Clear(selector), chromedp.SendKeys(selector, value)))
}

// enter types into a field and presses Enter.
func (l *looker) enter(field, value string) {
	l.Helper()
	l.fill(field, value)
	l.must(l.Follow(chromedp.KeyEvent(kb.Enter)))
}

// at reports whether the page has an address.
func (l *looker) at(want string) {
	l.Helper()
	if got := l.here(); got != want {
		l.Fatalf("the page is %s, not %s", got, want)
	}
}

// reads reports whether the page has a text.
func (l *looker) reads(want string) {
	l.Helper()
	if !strings.Contains(l.text(), want) {
		l.Fatalf("%s does not say %q", l.here(), want)
	}
}

func (l *looker) readsMonth() {
	l.enter("#period", "2026-10")
	l.at("/period/2026-10")
	l.must(l.Do(chromedp.SetValue(chromedp.CSS("#from"), "2026-10-05"), chromedp.SetValue(chromedp.CSS("#to"), "2026-10-09")))
	l.press("frame.show")
	l.at("/period/2026-10-05..2026-10-09?zone=Asia%2FShanghai")
	if bars := eval[int](l, `document.querySelectorAll("svg rect").length`); bars < 5 {
		l.Errorf("a week has %d bars", bars)
	}
}

func (l *looker) readsException() {
	l.visit("/?period=2026-11")
	l.must(l.Follow(chromedp.Click(chromedp.CSS(".exceptions th > span > a[href^='/exceptions/']"))))
	l.reads(l.words.Text("exception.do"))
	l.follow("exception.back")
}

// filters chooses calls, drops a filter, pages on and back, and reads both files.
func (l *looker) filters() {
	l.follow("nav.calls")
	l.fill("#f-caller", "shop")
	l.must(l.Do(chromedp.SetValue(chromedp.CSS("#f-outcome"), "succeeded")))
	l.press("calls.show")
	if rows := l.json(); len(rows) < 50 || slices.ContainsFunc(rows, func(r row) bool { return r.Caller != "shop" || r.Outcome != "succeeded" }) {
		l.Errorf("the JSON has %d calls, or others than were chosen", len(rows))
	} else if lines := l.csv(); len(lines) != len(rows) {
		l.Errorf("the CSV has %d calls, the JSON %d", len(lines), len(rows))
	}
	first := l.firstCall()
	l.follow("calls.older")
	if l.firstCall() == first {
		l.Error("the next page shows the same calls")
	}
	l.follow("calls.newest")
	if l.firstCall() != first {
		l.Error("the first page has changed")
	}
	l.must(l.Follow(chromedp.Click(chromedp.CSS(".chips a[href*=outcome]"))))
	l.at("/calls?outcome=succeeded")
}

func (l *looker) firstCall() string {
	l.Helper()
	return eval[string](l, `document.querySelector(".calls tbody a").getAttribute("href")`)
}

// proves opens a call, and has its proof checked by the program that the page offers.
func (l *looker) proves() {
	l.visit("/calls?outcome=succeeded&operation=PayOrders")
	l.must(l.Follow(chromedp.Click(chromedp.CSS(".calls tbody tr:last-child a"))))
	l.must(l.Do(chromedp.Click(chromedp.Search(`//summary[normalize-space(.)="` + l.words.Text("call.proof_others") + `"]`))))
	dir := l.TempDir()
	for name, link := range map[string]string{"proof.json": "a[href$='/proof.json']", "verify.py": "a[href$='/verify.py']"} {
		file, err := l.Download(l.TempDir(), chromedp.Click(chromedp.CSS(link)))
		l.must(err)
		l.must(os.WriteFile(filepath.Join(dir, name), file, 0o600))
	}
	check := exec.CommandContext(l.Context(), "python3", "verify.py", "proof.json", "--key", largeLog().Key.String())
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil {
		l.Errorf("the proof: %v\n%s", err, out)
	}
	if raw := l.file(l.words.Text("call.raw")); !bytes.HasPrefix(raw, []byte("{")) || bytes.Count(raw, []byte("\n")) < 2 {
		l.Errorf("the records are %.80q", raw)
	}
}

// searches finds a call by each kind of id.
func (l *looker) searches() {
	l.visit("/calls?period=2026-11-16..2026-11-18")
	id := largeLog().Calls[reviewtest.Paid]
	texts := map[string]string{"call": id, "short": id[len(id)-12:], "record": "5000", "caller": "shop", "operation": "PayOrders"}
	for _, r := range l.json() {
		for kind, found := range map[string][]string{"order": r.Orders, "customer": r.Customers, "coupon": r.Coupons, "request": {r.RequestID}, "plan": {r.Plan}} {
			if len(found) > 0 && found[0] != "" {
				texts[kind] = found[0]
			}
		}
	}
	if len(texts) < 9 {
		l.Errorf("ids of some kinds only: %v", texts)
	}
	for kind, text := range texts {
		l.enter("#q", text)
		if strings.Contains(l.text(), l.words.Text("search.none")) || !strings.Contains(l.here(), "/search") && !strings.Contains(l.here(), "/calls/") && !strings.Contains(l.here(), "/access") {
			l.Errorf("%s %s: the search led to %s, which has none", kind, text, l.here())
		}
	}
}

func (l *looker) readsAccess() {
	l.follow("nav.access")
	l.must(l.Do(chromedp.Click(chromedp.CSS(".rights td summary"))))
	if !eval[bool](l, `document.querySelector(".rights td details .operations").checkVisibility({contentVisibilityAuto: true})`) {
		l.Error("a cell does not open")
	}
	if plan, err := l.Download(l.TempDir(), chromedp.Click(chromedp.CSS("a[href^='/access/plan.json']"))); err != nil || !bytes.HasPrefix(plan, []byte("{")) {
		l.Errorf("the plan: %.80q %v", plan, err)
	}
}

// verifies verifies the log, and reads the TLS report.
func (l *looker) verifies() {
	l.must(l.Follow(chromedp.Click(chromedp.CSS("nav a[href='/log']"))))
	l.must(l.Follow(chromedp.Click(chromedp.CSS("form[action='/log/verify'] button"))))
	l.finished("/log", "form[action='/log/cancel'] button")
	if !eval[bool](l, `!!document.querySelector(".verification .good")`) {
		l.Errorf("the log was not found whole: %s", l.text())
	}
	l.visit("/tls?period=2026-10")
	l.reads("TLS_")
}

func (l *looker) signsOut() {
	l.must(l.Follow(chromedp.Click(chromedp.CSS(".person button"))))
	l.at("/signin")
	l.visit("/calls")
	l.at("/signin?next=%2Fcalls")
	l.shown("the page to sign in")
}
