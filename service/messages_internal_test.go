package service

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// logCalls are methods that write to the operational log, with the level of the line. warn is the gateway's own.
var logCalls = map[string]string{
	"Debug": "debug", "Info": "info", "Warn": "warn", "warn": "warn", "Error": "error", "DPanic": "dpanic", "Panic": "panic", "Fatal": "fatal", "Log": "?", "Check": "?",
}

// notConstant are the functions whose messages are no constants, and why the page has no row for each.
var notConstant = map[string]string{
	"gateway/record.go warn":  "its callers have the messages",
	"service/logger.go Write": "what Go's standard library writes",
}

// TestMessagesPage holds docs/log-messages.md against the calls of loggers in the code, both ways: messages and their levels. A part of a message
// that is no constant is … on the page.
func TestMessagesPage(t *testing.T) {
	inCode, documented := messagesInCode(t), documentedMessages(t)
	for message := range keysOf(inCode, documented) {
		if inCode[message] != documented[message] {
			t.Errorf("%q: docs/log-messages.md has the level %q, the code %q", message, documented[message], inCode[message])
		}
	}
}

var messageRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (\\w+) \\| [^|]+ \\|$")

func documentedMessages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, row := range messageRow.FindAllStringSubmatch(pageText(t, "../docs/log-messages.md"), -1) {
		if all[row[1]] != "" {
			t.Errorf("docs/log-messages.md has %q twice", row[1])
		}
		all[row[1]] = row[2]
	}
	return all
}

// messagesInCode returns the messages of all packages with their levels.
func messagesInCode(t *testing.T) map[string]string {
	t.Helper()
	m := messages{t, map[string]string{}, maps.Clone(notConstant)}
	eachCall(t, m.call)
	for _, function := range slices.Sorted(maps.Keys(m.unused)) {
		t.Errorf("%s has no message any more that is no constant", function)
	}
	return m.levels
}

// eachCall calls visit for each call in a function of the product, with the file and the name of the function.
func eachCall(t *testing.T, visit func(where string, call *ast.CallExpr)) {
	t.Helper()
	eachFunction(t, func(where string, function ast.Node) { callsOf(where, function, visit) })
}

func callsOf(where string, function ast.Node, visit func(where string, call *ast.CallExpr)) {
	ast.Inspect(function, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			visit(where, call)
		}
		return true
	})
}

// eachFunction calls visit for each function of the product, and for each other declaration, which has no name.
func eachFunction(t *testing.T, visit func(where string, function ast.Node)) {
	t.Helper()
	all, err := declarations()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		visit(d.where, d.node)
	}
}

// declaration is one of the product; where has its file, and its name if it is a function.
type declaration struct {
	where string
	node  ast.Node
}

// declarations reads the product's sources once for all tests.
var declarations = sync.OnceValues(func() (all []declaration, err error) {
	err = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (slices.Contains([]string{"e2e", "bench", "deploy", "release", "testdata"}, name) || strings.HasPrefix(name, ".") && name != ".."):
			return fs.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			some, err := declarationsOf(path)
			all = append(all, some...)
			return err
		}
		return nil
	})
	return all, err
})

func declarationsOf(path string) (all []declaration, err error) {
	source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, declared := range source.Decls {
		name := ""
		if function, ok := declared.(*ast.FuncDecl); ok {
			name = function.Name.Name
		}
		all = append(all, declaration{strings.TrimPrefix(filepath.ToSlash(path), "../") + " " + name, declared})
	}
	return all, nil
}

// messages collects those of calls.
type messages struct {
	t      *testing.T
	levels map[string]string // by message
	unused map[string]string // of notConstant
}

func (m *messages) call(where string, call *ast.CallExpr) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || logCalls[method.Sel.Name] == "" || len(call.Args) == 0 || !isLogger(method) {
		return
	}
	message, constant := constantText(call.Args[0])
	if _, known := notConstant[where]; known && !constant {
		delete(m.unused, where)
		return
	}
	if message == "…" {
		m.t.Errorf("%s: a message is no constant", where)
		return
	}
	level := logCalls[method.Sel.Name]
	if before := m.levels[message]; before != "" && before != level {
		m.t.Errorf("%s: %q has the levels %s and %s", where, message, before, level)
	}
	m.levels[message] = level
}

// TestLogFields: each field that the code writes is in the table of docs/log-messages.md, and the other way round.
func TestLogFields(t *testing.T) {
	page, _, _ := strings.Cut(pageText(t, "../docs/log-messages.md"), "## Messages")
	documented, inCode := map[string]bool{}, map[string]bool{"level": true, "ts": true, "msg": true, "error": true}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(page, -1) {
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			documented[name[1]] = true
		}
	}
	eachCall(t, func(_ string, call *ast.CallExpr) {
		for _, name := range fieldsOf(call) {
			inCode[name] = true
		}
	})
	for name := range keysOf(inCode, documented) {
		if inCode[name] != documented[name] {
			t.Errorf("%s: in docs/log-messages.md %v, in the code %v", name, documented[name], inCode[name])
		}
	}
}

// fieldsOf returns the names of the fields that a call makes: zap.String("name", …), callFields(c, "name", "value", …).
func fieldsOf(call *ast.CallExpr) (names []string) {
	var at []ast.Expr
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		if of, ok := f.X.(*ast.Ident); ok && of.Name == "zap" && len(call.Args) > 0 {
			at = call.Args[:1]
		}
	case *ast.Ident:
		for i := 1; f.Name == "callFields" && i < len(call.Args); i += 2 {
			at = append(at, call.Args[i])
		}
	}
	for _, e := range at {
		if name, constant := constantText(e); constant {
			names = append(names, name)
		}
	}
	return names
}

// isLogger reports whether a method is one of a logger, by the name of what it is called on; warn is one of a call.
func isLogger(method *ast.SelectorExpr) bool {
	if method.Sel.Name == "warn" {
		return true
	}
	var name string
	switch on := method.X.(type) {
	case *ast.Ident:
		name = on.Name
	case *ast.SelectorExpr:
		name = on.Sel.Name
	case *ast.CallExpr: // logger.With(…).Warn
		if inner, ok := on.Fun.(*ast.SelectorExpr); ok {
			return isLogger(inner)
		}
	}
	return strings.HasSuffix(strings.ToLower(name), "logger")
}

// constantText returns the text of an expression, with … for what is no constant.
func constantText(e ast.Expr) (text string, constant bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return text, true
		}
	case *ast.BinaryExpr:
		left, constantLeft := constantText(e.X)
		right, constantRight := constantText(e.Y)
		return left + right, constantLeft && constantRight
	}
	return "…", false
}

// TestFindsMessages: the scan sees the ways in which the code calls loggers.
func TestFindsMessages(t *testing.T) {
	const code = `package p
func f() {
	s.logger.Info("one", zap.Error(err)); c.Logger.With(x).Warn("two"); c.warn("three", "why"); logger.Error("four " + name); err.Error(); t.Error("no")
	go func() { k.logger.Debug("fi" + "ve") }()
}`
	source, err := parser.ParseFile(token.NewFileSet(), "p.go", code, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := messages{t, map[string]string{}, nil}
	callsOf("p.go f", source, m.call)
	if got, want := fmt.Sprint(m.levels), "map[five:debug four …:error one:info three:warn two:warn]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
