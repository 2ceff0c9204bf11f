package business

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// visitor is told of everything in a body, in order.
type visitor interface {
	// member is called with each member's name, unescaped, before its value. top: it is a member of the outermost object.
	member(name []byte, top bool) error

	// value is called for each value, with [walker].path leading to it: for objects and arrays before what they hold, with
	// raw nil; for others with the JSON text. Both arguments are valid during the call only.
	value(kind jsontext.Kind, raw []byte) error
}

// walker reads one JSON value in one pass. Duplicate names are left to unique.
type walker struct {
	dec     *jsontext.Decoder
	visitor visitor
	path    []byte // "coupon_infos[].id"; a zero byte stands for a name that is empty or holds "." or "["
	scratch []byte // of unescaped names
	foreign bool   // a name that is not all ASCII has been read
	unique  bool   // refuse names that are equal or differ in case only
	names   names

	pathSpace [64]byte // where path begins
}

// walk reads a body that must be exactly one JSON value.
func (w *walker) walk(body []byte) error {
	w.path = w.pathSpace[:0]
	w.dec = jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	if err := w.value(0); err != nil {
		return err
	}
	if _, err := w.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return w.problem("something follows the JSON value in the body")
	}
	return nil
}

func (w *walker) value(depth int) error {
	kind := w.dec.PeekKind()
	switch kind {
	case '{', '[':
		if depth == maxDepth {
			return w.problem("the body is nested deeper than 32 levels")
		}
		if err := w.visitor.value(kind, nil); err != nil {
			return err
		}
		if kind == '{' {
			return w.object(depth + 1)
		}
		return w.array(depth + 1)
	}
	raw, err := w.dec.ReadValue()
	if err != nil {
		return w.invalid()
	}
	return w.visitor.value(kind, raw)
}

func (w *walker) object(depth int) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return w.invalid()
	}
	frame, length := 0, len(w.path)
	if w.unique {
		frame = w.names.open()
	}
	for w.dec.PeekKind() == '"' {
		name, err := w.name()
		if err != nil {
			return err
		}
		if w.unique {
			if msg := w.names.add(frame, name); msg != "" {
				return w.problem(msg)
			}
		}
		w.push(name)
		if err := w.visitor.member(name, depth == 1); err != nil {
			return err
		}
		if err := w.value(depth); err != nil {
			return err
		}
		w.path = w.path[:length]
	}
	w.names.close(frame)
	return w.end()
}

func (w *walker) array(depth int) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return w.invalid()
	}
	length := len(w.path)
	w.path = append(w.path, "[]"...)
	for kind := w.dec.PeekKind(); kind != ']'; kind = w.dec.PeekKind() {
		if err := w.value(depth); err != nil {
			return err
		}
	}
	w.path = w.path[:length]
	return w.end()
}

// end reads the end of an object or array, or finds the fault that stands in its place.
func (w *walker) end() error {
	if _, err := w.dec.ReadToken(); err != nil {
		return w.invalid()
	}
	return nil
}

// name reads a member's name; it is valid until the next one is read.
func (w *walker) name() ([]byte, error) {
	raw, err := w.dec.ReadValue()
	if err != nil {
		return nil, w.invalid()
	}
	name := unquote(w.scratch[:0], raw)
	if bytes.IndexByte(raw, '\\') >= 0 {
		w.scratch = name
	}
	return name, nil
}

func (w *walker) push(name []byte) {
	if len(w.path) > 0 {
		w.path = append(w.path, '.')
	}
	if len(name) == 0 || bytes.ContainsAny(name, ".[") {
		w.path = append(w.path, 0)
		return
	}
	w.path = append(w.path, name...)
	w.foreign = w.foreign || !isASCII(name)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unquote gives the content of a valid JSON string: a part of raw where nothing is escaped, otherwise appended to dst.
func unquote(dst, raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	dst, _ = jsontext.AppendUnquote(dst, raw) // cannot fail: the decoder has checked raw
	return dst
}

func (w *walker) invalid() error {
	return &BodyError{fmt.Sprintf("the body is not JSON text: byte %d", w.dec.InputOffset())}
}

func (w *walker) problem(msg string) error {
	return &BodyError{fmt.Sprintf("%s: byte %d", msg, w.dec.InputOffset())}
}
