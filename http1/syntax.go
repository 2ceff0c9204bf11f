package http1

// Classes of bytes.
const (
	inToken   = 1 << iota // RFC 9110 section 5.6.2
	inValue               // of a field: RFC 9110 section 5.5
	inTarget              // what is visible, and what is not ASCII, which people type; what of it a path or query may have, others judge
	inHost                // RFC 3986 section 3.2.2, and the port
	inReason              // RFC 9112 section 4
	hexDigits             // of a chunk's size
)

var classes = func() (of [256]uint8) {
	mark := func(class uint8, bytes string) {
		for i := range len(bytes) {
			of[bytes[i]] |= class
		}
	}
	const digits, letters = "0123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark(inToken, digits+letters+"!#$%&'*+-.^_`|~")
	mark(inHost, digits+letters+"-._~%!$&'()*+,;=:[]")
	mark(hexDigits, digits+"abcdefABCDEF")
	mark(inValue|inReason, "\t ")
	for b := 0x21; b < 0x7f; b++ {
		of[b] |= inValue | inReason | inTarget
	}
	for b := 0x80; b <= 0xff; b++ {
		of[b] |= inValue | inReason | inTarget
	}
	return of
}()

// prefix returns how many bytes at the beginning of s are of a class.
func prefix(s string, class uint8) int {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return i
		}
	}
	return len(s)
}

// all reports whether all bytes of s are of a class.
func all(s string, class uint8) bool { return prefix(s, class) == len(s) }

// valuePrefix is prefix of inValue. It looks at eight bytes as one number while all are printable or not ASCII.
func valuePrefix(s string) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(s)-n >= 8; n += 8 {
		w := word(s[n : n+8])
		control, del := (w-' '*ones)&^w, w^0x7f*ones
		if (control|(del-ones)&^del)&highs != 0 { // the lowest such byte is a control character, and may be a tab
			break
		}
	}
	return n + prefix(s[n:], inValue)
}

// word returns eight bytes as a number, which is one instruction.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// IsToken reports whether s is a token, as methods and the names of fields are.
func IsToken(s string) bool { return s != "" && all(s, inToken) }

// IsFieldValue reports whether s has no characters that the value of a field must not have.
func IsFieldValue(s string) bool { return valuePrefix(s) == len(s) }

// trim removes the white space around a value, RFC 9110 section 5.6.3.
func trim(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

// decimal reads 1*DIGIT that fits an int64.
func decimal(s string) (n int64, ok bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		digit := int64(s[i]) - '0'
		if digit < 0 || digit > 9 || n > (1<<63-1-digit)/10 {
			return 0, false
		}
		n = 10*n + digit
	}
	return n, true
}
