package http1test

import (
	"fmt"
	"strings"
)

// Answer is what a server sends on a connection, and what has to be read of it.
type Answer struct {
	Name   string
	Method string // of the request; empty: GET
	Sent   string // the whole of what the server sends before it ends the connection
	Want   string // see [Read.String]; empty: it is refused before its body
	Rest   string // of Sent, which is not part of the answer
	Broken bool   // the body does not end as it should

	// Repaired: net/http reads it, or reads it as something else. Otherwise it reads exactly so.
	Repaired bool
}

// Read is an answer as it was read.
type Read struct {
	Status  int
	Reason  string
	Minor   int
	Header  map[string][]string
	Body    string
	Trailer map[string][]string
	Length  int64 // of the body; -1: it was not said
}

// String returns the answer in the form of [Answer.Want]: the status, "(REASON)" if it has one, fields, body and trailer as requests have it.
func (r *Read) String() string {
	var b strings.Builder
	fmt.Fprint(&b, r.Status)
	if r.Reason != "" {
		b.WriteString(" (" + r.Reason + ")")
	}
	if r.Minor != 1 {
		fmt.Fprintf(&b, " HTTP/1.%d", r.Minor)
	}
	writeHeader(&b, r.Header, "{}")
	if r.Body != "" {
		b.WriteString(" [" + r.Body + "]")
	}
	writeHeader(&b, r.Trailer, "<>")
	return b.String()
}

// Answers returns all cases of answers.
func Answers() []Answer {
	return join(statusLines(), answerFields(), answerBodies(), interim(), bytesOfAnswers())
}

func answer(line, rest string, lines ...string) string {
	return strings.Join(append([]string{line}, lines...), "\r\n") + "\r\n\r\n" + rest
}

// ok is an answer with these header lines, and what follows.
func ok(rest string, lines ...string) string { return answer("HTTP/1.1 200 OK", rest, lines...) }

// line is an answer with this status line and an empty body.
func line(l string) string { return answer(l, "", "Content-Length: 0") }

func statusLines() []Answer {
	cases := []Answer{
		{Name: "status line", Sent: line("HTTP/1.1 200 OK"), Want: "200 (OK)"},
		{Name: "long reason", Sent: line("HTTP/1.1 404 Not \t Found (here) \xe4\xff"), Want: "404 (Not \t Found (here) \xe4\xff)"},
		{Name: "empty reason", Sent: line("HTTP/1.1 200 "), Want: "200"},
		{Name: "no reason", Sent: line("HTTP/1.1 200"), Want: "200"},
		{Name: "HTTP/1.0", Sent: line("HTTP/1.0 200 OK"), Want: "200 (OK) HTTP/1.0"},
		{Name: "HTTP/1.2", Sent: line("HTTP/1.2 200 OK"), Repaired: true},
		{Name: "HTTP/2.0", Sent: line("HTTP/2.0 200 OK"), Repaired: true},
		{Name: "HTTP/0.9", Sent: "hello"},
		{Name: "version in lower case", Sent: line("http/1.1 200 OK")},
		{Name: "no version", Sent: line("200 OK")},
		{Name: "another protocol", Sent: line("ICY 200 OK")},
		{Name: "version with zeros", Sent: line("HTTP/01.1 200 OK")},
		{Name: "two blanks before the status", Sent: line("HTTP/1.1  200 OK"), Repaired: true},
		{Name: "tab before the status", Sent: line("HTTP/1.1\t200 OK")},
		{Name: "blank in front", Sent: line(" HTTP/1.1 200 OK")},
		{Name: "line end in front", Sent: "\r\n" + line("HTTP/1.1 200 OK")},
		{Name: "NUL in the reason", Sent: line("HTTP/1.1 200 O\x00K"), Repaired: true},
		{Name: "carriage return in the reason", Sent: line("HTTP/1.1 200 O\rK"), Repaired: true},
		{Name: "line feed behind the status line", Sent: "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", Repaired: true},
		{Name: "tab behind the status", Sent: line("HTTP/1.1 200\tOK")},
		{Name: "nothing", Sent: ""},
		{Name: "cut in the status line", Sent: "HTTP/1.1 20"},
		{Name: "cut in the header", Sent: "HTTP/1.1 200 OK\r\nContent-Le"},
		{Name: "cut before the blank line", Sent: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"},
	}
	for _, status := range []string{"", "20", "2", "2000", "20x", "x00", "-20", "2.0", "٢٠٠", "0x1"} {
		cases = append(cases, Answer{Name: fmt.Sprintf("status %q", status), Sent: line("HTTP/1.1 " + status + " OK")})
	}
	for _, status := range []string{"000", "042", "600", "999", "+20"} { // RFC 9110 section 15: outside of 100 to 599 is invalid
		cases = append(cases, Answer{Name: "status " + status, Sent: line("HTTP/1.1 " + status + " OK"), Repaired: true})
	}
	return cases
}

func answerFields() []Answer {
	const length = "Content-Length: 0"
	one := func(l string) string { return ok("", length, l) }
	return []Answer{
		{Name: "field", Sent: one("X: 1"), Want: "200 (OK) {X: 1}"},
		{Name: "values are trimmed", Sent: one("X:\t 1 \t"), Want: "200 (OK) {X: 1}"},
		{Name: "fields of one name", Sent: one("X: 1\r\nx: 2"), Want: "200 (OK) {X: 1} {X: 2}"},
		{Name: "obs-text", Sent: one("X: \xff\x80"), Want: "200 (OK) {X: \xff\x80}"},
		{Name: "blank before the colon", Sent: one("X : 1"), Repaired: true},
		{Name: "blank in a name", Sent: one("X Y: 1"), Repaired: true},
		{Name: "no colon", Sent: one("X")},
		{Name: "no name", Sent: one(": 1")},
		{Name: "not ASCII in a name", Sent: one("X\xe4: 1")},
		{Name: "folded", Sent: one("X: 1\r\n 2"), Repaired: true},
		{Name: "folded in front", Sent: ok("", " X: 1", length)},
		{Name: "bare line feed", Sent: one("X: 1\nY: 2"), Repaired: true},
		{Name: "bare carriage return", Sent: one("X: 1\rY: 2")},
		{Name: "carriage return twice", Sent: one("X: 1\r")},
		{Name: "NUL in a value", Sent: one("X: a\x00b")},
		{Name: "delete in a value", Sent: one("X: \x7f")},
		{Name: "endless header", Sent: ok("", times(200_000, "X: 1")...), Repaired: true},
		{Name: "endless value", Sent: one("X: " + strings.Repeat("x", 1<<20)), Repaired: true},
	}
}

func answerBodies() []Answer {
	cases := []Answer{
		{Name: "length", Sent: ok("abc", "Content-Length: 3"), Want: "200 (OK) [abc]"},
		{Name: "length and more", Sent: ok("abcd", "Content-Length: 3"), Want: "200 (OK) [abc]", Rest: "d"},
		{Name: "length and another answer", Sent: ok("abc", "Content-Length: 3") + line("HTTP/1.1 404 x"), Want: "200 (OK) [abc]", Rest: line("HTTP/1.1 404 x")},
		{Name: "chunked", Sent: ok("3\r\nabc\r\n0\r\n\r\n", chunked), Want: "200 (OK) [abc]"},
		{Name: "chunked and more", Sent: ok("3\r\nabc\r\n0\r\n\r\nx", chunked), Want: "200 (OK) [abc]", Rest: "x"},
		{Name: "chunked, extension, trailer", Sent: ok("3;a=b\r\nabc\r\n0\r\nX: 1\r\n\r\n", chunked), Want: "200 (OK) [abc] <X: 1>"},
		{Name: "until the end", Sent: ok("abc"), Want: "200 (OK) [abc]"},
		{Name: "until the end, with Connection", Sent: ok("abc", "Connection: close"), Want: "200 (OK) [abc]"},
		{Name: "until the end, what looks like chunks", Sent: ok("0\r\n\r\nabc"), Want: "200 (OK) [0\r\n\r\nabc]"},
		{Name: "until the end, of HTTP/1.0", Sent: answer("HTTP/1.0 200 OK", "abc"), Want: "200 (OK) HTTP/1.0 [abc]"},
		{Name: "length in HTTP/1.0", Sent: answer("HTTP/1.0 200 OK", "abc", "Content-Length: 3"), Want: "200 (OK) HTTP/1.0 [abc]"},
		{Name: "none for HEAD", Method: "HEAD", Sent: ok("", "Content-Length: 3"), Want: "200 (OK)"},
		{Name: "none for HEAD, though chunked", Method: "HEAD", Sent: ok("", chunked), Want: "200 (OK)"},
		{Name: "none for HEAD, without a length", Method: "HEAD", Sent: ok("abc"), Want: "200 (OK)", Rest: "abc"},
		{Name: "none for HEAD, though there is one", Method: "HEAD", Sent: ok("abc", "Content-Length: 3"), Want: "200 (OK)", Rest: "abc"},
		{Name: "none for 204", Sent: answer("HTTP/1.1 204 x", ""), Want: "204 (x)"},
		{Name: "none for 204, though there is one", Sent: answer("HTTP/1.1 204 x", "abc"), Want: "204 (x)", Rest: "abc"},
		{Name: "none for 304 with a length", Sent: answer("HTTP/1.1 304 x", "abc", "Content-Length: 3"), Want: "304 (x)", Rest: "abc"},
		{Name: "none for 304, though chunked", Sent: answer("HTTP/1.1 304 x", "0\r\n\r\n", chunked), Want: "304 (x)", Rest: "0\r\n\r\n"},
		{Name: "length and chunked", Sent: ok("0\r\n\r\n", "Content-Length: 5", chunked), Repaired: true},
		{Name: "chunked and length", Sent: ok("0\r\n\r\n", chunked, "Content-Length: 0"), Repaired: true},
		{Name: "length and chunked for HEAD", Method: "HEAD", Sent: ok("", "Content-Length: 5", chunked), Repaired: true},
		{Name: "same length twice", Sent: ok("abc", "Content-Length: 3", "Content-Length: 3"), Repaired: true},
		{Name: "two lengths", Sent: ok("abcd", "Content-Length: 3", "Content-Length: 4")},
		{Name: "two lengths for HEAD", Method: "HEAD", Sent: ok("", "Content-Length: 3", "Content-Length: 4")},
		{Name: "chunked twice", Sent: ok("0\r\n\r\n", chunked, chunked)},
		{Name: "chunked in HTTP/1.0", Sent: answer("HTTP/1.0 200 OK", "0\r\n\r\n", chunked), Repaired: true},
		{Name: "cut before its length", Sent: ok("ab", "Content-Length: 3"), Want: "200 (OK)", Broken: true},
		{Name: "cut in a chunk", Sent: ok("3\r\nab", chunked), Want: "200 (OK)", Broken: true},
		{Name: "cut behind a chunk", Sent: ok("3\r\nabc\r\n", chunked), Want: "200 (OK)", Broken: true},
		{Name: "cut before the trailer's end", Sent: ok("3\r\nabc\r\n0\r\n", chunked), Want: "200 (OK)", Broken: true},
		{Name: "broken chunk", Sent: ok("x\r\nabc\r\n0\r\n\r\n", chunked), Want: "200 (OK)", Broken: true},
		{Name: "line feed behind a size", Sent: ok("3\nabc\r\n0\r\n\r\n", chunked), Want: "200 (OK)", Broken: true},
		{Name: "endless trailer", Sent: ok("0\r\n"+strings.Repeat("X: 1\r\n", 20_000)+"\r\n", chunked), Want: "200 (OK)", Broken: true},
	}
	for _, value := range []string{"", "+3", "-3", "0x3", "3, 3", "3 3", "3.0", "x", "9223372036854775808"} {
		cases = append(cases, Answer{Name: fmt.Sprintf("length %q", value), Sent: ok("abc", "Content-Length: "+value)})
	}
	for _, value := range []string{"", "identity", "gzip", "gzip, chunked", "chunked, chunked", "chun\u212aed", "xchunked", "chunked;a"} {
		cases = append(cases, Answer{Name: fmt.Sprintf("encoding %q", value), Sent: ok("0\r\n\r\n", "Transfer-Encoding: "+value)})
	}
	return cases
}

// interim are answers of class 1xx. http.ReadResponse returns each as an answer, which is why none is read by net/http alike.
func interim() []Answer {
	final := ok("abc", "Content-Length: 3")
	const want = "200 (OK) [abc]"
	return []Answer{
		{Name: "100 before an answer", Sent: answer("HTTP/1.1 100 Continue", "") + final, Want: want, Repaired: true},
		{Name: "103 with fields before an answer", Sent: answer("HTTP/1.1 103 Early Hints", "", "Link: x") + final, Want: want, Repaired: true},
		{Name: "two before an answer", Sent: answer("HTTP/1.1 100 x", "") + answer("HTTP/1.1 102 x", "") + final, Want: want, Repaired: true},
		{Name: "101", Sent: answer("HTTP/1.1 101 Switching Protocols", "", "Upgrade: x", "Connection: upgrade") + final, Repaired: true},
		{Name: "1xx without end", Sent: strings.Repeat(answer("HTTP/1.1 100 x", ""), 1000) + final, Repaired: true},
		{Name: "1xx and then nothing", Sent: answer("HTTP/1.1 100 x", ""), Repaired: true},
		{Name: "1xx and then a broken answer", Sent: answer("HTTP/1.1 100 x", "") + "HTTP/1.1 2 OK\r\n\r\n", Repaired: true},
		{Name: "broken 1xx", Sent: "HTTP/1.1 100 x\nX: 1\r\n\r\n" + final, Repaired: true},
	}
}

// bytesOfAnswers puts each byte in each place of a status line.
func bytesOfAnswers() (cases []Answer) {
	for i := range 256 {
		b := string([]byte{byte(i)})
		reason := Answer{Name: fmt.Sprintf("byte %#02x in a reason", i), Sent: line("HTTP/1.1 200 O" + b + "K"), Repaired: true}
		if i == '\t' || i >= ' ' && i != 0x7f {
			reason.Want, reason.Repaired = "200 (O"+b+"K)", false
		}
		if b == "\n" {
			reason.Repaired = false // of what is behind it comes no field
		}
		status := Answer{Name: fmt.Sprintf("byte %#02x in a status", i), Sent: line("HTTP/1.1 2" + b + "0 OK")}
		if i >= '0' && i <= '9' {
			status.Want = "2" + b + "0 (OK)"
		}
		cases = append(cases, reason, status)
	}
	return cases
}
