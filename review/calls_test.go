package review

import (
	"encoding/csv"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tollgate/audit/calls"
	"tollgate/internal/words"
	"tollgate/review/evidence"
	"tollgate/review/reviewtest"
)

// tree returns a page as a tree of HTML.
func tree(t *testing.T, page string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// attribute returns one of an element; empty if it has none.
func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// linked returns the addresses of links that begin with a text, and those of which rel is said.
func linked(t *testing.T, page, prefix, rel string) (addresses []string) {
	t.Helper()
	for n := range tree(t, page).Descendants() {
		if n.Data == "a" && strings.HasPrefix(attribute(n, "href"), prefix) && (rel == "" || attribute(n, "rel") == rel) {
			addresses = append(addresses, attribute(n, "href"))
		}
	}
	return addresses
}

// textOf returns the text of a page, with single blanks.
func textOf(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	for n := range tree(t, page).Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// TestCallPages: the pages, one after the other by their links, have each call that the filter chooses once, in the order of a pager.
func TestCallPages(t *testing.T) {
	l := large().indexed()
	other := second().indexed()
	other.Name = "gateway/北京"
	for address, logs := range map[string][]*evidence.Log{
		"/calls?caller=shop&period=2026-11-10..2026-11-12": {l}, "/calls?operation=PayOrders": {l, other}, "/calls?log=gateway%2F%E5%8C%97%E4%BA%AC": {l, other},
	} {
		s := pagesOf(logs...)
		c, err := s.choice(s.request(httptest.NewRequest("GET", address, nil)))
		if err != nil {
			t.Fatal(err)
		}
		pager, err := c.logs.Pager()
		if err != nil {
			t.Fatal(err)
		}
		placed, _, err := pager.Page(t.Context(), &c.filter, calls.Cursor{}, 10_000)
		if err != nil || len(placed) <= callsPerPage {
			t.Fatal(address, len(placed), err)
		}
		var want, shown []string
		for _, p := range placed {
			want = append(want, callAddress(p.Log, p.ID()))
		}
		for next := address; next != ""; {
			page := got(t, t.Context(), s, next, 200)
			shown = append(shown, linked(t, page, "/calls/", "")...)
			older := linked(t, page, "/calls?", "next")
			if next = ""; len(older) == 1 {
				next = older[0]
			}
		}
		if !slices.Equal(shown, want) {
			t.Errorf("%s: %d calls on the pages, %d in the logs", address, len(shown), len(want))
		}
	}
}

// TestCallSums: the sums on a page are those of all calls that the filter chooses, from sums of days, by reading, and where the page has all.
func TestCallSums(t *testing.T) {
	for _, address := range []string{"/calls", "/calls?period=2026-10", "/calls?min-amount=100", "/calls?outcome=unknown", "/calls?operation=CancelResourcesSubscription"} {
		f, scanned := large(), address == "/calls?min-amount=100"
		if scanned {
			f = second()
		}
		l := f.indexed()
		s := pagesOf(l)
		c, err := s.choice(s.request(httptest.NewRequest("GET", address, nil)))
		if err != nil {
			t.Fatal(err)
		}
		want := calls.NewReport(nil, func() (calls.Refunds, error) { return calls.ReadRefunds(t.Context(), l.Source()) })
		if err := l.Source().Calls(t.Context(), &c.filter, want.Add); err != nil {
			t.Fatal(err)
		}
		servers := []*Server{s}
		if scanned {
			servers = append(servers, pagesOf(f.scanned()))
		}
		for _, pages := range servers {
			text := textOf(t, got(t, t.Context(), pages, address, 200))
			for _, m := range want.Money() {
				if figures := m.Currency + " " + grouped(m.Moved) + " " + grouped(m.MovedPartly) + " " + grouped(m.MovedPerhaps); !m.None() && !strings.Contains(text, figures) {
					t.Errorf("%s has no %q", address, figures)
				}
			}
			count := words.In(words.English).Text("calls.count", "Count", want.Total().Calls, "Calls", grouped(want.Total().Calls))
			if !strings.Contains(text, count) || want.Total().Calls == 0 {
				t.Errorf("%s has no %q", address, count)
			}
		}
	}
}

// TestWrongAddresses: what an address says wrong is named, and is never left out of the choice.
func TestWrongAddresses(t *testing.T) {
	s := pagesOf(large().indexed())
	for query, want := range map[string]string{
		"x=1": "x", "Caller=shop": "Caller", "caller=a&caller=a": "caller", "caller=&caller=a": "caller", "status=7": "7", "effect=spent": "read, write, spend",
		"min-amount=1,000": "min-amount", "currency=yuan": "CNY", "deprecated=maybe": "true", "month=2026-13": "2026-13", "last=-3h": "-3h", "since=yesterday": "yesterday",
		"period=2026-13": "2026-13", "period=2026&month=2026-10": "Choose one", "last=24h&until=2026-01-01": "Choose one", "since=2026-03-03&until=2026-01-01": "before",
		"zone=Mars": "Mars", "zone=Local": "Local", "log=other": "other", "before=x": "no place", "before=7.b3RoZXI": "no place", "a;b=1": "cannot be read", "a=%zz": "cannot be read",
		"outcome=%E2%80%AEdone": "⟨U+202E⟩done",
	} {
		if text := textOf(t, got(t, t.Context(), s, "/calls?"+query, 400)); !strings.Contains(text, want) {
			t.Errorf("%s: %s", query, text)
		}
		if query != "before=x" && query != "before=7.b3RoZXI" {
			got(t, t.Context(), s, "/calls.csv?"+query, 400)
		}
	}
	got(t, t.Context(), s, "/calls.json?before=1.9.7.Z2F0ZXdheS1zaA", 400) // a download has all pages
}

// TestCanonicalAddress: parameters of a form that were left empty are dropped by a redirect, and what is chosen can be dropped by its link.
func TestCanonicalAddress(t *testing.T) {
	s := pagesOf(large().indexed())
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/calls?caller=+shop+&operation=&outcome=&zone=UTC&before=9.Z2F0ZXdheS1zaA", nil))
	if to := w.Header().Get("Location"); w.Code != 303 || to != "/calls?before=9.Z2F0ZXdheS1zaA&caller=shop&zone=UTC" {
		t.Error(w.Code, to)
	}
	page := got(t, t.Context(), s, "/calls?caller=shop&customer=%22%3E%26%3Fa%3Db&zone=UTC", 200)
	for _, want := range []string{"/calls?caller=shop&zone=UTC", "/calls?customer=%22%3E%26%3Fa%3Db&zone=UTC"} {
		if !slices.Contains(linked(t, page, "/calls?", ""), want) {
			t.Errorf("there is no link %s", want)
		}
	}
	if !strings.Contains(textOf(t, page), "No call matches") {
		t.Error("a filter that matches nothing is not said to match nothing")
	}
}

// TestCursorOfOtherFilter: a cursor is a place in the log, whatever was chosen when it was made.
func TestCursorOfOtherFilter(t *testing.T) {
	s := pagesOf(large().indexed())
	older := linked(t, got(t, t.Context(), s, "/calls?caller=shop", 200), "/calls?", "next")
	u, err := url.Parse(older[0])
	if err != nil {
		t.Fatal(err)
	}
	page := got(t, t.Context(), s, "/calls?caller=billing-app&before="+u.Query().Get(paramBefore), 200)
	if shown := linked(t, page, "/calls/", ""); len(shown) != callsPerPage {
		t.Errorf("%d calls", len(shown))
	}
}

// TestLateCalls: a page for which there is no time says so, and does not say that no call matches.
func TestLateCalls(t *testing.T) {
	for _, l := range []*evidence.Log{large().indexed(), large().scanned()} {
		s := pagesOf(l)
		s.patience = 0
		page := got(t, t.Context(), s, "/calls?caller=shop", 200)
		if text := textOf(t, page); !strings.Contains(text, "Two seconds are over") || strings.Contains(text, "No call matches") {
			t.Error(text)
		}
		if onward := linked(t, page, "/calls?", "next"); (len(onward) == 1) != (l.Index != nil) {
			t.Errorf("links that go on: %v", onward)
		}
		if text := textOf(t, got(t, t.Context(), s, "/search?q=shop", 200)); !strings.Contains(text, "Two seconds are over") {
			t.Error(text)
		}
	}
}

// TestHostileCalls: texts of records stay texts on pages: no element, attribute or address is made of them.
func TestHostileCalls(t *testing.T) {
	s := pagesOf(hostile().indexed())
	allowed := []string{"href", "src"}
	for _, payload := range append(slices.Clone(reviewtest.Payloads), "") {
		for _, address := range []string{"/calls?customer=", "/calls?reason=", "/search?q="} {
			text := payload[:min(len(payload), maxQuery)]
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequest("GET", address+url.QueryEscape(text), nil))
			for n := range tree(t, w.Body.String()).Descendants() {
				if n.Type != html.ElementNode {
					if strings.ContainsAny(n.Data, "\x00\x1b\x07\u202e\u2066\u2069\u200b\u200f\u2028\u2029") {
						t.Errorf("%.30q: %.60q can be seen by none", text, n.Data)
					}
					continue
				}
				if slices.Contains([]string{"script", "img", "style", "iframe", "object", "svg"}, n.Data) {
					t.Errorf("%.30q: an element %s", text, n.Data)
				}
				for _, a := range n.Attr {
					if strings.HasPrefix(a.Key, "on") || a.Key == "style" || slices.Contains(allowed, a.Key) && !strings.HasPrefix(a.Val, "/") && a.Val != "#main" {
						t.Errorf("%.30q: %s has %s=%.60q", text, n.Data, a.Key, a.Val)
					}
				}
			}
		}
	}
}

// TestHostileFiles: they stay texts in CSV and JSON files.
func TestHostileFiles(t *testing.T) {
	l := hostile().scanned()
	s := pagesOf(l)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got(t, t.Context(), s, "/calls.csv", 200), "\uFEFF"))).ReadAll()
	if err != nil || len(rows) != 1+2*len(reviewtest.Payloads) || !slices.Equal(rows[0], calls.RowColumns) {
		t.Fatal(len(rows), err)
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			if strings.ContainsAny(cell[:min(len(cell), 1)], "=+-@\t\r\n") || strings.ContainsAny(cell, "\r\n\x00\x1b\u202e") {
				t.Errorf("a cell %.40q", cell)
			}
		}
	}
	file := got(t, t.Context(), s, "/calls.json", 200)
	var read struct {
		Calls []calls.Row
		Count int
	}
	if err := json.Unmarshal([]byte(file), &read); err != nil || read.Count != len(rows)-1 || len(read.Calls) != read.Count {
		t.Fatal(read.Count, err)
	}
	var want []string
	if err := l.Source().Calls(t.Context(), &calls.Filter{}, func(c *calls.Call) error {
		want = append(want, c.Row(time.UTC).Path)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i, row := range read.Calls {
		if row.Path != want[i] {
			t.Errorf("path %.40q, want %.40q", row.Path, want[i])
		}
	}
	for _, r := range file {
		if r != '\n' && r < ' ' || r == '\u202e' || r == '\u2028' {
			t.Fatalf("the file has the character %U", r)
		}
	}
}

// TestExportCutOff: a file that does not have all calls says so, and one that breaks off is no whole answer.
func TestExportCutOff(t *testing.T) {
	s := pagesOf(large().indexed())
	r := s.request(httptest.NewRequest("GET", "/calls?caller=shop", nil))
	c, err := s.choice(r)
	if err != nil {
		t.Fatal(err)
	}
	var table, object strings.Builder
	alive := func() error { return nil }
	for _, to := range []exportWriter{newCSVExport(&table, c, r), &jsonExport{w: &object, choice: c}} {
		if err := export(t.Context(), to, c, 3, alive); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Split(strings.TrimSpace(table.String()), "\r\n"); len(lines) != 5 || !strings.Contains(lines[4], "ends after 3 calls") {
		t.Error(lines)
	}
	var read struct {
		Calls  []calls.Row
		CutOff bool `json:"cut_off"`
	}
	if err := json.Unmarshal([]byte(object.String()), &read); err != nil || !read.CutOff || len(read.Calls) != 3 {
		t.Error(len(read.Calls), read.CutOff, err)
	}
	stopped := func() error { return os.ErrDeadlineExceeded }
	if err := export(t.Context(), newCSVExport(&table, c, r), c, 3, stopped); err != os.ErrDeadlineExceeded {
		t.Error(err)
	}
}

// TestFilterWords: each filter is a field of the form once, and has words in each language, as its choices have.
func TestFilterWords(t *testing.T) {
	fields := slices.Concat(commonFields, otherFields)
	for _, p := range calls.Params {
		if !slices.Contains(fields, p.Name) {
			t.Errorf("no field is for %s", p.Name)
		}
	}
	if n := len(calls.Params) + len(timeParams) + 1; len(fields) != n {
		t.Errorf("%d fields, want %d", len(fields), n)
	}
	for _, lang := range words.Languages() {
		w := words.In(lang)
		for _, name := range fields {
			ids := []string{"calls.filter." + name}
			switch p := calls.ParamNamed(name); {
			case slices.Contains(timeParams, name):
				ids = append(ids, "calls.hint."+name)
			case name == "outcome" || p == nil:
			default:
				for _, choice := range p.Choices {
					ids = append(ids, "calls.choice."+choice)
				}
			}
			for _, id := range ids {
				if !w.Has(id) {
					t.Errorf("%s is missing in %s", id, lang)
				}
			}
		}
		for _, message := range badValues {
			if !w.Has(message) {
				t.Errorf("%s is missing in %s", message, lang)
			}
		}
		for _, message := range badTimes {
			if !w.Has(message) {
				t.Errorf("%s is missing in %s", message, lang)
			}
		}
		for _, kind := range []string{"call", "order", "customer", "coupon", "request-id", "account", "caller", "operation", "credential", "plan", "record"} {
			if !w.Has("search.kind." + kind) {
				t.Errorf("search.kind.%s is missing in %s", kind, lang)
			}
		}
	}
}
