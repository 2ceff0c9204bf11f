package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// AnyMethod is the method of a declared endpoint that takes every method.
const AnyMethod = "*"

// Router finds the one operation that a method and a path belong to. It is immutable and safe for concurrent use.
//
// Paths are compared segment by segment, from left to right, with regard to case and to a final slash: literal text beats {name},
// and that beats {name...}, which takes one or more segments and, towards an unsigned upstream, a final slash. Where the better
// branch leads nowhere for this path and method, the next one is tried. Among endpoints of one template the exact method beats
// [AnyMethod].
type Router struct {
	root node
	lax  *lax // nil if only signed operations are served, none with a final slash

	published []candidate // for Nearest
}

// node is a place in the tree of segments. A node is reached by one sequence of template segments only, so a match
// looks at each node at most once, whatever the path.
type node struct {
	literals map[string]*node
	param    *node
	ends     []endpoint // templates that end here
	rests    []endpoint // templates that end in {name...} here
}

type endpoint struct {
	method    string
	operation *Operation
	names     []string // parameter names in order
}

// Params holds the values of a template's parameters. The zero value has none.
type Params struct {
	names  []string
	values [maxParams]string
}

// Get returns the value of the named parameter, "" if there is none.
func (p *Params) Get(name string) string {
	for i, n := range p.names {
		if n == name {
			return p.values[i]
		}
	}
	return ""
}

// Empty reports whether there are none.
func (p *Params) Empty() bool { return len(p.names) == 0 }

// NewRouter builds a router. Two operations that would answer the same method and paths (templates that are equal but
// for parameter names), or paths that differ in a final slash only, are an error that names both; all such errors are returned at once.
// So is an operation whose calls could not be distinguished from those of another; such errors come when there is none of the others.
func NewRouter(operations []*Operation) (*Router, error) {
	r := new(Router)
	if slices.ContainsFunc(operations, needsLax) {
		r.lax = &lax{sameButCase: map[[2]*Operation]bool{}}
	}
	var problems []error
	for _, o := range operations {
		if err := r.add(o); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) == 0 {
		problems = r.hidden(operations)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return r, nil
}

func (r *Router) add(o *Operation) error {
	segments, err := parseTemplate(o.Path)
	if err != nil {
		return fmt.Errorf("operation %s: %w", o.Name, err)
	}
	if err := checkMethod(o.Method); err != nil {
		return fmt.Errorf("operation %s: %w", o.Name, err)
	}
	if other := r.root.add(o, segments); other != nil {
		return conflict(other, o, "match the same calls")
	}
	if o.Site != "" {
		r.published = append(r.published, candidate{o, segments})
	}
	return r.lax.add(o, segments)
}

// add puts an operation where its segments lead, or returns the one that is there already.
func (n *node) add(o *Operation, segments []segment) (taken *Operation) {
	e := endpoint{method: o.Method, operation: o}
	for _, s := range segments {
		if s.param {
			e.names = append(e.names, s.text)
		}
	}
	place := n.place(segments)
	for _, other := range *place {
		if other.method == o.Method {
			return other.operation
		}
	}
	*place = append(*place, e)
	return nil
}

// place returns where the segments lead, and makes it if there is none yet.
func (n *node) place(segments []segment) *[]endpoint {
	for _, s := range segments {
		if s.rest {
			return &n.rests
		}
		n = n.child(s)
	}
	return &n.ends
}

func (n *node) child(s segment) *node {
	if s.param {
		if n.param == nil {
			n.param = new(node)
		}
		return n.param
	}
	if n.literals == nil {
		n.literals = make(map[string]*node)
	}
	if n.literals[s.text] == nil {
		n.literals[s.text] = new(node)
	}
	return n.literals[s.text]
}

// Match finds the operation for a method and a decoded path. It expects a path that was checked already (absolute, no
// empty segments) and matches nothing otherwise. It does not allocate; the values of Params are parts of path.
func (r *Router) Match(method, path string) (*Operation, Params, bool) {
	var p Params
	if !strings.HasPrefix(path, "/") {
		return nil, p, false
	}
	e := r.root.match(method, path[1:], path == "/", &p, 0)
	if e == nil {
		return nil, Params{}, false
	}
	p.names = e.names
	return e.operation, p, true
}

// match walks the rest of a path, which holds at least one segment unless end is set; the last one is empty behind a final slash.
// Values that a failed branch left
// behind are overwritten: the branch that succeeds has set all of its own.
func (n *node) match(method, path string, end bool, p *Params, depth int) *endpoint {
	if end {
		return choose(n.ends, method)
	}
	head, tail, more := strings.Cut(path, "/")
	if head == "" && more {
		return nil
	}
	if next := n.literals[head]; next != nil {
		if e := next.match(method, tail, !more, p, depth); e != nil {
			return e
		}
	}
	if n.param != nil && head != "" {
		if e := n.param.match(method, tail, !more, p, depth+1); e != nil {
			p.values[depth] = head
			return e
		}
	}
	if e := choose(n.rests, method); e != nil && e.takes(path) {
		p.values[depth] = path
		return e
	}
	return nil
}

// takes reports whether the rest of a path is one for {name...}: one or more segments, none of them empty. A final slash is for
// internal apps: of signed calls it is no part of the signature, so there it must be declared.
func (e *endpoint) takes(path string) bool {
	if e.operation.Class == ClassNone {
		path = strings.TrimSuffix(path, "/")
	}
	return path != "" && path[0] != '/' && path[len(path)-1] != '/' && !strings.Contains(path, "//")
}

// choose returns the endpoint of that method, else the one of any method.
func choose(endpoints []endpoint, method string) *endpoint {
	var anyMethod *endpoint
	for i := range endpoints {
		switch endpoints[i].method {
		case method:
			return &endpoints[i]
		case AnyMethod:
			anyMethod = &endpoints[i]
		}
	}
	return anyMethod
}

// Methods lists the methods, sorted, with which the path would match; [AnyMethod] among them if any method would.
// It is for answers that say that only the method is wrong.
func (r *Router) Methods(path string) []string {
	found := make(map[string]bool)
	if strings.HasPrefix(path, "/") {
		r.root.methods(path[1:], path == "/", found)
	}
	return slices.Sorted(maps.Keys(found))
}

func (n *node) methods(path string, end bool, found map[string]bool) {
	if end {
		collect(n.ends, found)
		return
	}
	head, tail, more := strings.Cut(path, "/")
	if head == "" && more {
		return
	}
	if next := n.literals[head]; next != nil {
		next.methods(tail, !more, found)
	}
	if n.param != nil && head != "" {
		n.param.methods(tail, !more, found)
	}
	for i := range n.rests {
		if n.rests[i].takes(path) {
			collect(n.rests[i:i+1], found)
		}
	}
}

func collect(endpoints []endpoint, found map[string]bool) {
	for _, e := range endpoints {
		found[e.method] = true
	}
}
