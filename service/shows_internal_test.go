package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"tollgate/admin"
)

// TestBodyLines: what is shown of an answer is exact, in a fixed order, and bounded.
func TestBodyLines(t *testing.T) {
	for body, want := range map[string][]string{
		`{"b":1.50,"a":[{"x":"y"},true],"n":null}`: {"a[0].x: y", "a[1]: true", "b: 1.50"},
		`{"a":12345678901234567890.10}`:            {"a: 12345678901234567890.10"},
		`{"a":"x\u001b[31m\n"}`:                    {"a: x?[31m?"},
		`{}`:                                       nil,
	} {
		if got := bodyLines([]byte(body)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	long := bodyLines([]byte("[" + strings.Repeat(`"`+strings.Repeat("é", 300)+`",`, 300) + "1]"))
	if len(long) != mostLines+1 || long[mostLines] != "(101 more)" {
		t.Errorf("%d lines, the last %q", len(long), long[len(long)-1])
	}
}

// FuzzBodyLines: whatever an answer holds, what is shown of it is bounded and printable.
func FuzzBodyLines(f *testing.F) {
	for _, body := range []string{`{"a":{"b":[1,"x"]}}`, `[`, `{"a":"\u202e\u0007"}`, "\xff", `1e999`, "[" + strings.Repeat("[1],", 300) + "1]"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		lines := bodyLines(body)
		if len(lines) > mostLines+1 {
			t.Errorf("%d lines", len(lines))
		}
		for _, line := range lines {
			if len(line) > longestLine+len("…") || strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("%q", line)
			}
		}
	})
}

// TestShowsOfOtherCalls: of a call that has no act, or is not on record, the answer says why nothing is shown.
func TestShowsOfOtherCalls(t *testing.T) {
	g := runWith(t, issuing("")...)
	g.answers(dropped)
	call := g.issue(t, "c-1", "10", 502, "TG.7002")
	for id, want := range map[string]string{
		call: "nothing: ListPartnerCouponsRecord (call ", "no-call": "nothing: the log does not have the call's intent any more",
	} {
		if got := fmt.Sprint(g.shows(t.Context(), id)); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	g.answers(done)
	shown, err := g.resolve(t.Context(), admin.Peer{}, admin.ResolveRequest{Call: call})
	if err != nil || len(shown.Shows) < 1 || !strings.HasPrefix(shown.Shows[0], "ListPartnerCouponsRecord (call ") || !strings.HasSuffix(shown.Shows[0], ": success") {
		t.Errorf("shown: %+v, %v", shown, err)
	}
}
