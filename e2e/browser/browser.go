// Package browser looks at pages with a real browser, as people do.
package browser

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds one step of a browser that hangs.
const patience = 30 * time.Second

// Browser is a Chromium without a window.
type Browser struct {
	ctx  context.Context
	stop func()

	mutex sync.Mutex
	asked map[string]bool // "METHOD ADDRESS" of all requests
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
	return &Browser{ctx: ctx, stop: func() { cancel(); stop() }, asked: map[string]bool{}}, nil
}

// Asked returns the requests that all tabs sent, as "METHOD ADDRESS", in order.
func (b *Browser) Asked() []string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return slices.Sorted(maps.Keys(b.asked))
}

func (b *Browser) ask(method, address string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.asked[method+" "+address] = true
}

// Close ends the browser.
func (b *Browser) Close() { b.stop() }

// Tab is a page of the browser, on one server, with cookies of its own.
type Tab struct {
	browser *Browser
	ctx     context.Context
	close   context.CancelFunc
	origin  string

	mutex      sync.Mutex
	status     int64
	complaints []string
}

// Open opens an empty tab for a server's pages.
func (b *Browser) Open(origin string) (*Tab, error) {
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t := &Tab{browser: b, ctx: ctx, close: cancel, origin: strings.TrimSuffix(origin, "/")}
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
		t.browser.ask(e.Request.Method, e.Request.URL)
		if strings.HasPrefix(e.Request.URL, "data:") { // an icon of the browser's own: the pages' policy allows none
			return
		}
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
func (t *Tab) Theme(name string) error { return t.media("", name) }

// Print shows pages as they are printed.
func (t *Tab) Print() error { return t.media("print", "light") }

func (t *Tab) media(name, theme string) error {
	_, err := call(t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: name, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	return err
}

// Follow does what leads to another page, such as a click, and waits for that page.
func (t *Tab) Follow(step chromedp.Action[chromedp.Void]) error {
	_, err := run(t, chromedp.WaitEvent(page.LoadEventFired, nil, step))
	return err
}

// Download does what leads to a file, and returns the file.
func (t *Tab) Download(dir string, step chromedp.Action[chromedp.Void]) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	events := true
	_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, BrowserContextID: chromedp.FromContext(t.ctx).BrowserContextID, DownloadPath: dir, EventsEnabled: &events,
	})
	if err != nil {
		return nil, err
	}
	began := chromedp.BrowserEvents(ctx, browser.DownloadWillBegin)
	progress := chromedp.BrowserEvents(ctx, browser.DownloadProgress)
	if err := t.Do(step); err != nil {
		return nil, err
	}
	for e, err := range began {
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(e.URL, t.origin) {
			t.browser.ask("GET", e.URL) // which is no request of the page
			return downloaded(dir, e.GUID, progress)
		}
	}
	return nil, ctx.Err()
}

// downloaded waits for a download, and reads the file.
func downloaded(dir, id string, progress iter.Seq2[browser.EventDownloadProgress, error]) ([]byte, error) {
	for e, err := range progress {
		switch {
		case err != nil:
			return nil, err
		case e.GUID != id || e.State == browser.DownloadProgressStateInProgress:
			continue
		case e.State == browser.DownloadProgressStateCanceled:
			return nil, errors.New("the download broke off")
		}
		return os.ReadFile(filepath.Join(dir, id))
	}
	return nil, context.DeadlineExceeded
}

// Language sets the language that the reader prefers, as a value of Accept-Language.
func (t *Tab) Language(tag string) error {
	_, err := call(t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": tag}})
	return err
}

// Screenshot returns the whole page as PNG.
func (t *Tab) Screenshot() ([]byte, error) { return run(t, chromedp.FullScreenshot(100)) }

// Window returns what the window shows of it as PNG.
func (t *Tab) Window() ([]byte, error) { return run(t, chromedp.CaptureScreenshot()) }

// Eval evaluates an expression in the page.
func Eval[T any](t *Tab, expression string) (T, error) {
	return run(t, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

func run[T any](t *Tab, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, action)
}
