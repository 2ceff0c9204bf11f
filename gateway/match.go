package gateway

import (
	"strings"

	"tollgate/catalog"
	"tollgate/signing"
)

// match is step 3: method and path to exactly one operation. Only what every parser reads in the same way is matched. Where it leads
// decides whether an Authorization that is no signature may be passed on.
func (c *call) match() *Refusal {
	var err error
	if c.path, err = ParsePath(c.rawPath); err != nil {
		return refusal(ambiguousPath, "%v", err)
	}
	operation, params, refused := Match(c.route.Router, c.request.Method, c.path)
	if refused != nil {
		return refused
	}
	if c.query, err = signing.ParseQuery(c.rawQuery); err != nil {
		return refusal(ambiguousQuery, "%v", err)
	}
	c.operation, c.params, c.upstream = operation, params, c.route.Upstreams[operation]
	if c.claim == nil { // else it is a signature, and verify's
		return CheckAuthorization(c.Callers, c.request.Header, !c.upstream.Signed)
	}
	return nil
}

// ParsePath is [signing.ParsePath], but keeps one final slash: [Match] knows whether an operation has it.
func ParsePath(raw string) (string, error) {
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

// Match finds the one operation that a call asks for, and refuses a path that leads to another one where it is read more laxly.
func Match(router *catalog.Router, method, path string) (*catalog.Operation, catalog.Params, *Refusal) {
	operation, params, ok := router.Match(method, path)
	switch {
	case router.Alike(method, path, operation) != nil:
		return nil, params, refusal(ambiguousPath, "but for the case of a letter or a final slash this is the path of another operation, "+
			"for which it could be taken: write it as it is declared")
	case ok:
		return operation, params, nil
	case path != "/" && strings.HasSuffix(path, "/"):
		return nil, params, refusal(ambiguousPath, "the path ends in a slash: leave it out")
	}
	return nil, params, unmatched(router, path)
}

func unmatched(router *catalog.Router, path string) *Refusal {
	if methods := router.Methods(path); len(methods) > 0 {
		return refusal(unknownOperation, "this path is served for %s only", strings.Join(methods, ", "))
	}
	return refusal(unknownOperation, "no operation of this listener has this path")
}
