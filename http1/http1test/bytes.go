package http1test

import (
	"fmt"
	"net/http"
	"strings"
)

// everyByte puts each byte in each place of a message. What the grammar has there is read, and everything else is refused.
func everyByte() (cases []Case) {
	for i := range 256 {
		cases = append(cases, inHead(byte(i))...)
		cases = append(cases, inFraming(byte(i))...)
	}
	return cases
}

// at returns the case of a byte in a place, where it is read so; for an empty want it is refused.
func at(b byte, place, sent, want string) Case {
	name := fmt.Sprintf("byte %#02x in %s", b, place)
	if want == "" {
		return refused(name, sent)
	}
	return read(name, sent, want)
}

// if returns want for what the grammar has.
func where(ok bool, want string) string {
	if !ok {
		return ""
	}
	return want
}

func inHead(i byte) []Case {
	b := string([]byte{i})
	visible := i > ' ' && i < 0x7f
	token := visible && !strings.Contains(`"(),/:;<=>?@[\]{}`, b) // RFC 9110 section 5.6.2
	host := visible && !strings.Contains("\"#/<>?@\\^`{|}", b)    // RFC 3986 section 3.2: reg-name, IP-literal, port
	value := i >= ' ' && i != 0x7f || i == '\t'                   // RFC 9110 section 5.5
	target := visible || i >= 0x80                                // what is not ASCII is taken beyond RFC 3986, since people type it and tools send it
	name := where(token, "GET / {"+http.CanonicalHeaderKey("X"+b+"y")+": 1}")
	if b == ":" {
		name = "GET / {X: y: 1}"
	}
	return []Case{
		at(i, "a method", as("G"+b+"T / HTTP/1.1"), where(token, "G"+b+"T /")),
		at(i, "a host", "GET / HTTP/1.1\r\nHost: a"+b+"00\r\n\r\n", where(host, "GET / @a"+b+"00")),
		at(i, "a name", get("X"+b+"y: 1"), name),
		at(i, "a value", get("X: a"+b+"c"), where(value, "GET / {X: a"+b+"c}")),
		at(i, "place of the colon", get("X"+b+" 1"), where(b == ":", "GET / {X: 1}")),
		at(i, "a path", as("GET /a"+b+"00 HTTP/1.1"), where(target, "GET /a"+b+"00")),
		at(i, "a query", as("GET /?a"+b+"00 HTTP/1.1"), where(target, "GET /?a"+b+"00")),
		at(i, "place of the dot of a version", as("GET / HTTP/1"+b+"1"), where(b == ".", "GET /")),
	}
}

func inFraming(i byte) []Case {
	b := string([]byte{i})
	digit := i >= '0' && i <= '9'
	length := 100 + 10*int(i-'0')
	if !digit {
		length = 3
	}
	body := strings.Repeat("x", length)
	size := strings.Index("0123456789abcdef", strings.ToLower(b))
	data := strings.Repeat("x", max(16+size, 3))
	return []Case{
		at(i, "a length", post(body, "Content-Length: 1"+b+"0"), where(digit, "POST / ["+body+"]")),
		status(501, at(i, "an encoding", post("0\r\n\r\n", "Transfer-Encoding: chun"+b+"ked"), "")),
		chunkAt(i, "a size", "1"+b+"\r\n"+data+"\r\n0\r\n\r\n", size >= 0, data),
		chunkAt(i, "the line end behind a size", "3\r"+b+"abc\r\n0\r\n\r\n", b == "\n", "abc"),
		chunkAt(i, "the line end behind a chunk", "3\r\nabc"+b+"\n0\r\n\r\n", b == "\r", "abc"),
		chunkAt(i, "the last line end", "3\r\nabc\r\n0\r\n\r"+b, b == "\n", "abc"),
	}
}

func chunkAt(i byte, place, body string, ok bool, data string) Case {
	if ok {
		return at(i, place, post(body, chunked), "POST / ["+data+"]")
	}
	return broken(fmt.Sprintf("byte %#02x in %s", i, place), post(body, chunked), "POST /")
}
