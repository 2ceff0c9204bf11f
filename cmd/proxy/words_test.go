package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// dialect is what documents and code of this field call otherwise. Readers search for the field's words: returns, reports whether,
// reloaded, no one, unauthenticated peer, the outcome of, whose.
var dialect = regexp.MustCompile(`(?i)\b(gives|tells|told|somebody|nobody|whoever|anew|strangers?)\b|\bbec(?:omes|ame) of\b|\bof whose\b`)

// wordsFile is this file.
const wordsFile = "cmd/proxy/words_test.go"

// quotations are the texts that may have these words, by file.
var quotations = map[string]string{}

// others are the packages and documents whose words are not held yet.
var others = []string{}

// TestWords holds comments, texts and names of all modules, and the documents, to the words of the field. Decisions stay as they were
// written, and so do the changes of versions that are out.
func TestWords(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		switch {
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".git") || entry.Name() == "node_modules" || name == "docs/decisions"):
			return filepath.SkipDir
		case entry.IsDir() || name == wordsFile || ofOthers(name):
		case strings.HasSuffix(name, ".go"):
			checkSource(t, name)
		case strings.HasSuffix(name, ".md"):
			checkDocument(t, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ofOthers(name string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return name == other || strings.HasPrefix(name, other+"/") })
}

// checkSource looks at comments, string literals and names.
func checkSource(t *testing.T, name string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, filepath.Join(root, name), nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, comment := range file.Comments {
		checkWords(t, name, files.Position(comment.Pos()).Line, comment.Text())
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
				checkWords(t, name, files.Position(n.Pos()).Line, text)
			}
		case *ast.Ident:
			checkWords(t, name, files.Position(n.Pos()).Line, split(n.Name))
		}
		return true
	})
}

// checkDocument looks at a document; of the changelog at what is not in a version yet.
func checkDocument(t *testing.T, name string) {
	t.Helper()
	text := read(t, name)
	if name == "CHANGELOG.md" {
		text, _, _ = strings.Cut(text, "\n## [")
	}
	for i, line := range strings.Split(text, "\n") {
		checkWords(t, name, i+1, line)
	}
}

// checkWords looks for the words in a text, of which lines may break anywhere.
func checkWords(t *testing.T, name string, line int, text string) {
	t.Helper()
	text = strings.Join(strings.Fields(text), " ")
	if quoted := quotations[name]; quoted != "" {
		text = strings.ReplaceAll(text, quoted, "")
	}
	for _, at := range dialect.FindAllStringIndex(text, -1) {
		t.Errorf("%s:%d: …%s…: see Style in CONTRIBUTING.md", name, line, text[max(0, at[0]-20):min(len(text), at[1]+20)])
	}
}

// split returns the words of a name: "testFileIsToldOnce" is "test File Is Told Once".
func split(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && (r == '_' || unicode.IsUpper(r)) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
