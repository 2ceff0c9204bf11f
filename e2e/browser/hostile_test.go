package browser

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chromedp/chromedp"

	"tollgate/internal/words"
)

// foreign returns elements and attributes that no page has: they would be of a record.
const foreign = `[...document.querySelectorAll("script, img, iframe, object, embed, base, [style], [onerror], [onmouseover], a[href^='http'], a[href^='javascript:'], svg a[href^='http']")].map(e => e.outerHTML).join(" ").slice(0, 300)`

// TestHostileRecords holds that texts of records stay text on each page that shows them, in titles of drawings, and in the files of the list.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	site := serve(t, hostileLog().dir)
	l := look(t, site.URL, words.English)
	addresses := []string{"/", "/period/2026-11", "/calls", "/tls?period=2026-11", "/log", "/access", "/search?q=%3Cscript%3Ealert(1)%3C/script%3E", "/search?q=%E2%80%AEgnp.exe"}
	for _, id := range hostileLog().Calls {
		addresses = append(addresses, "/calls/hostile/"+id)
	}
	exceptions, err := site.links("/", "/exceptions/")
	l.must(err)
	for _, address := range append(addresses, exceptions[:min(20, len(exceptions))]...) {
		l.visit(address)
		l.harmless(address)
	}
	l.visit("/period/2026-11")
	if titles := eval[string](l, `[...document.querySelectorAll("svg title, svg text")].map(e => e.textContent).join("\n")`); !strings.Contains(titles, "<script>alert(1)</script>") {
		t.Errorf("no drawing shows a hostile text: %.300s", titles)
	}
}

// harmless holds of the page that is shown: no text of a record became markup, or steers how others are shown.
func (l *looker) harmless(where string) {
	l.Helper()
	if l.Status() != http.StatusOK {
		l.Errorf("%s: status %d", where, l.Status())
	}
	if found := eval[string](l, foreign); found != "" {
		l.Errorf("%s: has %s", where, found)
	}
	all := eval[string](l, `document.title + "\n" + document.body.textContent`)
	if at := strings.IndexFunc(all, hidden); at >= 0 {
		l.Errorf("%s: has a character that does not show: %q", where, all[max(0, at-20):min(len(all), at+20)])
	}
	l.none(where, "scrolls sideways", l.Sideways)
	l.must(l.Resize(600, 900))
	l.none(where+", narrow", "scrolls sideways", l.Sideways)
	l.must(l.Resize(1280, 900))
	l.behaved(where)
}

// hidden reports whether a character steers how others are shown.
func hidden(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// formula is what spreadsheets compute.
var formula = regexp.MustCompile(`^[=+@\t\r]|^-[^0-9]|^-.*[^0-9.]`)

// TestHostileFiles downloads the files of a list of hostile records, and reads them.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	l := look(t, serve(t, hostileLog().dir).URL, words.English)
	l.visit("/calls")
	rows, objects := l.csv(), l.json()
	if len(rows) != len(objects) || len(rows) < hostileLog().Calling {
		t.Errorf("%d rows of CSV and %d of JSON of %d calls", len(rows), len(objects), hostileLog().Calling)
	}
	found := false
	for _, row := range rows {
		for _, cell := range row {
			if formula.MatchString(cell) {
				t.Errorf("a cell is a formula: %.60q", cell)
			}
			found = found || strings.Contains(cell, "=1+1")
		}
	}
	if !found {
		t.Error("no cell has the text =1+1")
	}
	l.behaved("files")
}

// csv downloads the list as CSV, and returns its rows without the names of the columns.
func (l *looker) csv() [][]string {
	l.Helper()
	file := l.file(l.words.Text("calls.csv"))
	if !utf8.Valid(file) || !bytes.HasPrefix(file, []byte("\ufeff")) {
		l.Error("the CSV is not UTF-8 with a mark")
	}
	rows, err := csv.NewReader(bytes.NewReader(file[3:])).ReadAll()
	l.must(err)
	return rows[1:]
}

// row is a call as the JSON has it.
type row struct {
	Call, Caller, Operation, Outcome string
	Orders, Customers, Coupons       []string
	RequestID                        string `json:"request_id"`
	Plan                             string
}

// json downloads the list as JSON, and returns its calls.
func (l *looker) json() []row {
	l.Helper()
	var file struct{ Calls []row }
	l.must(json.Unmarshal(l.file(l.words.Text("calls.json")), &file))
	return file.Calls
}

// file downloads what a link leads to.
func (l *looker) file(link string) []byte {
	l.Helper()
	file, err := l.Download(l.TempDir(), chromedp.Click(linkTo(link)))
	l.must(err)
	return file
}

// linkTo selects the link with a text.
func linkTo(text string) chromedp.Search {
	return chromedp.Search(`//a[normalize-space(.)="` + text + `"]`)
}
