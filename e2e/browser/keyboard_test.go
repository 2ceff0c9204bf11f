package browser

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tollgate/internal/words"
	"tollgate/review/reviewtest"
)

// reachable names what a keyboard must reach, in the order of the page, and keeps the elements.
const reachable = `(window.wanted = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']")].filter(e => e.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true}))).length`

// focused returns the place of the focused element among those; -1: it is none of them, -2: its focus does not show.
const focused = `(() => {
	const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
	const i = window.wanted.indexOf(e);
	if (i < 0) return -1;
	const inside = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
	if (e.type == "date") return i; // its parts have the browser's own focus
	return inside && style.outlineStyle != "none" && parseFloat(style.outlineWidth) >= 2 ? i : -2;
})()`

// TestKeyboard holds that the Tab key reaches all that can be used, in the order of the page, with a focus that shows.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	site, err := largeSite()
	if err != nil {
		t.Fatal(err)
	}
	l := look(t, site.URL, words.English)
	for _, path := range []string{"/", "/period/2026-10", "/calls?outcome=unknown", "/calls/gateway-1/" + largeLog().Calls[reviewtest.Paid], "/access", "/tls?period=2026-10", "/log"} {
		l.visit(path)
		l.reaches(path)
	}
	l.behaved("by keyboard")
}

// reaches presses Tab until the focus has been everywhere.
func (l *looker) reaches(where string) {
	l.Helper()
	count, order := eval[int](l, reachable), []int{}
	for range 4*count + 8 { // a date has three parts and a button
		l.must(l.Do(chromedp.KeyEvent(kb.Tab)))
		at := eval[int](l, focused)
		if at == -1 {
			break
		}
		if at == -2 {
			l.Errorf("%s: the focus does not show: %s", where, eval[string](l, "document.activeElement.outerHTML.slice(0, 200)"))
			return
		}
		if len(order) == 0 || order[len(order)-1] != at {
			order = append(order, at)
		}
	}
	if len(order) != count || !slices.IsSorted(order) {
		l.Errorf("%s: Tab reached %d of %d, %v", where, len(order), count, order)
	}
}

// TestTasksByKeyboard skips to the content, opens what is folded, and searches, by keyboard alone.
func TestTasksByKeyboard(t *testing.T) {
	t.Parallel()
	site, err := largeSite()
	if err != nil {
		t.Fatal(err)
	}
	l := look(t, site.URL, words.English)
	l.visit("/access")
	l.must(l.Do(chromedp.KeyEvent(kb.Tab)))
	if box := eval[float64](l, `document.querySelector(".skip").getBoundingClientRect().left`); box < 0 {
		t.Error("the link that skips to the content does not show")
	}
	l.must(l.Do(chromedp.KeyEvent(kb.Enter)))
	if at := eval[string](l, "document.activeElement.id"); at != "main" {
		t.Errorf("the link that skips to the content leads to %q", at)
	}
	l.tabTo("main summary")
	l.must(l.Do(chromedp.KeyEvent(kb.Enter)))
	if !eval[bool](l, `document.activeElement.parentElement.open`) {
		t.Error("Enter does not open what is folded")
	}
	l.visit("/log")
	l.tabTo("#q")
	l.must(l.Do(chromedp.KeyEvent(largeLog().Calls[reviewtest.Paid])))
	l.must(l.Follow(chromedp.KeyEvent(kb.Enter)))
	if want := "/calls/gateway-1/" + largeLog().Calls[reviewtest.Paid]; l.here() != want {
		t.Errorf("the search led to %s", l.here())
	}
	l.behaved("by keyboard")
}

// tabTo presses Tab until an element has the focus.
func (l *looker) tabTo(selector string) {
	l.Helper()
	for range 200 {
		l.must(l.Do(chromedp.KeyEvent(kb.Tab)))
		if eval[bool](l, `document.activeElement.matches("`+selector+`")`) {
			return
		}
	}
	l.Fatalf("Tab does not reach %s", selector)
}
