package http1test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The grammar as expressions over Latin-1, in which each byte is a rune.
const (
	token  = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"               // RFC 9110 section 5.6.2
	text   = `[\t\x20-\x7e\x{80}-\x{ff}]*`               // a field's value with the white space around it, RFC 9110 section 5.5
	fields = `((?:` + token + `:` + text + `\r\n)*)\r\n` // RFC 9112 section 5
)

var (
	requestHead = regexp.MustCompile(`\A(` + token + `) ([\x21-\x7e\x{80}-\x{ff}]+) HTTP/1\.([01])\r\n` + fields)
	answerHeads = regexp.MustCompile(`\A(?:HTTP/1\.[01] 1[0-9][0-9](?: ` + text + `)?\r\n` + fields + `)*HTTP/1\.[01] [2-5][0-9][0-9](?: ` + text + `)?\r\n` + fields)
	fieldLine   = regexp.MustCompile(`(` + token + `):[\t ]*(` + text + `)\r\n`)
	chunkLine   = regexp.MustCompile(`\A([0-9A-Fa-f]{1,15})(?:;` + text + `)?\r\n`) // extensions are laxer here than in RFC 9112 section 7.1.1
	trailer     = regexp.MustCompile(`\A` + fields)
	host        = regexp.MustCompile(`\A(?:[A-Za-z0-9._~!$&'()*+,;=:\[\]%-])*\z`) // RFC 3986 section 3.2.2, and the port
	closing     = regexp.MustCompile(`(?i)(?:\A|,)[\t ]*close[\t ]*(?:,|\z)`)
)

// Extents cuts a stream into requests by the grammar alone, and says what comes after them: a second reading of the RFCs, written as
// differently as possible. It knows no limits. Of a request whose body is broken it returns the head.
func Extents(stream string) (requests []string, end End) {
	left := latin1(stream)
	for left != "" {
		head := requestHead.FindStringSubmatch(left)
		if head == nil {
			return requests, Refused
		}
		body, ok := framed(left[len(head[0]):], head[3], head[4])
		if !ok {
			return requests, Refused
		}
		if body < 0 {
			return append(requests, bytesOf(head[0])), Broken
		}
		length := len(head[0]) + body
		requests, left = append(requests, bytesOf(left[:length])), left[length:]
		if head[3] == "0" || slices.ContainsFunc(values(head[4], "connection"), closing.MatchString) {
			return requests, Closes
		}
	}
	return requests, Next
}

// IsAnswer reports whether a stream begins with the head of an answer, behind interim ones, RFC 9112 section 4. The blank before an empty
// reason may be missing, as some servers have it.
func IsAnswer(stream string) bool { return answerHeads.MatchString(latin1(stream)) }

// framed returns how long the body at the beginning of a text is, -1 if it is broken.
func framed(rest, minor, lines string) (length int, ok bool) {
	hosts, lengths, encodings := values(lines, "host"), values(lines, "content-length"), values(lines, "transfer-encoding")
	switch {
	case len(hosts) > 1, len(hosts) == 0 && minor == "1", len(hosts) == 1 && !host.MatchString(hosts[0]):
		return 0, false
	case len(encodings) > 0:
		if minor == "0" || len(lengths) > 0 || len(encodings) > 1 || asciiLower(encodings[0]) != "chunked" {
			return 0, false
		}
		return chunkedLength(rest), true
	case len(lengths) == 0:
		return 0, true
	case len(lengths) > 1 || strings.Trim(lengths[0], "0123456789") != "":
		return 0, false
	}
	n, err := strconv.ParseInt(lengths[0], 10, 64)
	if err != nil {
		return 0, false
	}
	if n > int64(len([]rune(rest))) {
		return -1, true
	}
	return len(string([]rune(rest)[:n])), true
}

func chunkedLength(rest string) int {
	all := rest
	for {
		line := chunkLine.FindStringSubmatch(rest)
		if line == nil {
			return -1
		}
		rest = rest[len(line[0]):]
		size, _ := strconv.ParseInt(line[1], 16, 64) // it has 15 digits at most
		if size == 0 {
			end := trailer.FindString(rest)
			if end == "" {
				return -1
			}
			return len(all) - len(rest) + len(end)
		}
		runes := []rune(rest)
		if size+2 > int64(len(runes)) || string(runes[size:size+2]) != "\r\n" {
			return -1
		}
		rest = string(runes[size+2:])
	}
}

// values returns the values of fields of a name, which is in lower case.
func values(lines, name string) (of []string) {
	for _, field := range fieldLine.FindAllStringSubmatch(lines, -1) {
		if asciiLower(field[1]) == name {
			of = append(of, strings.TrimRight(field[2], "\t "))
		}
	}
	return of
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// latin1 makes a rune of each byte, and bytesOf a byte of each rune.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

func bytesOf(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}
