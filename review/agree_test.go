package review

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tollgate/internal/soaktest"
	"tollgate/review/reviewtest"
)

// pageText returns the text of a page, with one space between its parts.
func pageText(t *testing.T, pages http.Handler, address string) string {
	t.Helper()
	status, body := get(t.Context(), pages, address)
	if status != http.StatusOK {
		t.Fatalf("%s: %d", address, status)
	}
	_, body, _ = strings.Cut(body, "<main")
	return strings.Join(strings.Fields(tagPattern.ReplaceAllString(body, " ")), " ")
}

func figure(t *testing.T, text, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no %s in %.300s", pattern, text)
	}
	return strings.Join(found[1:], " ")
}

// TestPagesAgree holds that pages about the same calls have the same figures, in zones of half hours and of days with other lengths, too.
func TestPagesAgree(t *testing.T) {
	pages := inboxPages(large())
	zones := []string{"Asia/Shanghai", "Asia/Kathmandu", "Europe/Berlin"}
	for i, period := range []string{"2026-10", "2026-11", "2026-10-25", "2026"} {
		for j, zone := range zones {
			if j != i%len(zones) && !soaktest.On() {
				continue
			}
			month, list := pageText(t, pages, "/period/"+period+"?zone="+zone), pageText(t, pages, "/calls?period="+period+"&zone="+zone)
			if a, b := figure(t, month, `([\d,]+) calls by`), figure(t, list, `([\d,]+) calls `); a != b {
				t.Errorf("%s in %s: %s calls in the month, %s in the list", period, zone, a, b)
			}
		}
	}
	inbox, unknown := pageText(t, pages, "/"), pageText(t, pages, "/calls?effect=spend&outcome=unknown")
	held := `CNY ?([\d,.]+) .{0,20}?USD ?([\d,.]+) `
	if a, b := figure(t, inbox, held), figure(t, unknown, `CNY 0.00 0.00 ([\d,.]+) USD 0.00 0.00 ([\d,.]+) `); a != b {
		t.Errorf("the inbox holds %s, the list of calls %s", a, b)
	}
}

// TestMoneyOfPages holds that amounts stand behind their currency, on each page with some.
func TestMoneyOfPages(t *testing.T) {
	made := large()
	pages := inboxPages(made)
	for _, address := range []string{"/", "/calls?effect=spend", "/period/2026-10", "/access", "/calls/log/" + made.Calls[reviewtest.Paid]} {
		text := pageText(t, pages, address)
		if found := regexp.MustCompile(`\d (?:CNY|USD)\b(?: [^\db]|\.|$)`).FindString(text); found != "" || !strings.Contains(text, "CNY ") {
			t.Errorf("%s: %q", address, found)
		}
	}
}

// TestWhoMayCall: the callers that may call an operation, with it alone.
func TestWhoMayCall(t *testing.T) {
	pages := inboxPages(large())
	text := pageText(t, pages, "/access?operation=payorders")
	if !strings.Contains(text, "Callers 1 to 2 of 2") || strings.Contains(text, "49 operations") || !strings.Contains(text, "1 operation Upstream bss") {
		t.Error(text)
	}
	if text := pageText(t, pages, "/access?operation=NoSuchOperation"); !strings.Contains(text, "There is no such caller in this plan.") {
		t.Error(text)
	}
}
