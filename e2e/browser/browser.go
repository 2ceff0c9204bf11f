// Package browser looks at pages with a real browser, as people do.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds one step of a browser that hangs.
const patience = 30 * time.Second

// Browser is a Chromium without a window.
type Browser struct {
	ctx  context.Context
	stop func()
}

// Start starts one. Debian: packages chromium and fonts-noto-cjk.
func Start(ctx context.Context) (*Browser, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.DisableGPU)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, fmt.Errorf("starting Chromium (Debian: packages chromium and fonts-noto-cjk): %w", err)
	}
	return &Browser{ctx, func() { cancel(); stop() }}, nil
}

// Close ends the browser.
func (b *Browser) Close() { b.stop() }

// Tab is a page of the browser, on one server.
type Tab struct {
	ctx    context.Context
	close  context.CancelFunc
	origin string

	mutex      sync.Mutex
	status     int64
	complaints []string
}

// Open opens an empty tab for a server's pages.
func (b *Browser) Open(origin string) (*Tab, error) {
	ctx, cancel := chromedp.NewContext(b.ctx)
	t := &Tab{ctx: ctx, close: cancel, origin: strings.TrimSuffix(origin, "/")}
	if err := chromedp.Do(ctx); err != nil {
		return nil, err
	}
	if err := chromedp.Listen(ctx, t.event); err != nil {
		return nil, err
	}
	_, err := call(t, log.Enable, cdp.Empty{})
	return t, err
}

// call runs a command of the browser.
func call[P, R any](t *Tab, command cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Call(ctx, command, params)
}

// Close closes the tab.
func (t *Tab) Close() { t.close() }

// event notes what no page may do.
func (t *Tab) event(e any) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	switch e := e.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme+"://"+u.Host != t.origin {
			t.complaints = append(t.complaints, "a request to "+e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			t.status = e.Response.Status
		}
	case *log.EventEntryAdded:
		t.complaints = append(t.complaints, fmt.Sprintf("%s: %s", e.Entry.Level, e.Entry.Text))
	case *runtime.EventConsoleAPICalled, *runtime.EventExceptionThrown:
		t.complaints = append(t.complaints, "a script ran")
	}
}

// Complaints returns, and forgets, what pages did that they may not: requests to other places, scripts, what the browser refused them.
func (t *Tab) Complaints() []string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	found := t.complaints
	t.complaints = nil
	return found
}

// Status returns the status of the last page.
func (t *Tab) Status() int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return int(t.status)
}

// Do runs steps of a person.
func (t *Tab) Do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Visit opens an address of the server, and waits for the page.
func (t *Tab) Visit(address string) error {
	return t.Do(chromedp.Navigate(t.origin+address), chromedp.WaitReady(chromedp.CSS("main")))
}

// Resize sets the size of the window, in CSS pixels.
func (t *Tab) Resize(width, height int64) error {
	return t.Do(chromedp.EmulateViewport(width, height))
}

// Theme sets the theme that the reader prefers: "light" or "dark".
func (t *Tab) Theme(name string) error {
	_, err := call(t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	return err
}

// Language sets the language that the reader prefers, as a value of Accept-Language.
func (t *Tab) Language(tag string) error {
	_, err := call(t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": tag}})
	return err
}

// Screenshot returns the whole page as PNG.
func (t *Tab) Screenshot() ([]byte, error) { return run(t, chromedp.FullScreenshot(100)) }

// Eval evaluates an expression in the page.
func Eval[T any](t *Tab, expression string) (T, error) {
	return run(t, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

func run[T any](t *Tab, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, action)
}

// tooWide returns the elements that reach beyond the window of a page that scrolls sideways.
const tooWide = `(() => {
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth <= width) return "";
	const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 1);
	return wide.slice(-5).map(e => e.tagName + "." + e.getAttribute("class") + " " + e.textContent.trim().slice(0, 40)).join("; ") || "something";
})()`

// Sideways returns what makes the page scroll sideways; empty: it does not.
func (t *Tab) Sideways() (string, error) { return Eval[string](t, tooWide) }

// violation is what axe-core finds.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// Violations returns what axe-core, whose source is given, finds in the page that is serious or critical.
func (t *Tab) Violations(axe string) (found []string, err error) {
	if _, err := Eval[int](t, axe+";0"); err != nil {
		return nil, err
	}
	text, err := Eval[string](t, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`)
	var all []violation
	if err == nil {
		err = json.Unmarshal([]byte(text), &all)
	}
	for _, v := range all {
		if v.Impact == "serious" || v.Impact == "critical" {
			n := v.Nodes[0]
			found = append(found, fmt.Sprintf("%s (%s, %d places): %s: %.300s: %s", v.ID, v.Impact, len(v.Nodes), v.Help, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " ")))
		}
	}
	return found, err
}
