// Package http1 reads messages of HTTP/1.1 (RFC 9112), requests and answers, strictly: a message has one reading or none.
//
// A [Reader] reads heads and bodies off a connection in a buffer that it is lent. A head becomes one string, of which names and values are
// parts, so that nothing of it is left to the buffer. What a peer may do differently than the grammar has it, and what recipients are allowed
// to repair, is refused: lines that end with LF alone, folded lines, blanks before a colon, more than one Content-Length, Transfer-Encoding
// beside it. Where two recipients could read a message differently, one of them could be deceived about where the next begins.
//
// An [Error] says what was wrong in words of a fixed set, and nothing of what was sent.
package http1

// Error is what was wrong with a message. The set is fixed, so it can label a metric.
type Error string

// The errors.
const (
	LineEnding       Error = "line without CRLF"
	StartLine        Error = "start line"
	Method           Error = "method"
	Target           Error = "target"
	Version          Error = "version"
	Status           Error = "status"
	Folded           Error = "folded line"
	FieldName        Error = "field name"
	FieldValue       Error = "field value"
	Host             Error = "host"
	ContentLength    Error = "content length"
	TransferEncoding Error = "transfer encoding"
	LineTooLong      Error = "start line too long"
	HeadTooLarge     Error = "head too large"
	TooManyFields    Error = "too many fields"
	Chunk            Error = "chunk"
	ChunkTooLong     Error = "chunk extensions too long"
	TrailerTooLarge  Error = "trailer too large"
	TooManyInterim   Error = "too many interim answers"
	Switched         Error = "switched protocols"
)

// Errors lists all errors.
func Errors() []Error {
	return []Error{
		LineEnding, StartLine, Method, Target, Version, Status, Folded, FieldName, FieldValue, Host, ContentLength, TransferEncoding,
		LineTooLong, HeadTooLarge, TooManyFields, Chunk, ChunkTooLong, TrailerTooLarge, TooManyInterim, Switched,
	}
}

func (e Error) Error() string { return "malformed HTTP message: " + string(e) }

// Limits bound a head.
type Limits struct {
	Line   int // bytes of the start line
	Head   int // bytes in all
	Fields int
}
