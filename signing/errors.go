package signing

import (
	"fmt"
	"strings"
)

// TargetError says why a path or a query was refused: two readers could take it for different things, or it is no path
// or query at all. Its text is meant for the sender of the request.
type TargetError struct {
	Part   string // "path" or "query"
	Offset int    // byte in the text as received, from 0
	Msg    string
}

func (e *TargetError) Error() string {
	return fmt.Sprintf("%s, byte %d: %s", e.Part, e.Offset, e.Msg)
}

// SchemeError is an Authorization header of a scheme that is not taken. Its text is meant for the caller.
type SchemeError struct {
	// Scheme is the scheme's name if it is one of those in use, otherwise empty: a header without a scheme may be a
	// bare token, which must not show up in an error.
	Scheme string
	// Taken are the names of the schemes that are taken.
	Taken []string
}

func (e *SchemeError) Error() string {
	use := "use " + strings.Join(e.Taken, " or ")
	switch {
	case e.Scheme == "":
		return "the Authorization header has a scheme that is not known here: " + use
	case strings.HasPrefix(e.Scheme, "V11-"): // of derived keys: an SDK with a derived predicate uses it for unknown hosts
		use += " (do not set a derived predicate on the SDK's credentials)"
	case strings.HasPrefix(e.Scheme, "SDK-"):
		use += " (leave the SDK's signing algorithm at its default)"
	}
	return fmt.Sprintf("authorization scheme %s is not supported: %s", e.Scheme, use)
}

// AuthorizationError is an Authorization header that is repeated, too long, or malformed. Its text is meant for the caller and
// quotes nothing of the header.
type AuthorizationError struct{ Msg string }

func (e *AuthorizationError) Error() string { return e.Msg }

func authorizationError(msg string) error { return &AuthorizationError{"Authorization header: " + msg} }

// DateError is a claim whose date is missing, or cannot be read. Its text is meant for the caller.
type DateError struct {
	Missing bool
	Msg     string
}

func (e *DateError) Error() string { return e.Msg }

// HeaderError is a header that is signed and yet missing, repeated or contradicted by the request. Its text is meant for
// its sender and does not quote the value.
type HeaderError struct {
	Name string // lower case
	Msg  string
}

func (e *HeaderError) Error() string { return fmt.Sprintf("signed header %s: %s", e.Name, e.Msg) }
