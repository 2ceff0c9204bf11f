package bss

import (
	"bytes"
	"iter"
	"strings"
	"sync"

	"tollgate/catalog"
	"tollgate/internal/words"
)

// requestReader collects the fields and accounts of one request. It is the visitor of its body.
type requestReader struct {
	op       *catalog.Operation
	walker   walker
	arena    arena
	found    findings
	accounts Accounts

	matched     []match // the fields that matchedPath leads to
	matchedPath []byte

	account     *account // whose value is being read
	accountPath int      // length of the path of account's value
	seen        uint     // bits by index of accountNames: found in the query

	// Where matched and matchedPath begin.
	matchSpace [4]match
	pathSpace  [64]byte
}

// requestReaders are used again, emptied: nothing of a body stays in them.
var requestReaders = sync.Pool{New: func() any { return new(requestReader) }}

func (r *requestReader) release() {
	*r = requestReader{}
	requestReaders.Put(r)
}

func newRequestReader(op *catalog.Operation) *requestReader {
	r := requestReaders.Get().(*requestReader)
	r.op = op
	r.matched, r.matchedPath = r.matchSpace[:0], r.pathSpace[:0]
	return r
}

// read reads all three parts and stops at the first problem, a *BodyError.
func (r *requestReader) read(params func(string) string, query iter.Seq2[string, string], body []byte) error {
	if params != nil {
		if err := r.readPath(params); err != nil {
			return err
		}
	}
	if query != nil {
		if err := r.readQuery(query); err != nil {
			return err
		}
	}
	if len(body) == 0 {
		return nil
	}
	r.walker.visitor, r.walker.unique = r, true
	return r.walker.walk(body)
}

// readQuery is apart, since what its loop uses is allocated.
func (r *requestReader) readQuery(query iter.Seq2[string, string]) error {
	for name, value := range query {
		if err := r.readPair(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (r *requestReader) readPath(params func(string) string) error {
	for i, f := range r.op.Request {
		if strings.ContainsAny(f.Name, ".[") {
			continue
		}
		value := params(f.Name)
		if value == "" {
			continue
		}
		if err := r.record(i, inPath, value); err != nil {
			return err
		}
		if f.Name != domain.name {
			continue
		}
		if err := r.accounts.add(&domain, value, &r.arena); err != nil {
			return err
		}
	}
	for i := range accountNames {
		kind := &accountNames[i]
		if value := params(kind.name); value != "" {
			if err := r.accounts.add(kind, value, &r.arena); err != nil {
				return err
			}
		}
	}
	return nil
}

// readPair reads one parameter of the query. "name[]" and "name[0]" count as spellings of name, as some binders take
// them.
func (r *requestReader) readPair(name, value string) error {
	base, _, _ := strings.Cut(name, "[")
	for i, f := range r.op.Request {
		known := strings.TrimSuffix(f.Name, "[]")
		if !strings.EqualFold(base, known) {
			continue
		}
		if name != known {
			return misspelt("query", known)
		}
		if before := r.found.of(i); before != nil && before.where == inQuery && known == f.Name {
			return &BodyError{Msg: words.Say("error.body.query_twice", "Field", known)}
		}
		if err := r.record(i, inQuery, value); err != nil {
			return err
		}
	}
	return r.readAccountPair(name, base, value)
}

func (r *requestReader) readAccountPair(name, base, value string) error {
	for i := range accountNames {
		kind := &accountNames[i]
		if !strings.EqualFold(base, kind.name) {
			continue
		}
		switch bit := uint(1) << i; {
		case name != kind.name:
			return misspelt("query", kind.name)
		case r.seen&bit != 0 && !kind.list:
			return &BodyError{Msg: words.Say("error.body.query_twice", "Field", kind.name)}
		default:
			r.seen |= bit
		}
		if !r.queryCounts() {
			r.accounts.misplaced(kind, words.Say("error.body.query_of", "Method", r.op.Method))
		} else if !reads(r.op, kind.name) {
			r.accounts.misplaced(kind, words.Say("error.body.query_of_operation", "Operation", r.op.Name))
		}
		return r.accounts.add(kind, value, &r.arena)
	}
	return nil
}

// queryCounts and bodyCounts say where the provider looks for accounts: see the package comment. "*" is an endpoint
// that the operator declared for every method.
func (r *requestReader) queryCounts() bool {
	return r.op.Method == "GET" || r.op.Method == "HEAD" || r.op.Method == "DELETE" || r.op.Method == "*"
}

func (r *requestReader) bodyCounts() bool { return !r.queryCounts() || r.op.Method == "*" }

// record takes up a value of op.Request[i] from path or query.
func (r *requestReader) record(i int, where place, value string) error {
	f, err := findingOf(r, i, where, value)
	if f != nil {
		f.add(value, &r.arena)
	}
	return err
}

// findingOf returns where a value of op.Request[i] belongs; nil if it is known from another place, or contradicts what was
// found there.
func findingOf[T string | []byte](r *requestReader, i int, where place, value T) (*finding, error) {
	f, field := r.found.of(i), &r.op.Request[i]
	if f == nil {
		return r.found.begin(i, where, field), nil
	}
	if f.where == where {
		return f, nil
	}
	if before := f.value.Values; len(before) == 1 && before[0] == string(value) && !strings.Contains(field.Name, "[]") {
		return nil, nil
	}
	return nil, &BodyError{Msg: words.Say("error.body.given_twice", "Field", field.Name)}
}

// member implements visitor: it settles whether the coming value is an account, and whether it counts there.
func (r *requestReader) member(name []byte, _ bool) error {
	r.account = accountOf(name)
	if r.account == nil {
		return nil
	}
	if string(name) != r.account.name {
		return misspelt("body", r.account.name)
	}
	r.accountPath = len(r.walker.path)
	if !r.bodyCounts() {
		r.accounts.misplaced(r.account, words.Say("error.body.body_of", "Method", r.op.Method))
	} else if !reads(r.op, string(r.walker.path[:r.accountPath])) {
		r.accounts.misplaced(r.account, words.Say("error.body.place_of_operation", "Operation", r.op.Name))
	}
	return nil
}

// match is a field of the catalog whose name begins with a path.
type match struct {
	field int    // index of op.Request
	rest  string // of its name
	exact bool   // path and name do not differ in case
}

// value implements visitor.
func (r *requestReader) value(kind kind, raw []byte) error {
	if len(r.walker.path) == 0 && kind != '{' && r.op.Site != "" {
		return &BodyError{Msg: words.Say("error.body.not_object")} // a reader that unpacks arrays finds fields in one
	}
	for _, m := range r.expected() {
		field := &r.op.Request[m.field]
		name := field.Name
		switch {
		case !m.exact:
			return misspelt("body", name)
		case kind == 'n':
			continue // as if it were not there
		case !fits(kind, m.rest):
			return wrongType(name, field.Kind == catalog.FieldAmount && m.rest == "")
		case m.rest != "":
			continue
		}
		if err := r.recordBody(m.field, kind, raw); err != nil {
			return err
		}
	}
	return r.accountValue(kind, raw)
}

// expected returns the fields that the present path leads to. The elements of an array have one path, and may be thousands.
func (r *requestReader) expected() []match {
	if bytes.Equal(r.walker.path, r.matchedPath) {
		return r.matched
	}
	r.matched, r.matchedPath = r.matched[:0], append(r.matchedPath[:0], r.walker.path...)
	ascii := !r.walker.foreign
	for i := range r.op.Request {
		name := r.op.Request[i].Name
		if ascii && !mayExpect(r.matchedPath, name) {
			continue
		}
		if rest, exact, ok := expects(r.matchedPath, ascii, name); ok {
			r.matched = append(r.matched, match{i, rest, exact})
		}
	}
	return r.matched
}

// recordBody takes up a value of the body.
func (r *requestReader) recordBody(i int, kind kind, raw []byte) error {
	content := r.walker.content(kind, raw)
	f, err := findingOf(r, i, inBody, content)
	if f != nil {
		if kind == '0' && (len(content) > 15 || digits(content) < len(content)) { // a float has 15 digits for sure (IEEE 754, binary64)
			f.value.Inexact++
		}
		f.addContent(content, &r.arena)
	}
	return err
}

// accountValue takes up the value of the account found last, or an element of it.
func (r *requestReader) accountValue(kind kind, raw []byte) error {
	if r.account == nil {
		return nil
	}
	// Only the value itself and its elements have paths of these lengths before the next member comes: what else may
	// follow is an element of an array around it, whose path is a shorter one.
	var element bool
	switch len(r.walker.path) {
	case r.accountPath:
	case r.accountPath + len("[]"):
		element = true
	default:
		return nil
	}
	switch {
	case kind == 'n' && !element:
		return nil
	case kind == 'n':
		return r.accounts.add(r.account, "", &r.arena) // readers differ: an empty id, or none
	case kind == '[' && r.account.list && !element:
		return nil // its elements follow
	case kind == '{' || kind == '[' || r.account.list != element:
		return wrongType(r.account.name, false)
	}
	return r.accounts.add(r.account, r.arena.bounded(r.walker.content(kind, raw)), &r.arena)
}

func misspelt(part, name string) error {
	return &BodyError{Msg: words.Say("error.body.misspelt_"+part, "Field", name)}
}

func wrongType(name string, amount bool) error {
	return &BodyError{Msg: words.Say("error.body.type", "Field", name), Amount: amount}
}

// CheckBody reports, as a [*BodyError], that a method takes no body: GET and HEAD never do, DELETE does not for operations of
// the catalog. Edges that expect none take what follows the header for the next request (RFC 9110 sections 9.3.1, 9.3.2 and
// 9.3.5 call it a risk of request smuggling).
func CheckBody(op *catalog.Operation, method string, bytes int64) error {
	if bytes <= 0 || method != "GET" && method != "HEAD" && (method != "DELETE" || op.Site == "") {
		return nil
	}
	return &BodyError{Msg: words.Say("error.body.none", "Method", method, "Operation", op.Name)}
}
