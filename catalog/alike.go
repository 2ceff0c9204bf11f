package catalog

import (
	"fmt"
	"strings"
	"unicode"
)

// lax is the tree of all templates as a server reads them that regards neither case nor a final slash.
type lax struct {
	root        node
	sameButCase map[[2]*Operation]bool // pairs, in both orders, that differ in case only and have a method in common
	slashes     bool                   // a signed operation's path ends in a slash
}

// needsLax reports whether the server behind an operation may be such a one, or its path ends in a slash, which a signature does
// not cover: what is signed always ends in one.
func needsLax(o *Operation) bool { return o.Class == ClassNone || endsInSlash(o) }

func endsInSlash(o *Operation) bool { return len(o.Path) > 1 && strings.HasSuffix(o.Path, "/") }

// add puts an operation into the tree. Where two differ in case only, an operator knows that the server distinguishes them.
func (l *lax) add(o *Operation, segments []segment) error {
	if l == nil {
		return nil
	}
	l.slashes = l.slashes || o.Class != ClassNone && endsInSlash(o)
	folded := foldAll(segments)
	for _, e := range *l.root.place(folded) {
		switch other := e.operation; {
		case !shareMethod(o, other):
		case endsInSlash(o) != endsInSlash(other):
			return conflict(other, o, "differ in a final slash only, which signatures and many servers do not regard")
		default:
			l.sameButCase[[2]*Operation{o, other}], l.sameButCase[[2]*Operation{other, o}] = true, true
		}
	}
	l.root.add(o, folded) // where its method is taken already, the pair is known
	return nil
}

func shareMethod(a, b *Operation) bool {
	return a.Method == b.Method || a.Method == AnyMethod || b.Method == AnyMethod
}

func conflict(a, b *Operation, why string) error {
	return fmt.Errorf("operations %s (%s %s) and %s (%s %s) %s", a.Name, a.Method, a.Path, b.Name, b.Method, b.Path, why)
}

// foldAll folds literal text, and leaves a final slash out.
func foldAll(segments []segment) (folded []segment) {
	for _, s := range segments {
		switch {
		case s.param:
			folded = append(folded, s)
		case s.text != "":
			folded = append(folded, segment{text: fold(s.text)})
		}
	}
	return folded
}

// hidden reports the signed operations that no call can reach, since a final slash alone distinguishes each of their calls from one of another.
// A template stands for all its paths: "{" is in no literal text. One that ends in {name...} has calls of more segments, too.
func (r *Router) hidden(operations []*Operation) (problems []error) {
	if r.lax == nil {
		return nil
	}
	for _, o := range operations {
		if o.Class == ClassNone || strings.HasSuffix(o.Path, "...}") {
			continue
		}
		if other := r.alikeSigned(o.Method, o.Path); other != nil {
			problems = append(problems, conflict(o, other,
				"cannot be served together: a final slash, which signatures do not cover, alone distinguishes each call of the first from one of the second"))
		}
	}
	return problems
}

// Alike returns the other operation that a path could be taken for, beside the one that [Router.Match] found (nil: none): by its
// signature, which covers no final slash, or by an unsigned upstream that regards neither that nor case. Nil: there is none.
// What was decided for the one must not be sent to such a reader, who would do the other.
func (r *Router) Alike(method, path string, found *Operation) *Operation {
	switch {
	case r.lax == nil:
		return nil
	case found != nil && found.Class != ClassNone:
		return r.alikeSigned(method, path)
	}
	var p Params
	text := fold(strings.Trim(path, "/"))
	e := r.lax.root.match(method, text, text == "", &p, 0)
	switch {
	case e == nil || e.operation == found || r.lax.sameButCase[[2]*Operation{found, e.operation}]:
		return nil
	case found == nil && e.operation.Class != ClassNone:
		return nil
	}
	return e.operation
}

// alikeSigned returns the other signed operation to which a signature for the path fits.
func (r *Router) alikeSigned(method, path string) *Operation {
	if !r.lax.slashes {
		return nil
	}
	if other, _, ok := r.Match(method, otherSlash(path)); ok && other.Class != ClassNone {
		return other
	}
	return nil
}

func otherSlash(path string) string {
	if path != "/" && strings.HasSuffix(path, "/") {
		return path[:len(path)-1]
	}
	return path + "/"
}

// fold returns one spelling of all that differ in case, for texts with letters whose other case is in ASCII too.
func fold(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		s = strings.ToUpper(s)
	}
	return strings.ToLower(s)
}
