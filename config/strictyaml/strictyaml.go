// Package strictyaml reads YAML files that people write, and says where each value stands and what is wrong with it.
//
// [Decode] reads the part of YAML that is easy to review: anchors, tags, block texts and several documents are refused, and so are unknown
// and repeated keys, wrong types and units, values out of range and missing keys. It reports all problems of a file, each with line,
// column, the line itself and the nearest right word. The caller adds problems of the meaning with [Document.Add].
//
// The Go types say what may stand in a file, and nothing else does. A section is a struct, whose fields have tags:
//
//	yaml    the key; "-": the field is not in the file
//	need    "yes": the key must be there
//	range   "1..100": bounds, both included, written as in the file
//	choice  "a|b": the allowed words
//	single  "yes": a list of one may be written as its only value, a section as the value of its first key
//
// Values are texts, booleans, whole numbers and types that implement [Scalar]; where there is a choice, also others that read themselves
// ([encoding.TextUnmarshaler]). Lists are slices, sections whose names the file chooses are maps. The fields of an embedded struct are the
// section's. A section may have a method Default, which returns it with its defaults, and implement [OneOf] or [Secret].
//
// Secrets do not belong into such a file, but people do write them there. So no line is shown that has the name of a key whose type is a
// [Secret], or a name that looks like one, nor what belongs to that line.
package strictyaml

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Scalar is a value that is written as one text.
type Scalar interface {
	// UnmarshalText says in its error what to write, without the text itself.
	encoding.TextUnmarshaler
	// Pattern returns a regular expression for a JSON Schema, which admits all that UnmarshalText admits.
	Pattern() string
	// Kind returns what the type is called: "duration".
	Kind() string
}

// OneOf is a section of which exactly one key must be given.
type OneOf interface{ ExactlyOne() }

// Secret is a section that says where a secret is kept.
type Secret interface {
	// InsteadOfSecret returns what to write where the secret itself would stand: "{file: PATH}".
	InsteadOfSecret() string
}

// Document is a file that was read, with those that it includes.
type Document struct {
	file     string
	rootKeys []string
	source   *sourceText
	secrets  secretKeys
	root     *node // nil if the text is not YAML, so that its sections are not known
	problems []*Problem
	included []*Document
	byFile   map[string]*Document // the same
}

// Decode reads a text into the struct that root points to, whose defaults it sets first. It returns an [*Errors] if the text is not YAML
// or not a mapping. Other problems are those of the document, and what of the text is good is in root.
func Decode(file string, text []byte, root any) (*Document, error) {
	into := reflect.ValueOf(root).Elem()
	d := &Document{file: file, secrets: secretKeysOf(into.Type()), byFile: map[string]*Document{}}
	if !d.read(text, into) {
		return nil, d.Err()
	}
	return d, nil
}

// Include reads a further text, of another file, into the struct that root points to, as [Decode] does. All its problems are the
// document's, and it is at the paths of [In].
func (d *Document) Include(file string, text []byte, root any) {
	included := &Document{file: file, secrets: d.secrets}
	d.included, d.byFile[file] = append(d.included, included), included
	included.read(text, reflect.ValueOf(root).Elem())
}

// separator stands between the name of a file and a path in it. No path has it.
const separator = ": "

// In returns the path of what an included file has at a path.
func In(file, path string) string { return file + separator + path }

// at returns the document that has what is at a path, and the path in it.
func (d *Document) at(path string) (*Document, string) {
	if end := strings.LastIndex(path, separator); end >= 0 {
		if included := d.byFile[path[:end]]; included != nil {
			return included, path[end+len(separator):]
		}
	}
	return d, path
}

// read reports whether the text is a mapping.
func (d *Document) read(text []byte, into reflect.Value) bool {
	content := strings.TrimPrefix(string(text), "\uFEFF")
	d.rootKeys, d.source = keysOf(Fields(into.Type())), newSource(content)
	into.Set(Default(into.Type()))
	if d.root = d.parse(content, pieces{pieceSize}); d.root == nil {
		return false
	}
	d.section("", d.root, into)
	return true
}

// Has reports whether the file has a value at a path.
func (d *Document) Has(path string) bool {
	_, ok := d.find(path)
	return ok
}

// Where returns the place of the value at a path, or at the nearest path above it.
func (d *Document) Where(path string) Position {
	e, _ := d.find(path)
	return e.at
}

// Key returns the place of the key at a path; of the value, where there is no key.
func (d *Document) Key(path string) Position {
	e, ok := d.find(path)
	if ok && e.keyAt != (Position{}) {
		return e.keyAt
	}
	return e.at
}

// Place returns where the key at a path is, as "file:line".
func (d *Document) Place(path string) string {
	of, _ := d.at(path)
	return fmt.Sprintf("%s:%d", of.file, d.Key(path).Line)
}

// find returns what is at a path, or at the nearest path above it, and whether it is the former. The file as a whole has no place.
func (d *Document) find(path string) (e *entry, ok bool) {
	d, path = d.at(path)
	e = &entry{node: node{kind: kindMapping, entries: d.root.entries}}
	for path != "" {
		next, rest := e.step(path)
		if next == nil {
			return e, false
		}
		e, path = next, rest
	}
	return e, true
}

// maxProblems bounds what is collected.
const maxProblems = 500

// Add adds a problem.
func (d *Document) Add(at Position, path, suggestion, format string, args ...any) {
	d, path = d.at(path)
	if len(d.problems) == maxProblems {
		return
	}
	d.problems = append(d.problems, &Problem{
		File: d.file, Line: at.Line, Column: at.Column, Path: path, Message: fmt.Sprintf(format, args...), Suggestion: suggestion,
	})
}

// Failed reports whether anything at the path or below it was found wrong already, so that what depends on it need not be complained
// about too.
func (d *Document) Failed(path string) bool {
	d, path = d.at(path)
	return slices.ContainsFunc(d.problems, func(p *Problem) bool {
		rest, ok := strings.CutPrefix(p.Path, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// Err returns the problems as an [*Errors], or nil.
func (d *Document) Err() error {
	all := d.sorted()
	for _, included := range d.included {
		all = append(all, included.sorted()...)
	}
	if len(all) == 0 {
		return nil
	}
	return &Errors{Problems: all[:min(len(all), maxProblems)]}
}

// sorted returns the problems of the file itself, with their excerpts.
func (d *Document) sorted() []*Problem {
	if len(d.problems) == 0 {
		return nil
	}
	d.quote()
	slices.SortStableFunc(d.problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return d.problems
}

// quote adds the excerpts, once it is known which lines may have secrets.
func (d *Document) quote() {
	hidden, root := d.secrets.looksLikeName, []string(nil)
	if d.root == nil {
		root = d.rootKeys
		hidden = func(word string) bool {
			return d.secrets.looksLikeName(word) || slices.Contains(d.secrets.sections, word)
		}
	}
	d.source.hide(hidden, root)
	for _, p := range d.problems {
		if p.Line > 0 {
			p.Column, p.Excerpt = d.source.excerpt(Position{p.Line, p.Column})
		}
		if d.secrets.inPath(p.Path) { // a line that a secret's value continues on: it may be the secret
			p.Excerpt = ""
		}
	}
}

func parentPath(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// LastKey returns the last key of a path: "operations" of "callers.x.grants[0].operations[1]".
func LastKey(path string) string {
	path, _, _ = strings.Cut(path[strings.LastIndexByte(path, '.')+1:], "[")
	if path == "" {
		return "the file"
	}
	return path
}
