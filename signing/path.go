package signing

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate/internal/words"
)

// maxPath bounds a path as received, in bytes. The longest path of the billing API has below 200.
const maxPath = 8 << 10

// ParsePath decodes a path as it came over the wire (before any "?"). It accepts only what every reader takes for the
// same segments: see "Paths" in the package comment. The error is always a [*TargetError].
func ParsePath(raw string) (decoded string, err error) {
	switch {
	case len(raw) > maxPath:
		return "", pathError(maxPath, "error.target.long_path")
	case raw == "" || raw[0] != '/':
		return "", pathError(0, "error.target.start")
	case raw == "/":
		return raw, nil
	}
	escaped := false
	for start := 1; start <= len(raw); {
		end := len(raw)
		if n := strings.IndexByte(raw[start:], '/'); n >= 0 {
			end = start + n
		}
		found, err := checkSegment(raw, start, end)
		if err != nil {
			return "", err
		}
		escaped = escaped || found
		start = end + 1
	}
	if !escaped {
		return raw, nil
	}
	decoded = decodePath(raw)
	return decoded, checkDecoded(raw, decoded)
}

// checkSegment checks the bytes and escapes of raw[start:end]; escaped reports whether there are escapes.
func checkSegment(raw string, start, end int) (escaped bool, err error) {
	length, dots := 0, 0
	for i := start; i < end; i++ {
		c := raw[i]
		if c == '%' {
			if c, err = pathEscape(raw[:end], i); err != nil {
				return false, err
			}
			i, escaped = i+2, true
		} else if classes[c]&pathRaw == 0 {
			return false, pathError(i, rawProblem(c))
		}
		if c == '.' {
			dots++
		}
		length++
	}
	switch {
	case length == 0 && start == len(raw):
		return false, pathError(start-1, "error.target.slash")
	case length == 0:
		return false, pathError(start, "error.target.empty")
	case length <= 2 && dots == length:
		return false, pathError(start, "error.target.dots")
	}
	return escaped, nil
}

func pathEscape(raw string, i int) (byte, error) {
	c, ok := unescape(raw, i)
	switch {
	case !ok:
		return 0, pathError(i, "error.target.percent")
	case c == '/' || c == '\\':
		return 0, pathError(i, "error.target.escaped_slash")
	case c == ';':
		return 0, pathError(i, "error.target.semicolon")
	case isControl(c):
		return 0, pathError(i, "error.target.escaped_control")
	}
	return c, nil
}

func rawProblem(c byte) string {
	switch {
	case c == ';':
		return "error.target.semicolon"
	case c == '\\':
		return "error.target.backslash"
	case c >= utf8.RuneSelf:
		return "error.target.not_ascii"
	case isControl(c):
		return "error.target.control"
	}
	return "error.target.escape"
}

// decodePath decodes a path whose escapes are known to be good.
func decodePath(raw string) string {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		c, ok := unescape(raw, i)
		if !ok {
			b.WriteByte(raw[i])
			continue
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String()
}

// checkDecoded finds what shows only in the decoded text.
func checkDecoded(raw, decoded string) error {
	if at := badText(decoded); at >= 0 {
		return pathError(rawOffset(raw, at), "error.target.path_text")
	}
	for i := range len(decoded) {
		if _, again := unescape(decoded, i); again {
			return pathError(rawOffset(raw, i), "error.target.escaped_twice")
		}
	}
	return nil
}

// badText returns the offset of the first invalid UTF-8 or control character, -1 where there is none.
func badText(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
		if unicode.IsControl(r) {
			return i
		}
	}
	return -1
}

// rawOffset finds where the decoded byte at an offset stands in the escaped text.
func rawOffset(raw string, decoded int) int {
	i := 0
	for ; decoded > 0 && i < len(raw); decoded-- {
		if raw[i] == '%' {
			i += 2
		}
		i++
	}
	return i
}

func pathError(offset int, id string) error {
	return &TargetError{Part: "path", Offset: offset, Msg: words.Say(id)}
}

// CanonicalPath escapes a decoded path as it is sent and, with a final slash, signed: A-Z a-z 0-9 - _ . ~ and "/" stay,
// every other byte becomes "%" and two upper-case hex digits. The empty path becomes "/". Text that needs no escape is
// returned as it is, without an allocation.
func CanonicalPath(decoded string) string {
	if decoded == "" {
		return "/"
	}
	escapes := 0
	for i := range len(decoded) {
		if c := decoded[i]; classes[c]&unreserved == 0 && c != '/' {
			escapes++
		}
	}
	if escapes == 0 {
		return decoded
	}
	return string(appendEscaped(make([]byte, 0, len(decoded)+2*escapes), decoded, '/'))
}
