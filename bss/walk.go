package bss

import (
	"unicode/utf8"

	"tollgate/internal/words"
)

// visitor is called for everything in a body, in order.
type visitor interface {
	// member is called with each member's name, unescaped, before its value. top: it is a member of the outermost object.
	member(name []byte, top bool) error

	// value is called for each value, with [walker].path leading to it: for objects and arrays before what they hold, with
	// raw nil; for others with the JSON text. Both arguments are valid during the call only.
	value(kind kind, raw []byte) error
}

// walker reads one JSON value in one pass. Duplicate names are left to unique.
type walker struct {
	scanner
	visitor visitor
	path    []byte // "coupon_infos[].id"; a zero byte stands for a name that is empty or holds "." or "["
	scratch []byte // of unescaped strings
	foreign bool   // a name that is not all ASCII has been read
	unique  bool   // refuse names that are equal or differ in case only
	names   names

	pathSpace [64]byte // where path begins
}

// walk reads a body that must be exactly one JSON value.
func (w *walker) walk(body []byte) error {
	w.scanner = scanner{text: body}
	w.path = w.pathSpace[:0]
	if err := w.value(0); err != nil {
		return err
	}
	if w.peek(); w.pos < len(body) {
		return w.problem("error.body.follows")
	}
	return nil
}

func (w *walker) value(depth int) error {
	first := w.peek()
	if first != '{' && first != '[' {
		kind, raw := w.scalar(first)
		if raw == nil {
			return w.invalid()
		}
		return w.visitor.value(kind, raw)
	}
	if depth == maxDepth {
		return w.problem("error.body.deep")
	}
	if err := w.visitor.value(kind(first), nil); err != nil {
		return err
	}
	w.pos++
	if first == '{' {
		return w.object(depth + 1)
	}
	return w.array(depth + 1)
}

// object reads an object after its brace.
func (w *walker) object(depth int) error {
	frame, length := w.names.open(), len(w.path)
	for more := !w.accept('}'); more; {
		if err := w.name(frame, depth == 1); err != nil {
			return err
		}
		if err := w.value(depth); err != nil {
			return err
		}
		w.path = w.path[:length]
		var err error
		if more, err = w.more('}'); err != nil {
			return err
		}
	}
	w.names.close(frame)
	return nil
}

// array reads an array after its bracket.
func (w *walker) array(depth int) error {
	length := len(w.path)
	w.path = append(w.path, "[]"...)
	for more := !w.accept(']'); more; {
		if err := w.value(depth); err != nil {
			return err
		}
		var err error
		if more, err = w.more(']'); err != nil {
			return err
		}
	}
	w.path = w.path[:length]
	return nil
}

// more reads what stands behind a member or an element: a comma, or the end of what holds it.
func (w *walker) more(end byte) (bool, error) {
	switch w.peek() {
	case ',':
		w.pos++
		return true, nil
	case end:
		w.pos++
		return false, nil
	}
	return false, w.invalid()
}

// name reads a member's name and the colon.
func (w *walker) name(frame int, top bool) error {
	if w.peek() != '"' {
		return w.invalid()
	}
	raw := w.quoted()
	if raw == nil {
		return w.invalid()
	}
	name := w.unquote(raw)
	if w.unique {
		if id := w.names.add(frame, name); id != "" {
			return w.problem(id)
		}
	}
	w.push(name)
	if err := w.visitor.member(name, top); err != nil {
		return err
	}
	if !w.accept(':') {
		return w.invalid()
	}
	return nil
}

func (w *walker) push(name []byte) {
	if len(w.path) > 0 {
		w.path = append(w.path, '.')
	}
	start := len(w.path)
	w.path = append(w.path, name...)
	for _, c := range name {
		w.foreign = w.foreign || c >= utf8.RuneSelf
		if c == '.' || c == '[' {
			w.path = w.path[:start]
			break
		}
	}
	if len(w.path) == start {
		w.path = append(w.path, 0)
	}
}

// content returns what a scalar says: the content of a string, anything else as written. It is valid until the next name or
// content is read.
func (w *walker) content(kind kind, raw []byte) []byte {
	if kind == '"' {
		return w.unquote(raw)
	}
	return raw
}

// unquote returns the content of the string read last.
func (w *walker) unquote(raw []byte) []byte {
	if !w.escaped {
		return raw[1 : len(raw)-1]
	}
	w.scratch = unquote(w.scratch[:0], raw)
	return w.scratch
}

func (w *walker) invalid() error { return w.problem("error.body.not_json") }

func (w *walker) problem(id string) error {
	return &BodyError{Msg: words.Say(id, "Byte", w.pos)}
}
