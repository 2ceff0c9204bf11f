package bss

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const token = "abc/def+ghi/SECRETPART/0123456789=="

func TestHideToken(t *testing.T) {
	stars := func(n int) string { return strings.Repeat("*", n) }
	long := stars(len(token))
	for name, c := range map[string]struct{ text, want string }{
		"alone":                {token, long},
		"twice":                {"x" + token + token + "y", "x" + long + long + "y"},
		"nothing":              {"abc/def+ghi/SECRET", "abc/def+ghi/SECRET"},
		"empty":                {"", ""},
		"begun twice":          {"abc/abc/def" + token, "abc/abc/def" + long},
		"cut off":              {"text " + token[:leastHidden], "text " + stars(leastHidden)},
		"hardly begun":         {"text " + token[:leastHidden-1], "text " + token[:leastHidden-1]},
		"goes on otherwise":    {token[:30] + "!" + token[30:], stars(30) + "!" + token[30:]},
		"escaped":              {strings.ReplaceAll(token, "/", `\u002F`), stars(len(token) + 3*5)},
		"escaped in the front": {`\u0061` + token[1:], stars(len(token) + 5)},
		"of a URL":             {"%61" + token[1:], stars(len(token) + 2)},
	} {
		if got := string(HideToken([]byte(c.text), token)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := QuotesToken(c.text, token); got != (c.text != c.want) {
			t.Errorf("%s: quoted %t", name, got)
		}
	}
	if got := HideToken([]byte("text"), ""); string(got) != "text" {
		t.Errorf("no token: %q", got)
	}
}

var errBroken = errors.New("broken off")

// FuzzHideTokenIn: a stream is hidden as the whole of it is, wherever it is divided, and its end is kept.
func FuzzHideTokenIn(f *testing.F) {
	f.Add([]byte("x"+token+"y"), byte(1), true)
	f.Add([]byte(strings.Repeat("a", hidingStep-7)+token+strings.Repeat("b", hidingStep)), byte(0), false)
	f.Add([]byte(token[:len(token)-1]), byte(2), false)
	f.Add([]byte(strings.ReplaceAll(token, "/", `\\\\u002f`)+"abc/"), byte(1), true)
	f.Fuzz(func(t *testing.T, text []byte, division byte, broken bool) {
		var inner io.Reader = bytes.NewReader(text)
		switch division % 3 {
		case 1:
			inner = iotest.OneByteReader(inner)
		case 2:
			inner = iotest.DataErrReader(iotest.HalfReader(inner))
		}
		if broken {
			inner = io.MultiReader(inner, iotest.ErrReader(errBroken))
		}
		got, err := io.ReadAll(HideTokenIn(inner, token))
		if broken != errors.Is(err, errBroken) {
			t.Errorf("ends with %v", err)
		}
		if want := HideToken(bytes.Clone(text), token); !bytes.Equal(got, want) {
			t.Errorf("%q comes as %q, want %q", text, got, want)
		}
	})
}
