package http1

import "strings"

// Kind is a way in which a body ends.
type Kind uint8

// The kinds.
const (
	None       Kind = iota // there is no body
	Length                 // after a number of bytes
	Chunked                // with its last chunk
	UntilClose             // with the connection
)

// Framing says where a body ends.
type Framing struct {
	Kind   Kind
	Length int64 // of kind Length
}

// framingOf is RFC 9112 section 6.3 without what it lets recipients repair.
func framingOf(f Fields, minor int) (Framing, error) {
	lengths, encodings := f.count("Content-Length"), f.count("Transfer-Encoding")
	switch {
	case encodings > 1 || encodings == 1 && (lengths > 0 || minor == 0 || !isChunked(f.Get("Transfer-Encoding"))):
		return Framing{}, TransferEncoding
	case encodings == 1:
		return Framing{Kind: Chunked}, nil
	case lengths == 0:
		return Framing{Kind: UntilClose}, nil
	}
	n, ok := decimal(f.Get("Content-Length"))
	if lengths > 1 || !ok {
		return Framing{}, ContentLength
	}
	return Framing{Kind: Length, Length: n}, nil
}

// isChunked reports whether a coding is chunked. It compares ASCII letters alone: to Unicode the Kelvin sign is a k, too.
func isChunked(coding string) bool {
	return len(coding) == len("chunked") && strings.EqualFold(coding, "chunked")
}
