package strictyaml

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestQuick: what quick reads of the corpus is what the parser makes of it, and it reads much of it.
func TestQuick(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.yml")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	read := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := quickly(string(source))
		if !ok {
			continue
		}
		read++
		if whole, problems := wholly(string(source)); len(problems) > 0 || !reflect.DeepEqual(&got, whole) {
			t.Errorf("%s: got %+v, want %+v\n%v", filepath.Base(file), got, whole, problems)
		}
	}
	if read < len(files)/3 {
		t.Errorf("%d of %d files were read", read, len(files))
	}
}

// TestQuickBounds: quick takes nothing that is deeper than the parser may read.
func TestQuickBounds(t *testing.T) {
	brackets := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	blanks := func(n int) string { return strings.Repeat(" ", n) }
	read := 0
	for _, text := range []string{
		"a: b\n", blanks(255) + "a: b\n", blanks(256) + "a: b\n", "a:\n" + blanks(256) + "b: c\n", "a:\n" + blanks(254) + "- b: c\n" + blanks(256) + "d: e\n",
		"a: " + brackets(31) + "\n", "a: " + brackets(33) + "\n", "a:\n- " + brackets(31) + "\n", "a:\n- " + brackets(32) + "\n", "a:\n- b: " + brackets(32) + "\n",
	} {
		got, ok := quickly(text)
		if !ok {
			continue
		}
		read++
		if whole, problems := wholly(text); len(problems) > 0 || !reflect.DeepEqual(&got, whole) {
			t.Errorf("%.300q: got %+v, want %+v\n%v", text, got, whole, problems)
		}
	}
	if read != 4 {
		t.Errorf("%d texts were read, want 4", read)
	}
}

// FuzzQuick holds what quick reads against the parser.
func FuzzQuick(f *testing.F) {
	for _, text := range []string{
		"a:\n  b: c\n  d:\n  - e\n  - f: g\n    h: i\nj: {k: l, m: [n, o p]}\n", "a:\n- b\n- c: {}\n  d: []\n# e\nf: g # h\n", "a: {b: c:d, e: https://f.g/h}\n", "a: [b:c, d, 1, true, 2026-12-31, 0x1, 1e5, 1_0]\n",
		"a: {b: c, }\n", "a:\n  b: c\n d: e\n", "a: b\n  c: d\n", "a:\n - b\n- c\n", "a: b: c\n", "- a: b\n", "a: {b: [{c: d}, {e: f}]}\n", "a:\n    - b:\n        c: d\n      e: f\n    - g: h\n", "a: no\nb: y\nc: Null\nd: on\n", "a: b\n\n\n\nc: d",
		"a: \"b: {c}\"\nd: ['e', \"f'g\", '', 'h''i']\n", "a: {b: \"c\", d: 'e'f}\n", "- \"a\": b\n", "a:\n- 'b'\n- \"c\" d\n", "a: \"b\"c: d\n", "a: 'b' # c\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || strings.Contains(text, "\r") {
			return // refused before, or replaced
		}
		got, ok := quickly(text)
		if !ok {
			return
		}
		if whole, problems := wholly(text); len(problems) > 0 || !reflect.DeepEqual(&got, whole) {
			t.Errorf("got %+v, want %+v\n%v", got, whole, problems)
		}
	})
}
