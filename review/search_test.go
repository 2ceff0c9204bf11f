package review

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tollgate/audit/calls"
	"tollgate/review/evidence"
)

// searched returns where a search leads, or its page.
func searched(s *Server, q string) (to, page string) {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/search?q="+url.QueryEscape(q), nil))
	return w.Header().Get("Location"), w.Body.String()
}

// newestCall returns the newest call that a filter chooses.
func newestCall(t *testing.T, l *evidence.Log, f calls.Filter) *calls.Call {
	t.Helper()
	page, _, err := l.Pager().Page(t.Context(), &f, calls.Cursor{}, 1)
	if err != nil || len(page) == 0 {
		t.Fatal("no call of", f, err)
	}
	return page[0].Call
}

// TestSearchForOne: what one call has leads to that, with an index and without.
func TestSearchForOne(t *testing.T) {
	l := large().indexed()
	c := newestCall(t, l, calls.Filter{Operation: "PayOrders", State: "failed"})
	id, at := c.ID(), callAddress(l.Name, c.ID())
	short, plan := calls.ShortID(id), c.Plan()
	for q, want := range map[string]string{
		id: at, "urn:uuid:" + strings.ToUpper(id): at, " " + id + " ": at, short: at, id[:18]: at, id[len(id)-17:]: at, short[3:]: at, c.RequestID(): at,
		plan: "/access?plan=" + plan,
	} {
		if to, page := searched(pagesOf(l), q); to != want {
			t.Errorf("%q leads to %q: %s", q, to, textOf(t, page))
		}
	}
	for _, q := range []string{short[3:], c.RequestID()} {
		if to, page := searched(pagesOf(large().scanned()), q); to != at {
			t.Errorf("without an index %q leads to %q: %s", q, to, textOf(t, page))
		}
	}
}

// TestSearchForMany: what several calls have is listed by what it may be, with an address of all of them.
func TestSearchForMany(t *testing.T) {
	s := pagesOf(large().indexed())
	for q, want := range map[string]string{"shop": "/calls?caller=shop", "PayOrders": "/calls?operation=PayOrders"} {
		to, page := searched(s, q)
		if found := linked(t, page, want, ""); to != "" || len(found) != 1 || len(linked(t, page, "/calls/", "")) != someRows || !strings.Contains(textOf(t, page), "More than 100 calls") {
			t.Errorf("%s: %q, %v", q, to, found)
		}
	}
	if to, page := searched(s, "1"); to != "" || !strings.Contains(textOf(t, page), "Nothing was found") {
		t.Errorf("a pruned record: %q, %s", to, textOf(t, page))
	}
	small := pagesOf(second().indexed())
	for _, q := range []string{"no-such-id", "0198c2f4-6b1e-7c3a-9d51-2b3c4d5e6f70", "ffffffffffff", "ffffffff", "99999999", "%", "' OR 1=1 --", "Shop"} {
		if to, page := searched(small, q); to != "" || !strings.Contains(textOf(t, page), "Nothing was found") {
			t.Errorf("%s: %q, %s", q, to, textOf(t, page))
		}
	}
	if _, page := searched(s, ""); !strings.Contains(textOf(t, page), "Enter an id") {
		t.Error(page)
	}
	if _, page := searched(s, strings.Repeat("x", maxQuery+1)); !strings.Contains(textOf(t, page), "too long") {
		t.Error(page)
	}
}

// TestSearchForRecord: a number is that of a record, too, of which the call is shown.
func TestSearchForRecord(t *testing.T) {
	l := large().indexed()
	s := pagesOf(l)
	c := newestCall(t, l, calls.Filter{Operation: "PayOrders"})
	if to, page := searched(s, plain(c.Intent.Seq)); to != callAddress(l.Name, c.ID()) {
		t.Errorf("%q: %s", to, textOf(t, page))
	}
	standing, err := l.Standing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if to, page := searched(s, plain(standing.To)); to != "" || !strings.Contains(textOf(t, page), "is of the kind checkpoint") {
		t.Errorf("%q: %s", to, textOf(t, page))
	}
}

func plain(seq uint64) string { return strings.ReplaceAll(grouped(seq), ",", "") }

// TestSearchInSeveralLogs: what is in one log is found there, and what is in both is listed with the names of both.
func TestSearchInSeveralLogs(t *testing.T) {
	other := second().indexed()
	s := pagesOf(large().indexed(), other)
	c := newestCall(t, other, calls.Filter{Caller: "billing-app"})
	if to, page := searched(s, calls.ShortID(c.ID())); to != callAddress("gateway-bj", c.ID()) {
		t.Errorf("%q: %s", to, textOf(t, page))
	}
	if _, page := searched(s, "billing-app"); !strings.Contains(textOf(t, page), "gateway-sh") {
		t.Error(textOf(t, page))
	}
}

// FuzzMadeWithin: the times of a beginning are those of its shortest and its longest id, and a longer beginning chooses less.
func FuzzMadeWithin(f *testing.F) {
	for _, part := range []string{"01a1ca8c", "01a1ca8c-7523-7", "ffffffffffff", "0198c2f4-6b1e-7c3a-9d51-2b3c4d5e6f7", "-------f", "x"} {
		f.Add(part)
	}
	f.Fuzz(func(t *testing.T, part string) {
		if len(part) > calls.IDLength || !idPart.MatchString(part) {
			return
		}
		since, until, ok := madeWithin(part)
		if !ok {
			return
		}
		if until.Sub(since) < callWait {
			t.Errorf("%s: %v to %v", part, since, until)
		}
		longerSince, longerUntil, ok := madeWithin(part + "0")
		if !ok || longerSince.Before(since) || longerUntil.After(until) {
			t.Errorf("%s: %v to %v; one digit more: %v to %v", part, since, until, longerSince, longerUntil)
		}
	})
}
