package text

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		s     string
		limit int
		mark  string
		want  string
	}{
		{"", 0, "…", ""},
		{"abc", 3, "…", "abc"},
		{"abcd", 3, "…", "abc…"},
		{"abcd", 3, "", "abc"},
		{"abcd", 0, "...", "..."},
		{"äöü", 6, "...", "äöü"},
		{"äöü", 5, "...", "äö..."},
		{"äöü", 4, "...", "äö..."},
		{"a€", 3, "", "a"},
		{"😀😀", 7, "…", "😀…"},
		{"a\xffb", 2, "…", "a\xff…"},
		{"\x80\x80\x80\x80\x80", 4, "…", "…"},
	} {
		if got := Truncate(c.s, c.limit, c.mark); got != c.want {
			t.Errorf("Truncate(%q, %d, %q) = %q, want %q", c.s, c.limit, c.mark, got, c.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"":                         "",
		"plain, ä€😀":               "plain, ä€😀",
		"a\tb\r\nc\x00\x1b[31m":    "a?b??c??[31m",
		"\u0085\u00a0\u00ad\u2028": "????",
		"\u202e\u2066\ufeff\ue000": "????",
		"a\xffb\xc3":               "a\uFFFDb\uFFFD",
	} {
		if got := Printable(s, '?'); got != want {
			t.Errorf("Printable(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range []string{"0 records, 0 records are", "1 record, 1 record is", "2 records, 2 records are"} {
		if got := Count(n, "record") + ", " + Are(n, "record"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// FuzzTruncate: the result is what reading one character after the other comes to.
func FuzzTruncate(f *testing.F) {
	f.Add("aä€😀", uint(5))
	f.Add("\xff\x80\x80", uint(2))
	f.Fuzz(func(t *testing.T, s string, limit uint) {
		limit %= uint(len(s)) + 2
		got := Truncate(s, int(limit), "")
		if uint(len(got)) > limit || !strings.HasPrefix(s, got) {
			t.Fatalf("%d bytes of %q are %q", limit, s, got)
		}
		mark := "…"
		if got == s {
			mark = ""
		}
		if marked := Truncate(s, int(limit), "…"); marked != got+mark {
			t.Errorf("%d bytes of %q are %q, marked %q", limit, s, got, marked)
		}
		if !utf8.ValidString(s) {
			return
		}
		want := ""
		for _, r := range s {
			if uint(len(want)+utf8.RuneLen(r)) > limit {
				break
			}
			want += string(r)
		}
		if got != want {
			t.Errorf("%d bytes of %q are %q, want %q", limit, s, got, want)
		}
	})
}

// FuzzPrintable holds the result against the table of strconv.
func FuzzPrintable(f *testing.F) {
	f.Add("a\tä\u202e\u00a0")
	f.Add("\xff\xc3\U000e0001")
	f.Fuzz(func(t *testing.T, s string) {
		got, before := []rune(Printable(s, '?')), []rune(s)
		if len(got) != len(before) {
			t.Fatalf("%q has another length: %q", s, string(got))
		}
		for i, r := range before {
			if !strconv.IsPrint(r) {
				r = '?'
			}
			if got[i] != r {
				t.Errorf("%q became %q", s, string(got))
			}
		}
	})
}

func TestNotZero(t *testing.T) {
	for want, got := range map[string]string{
		"": NotZero(0) + NotZero(false) + NotZero(uint64(0)), "404": NotZero(404), "18446744073709551615": NotZero(uint64(1<<64 - 1)), "true": NotZero(true),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestVisible: what a reader cannot see, or what covers something else, is shown by its code point.
func TestVisible(t *testing.T) {
	for s, want := range map[string]string{
		"":                               "",
		"plain, ä€😀 订单":                  "plain, ä€😀 订单",
		"a\x00b\u202ec\xff":              "a⟨U+0000⟩b⟨U+202E⟩c⟨U+FFFD⟩",
		"shop\u3164":                     "shop⟨U+3164⟩",
		"shop\uffa0\u115f\u034f\u17b4":   "shop⟨U+FFA0⟩⟨U+115F⟩⟨U+034F⟩⟨U+17B4⟩",
		"shop\ufe0f\u2800\U000e0100":     "shop⟨U+FE0F⟩⟨U+2800⟩⟨U+E0100⟩",
		"e\u0301te\u0323\u0302":          "e\u0301te\u0323\u0302",
		"\u0338a":                        "⟨U+0338⟩a",
		"\u0338\u0338\u0338\u0338\u0338": "⟨U+0338⟩⟨U+0338⟩⟨U+0338⟩⟨U+0338⟩⟨U+0338⟩",
		"a\u0301\u0301\u0301\u0301\u0302\u0302b\u0301": "a\u0301\u0301\u0301\u0301⟨U+0302⟩⟨U+0302⟩b\u0301",
	} {
		if got := Visible(s); got != want {
			t.Errorf("Visible(%q) = %q, want %q", s, got, want)
		}
	}
}
