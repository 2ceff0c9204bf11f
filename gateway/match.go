package gateway

import (
	"slices"
	"strings"

	"tollgate/catalog"
	"tollgate/internal/words"
	"tollgate/signing"
)

// asked is what a call asks for, as far as its record and its grant depend on it.
type asked struct {
	method    string
	path      string // decoded
	query     signing.Query
	operation *catalog.Operation // nil: none was found
	params    catalog.Params
	upstream  *Upstream
	bodyType  ContentType
	body      []byte
}

// match is step 3: method and path to exactly one operation. Where it leads decides whether an Authorization that is no signature may
// be passed on.
func (c *call) match() *Refusal {
	if refused := c.asked.match(c.route, c.request.Method, c.rawPath, c.rawQuery); refused != nil {
		if c.identity.Caller != "" { // an unauthenticated peer, and a claim before verify, are not worth the search
			refused.suggest(c.request.Method, c.path, c.route)
		}
		return refused
	}
	if c.claim == nil { // else it is a signature, and verify's
		return checkAuthorization(c.Callers, c.request.Header, !c.upstream.Signed)
	}
	return nil
}

// match finds the one operation that is asked for. Only what every parser reads in the same way is matched.
func (a *asked) match(route *Route, method, rawPath, rawQuery string) *Refusal {
	var err error
	a.method = method
	if a.path, err = parsePath(rawPath); err != nil {
		return refuse(ambiguousPath, words.Of(err))
	}
	operation, params, refused := route.find(method, a.path)
	if refused != nil {
		return refused
	}
	if a.query, err = signing.ParseQuery(rawQuery); err != nil {
		return refuse(ambiguousQuery, words.Of(err))
	}
	a.operation, a.params, a.upstream = operation, params, route.Upstreams[operation]
	return nil
}

// parsePath is [signing.ParsePath], but keeps one final slash: [Route.find] knows whether an operation has it.
func parsePath(raw string) (string, error) {
	inner, final := strings.CutSuffix(raw, "/")
	if !final || inner == "" || strings.HasSuffix(inner, "/") {
		return signing.ParsePath(raw)
	}
	path, err := signing.ParsePath(inner)
	if err != nil {
		return "", err
	}
	return path + "/", nil
}

// find returns the operation of a method and a path, and refuses a path that leads to another one where it is read more laxly.
func (r *Route) find(method, path string) (*catalog.Operation, catalog.Params, *Refusal) {
	operation, params, ok := r.Router.Match(method, path)
	switch {
	case r.Router.Alike(method, path, operation) != nil:
		return nil, params, refusal(ambiguousPath, "error.target.alike")
	case ok:
		return operation, params, nil
	case path != "/" && strings.HasSuffix(path, "/"):
		return nil, params, refusal(ambiguousPath, "error.target.slash")
	}
	return nil, params, unmatched("error.operation.none", method, path, r)
}

// unmatched refuses a path that no route has, with this detail, or for the other methods for which some have it.
func unmatched(id, method, path string, routes ...*Route) *Refusal {
	var methods []string
	for _, r := range routes {
		methods = append(methods, r.Router.Methods(path)...)
	}
	slices.Sort(methods)
	if methods = slices.Compact(methods); len(methods) > 0 && !slices.Contains(methods, method) {
		return refusal(unknownOperation, "error.operation.methods", "Methods", strings.Join(methods, ", "))
	}
	return refusal(unknownOperation, id)
}

// suggest adds to the refusal of an unknown operation which one may have been meant. The text is of the published catalog alone: it repeats
// nothing of the request, and shows nothing that an operator declared.
func (r *Refusal) suggest(method, path string, routes ...*Route) {
	if r.Code != unknownOperation {
		return
	}
	for _, route := range routes {
		if o := route.Router.Nearest(method, path); o != nil {
			r.say(words.Say("error.operation.suggest", "Why", r.message, "Method", o.Method, "Path", o.Path, "Operation", o.Name))
			return
		}
	}
}
