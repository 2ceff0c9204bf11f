package signing

import (
	"strings"

	"tollgate/internal/words"
)

// TargetError says why a path or a query was refused: two readers could take it for different things, or it is no path
// or query at all. Its text is meant for the sender of the request.
type TargetError struct {
	Part   string // "path" or "query"
	Offset int    // byte in the text as received, from 0
	Msg    words.Message
}

func (e *TargetError) Error() string { return e.Message().String() }

// Message returns the text.
func (e *TargetError) Message() words.Message {
	id := "error.path"
	if e.Part == "query" {
		id = "error.query"
	}
	return words.Say(id, "Byte", e.Offset, "Why", e.Msg)
}

// SchemeError is an Authorization header of a scheme that is not taken. Its text is meant for the caller.
type SchemeError struct {
	// Scheme is the scheme's name if it is one of those in use, otherwise empty: a header without a scheme may be a
	// bare token, which must not show up in an error.
	Scheme string
	// Taken are the names of the schemes that are taken.
	Taken []string
}

func (e *SchemeError) Error() string { return e.Message().String() }

// Message returns the text.
func (e *SchemeError) Message() words.Message {
	taken := words.Join("error.or", e.Taken)
	switch {
	case e.Scheme == "":
		return words.Say("error.scheme.unknown", "Taken", taken)
	case strings.HasPrefix(e.Scheme, "V11-"): // of derived keys: an SDK with a derived predicate uses it for unknown hosts
		return words.Say("error.scheme.derived", "Scheme", e.Scheme, "Taken", taken)
	case strings.HasPrefix(e.Scheme, "SDK-"):
		return words.Say("error.scheme.algorithm", "Scheme", e.Scheme, "Taken", taken)
	}
	return words.Say("error.scheme.other", "Scheme", e.Scheme, "Taken", taken)
}

// AuthorizationError is an Authorization header that is repeated, too long, or malformed. Its text is meant for the caller and
// quotes nothing of the header.
type AuthorizationError struct{ Msg words.Message }

func (e *AuthorizationError) Error() string { return e.Msg.String() }

// Message returns the text.
func (e *AuthorizationError) Message() words.Message { return e.Msg }

func authorizationError(id string, args ...any) error {
	return &AuthorizationError{words.Say("error.authorization", "Why", words.Say(id, args...))}
}

// DateError is a claim whose date is missing, or cannot be read. Its text is meant for the caller.
type DateError struct {
	Missing bool
	Msg     words.Message
}

func (e *DateError) Error() string { return e.Msg.String() }

// Message returns the text.
func (e *DateError) Message() words.Message { return e.Msg }

// HeaderError is a header that is signed and yet missing, repeated or contradicted by the request. Its text is meant for
// its sender and does not quote the value.
type HeaderError struct {
	Name string // lower case
	Msg  words.Message
}

func (e *HeaderError) Error() string { return e.Message().String() }

// Message returns the text.
func (e *HeaderError) Message() words.Message {
	return words.Say("error.header", "Header", e.Name, "Why", e.Msg)
}
