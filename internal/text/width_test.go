package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "plain": 5, "äö…": 3, "CS-不是-单号": 12, "，。": 4, "ＡＢ": 4, "ｱｲ": 2, "한국": 4, "かな": 4, "e\u0301": 1, "😀": 2, "𠀀": 2, "\uFFFD": 1, "─": 1, "\u3000": 2,
	} {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		s       string
		columns int
		want    string
	}{
		{"", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"上海分公司", 10, "上海分公司"}, {"上海分公司", 9, "上海分公…"}, {"上海分公司", 8, "上海分…"}, {"上海", 1, "…"},
		{"äöü", 3, "äöü"}, {"äöüß", 3, "äö…"}, {"e\u0301e\u0301", 2, "e\u0301e\u0301"}, {"xe\u0301yz", 3, "xe\u0301…"},
	} {
		if got := Fit(c.s, c.columns); got != c.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", c.s, c.columns, got, c.want)
		}
	}
}

// FuzzFit: the result is a beginning of the text, as wide as fits.
func FuzzFit(f *testing.F) {
	f.Add("上海分公司abc", uint8(4))
	f.Add("e\u0301\xff", uint8(1))
	f.Fuzz(func(t *testing.T, s string, columns uint8) {
		got := Fit(s, int(columns)+1)
		begin, cut := strings.CutSuffix(got, "…")
		if got != s && (!cut || !strings.HasPrefix(s, begin)) || Width(got) > int(columns)+1 {
			t.Fatalf("%q in %d columns is %q", s, columns+1, got)
		}
		if next, _ := utf8.DecodeRuneInString(strings.TrimPrefix(s, begin)); got != s && Width(begin)+runeWidth(next)+1 <= int(columns)+1 {
			t.Errorf("%q in %d columns is %q, which is too short", s, columns+1, got)
		}
	})
}
