package strictyaml

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// wholly returns what a text is when all of it is lexed and parsed at once.
func wholly(text string) (*node, []*Problem) {
	d := &Document{source: newSource(text), rootKeys: []string{"a"}}
	return d.parseTokens(d.tokens(text), pieces{math.MaxInt}), d.problems
}

// TestChunks: in chunks of any size a text is what it is as a whole, with the same places; one that is no YAML is left to the whole.
func TestChunks(t *testing.T) {
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
		whole, problems := wholly(string(source))
		for _, size := range []int{0, 1, 2, 5, 13, 34, 89, 233} {
			got := chunks{size}.read(string(source))
			if got == nil {
				continue
			}
			if read++; len(problems) > 0 || !reflect.DeepEqual(got, whole) {
				t.Errorf("%s in chunks of %d: got %+v, want %+v\n%v", filepath.Base(file), size, got, whole, problems)
				break
			}
		}
	}
	if read < 4*len(files) {
		t.Errorf("only %d readings of %d files were in chunks", read, len(files))
	}
}

// FuzzChunks holds a text in small chunks against the whole: chunks are never read otherwise than the whole.
func FuzzChunks(f *testing.F) {
	for _, text := range []string{
		"a:\n  b: c\n  d:\n  - e\n  - f: g\n    h: i\nj: {k: l, m: [n]}\n", "a:\n- b\n- c\nd: e\n", "a: \"b\n  c: d\"\nd: e\n", "a: \"b\nc: d\"\n", "a: 'b\nc: d\ne: f'\n", "a:\n  b\nc: d\n",
		"---\na: b\nc: d\n", "a: b\n---\nc: d\n", "a: b\n  c: d\ne: f\n", "a: {\nb: c,\nd: e}\nf: g\n", "a: [b\nc: d\ne: f\n", "a:\nb:\n  c:\nd:\n", "  a: b\n  c: d\n e: f\n", "a: # b\n  c: d\n# e\nf: g\n",
		"a:\n  b: c\n d: e\nf: g\n", "a:\n  -\n  b: c\n  d: e\n", "a:\n  b: |\n   c: d\n  e: f\n", "a:\n  b: &x c\n  d: *x\n", "a:\n\tb: c\n\td: e\n", "a:\n  b: 1\n  b: 2\na: 3\n", "a:\n- \u00a0\n  b\nc: d\n", "a:\n\t # b\n  c: d\n", "a:\n  b:\n  - c\n - d\n  e: f\n",
	} {
		f.Add(text, uint8(1))
		f.Add(text, uint8(7))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		if !utf8.ValidString(text) || strings.Contains(text, "\r") {
			return // refused before, or replaced
		}
		got := chunks{int(size)}.read(text)
		if got == nil {
			return
		}
		if whole, problems := wholly(text); len(problems) > 0 || !reflect.DeepEqual(got, whole) {
			t.Errorf("got %+v, want %+v\n%v", got, whole, problems)
		}
	})
}
