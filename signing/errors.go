package signing

import "fmt"

// TargetError says why a path or a query was refused: two readers could take it for different things, or it is no path
// or query at all. Its text is meant for whoever sent the request.
type TargetError struct {
	Part   string // "path" or "query"
	Offset int    // byte in the text as received, from 0
	Msg    string
}

func (e *TargetError) Error() string {
	return fmt.Sprintf("%s, byte %d: %s", e.Part, e.Offset, e.Msg)
}

// SchemeError is an Authorization header of another scheme than [Scheme]. Its text is meant for whoever sent it.
type SchemeError struct {
	// Scheme is the scheme's name if it is one of those in use, otherwise empty: a header without a scheme may be a
	// bare token, which must not show up in an error.
	Scheme string
}

func (e *SchemeError) Error() string {
	switch {
	case e.Scheme == "":
		return "the Authorization header has a scheme that is not known here: use " + Scheme
	case e.Derived():
		return fmt.Sprintf("authorization scheme %s is not supported: use %s (do not set a derived predicate on the SDK's credentials)", e.Scheme, Scheme)
	}
	return fmt.Sprintf("authorization scheme %s is not supported: use %s", e.Scheme, Scheme)
}

// Derived tells whether this is the derived-key scheme, which an SDK with a derived predicate uses towards every host
// that it does not know.
func (e *SchemeError) Derived() bool { return len(e.Scheme) > 4 && e.Scheme[:4] == "V11-" }

// AuthorizationError is an Authorization header of [Scheme] that is malformed. Its text is meant for whoever sent it
// and quotes nothing of the header.
type AuthorizationError struct{ Msg string }

func (e *AuthorizationError) Error() string { return "Authorization header: " + e.Msg }

// HeaderError is a header that is signed and yet missing, repeated or contradicted by the request. Its text is meant for
// whoever sent it and does not quote the value.
type HeaderError struct {
	Name string // lower case
	Msg  string
}

func (e *HeaderError) Error() string { return fmt.Sprintf("signed header %s: %s", e.Name, e.Msg) }
