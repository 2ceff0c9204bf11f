package browser

import (
	"encoding/json"
	"fmt"
	"strings"
)

// tooWide returns the elements that reach beyond the window of a page that scrolls sideways.
const tooWide = `(() => {
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth <= width) return "";
	const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 1);
	return wide.slice(-5).map(e => e.tagName + "." + e.getAttribute("class") + " " + e.textContent.trim().slice(0, 40)).join("; ") || "something";
})()`

// Sideways returns what makes the page scroll sideways; empty: it does not.
func (t *Tab) Sideways() (string, error) { return Eval[string](t, tooWide) }

// noCards returns the cells of lists that are not cards: blocks with the name of their column before each value.
const noCards = `[...document.querySelectorAll("table.list")].flatMap(table => {
	const names = [...table.querySelectorAll("thead th")].map(th => th.textContent.trim());
	return [...table.querySelectorAll("tbody tr")].flatMap(row => [row, ...row.cells].filter((e, i) => {
		if (i == 0) return getComputedStyle(e).display != "block";
		const before = getComputedStyle(e, "::before").content;
		return !["grid", "block"].includes(getComputedStyle(e).display) || before != JSON.stringify(names[i - 1]);
	}));
}).slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join("; ")`

// NoCards returns what of the page's lists is no card, as all rows are where the window is narrow.
func (t *Tab) NoCards() (string, error) { return Eval[string](t, noCards) }

// unprintable returns what paper may not have, or would not have whole.
const unprintable = `(() => {
	const shown = e => e.checkVisibility({contentVisibilityAuto: true});
	const all = s => [...document.querySelectorAll(s)];
	return [
		...all("nav, form, footer, .skip").filter(shown),
		...all("main *").filter(e => !e.closest("svg, .top") && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1) && ["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX)),
		...all("details > table, details > dl, details > pre, details > p:not(.actions)").filter(e => !shown(e) || e.getBoundingClientRect().height == 0),
	].slice(0, 5).map(e => e.outerHTML.slice(0, 160)).join("; ");
})()`

// Unprintable returns what a page shows on paper that is of no use there, and what is cut off or folded.
func (t *Tab) Unprintable() (string, error) { return Eval[string](t, unprintable) }

// violation is what axe-core finds.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// Violations returns what axe-core, whose source is given, finds in the page that is serious or critical: by some of its rules, or by all.
func (t *Tab) Violations(axe string, rules ...string) (found []string, err error) {
	there, err := Eval[bool](t, "!!window.axe")
	if err == nil && !there {
		_, err = Eval[int](t, axe+";0")
	}
	if err != nil {
		return nil, err
	}
	options := map[string]any{"resultTypes": []string{"violations"}}
	if len(rules) > 0 {
		options["runOnly"] = rules
	}
	given, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	text, err := Eval[string](t, fmt.Sprintf(`axe.run(document, %s).then(r => JSON.stringify(r.violations))`, given))
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
