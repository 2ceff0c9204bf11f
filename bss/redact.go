package bss

import (
	"bytes"
	"io"
	"iter"
	"strconv"

	"tollgate/http1"
)

const (
	// maxBackslashes is how many may stand before a character: JSON in JSON has two or three.
	maxBackslashes = 4
	// maxSpelling is the most bytes that one character of a token takes: backslashes and uXXXX.
	maxSpelling = maxBackslashes + 5
	// leastHidden is how much of a token is hidden where a text breaks off in it, as messages of bounded length do.
	leastHidden = 24
)

// HideToken overwrites a security token wherever it stands in a text, or stands cut off, and returns the text, which keeps
// its length. The provider answers a signature that does not fit with the text that it signed itself, that header included. Each
// character may be as it is, escaped as in a URL, or as in JSON, which Java's writers do with "=" and others with "/".
func HideToken(text []byte, token string) []byte {
	hideUntil(text, token, len(text))
	return text
}

// hideUntil hides what begins before end.
func hideUntil(text []byte, token string, end int) {
	for at, length := range tokensIn(text, token, end) {
		for i := range length {
			text[at+i] = '*'
		}
	}
}

// tokensIn yields where a token stands, or a part that is hidden, and how long it is there, of all that begin before end.
func tokensIn(text []byte, token string, end int) iter.Seq2[int, int] {
	return func(yield func(at, length int) bool) {
		if token == "" {
			return
		}
		starts := starts{text: text[:end], bytes: [...]byte{token[0], '\\', '%'}}
		for at := starts.from(0); at < end; at = starts.from(at + 1) {
			if length, characters := spelled(text[at:], token); characters >= min(len(token), leastHidden) {
				if !yield(at, length) {
					return
				}
				at += length - 1
			}
		}
	}
}

// QuotesToken reports whether HideToken would hide something in a text.
func QuotesToken(text, token string) bool {
	for range tokensIn([]byte(text), token, len(text)) {
		return true
	}
	return false
}

// HideTokenInHeader removes the fields of a header in which HideToken would hide something, with all of the same name.
func HideTokenInHeader(header http1.Fields, token string) http1.Fields {
	var quoting []string
	for _, field := range header {
		if QuotesToken(field.Value, token) {
			quoting = append(quoting, field.Name)
		}
	}
	for _, name := range quoting {
		header.Del(name)
	}
	return header
}

// starts are where a token can begin: at its first character, or at what an escaped one begins with.
type starts struct {
	text  []byte
	bytes [3]byte
	next  [3]int // of each
}

// from returns the first one at or behind a place, the text's length if there is none. Places do not go back.
func (s *starts) from(at int) int {
	first := len(s.text)
	for i, b := range s.bytes {
		if s.next[i] < at || at == 0 {
			s.next[i] = len(s.text)
			if n := bytes.IndexByte(s.text[min(at, len(s.text)):], b); n >= 0 {
				s.next[i] = at + n
			}
		}
		first = min(first, s.next[i])
	}
	return first
}

// spelled returns how many characters of the token stand at the beginning of a text, and how many bytes they take there.
func spelled(text []byte, token string) (length, characters int) {
	for ; characters < len(token); characters++ {
		n := spelledByte(text[length:], token[characters])
		if n == 0 {
			break
		}
		length += n
	}
	return length, characters
}

func spelledByte(text []byte, c byte) int {
	slashes := 0
	for slashes < len(text) && slashes < maxBackslashes && text[slashes] == '\\' {
		slashes++
	}
	switch rest := text[slashes:]; {
	case len(rest) > 0 && rest[0] == c:
		return slashes + 1
	case slashes > 0 && len(rest) >= 5 && rest[0] == 'u' && isHex(rest[1:5], c):
		return slashes + 5
	case slashes == 0 && len(rest) >= 3 && rest[0] == '%' && isHex(rest[1:3], c):
		return 3
	}
	return 0
}

// isHex reports whether digits are the number of a character.
func isHex(digits []byte, c byte) bool {
	n, err := strconv.ParseUint(string(digits), 16, 16)
	return err == nil && n == uint64(c)
}

// HideTokenIn returns a reader of what r reads, with the token hidden as HideToken does, however r divides it. It holds back as
// much as a token can take.
func HideTokenIn(r io.Reader, token string) io.Reader {
	return &hidingReader{inner: r, token: token, keep: maxSpelling*len(token) - 1}
}

type hidingReader struct {
	inner io.Reader
	token string
	keep  int    // how much is held back while more may come
	held  []byte // read from inner and not returned yet
	clean int    // how much of held has the token hidden
	err   error  // of inner
}

// hidingStep is how much is read at once.
const hidingStep = 32 << 10

// Read returns what cannot change any more.
func (h *hidingReader) Read(p []byte) (int, error) {
	for h.clean == 0 && h.err == nil {
		h.fill()
	}
	if h.clean == 0 {
		return 0, h.err
	}
	n := copy(p, h.held[:h.clean])
	h.held, h.clean = h.held[n:], h.clean-n
	return n, nil
}

// fill reads on, and hides what begins where a whole token would have come by now.
func (h *hidingReader) fill() {
	if cap(h.held)-len(h.held) < hidingStep/8 {
		h.held = append(make([]byte, 0, len(h.held)+hidingStep), h.held...)
	}
	n, err := h.inner.Read(h.held[len(h.held):cap(h.held)])
	h.held, h.err = h.held[:len(h.held)+n], err
	h.clean = max(len(h.held)-h.keep, 0)
	if err != nil {
		h.clean = len(h.held)
	}
	hideUntil(h.held, h.token, h.clean)
}
