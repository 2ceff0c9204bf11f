package review

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tollgate/freeze"
	"tollgate/internal/soaktest"
	"tollgate/internal/words"
	"tollgate/review/inbox"
)

// inboxPages returns the pages of a fixture, which is called log.
func inboxPages(f *fixture) http.Handler {
	l := f.indexed()
	l.Name = "log"
	return pagesOf(l).Handler()
}

// get returns the status and the text of a page.
func get(ctx context.Context, pages http.Handler, address string) (status int, text string) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

var hrefs = regexp.MustCompile(`href="([^"]*)"`)

// linksOf returns the addresses on a page that begin so.
func linksOf(text, begin string) (links []string) {
	for _, found := range hrefs.FindAllStringSubmatch(text, -1) {
		if link := html.UnescapeString(found[1]); strings.HasPrefix(link, begin) && !slices.Contains(links, link) {
			links = append(links, link)
		}
	}
	return links
}

// rawID is a message that is not there: its id stands on the page instead.
var rawID = regexp.MustCompile(`(?:inbox|exception)\.[a-z_.]+|&lt;no value&gt;|ZgotmplZ`)

// TestInbox: the fixture's exceptions, each of which has a page, whose calls are listed; in each language.
func TestInbox(t *testing.T) {
	pages := inboxPages(large())
	seen := map[string]bool{}
	for lang, texts := range map[string][]string{
		"en": {"3 unknown outcomes of <bdi>PayOrders</bdi>", "935.00", " open exceptions", "1,804", "is paused", "are frozen"},
		"zh": {"的 <bdi>PayOrders</bdi> 有 <bdi>3</bdi> 次结果未知", "935.00", " 项未了结的异常"},
	} {
		status, text := get(t.Context(), pages, "/?lang="+lang)
		if raw := rawID.FindString(text); status != http.StatusOK || raw != "" {
			t.Errorf("%s: %d, with %q", lang, status, raw)
		}
		for _, want := range texts {
			if !strings.Contains(strings.ReplaceAll(text, "<bdi>3</bdi> unknown", "3 unknown"), want) {
				t.Errorf("%s: the page does not say %q", lang, want)
			}
		}
		links := linksOf(text, "/exceptions/")
		if len(links) < 40 {
			t.Errorf("%s: %d exceptions have links", lang, len(links))
		}
		if lang == "zh" || !soaktest.On() {
			links = oneOfEachKind(links)
		}
		for _, link := range slices.Concat(links, linksOf(text, "/calls?"), linksOf(text, "/?")) {
			holdPage(t, pages, link, lang, seen)
		}
	}
}

// oneOfEachKind returns the first link of each kind of exceptions.
func oneOfEachKind(links []string) (some []string) {
	seen := map[string]bool{}
	for _, link := range links {
		if kind := strings.Split(link, "/")[2]; !seen[kind] {
			seen[kind] = true
			some = append(some, link)
		}
	}
	return some
}

// holdPage holds that a page can be shown, and its links to lists of calls followed. Lists of calls are looked at once.
func holdPage(t *testing.T, pages http.Handler, address, lang string, seen map[string]bool) {
	t.Helper()
	if seen[address] {
		return
	}
	seen[address] = strings.HasPrefix(address, "/calls?")
	join := "?"
	if strings.Contains(address, "?") {
		join = "&"
	}
	status, text := get(t.Context(), pages, address+join+"lang="+lang)
	if raw := rawID.FindString(text); status != http.StatusOK || raw != "" {
		t.Errorf("%s in %s: %d, with %q", address, lang, status, raw)
	}
	if strings.HasPrefix(address, "/exceptions/") {
		for _, link := range linksOf(text, "/calls?") {
			holdPage(t, pages, link, lang, seen)
		}
	}
}

// TestHostileInbox: texts of peers stay text on the pages of exceptions.
func TestHostileInbox(t *testing.T) {
	pages := inboxPages(hostile())
	_, text := get(t.Context(), pages, "/")
	links := linksOf(text, "/exceptions/")
	if len(links) == 0 {
		t.Fatal("the hostile log has no exceptions")
	}
	for _, link := range append(links, "/") {
		status, text := get(t.Context(), pages, link)
		if status != http.StatusOK {
			t.Errorf("%s: %d", link, status)
		}
		for _, bad := range []string{"<script", "<img", "onerror=\"", "onmouseover='", "javascript:alert(1)\"", "\u202e", "\u2066", "\x00", "\x1b"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %q", link, bad)
			}
		}
	}
}

// TestLateInbox: when time is up, the page says what it did not read.
func TestLateInbox(t *testing.T) {
	pages := inboxPages(second())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	status, text := get(ctx, pages, "/?lang=en")
	if status != http.StatusOK || !strings.Contains(text, "Time was up") || strings.Contains(text, "Nothing needs a look") {
		t.Errorf("%d, %s", status, text)
	}
}

// TestNoException: what is no exception's address.
func TestNoException(t *testing.T) {
	pages := inboxPages(second())
	for address, want := range map[string]int{
		"/exceptions/":                  http.StatusNotFound,
		"/exceptions/unknown/log/1":     http.StatusNotFound,
		"/exceptions/unknown/other/9":   http.StatusNotFound,
		"/exceptions/unknown/log/01":    http.StatusNotFound,
		"/exceptions/burst/log/x/y/z":   http.StatusNotFound,
		"/exceptions/expiry/%3Cscript":  http.StatusNotFound,
		"/?period=2026-13":              http.StatusBadRequest,
		"/?period=2026-10":              http.StatusOK,
		"/exceptions/fault/log/1?x=%00": http.StatusNotFound,
	} {
		if status, _ := get(t.Context(), pages, address); status != want {
			t.Errorf("%s: %d, want %d (the log has %d records)", address, status, want, second().Last)
		}
	}
}

// TestExceptionMessages: each kind, with each of its variants, has all messages in each language.
func TestExceptionMessages(t *testing.T) {
	var subjects []inbox.Subject
	for _, kind := range inbox.Kinds() {
		switch kind {
		case inbox.Freeze:
			for _, of := range freeze.Kinds() {
				subjects = append(subjects, inbox.Subject{Kind: kind, Of: string(of)})
			}
		case inbox.Expires:
			for _, of := range []inbox.Holder{inbox.OwnCertificate, inbox.CallerCertificate, inbox.UpstreamCert, inbox.VirtualKey} {
				subjects = append(subjects, inbox.Subject{Kind: kind, Of: string(of)})
			}
		default:
			subjects = append(subjects, inbox.Subject{Kind: kind}, inbox.Subject{Kind: kind, Caller: "shop"}, inbox.Subject{Kind: kind, Source: "other"}, inbox.Subject{Kind: kind, Weight: inbox.Hygiene})
		}
		if runbooks[kind] == "" {
			t.Errorf("%s has no page of the manual", kind)
		}
	}
	for reason := range refusalGroups {
		subjects = append(subjects, inbox.Subject{Kind: inbox.Burst, Reason: reason})
	}
	for _, lang := range words.Languages() {
		for _, s := range subjects {
			for _, id := range []string{"inbox.row." + variant(&s), "exception.what." + variant(&s), "exception.do." + advice(&s), "exception.why." + string(s.Kind), "exception.title." + string(s.Kind), "inbox.weight." + s.Weight.String()} {
				if !words.In(lang).Has(id) {
					t.Errorf("%s is missing in %s", id, lang)
				}
			}
		}
	}
}
