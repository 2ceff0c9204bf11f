package strictyaml

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/lexer"
)

// parseIn parses a text in pieces of a size.
func parseIn(text string, size int) (*node, []*Problem) {
	d := &Document{source: newSource(text), rootKeys: []string{"a"}}
	root := d.parse(text, pieces{size})
	return root, d.problems
}

// TestPieces: in pieces of any size a text is what it is as a whole, with the same places, and so are the messages about it.
func TestPieces(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.yml")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		whole, problems := parseIn(string(source), math.MaxInt)
		for _, size := range []int{0, 1, 2, 3, 5, 8, 13, 21, 34, 55} {
			if got, found := parseIn(string(source), size); !reflect.DeepEqual(got, whole) || !reflect.DeepEqual(found, problems) {
				t.Errorf("%s in pieces of %d: got %+v\n%v, want %+v\n%v", filepath.Base(file), size, got, found, whole, problems)
				break
			}
		}
	}
}

// colonFirst finds a colon on another line than its key. YAML has none outside of brackets; the parser takes it, pieces may refuse it.
var colonFirst = regexp.MustCompile(`(?m)^[ \t]*:`)

// FuzzPieces holds a text in small pieces against the whole. Of several faults pieces may show another one than the whole.
func FuzzPieces(f *testing.F) {
	for _, text := range []string{
		"a:\n  b: c\n  d:\n  - e\n  - f: g\n    h: i\nj: {k: l, m: [n]}\n", "a:\n- b\n- c\nd: e\n", "- a: b\n  c: d\n- - e\n  - f\n", "a: \"b\n  c\"\nd: e\n", "a:\n  b\nc\nd: e\n",
		"---\na: b\nc: d\n", "a: b\n  c: d\ne: f\n", "a: {\nb: c,\nd: e}\nf: g\n", "a: [b\nc: d\ne: f\n", "a:\nb:\n  c:\nd:\n", "  a: b\n  c: d\n e: f\n", "\"a\": b\n'c': d\n1: e\n", "a: # b\n  c: d\n# e\nf: g\n",
		"a:\n  - b\n - c\nd: e", "a: b\n- c\n- d\n", "a:\n  b: c\n d: e\nf: g\n",
	} {
		f.Add(text, uint8(1))
		f.Add(text, uint8(7))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		whole, problems := parseIn(text, math.MaxInt)
		got, found := parseIn(text, int(size))
		refused := got == nil && len(found) == 1 && colonFirst.MatchString(text)
		if !refused && (!reflect.DeepEqual(got, whole) || len(found) != len(problems)) {
			t.Errorf("got %+v\n%v, want %+v\n%v", got, found, whole, problems)
		}
	})
}

// TestManyKeys: the cost of a block grows with its length, in each of the forms that it may have.
func TestManyKeys(t *testing.T) {
	const n = maxSiblings + 1
	for name, text := range map[string]string{
		"keys below":     "a:\n" + strings.Repeat("  b: c\n", n),
		"entries beside": "a:\n" + strings.Repeat("# c\n- b: c\n  d: e\n", n),
		"an entry":       "a:\n- b:\n" + strings.Repeat("    c: d\n", n),
	} {
		root, problems := parseIn(text, pieceSize)
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems[0])
			continue
		}
		if got := widest(root); got != n {
			t.Errorf("%s: %d, want %d", name, got, n)
		}
	}
}

// widest returns the most keys or entries of one block.
func widest(n *node) int {
	most := len(n.entries)
	for i := range n.entries {
		most = max(most, widest(&n.entries[i].node))
	}
	return most
}

// TestPartIsChecked: a piece that is not what it was cut out as is refused.
func TestPartIsChecked(t *testing.T) {
	for text, count := range map[string]int{"a: b\nc: d\n": 1, "a: b\n": 2, "- a\n": 2, "a\n": 1} {
		if got, err := (pieces{pieceSize}).part(lexer.Tokenize(text), count); err != errParser {
			t.Errorf("%q as %d: got %+v, %v", text, count, got, err)
		}
	}
}
