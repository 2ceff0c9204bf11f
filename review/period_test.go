package review

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/decimal"
	"tollgate/internal/words"
	"tollgate/review/evidence"
	"tollgate/review/reviewtest"
	"tollgate/review/session"
)

// viewer is a door that lets one person in.
type viewer struct{}

func (viewer) Who(*http.Request) *session.Person { return &session.Person{Name: "viewer"} }

// got returns a page.
func got(t testing.TB, ctx context.Context, s *Server, address string, status int) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", address, nil))
	if w.Code != status {
		t.Fatalf("%s: %d, want %d: %s", address, w.Code, status, w.Body)
	}
	return w.Body.String()
}

// wholePage returns the page of a period, for which as much time is taken as it needs.
func wholePage(t testing.TB, s *Server, address string) string {
	t.Helper()
	ask := s.request(httptest.NewRequestWithContext(t.Context(), "GET", address, nil))
	ask.person = viewer{}.Who(nil)
	ask.SetPathValue("period", strings.TrimPrefix(ask.URL.Path, "/period/"))
	v, err := s.periodView(ask)
	if err == nil {
		err = v.collect(t.Context(), true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(s.rendered(ask, &page{name: "period", title: v.title(), data: v.page()}))
}

// TestPeriodAsReported holds that a page has the figures of a report of all calls of the period, with an index and without.
func TestPeriodAsReported(t *testing.T) {
	l := second().scanned()
	scanned := wholePage(t, pagesOf(l), "/period/2026-10")
	fromIndex := wholePage(t, pagesOf(second().indexed()), "/period/2026-10")
	if scanned != fromIndex {
		t.Error("a page from the index is not that from the log")
	}
	period, err := ParsePeriod("2026-10", reviewtest.Zone)
	if err != nil {
		t.Fatal(err)
	}
	report := calls.NewReport([]calls.Dimension{calls.ByCaller}, nil)
	if err := l.Source().Calls(t.Context(), &calls.Filter{Since: period.Since, Until: period.Until}, report.Add); err != nil {
		t.Fatal(err)
	}
	wants := []string{grouped(report.Total().Calls) + " calls"}
	for _, m := range report.Money() {
		wants = append(wants, m.Currency+" "+grouped(m.Moved.Add(m.MovedPartly).Add(m.MovedPerhaps)))
	}
	for _, g := range report.Groups() {
		if g.Moved.Sign() != 0 {
			wants = append(wants, g.Currency+" "+grouped(g.Moved))
		}
	}
	for _, want := range wants {
		if !strings.Contains(fromIndex, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if len(wants) < 5 {
		t.Error(wants)
	}
}

var rowPattern, cellPattern, tagPattern = regexp.MustCompile(`(?s)<tr>.*?</tr>`), regexp.MustCompile(`(?s)<t[hd][^>]*>(.*?)</t[hd]>`), regexp.MustCompile(`<[^>]*>`)

// cells returns the texts of a table's column behind the first row, of a drawing.
func cells(t *testing.T, body, id string, column int) (list []string) {
	t.Helper()
	_, figure, found := strings.Cut(body, `<figure class="drawing" id="`+id+`">`)
	figure, _, _ = strings.Cut(figure, "</figure>")
	_, table, _ := strings.Cut(figure, "<tbody>")
	for _, row := range rowPattern.FindAllString(table, -1) {
		texts := cellPattern.FindAllStringSubmatch(row, -1)
		list = append(list, tagPattern.ReplaceAllString(texts[column][1], ""))
	}
	if !found || len(list) == 0 {
		t.Fatalf("no table of %s", id)
	}
	return list
}

func sumOf(t *testing.T, cells []string) (sum decimal.Decimal) {
	t.Helper()
	for _, text := range cells {
		if text == "" {
			continue
		}
		d, err := decimal.Parse(strings.ReplaceAll(text, ",", ""))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		sum = sum.Add(d)
	}
	return sum
}

// TestPeriodDays holds that days add up to the whole, what was taken back apart.
func TestPeriodDays(t *testing.T) {
	l := large().indexed()
	body := wholePage(t, pagesOf(l), "/period/2026-11")
	period, _ := ParsePeriod("2026-11", reviewtest.Zone)
	report := calls.NewReport(nil, nil)
	if err := l.Source().Calls(t.Context(), &calls.Filter{Since: period.Since, Until: period.Until}, report.Add); err != nil {
		t.Fatal(err)
	}
	n := report.Total()
	for i, want := range []uint64{n.Unknown + n.Open, n.Refused, n.Failed + n.Partial + n.NotSent, n.Succeeded} {
		column := cells(t, body, "calls", i+1)
		if i == 0 {
			column = column[:20] // the others have not begun
		}
		if got := sumOf(t, column); got.String() != fmt.Sprint(want) {
			t.Errorf("column %d adds up to %s, want %d", i, got, want)
		}
	}
	for _, m := range report.Money() {
		sum := decimal.Decimal{}
		for i := 1; i <= strings.Count(body[strings.Index(body, `id="money-`+m.Currency):strings.Index(body, `id="money-`+m.Currency)+6000], `width="12" height="12"`); i++ {
			column := cells(t, body, "money-"+m.Currency, i)
			sum = sum.Add(sumOf(t, column[:20]))
		}
		if want := upperBound(m); sum.Cmp(want) != 0 {
			t.Errorf("%s: days add up to %s, want %s", m.Currency, sum, want)
		}
	}
}

// TestPeriodPages holds that pages of all kinds of periods can be made, in each language, and lead to these pages alone.
func TestPeriodPages(t *testing.T) {
	large, small := pagesOf(large().indexed()), pagesOf(second().indexed(), second().indexed())
	for _, lang := range words.Languages() {
		checkPage(t, wholePage(t, small, "/period/2026?lang="+string(lang)))
	}
	checkPage(t, wholePage(t, large, "/period/2026-11"))
	for _, period := range []string{"2026-10-27", "2025-01-01..2026-11-30", "1999", "9999", "0001-01-01"} {
		checkPage(t, wholePage(t, small, "/period/"+period))
	}
	for _, period := range []string{"2026-13", "october", "2026-10-09..2026-10-01", "0001-01-01..9999-12-31", "%3Cscript%3E", "2026-10-31..", strings.Repeat("2", 5000)} {
		got(t, t.Context(), small, "/period/"+period, 400)
	}
}

var hrefPattern, idPattern, ownPages = regexp.MustCompile(`href="([^"]*)"`), regexp.MustCompile(` id="([^"]*)"`),
	regexp.MustCompile(`^(/(period/|calls\?|tls|log|access|about|health|style|icon|\?|$)|/calls$|#)`)

// checkPage holds that a page has all its texts, ids that are there once, and links to these pages alone.
func checkPage(t *testing.T, body string) {
	t.Helper()
	if missing := regexp.MustCompile(`period\.[a-z].*|<no value>`).FindString(body); missing != "" {
		t.Errorf("a text is missing: %s", missing)
	}
	for _, found := range hrefPattern.FindAllStringSubmatch(body, -1) {
		if !ownPages.MatchString(found[1]) {
			t.Errorf("a link to %s", found[1])
		}
	}
	ids := map[string]bool{}
	for _, found := range idPattern.FindAllStringSubmatch(body, -1) {
		if ids[found[1]] {
			t.Errorf("the id %s is there twice", found[1])
		}
		ids[found[1]] = true
	}
}

func TestPeriodChosen(t *testing.T) {
	s := pagesOf(large().indexed())
	for ask, want := range map[string]string{
		"/period": "/period/2026-11", "/period?period=2026-10": "/period/2026-10", "/period?from=2026-10-01&to=2026-10-09": "/period/2026-10-01..2026-10-09",
		"/period?from=2026-10-01": "/period/2026-10-01..2026-10-01", "/period?period=2026&zone=Europe/Berlin": "/period/2026?zone=Europe%2FBerlin",
		"/period?period=//evil.example/": "/period/%2F%2Fevil.example%2F", "/period?period=../../x": "/period/..%2F..%2Fx",
	} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", ask, nil))
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%s: %d, %s, want %s", ask, w.Code, got, want)
		}
	}
}

var quoted, forbidden = regexp.MustCompile(`"[^"]*"`), regexp.MustCompile(`^<(script|img|iframe|style|foreignObject|object|embed)\b|\s(on[a-z]+|style)=`)

// TestPeriodHostile holds that texts of peers stay texts.
func TestPeriodHostile(t *testing.T) {
	for _, lang := range words.Languages() {
		body := wholePage(t, pagesOf(hostile().indexed()), "/period/2026-11?lang="+string(lang))
		for _, tag := range regexp.MustCompile(`<[A-Za-z][^<>]*>`).FindAllString(body, -1) {
			outside := quoted.ReplaceAllString(tag, "")
			if found := forbidden.FindString(outside); found != "" {
				t.Errorf("%s in %s", found, tag)
			}
		}
		if strings.ContainsAny(body, "\x00\x1b\u202e\u2066\u200b") {
			t.Error("the page has characters that a browser obeys")
		}
		if !strings.Contains(body, "&lt;script&gt;") || !strings.Contains(body, "⟨U&#43;202E⟩") {
			t.Error("the page does not show the texts")
		}
	}
}

// TestPeriodSlow holds that a page without time for the sums says so, and offers a job; and that it shows what the job found.
func TestPeriodSlow(t *testing.T) {
	l := second().scanned()
	synctest.Test(t, func(t *testing.T) {
		s := pagesOf(l)
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		const address = "/period/2026-10?zone=Asia%2FShanghai"
		const read = `<form method="post" action="/period/2026-10/read?zone=Asia%2FShanghai">`
		if body := got(t, ctx, s, address, 200); !strings.Contains(body, read) || strings.Contains(body, `id="calls"`) {
			t.Error(body)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/period/2026-10/read?zone=Asia%2FShanghai", nil))
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != address {
			t.Errorf("%d, %v", w.Code, w.Header())
		}
		synctest.Wait()
		body := got(t, ctx, s, address, 200)
		for _, want := range []string{`id="calls"`, `id="tls"`, `to record <bdi>1,310</bdi>`, read} {
			if !strings.Contains(body, want) {
				t.Errorf("no %s: %s", want, body)
			}
		}
	})
}

// TestPeriodMany holds that many calls are read by a job alone, and that it reads what the page would.
func TestPeriodMany(t *testing.T) {
	period, _ := ParsePeriod("2026-10", reviewtest.Zone)
	view := func() *periodView {
		return newPeriodView(&request{zone: reviewtest.Zone, now: reviewtest.Now}, evidence.Logs{large().indexed()}, period)
	}
	at, job := view(), view()
	pieces, last := 0, int64(0)
	job.do = func(work func()) { pieces++; work() }
	job.progress = func(done, total int64) { last = max(done, total) }
	if err := errors.Join(at.collect(t.Context(), false), job.collect(t.Context(), true)); err != nil {
		t.Fatal(err)
	}
	n := int64(job.sums.total.Total().Calls)
	if !reflect.DeepEqual(at.read, job.read) || at.read == nil || last != n || int64(pieces) < n {
		t.Errorf("%d pieces, %d calls of %d", pieces, last, n)
	}
	if n > readAtOnce {
		t.Error("the fixture has too many calls for this test")
	}
}

// TestPeriodCaps holds what caps show against the records.
func TestPeriodCaps(t *testing.T) {
	l := large().indexed()
	period, _ := ParsePeriod("2026-11", reviewtest.Zone)
	type key struct{ cap, counted, period, currency string }
	used, held := map[key]decimal.Decimal{}, map[key]decimal.Decimal{}
	err := l.Source().Calls(t.Context(), &calls.Filter{Since: period.Since, Until: period.Until}, func(c *calls.Call) error {
		if c.Intent == nil || c.Intent.Spending == nil {
			return nil
		}
		for _, charge := range c.Intent.Caps {
			k, d := key{charge.Cap, charge.Counted, charge.Period, charge.Currency}, decimal.Decimal{}
			d, err := decimal.Parse(charge.Amount)
			switch c.State() {
			case logfile.Succeeded, logfile.Partial:
				used[k] = used[k].Add(d)
			case logfile.Unknown, calls.Open:
				held[k] = held[k].Add(d)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	body := wholePage(t, pagesOf(l), "/period/2026-11")
	names, uses, holds, limits := cells(t, body, "caps", 0), cells(t, body, "caps", 1), cells(t, body, "caps", 2), cells(t, body, "caps", 3)
	for i, name := range names {
		k := key{cap: name, counted: cells(t, body, "caps", 4)[i], period: cells(t, body, "caps", 5)[i], currency: uses[i][:3]}
		if uses[i] != k.currency+" "+grouped(used[k].WithPlaces(2)) || holds[i] != k.currency+" "+grouped(held[k].WithPlaces(2)) {
			t.Errorf("%v: used %s, held %s, want %s, %s", k, uses[i], holds[i], used[k], held[k])
		}
	}
	shop := slices.IndexFunc(names, func(name string) bool { return name == "shop-day" })
	if shop < 0 || limits[shop] != "CNY 20,000.00" && limits[shop] != "USD 3,000.00" || len(names) < 4 {
		t.Errorf("%v, %v", names, limits)
	}
}

// TestPeriodTexts holds that messages whose ids are made of parts are there.
func TestPeriodTexts(t *testing.T) {
	ids := []string{"tls_other", "tls_plain"}
	for _, from := range []string{calls.FromRequest, calls.FromAnswer, calls.FromOrder, calls.FromRenewal, calls.FromRefund} {
		ids = append(ids, "from_"+from)
	}
	for _, of := range []string{"caller", "account", "customer"} {
		ids = append(ids, "column_"+of, "none_"+of)
	}
	for _, id := range []string{"log", "calls", "money", "callers", "accounts", "customers", "refusals", "caps", "tls"} {
		ids = append(ids, id, id+"_desc")
	}
	for _, unit := range []string{"day", "week", "month", "year"} {
		ids = append(ids, "column_"+unit, "by_"+unit)
	}
	for month := range 12 {
		ids = append(ids, fmt.Sprintf("month_%d", month+1))
	}
	for _, id := range ids {
		for _, lang := range words.Languages() {
			if !words.In(lang).Has("period." + id) {
				t.Errorf("period.%s is missing in %s", id, lang)
			}
		}
	}
}
