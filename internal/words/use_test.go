package words_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"

	"tollgate/internal/words"
)

// use is a place that names a message, with the names of the values it passes.
type use struct {
	place, id string
	part      bool // the id is only the beginning of one
	values    []string
}

// program is what the sources of the module, but for tests, say of messages.
type program struct {
	uses     []use
	literals map[string]bool // all texts
}

func (p *program) named(literal string) string {
	text, err := strconv.Unquote(literal)
	if err == nil {
		p.literals[text] = true
	}
	return text
}

// source reads the Go files and templates of the module.
func source(t *testing.T) *program {
	t.Helper()
	p := &program{literals: map[string]bool{}}
	err := filepath.WalkDir("../..", func(name string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() && slices.Contains([]string{".git", "build", "e2e", "bench", "testdata"}, e.Name()) {
			return filepath.SkipDir
		}
		switch {
		case err == nil && filepath.Ext(name) == ".html":
			return p.template(name)
		case err == nil && filepath.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go"):
			return p.code(name)
		}
		return err
	})
	if err != nil || len(p.uses) < 500 {
		t.Fatal(len(p.uses), "uses found:", err)
	}
	return p
}

// adds are the values that functions which are called with an id add to those that stand there.
var adds = map[string][]string{"problem": {"Byte"}, "Join": {"First", "Next"}}

// speakers are the functions whose first argument that is a text is the id of a message.
var speakers = []string{"Text", "Said", "Say", "line"}

// code finds calls of those functions whose id stands there, and all calls with the id of a refusal's message, or its beginning.
func (p *program) code(name string) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			p.named(literal.Value)
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 || call.Ellipsis.IsValid() {
			return true
		}
		f, _ := call.Fun.(*ast.SelectorExpr)
		for i, arg := range call.Args {
			id, part := p.begins(arg)
			if f != nil && slices.Contains(speakers, f.Sel.Name) && id != "" && !part || strings.HasPrefix(id, "error.") {
				u := use{set.Position(n.Pos()).String(), id, part, p.names(call.Args[i+1:])}
				if f != nil {
					u.values = append(u.values, adds[f.Sel.Name]...)
				}
				p.uses = append(p.uses, u)
				break
			}
		}
		return true
	})
	return nil
}

// begins returns the text that an argument is, or begins with.
func (p *program) begins(arg ast.Expr) (text string, part bool) {
	if sum, ok := arg.(*ast.BinaryExpr); ok {
		text, _ = p.begins(sum.X)
		return text, true
	}
	if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
		return p.named(literal.Value), false
	}
	return "", false
}

func (p *program) names(args []ast.Expr) (names []string) {
	for i := 0; i < len(args); i += 2 {
		if name, ok := args[i].(*ast.BasicLit); ok {
			names = append(names, p.named(name.Value))
		}
	}
	return names
}

// template finds the uses of t and said.
func (p *program) template(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	trees := map[string]*parse.Tree{}
	tree := parse.New(name)
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(string(text), "", "", trees); err != nil {
		return err
	}
	for _, tree := range trees {
		p.walk(name, tree.Root)
	}
	return nil
}

func (p *program) walk(name string, node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			p.walkAll(name, n.Nodes)
		}
	case *parse.IfNode:
		p.branch(name, &n.BranchNode)
	case *parse.RangeNode:
		p.branch(name, &n.BranchNode)
	case *parse.WithNode:
		p.branch(name, &n.BranchNode)
	case *parse.ActionNode:
		p.walk(name, n.Pipe)
	case *parse.TemplateNode:
		p.walk(name, n.Pipe)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				p.command(name, c)
			}
		}
	case *parse.StringNode:
		p.literals[n.Text] = true
	}
}

func (p *program) walkAll(name string, nodes []parse.Node) {
	for _, n := range nodes {
		p.walk(name, n)
	}
}

func (p *program) branch(name string, n *parse.BranchNode) {
	p.walk(name, n.Pipe)
	p.walk(name, n.List)
	p.walk(name, n.ElseList)
}

func (p *program) command(name string, c *parse.CommandNode) {
	p.walkAll(name, c.Args)
	if f, ok := c.Args[0].(*parse.IdentifierNode); !ok || f.Ident != "t" && f.Ident != "said" || len(c.Args) < 2 {
		return
	}
	u := use{place: name + ": " + c.String()}
	switch id := c.Args[1].(type) {
	case *parse.StringNode:
		u.id = id.Text
	case *parse.PipeNode: // (print "beginning" …)
		if first := id.Cmds[0].Args; len(first) > 1 {
			s, _ := first[1].(*parse.StringNode)
			if s == nil {
				return
			}
			u.id, u.part = s.Text, true
		}
	default:
		return
	}
	for i := 2; i < len(c.Args); i += 2 {
		if s, ok := c.Args[i].(*parse.StringNode); ok {
			u.values = append(u.values, s.Text)
		}
	}
	p.uses = append(p.uses, u)
}

// TestUses holds that each message that pages and commands name is there, and that they pass the values it has and no others. A value that
// only chooses the form by number is Count.
func TestUses(t *testing.T) {
	all, w := messages(t, "en.yaml"), words.In(words.English)
	check := func(u use, id string) {
		for _, v := range w.Values(id) {
			if !slices.Contains(u.values, v) {
				t.Errorf("%s: %s lacks the value %s", u.place, id, v)
			}
		}
		for _, v := range u.values {
			if v != "Count" && !u.part && !slices.Contains(w.Values(id), v) {
				t.Errorf("%s: %s has no value %s", u.place, id, v)
			}
		}
	}
	p := source(t)
	for _, u := range p.uses {
		found := false
		for id := range all {
			switch {
			case id == u.id:
				found = true
				check(u, id)
			case u.part && strings.HasPrefix(id, u.id):
				found = true
				if !p.literals[id] { // another place names it whole
					check(u, id)
				}
			}
		}
		if !found && strings.Contains(u.id, ".") {
			t.Errorf("%s: there is no message %s", u.place, u.id)
		}
	}
}

// TestUnused holds that the program names each message: whole, or in parts, the first of which ends with "." or "_" or is a message itself.
func TestUnused(t *testing.T) {
	literals := source(t).literals
	parts := map[string]bool{}
	for text := range literals {
		parts[strings.ReplaceAll(strings.Trim(text, "._"), " ", "_")] = true
	}
	for id := range messages(t, "en.yaml") {
		if !literals[id] && !begun(id, literals, parts) {
			t.Errorf("%s is not used", id)
		}
	}
}

func begun(id string, beginnings, parts map[string]bool) bool {
	for i := range id {
		if (id[i] == '.' || id[i] == '_') && (beginnings[id[:i+1]] || words.In(words.English).Has(id[:i]) && beginnings[id[:i]]) && made(id[i+1:], parts) {
			return true
		}
	}
	return false
}

// made reports whether a text is made of parts and numbers.
func made(text string, parts map[string]bool) bool {
	if _, err := strconv.Atoi(text); err == nil || parts[text] {
		return true
	}
	for i := range text {
		if (text[i] == '.' || text[i] == '_') && parts[text[:i]] && made(text[i+1:], parts) {
			return true
		}
	}
	return false
}
