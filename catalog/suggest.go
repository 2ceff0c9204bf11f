package catalog

import (
	"cmp"
	"strings"

	"tollgate/internal/nearest"
)

// candidate is an operation of the published catalog, with its path in segments.
type candidate struct {
	operation *Operation
	segments  []segment
}

const (
	maxMistyped = 256 // bytes of a path for which another is looked for; the longest template has 73
	maxTypos    = 3   // in a path, at most
)

// Nearest returns the operation of the published catalog that a method and a path, which match none, may have meant: with another method,
// another version, or up to three typing errors. Declared endpoints are never suggested: what an operator declares is not for everybody to
// read. It returns nil if none is near. The work is bounded by the catalog and by maxMistyped.
func (r *Router) Nearest(method, path string) *Operation {
	if len(path) > maxMistyped || !strings.HasPrefix(path, "/") {
		return nil
	}
	var buffer [16]string
	words := buffer[:0]
	for word := range strings.SplitSeq(path[1:], "/") {
		words = append(words, word)
	}
	best, least := (*Operation)(nil), 2*maxTypos+2
	for i := range r.published {
		c := &r.published[i]
		typos, near := c.typos(words)
		if !near {
			continue
		}
		if cost := 2*typos + flaws(c.operation, method); cost < least || cost == least && better(c.operation, best) {
			best, least = c.operation, cost
		}
	}
	return best
}

// flaws counts what speaks against an operation besides typing errors.
func flaws(o *Operation, method string) (n int) {
	if o.Method != method {
		n++
	}
	if o.Deprecated {
		n++
	}
	return n
}

// better decides between two that are equally near: for the longer path, which has fewer parameters as a rule, then by name.
func better(a, b *Operation) bool {
	return b == nil || cmp.Or(cmp.Compare(len(b.Path), len(a.Path)), cmp.Compare(a.Name, b.Name)) < 0
}

// typos counts the typing errors by which a path differs from that of the operation, and reports whether they are few.
func (c *candidate) typos(words []string) (n int, few bool) {
	if len(words) != len(c.segments) {
		return 0, false
	}
	for i, s := range c.segments {
		switch {
		case s.param && words[i] != "" || s.text == words[i]:
			continue
		case s.param:
			return 0, false
		case isVersion(s.text) && isVersion(words[i]):
			n++
		default:
			n += typosIn(words[i], s.text)
		}
		if n > maxTypos {
			return n, false
		}
	}
	return n, true
}

// typosIn counts those of one segment, up to two or a quarter of its length and one; more are too many. Two letters that changed places are
// two errors.
func typosIn(word, meant string) int {
	allowed := min(maxTypos, max(2, 1+len(meant)/4))
	if max(len(word)-len(meant), len(meant)-len(word)) > allowed {
		return maxTypos + 1
	}
	if n := nearest.Distance(word, meant); n <= allowed {
		return n
	}
	return maxTypos + 1
}

// isVersion reports whether a segment is the version of an API: "v2", "v1.0".
func isVersion(segment string) bool {
	return len(segment) > 1 && segment[0] == 'v' && strings.Trim(segment[1:], "0123456789.") == ""
}
