package signing

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Classes of bytes, as bits, so that one table look-up settles each of them.
const (
	unreserved uint16 = 1 << iota // RFC 3986 section 2.3: never escaped
	pathRaw                       // may stand unescaped inside a path segment: pchar of RFC 3986 section 3.3, less ";"
	wirePath                      // occurs in an escaped path
	wireQuery                     // occurs in a canonical query
	token                         // RFC 9110 section 5.6.2
	lowerToken                    // token without upper-case letters
	fieldValue                    // RFC 9110 section 5.5, with white space
	keyID                         // may occur in an access key's name
	lowerHex
	digit
)

var classes = func() (table [256]uint16) {
	add := func(class uint16, bytes string) {
		for i := range len(bytes) {
			table[bytes[i]] |= class
		}
	}
	const digits, lower, upper = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	const alnum = digits + lower + upper
	add(unreserved|pathRaw|wirePath|wireQuery, alnum+"-_.~")
	add(pathRaw, "!$&'()*+,=:@")
	add(wirePath, "/%")
	add(wireQuery, "&=%")
	add(token, alnum+"!#$%&'*+-.^_`|~")
	add(lowerToken, digits+lower+"!#$%&'*+-.^_`|~")
	add(keyID, alnum+"-_.")
	add(lowerHex, digits+"abcdef")
	add(digit, digits)
	for c := range table {
		if c == '\t' || c >= ' ' && c != 0x7f {
			table[c] |= fieldValue
		}
	}
	return table
}()

// all reports whether every byte of s is of a class. It has no branch per byte, because signing checks all that it signs.
func all(s string, class uint16) bool {
	common := class
	for ; len(s) >= 8; s = s[8:] {
		common &= classes[s[0]] & classes[s[1]] & classes[s[2]] & classes[s[3]] & classes[s[4]] & classes[s[5]] & classes[s[6]] & classes[s[7]]
	}
	for i := range len(s) {
		common &= classes[s[i]]
	}
	return common == class
}

// isFieldValue reports whether s may be the value of a header. Nearly all are printable ASCII, which is seen eight bytes at
// a time.
func isFieldValue(s string) bool {
	const low, high = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		control := w - ' '*low // borrows where a byte is below the space
		deleted := w + low     // carries into the high bit where a byte is DEL
		if (w|control|deleted)&high != 0 {
			break
		}
	}
	return all(s, fieldValue)
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

// unhex returns the value of a hex digit of either case; ok is false for another byte.
func unhex(c byte) (value byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// unescape decodes the percent escape at s[i]; ok is false where there is none.
func unescape(s string, i int) (c byte, ok bool) {
	if i+2 >= len(s) || s[i] != '%' {
		return 0, false
	}
	high, okHigh := unhex(s[i+1])
	low, okLow := unhex(s[i+2])
	return high<<4 | low, okHigh && okLow
}

const upperHex = "0123456789ABCDEF"

// appendEscaped appends s with every byte escaped that is neither unreserved nor the byte keep (0 keeps none).
func appendEscaped(dst []byte, s string, keep byte) []byte {
	for i := range len(s) {
		c := s[i]
		if classes[c]&unreserved != 0 || c == keep && keep != 0 {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
	}
	return dst
}

// hexPairs holds the two lower-case hex digits of each byte. Signing writes two sums in hex, for which encoding/hex,
// a digit at a time, takes a tenth of the whole.
var hexPairs = func() (table [256]uint16) {
	const digits = "0123456789abcdef"
	for i := range table {
		table[i] = uint16(digits[i>>4]) | uint16(digits[i&15])<<8
	}
	return table
}()

func appendHex(dst []byte, sum *[sha256.Size]byte) []byte {
	length := len(dst)
	dst = slices.Grow(dst, 2*len(sum))[:length+2*len(sum)]
	to := dst[length:]
	for i, c := range sum {
		binary.LittleEndian.PutUint16(to[2*i:2*i+2], hexPairs[c])
	}
	return dst
}
