package bss

import "tollgate/catalog"

// CheckBody reports, as a [*BodyError], that a method takes no body: GET and HEAD never do, DELETE does not for operations of
// the catalog. Edges that expect none take what follows the header for the next request (RFC 9110 sections 9.3.1, 9.3.2 and
// 9.3.5 call it a risk of request smuggling).
func CheckBody(op *catalog.Operation, method string, bytes int64) error {
	if bytes <= 0 || method != "GET" && method != "HEAD" && (method != "DELETE" || op.Site == "") {
		return nil
	}
	return &BodyError{Msg: "a " + method + " of " + op.Name + " has no body: leave it out"}
}
