package bss

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is the first byte of a JSON value: '{', '[', '"', 't', 'f', 'n', and '0' for all numbers.
type kind byte

// scanner reads the tokens of a JSON text where they stand: it copies nothing. It is as strict as RFC 8259, and asks for
// UTF-8 (section 8.1) and whole surrogate pairs, since readers differ in what they take anything else for.
type scanner struct {
	text []byte
	pos  int // of what is read next; of what is at fault, after a fault

	escaped bool // something is escaped in the string read last
}

// peek returns the next byte that is not white space (section 2), 0 at the end.
func (s *scanner) peek() byte {
	for ; s.pos < len(s.text); s.pos++ {
		if c := s.text[s.pos]; c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

// accept reads c if it comes next, and reports whether it did.
func (s *scanner) accept(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// scalar reads a value that is neither object nor array and begins with first; raw is nil if there is none.
func (s *scanner) scalar(first byte) (kind kind, raw []byte) {
	switch first {
	case '"':
		return '"', s.quoted()
	case 't':
		return 't', s.literal("true")
	case 'f':
		return 'f', s.literal("false")
	case 'n':
		return 'n', s.literal("null")
	}
	return '0', s.take(numberLength(s.text[s.pos:]))
}

func (s *scanner) literal(want string) []byte {
	if rest := s.text[s.pos:]; len(rest) < len(want) || string(rest[:len(want)]) != want {
		return nil
	}
	return s.take(len(want))
}

// take reads the next n bytes; nil if n is 0.
func (s *scanner) take(n int) []byte {
	if n == 0 {
		return nil
	}
	s.pos += n
	return s.text[s.pos-n : s.pos]
}

// quoted reads the string that begins here, with its quotes; nil if it is at fault.
func (s *scanner) quoted() []byte {
	start := s.pos
	s.escaped = false
	for s.pos++; s.plain(); {
		switch s.text[s.pos] {
		case '"':
			s.pos++
			return s.text[start:s.pos]
		case '\\':
			if s.take(escapeLength(s.text[s.pos:])) == nil {
				return nil
			}
			s.escaped = true
		default: // a control character
			return nil
		}
	}
	return nil
}

// plain reads what stands for itself in a string, and reports whether it is UTF-8 and something follows it.
func (s *scanner) plain() bool {
	n, ascii := plainLength(s.text[s.pos:])
	if !ascii && !utf8.Valid(s.text[s.pos:s.pos+n]) {
		return false
	}
	s.pos += n
	return s.pos < len(s.text)
}

// Eight bytes are looked at as one number, the first of them lowest.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainLength counts the bytes before the first quote, backslash or control character, and reports whether all are ASCII.
func plainLength(b []byte) (n int, ascii bool) {
	var seen uint64
	for ; ; n += 8 {
		if n == 64 { // most strings are shorter
			blocks, bytes := plainBlocks(b[n:])
			n, seen = n+blocks, seen|bytes
		}
		w := word(b[n:])
		if found := special(w); found != 0 {
			bit := bits.TrailingZeros64(found)
			seen |= w & (1<<bit - 1)
			return n + bit/8, seen&highs == 0
		}
		seen |= w
	}
}

// plainBlocks counts the bytes of blocks of 32 bytes that hold nothing special, and returns all of their bits that are set. Blocks of ASCII
// alone, as most are, need fewer steps.
func plainBlocks(b []byte) (n int, seen uint64) {
	for ; len(b)-n >= 32; n += 32 {
		block := b[n : n+32]
		w0, w1 := binary.LittleEndian.Uint64(block), binary.LittleEndian.Uint64(block[8:])
		w2, w3 := binary.LittleEndian.Uint64(block[16:]), binary.LittleEndian.Uint64(block[24:])
		set := w0 | w1 | w2 | w3
		if (below(w0)|below(w1)|below(w2)|below(w3)|set)&highs == 0 {
			continue
		}
		if special(w0)|special(w1)|special(w2)|special(w3) != 0 {
			break
		}
		seen |= set
	}
	return n, seen
}

// special sets the high bit of each byte that is a quote, a backslash or a control character. Bytes above the lowest such
// byte may have it set too, by the borrow of the subtraction.
func special(w uint64) uint64 { return below(w) &^ w & highs }

// below does so where all bytes are ASCII; other bits mean nothing. The exclusive or with 2 puts the quote (0x22) next to the
// control characters, below 0x21; that with a backslash makes the backslash the only byte below 1.
func below(w uint64) uint64 { return ((w ^ 2*ones) - 0x21*ones) | ((w ^ '\\'*ones) - ones) }

// word returns the first eight bytes. At the end of the text zeros stand for those that are missing: control characters, at
// which every search ends.
func word(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b)
	}
	var last [8]byte
	copy(last[:], b)
	return binary.LittleEndian.Uint64(last[:])
}

// numberLength returns the length of the number that b begins with (section 6), 0 if there is none.
func numberLength(b []byte) int {
	n := 0
	if len(b) > 0 && b[0] == '-' {
		n = 1
	}
	whole := digits(b[n:])
	if whole == 0 || whole > 1 && b[n] == '0' {
		return 0
	}
	n += whole
	fraction := fractionLength(b[n:])
	if fraction < 0 {
		return 0
	}
	n += fraction
	exponent := exponentLength(b[n:])
	if exponent < 0 {
		return 0
	}
	return n + exponent
}

// fractionLength returns the length of the fraction that b begins with: 0 if there is none, -1 if it is at fault.
func fractionLength(b []byte) int {
	if len(b) == 0 || b[0] != '.' {
		return 0
	}
	n := digits(b[1:])
	if n == 0 {
		return -1
	}
	return 1 + n
}

// exponentLength does the same for the exponent.
func exponentLength(b []byte) int {
	if len(b) == 0 || b[0]|0x20 != 'e' {
		return 0
	}
	sign := 0
	if len(b) > 1 && (b[1] == '+' || b[1] == '-') {
		sign = 1
	}
	n := digits(b[1+sign:])
	if n == 0 {
		return -1
	}
	return 1 + sign + n
}

func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// escapeLength returns the length of the escape sequence that b begins with (section 7), both halves of a surrogate pair
// together; 0 if it is none.
func escapeLength(b []byte) int {
	switch {
	case len(b) < 2:
		return 0
	case b[1] != 'u' && strings.IndexByte(`"\/bfnrt`, b[1]) < 0:
		return 0
	case b[1] != 'u':
		return 2
	}
	switch r := hex4(b[2:]); {
	case r < 0:
		return 0
	case !utf16.IsSurrogate(r):
		return 6
	case len(b) < 12 || b[6] != '\\' || b[7] != 'u' || utf16.DecodeRune(r, hex4(b[8:])) == utf8.RuneError:
		return 0
	}
	return 12
}

// hex4 reads four hexadecimal digits; -1: there are none.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
