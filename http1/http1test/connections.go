package http1test

import (
	"fmt"
	"strings"
)

func connections() []Case {
	second := func(lines ...string) string { return message("GET /2 HTTP/1.1", lines...) }
	cases := []Case{
		read("two requests", get()+second(), "GET /", "GET /2"),
		read("twenty requests", strings.Repeat(get(), 20), times(20, "GET /")...),
		read("bodies between requests", post("abc", "Content-Length: 3")+post("1\r\na\r\n0\r\n\r\n", chunked)+second(), "POST / [abc]", "POST / [a]", "GET /2"),
		read("each has a Host of its own", get()+"GET /2 HTTP/1.1\r\nHost: i\r\n\r\n", "GET /", "GET /2 @i"),
		read("fields of one request are not those of the next", get("X: 1", "Y: 2")+second("X: 3"), "GET / {X: 1} {Y: 2}", "GET /2 {X: 3}"),
		read("a trailer is not of the next request", post("0\r\nX: 1\r\n\r\n", chunked)+second("Y: 2"), "POST / <X: 1>", "GET /2 {Y: 2}"),
		Case{Name: "the second request is broken", Sent: get() + "GET /2\r\n\r\n", Want: []string{"GET /"}, End: Refused},
		Case{Name: "the second request has no Host", Sent: get() + "GET /2 HTTP/1.1\r\n\r\n", Want: []string{"GET /"}, End: Refused},
		Case{Name: "line end between requests", Sent: get() + "\r\n" + second(), Want: []string{"GET /"}, End: Refused},
		Case{Name: "line end behind a body", Sent: post("abc\r\n", "Content-Length: 3") + second(), Want: []string{"POST / [abc]"}, End: Refused, Repaired: true},
		Case{Name: "a byte behind a body", Sent: post("abcd", "Content-Length: 3") + second(), Want: []string{"POST / [abc]", "dGET /2"}, End: Next},
		Case{Name: "NUL behind a body", Sent: post("abc\x00", "Content-Length: 3") + second(), Want: []string{"POST / [abc]"}, End: Refused},
		Case{Name: "body without a length", Sent: post("abc\r\n\r\n"), Want: []string{"POST /"}, End: Refused},
		cut(Case{Name: "the second request is cut short", Sent: get() + "GET /2 HT", Want: []string{"GET /"}, End: Refused}),
		{Name: "requests behind a broken body", Sent: post("x\r\n", chunked) + second(), Want: []string{"POST /"}, End: Broken},
		closes(read("HTTP/1.0 closes", "GET / HTTP/1.0\r\nHost: h\r\n\r\n"+second(), "GET / HTTP/1.0")),
	}
	for _, value := range []string{"close", "Close", "CLOSE", "close, x", "x, close", "x,close", " , ,close", "keep-alive, close", "close, keep-alive", "\tclose\t"} {
		cases = append(cases, closes(read(fmt.Sprintf("Connection: %q", value), get("Connection: "+value)+second(), "GET /")))
	}
	for _, value := range []string{"", "keep-alive", "closed", "x-close", "close-x", "clos", "\"close\"", "x;close", "close;", "not-close, x", "Host"} {
		cases = append(cases, read(fmt.Sprintf("Connection: %q", value), get("Connection: "+value)+second(), "GET /", "GET /2"))
	}
	return append(cases,
		closes(read("Connection in two fields", get("Connection: keep-alive", "X: 1", "Connection: close")+second(), "GET / {X: 1}")),
		closes(read("close with a body", post("abc", "Content-Length: 3", "Connection: close")+second(), "POST / [abc]")),
		read("Expect", post("abc", "Content-Length: 3", "Expect: 100-continue"), "POST / [abc]"),
		read("Expect in capitals", post("abc", "Content-Length: 3", "Expect: 100-CONTINUE"), "POST / [abc]"),
		read("Expect, chunked", post("3\r\nabc\r\n0\r\n\r\n", chunked, "Expect: 100-continue"), "POST / [abc]"),
		read("Expect without a body", get("Expect: 100-continue"), "GET /"),
		closes(read("Expect in HTTP/1.0", message("POST / HTTP/1.0", "Content-Length: 3", "Expect: 100-continue")+"abc", "POST / HTTP/1.0 [abc]")),
		status(417, refused("Expect of something else", post("abc", "Content-Length: 3", "Expect: x"))),
		status(417, refused("Expect of almost that", post("abc", "Content-Length: 3", "Expect: 100-continued"))),
		status(417, repairs("Expect of more than that", post("abc", "Content-Length: 3", "Expect: y 100-continue"))),
		status(417, repairs("Expect of two things", post("abc", "Content-Length: 3", "Expect: 100-continue, x"))),
		status(417, repairs("Expect twice", post("abc", "Content-Length: 3", "Expect: 100-continue", "Expect: x"))),
	)
}

// bounds have what is too large for any limit that a server would set.
func bounds() []Case {
	return []Case{
		status(431, refused("an endless method", strings.Repeat("M", 1<<20))),
		status(431, refused("an endless target", as("GET /"+strings.Repeat("x", 1<<20)+" HTTP/1.1"))),
		status(431, refused("an endless name", get(strings.Repeat("X", 1<<20)+": 1"))),
		status(431, refused("an endless value", get("X: "+strings.Repeat("x", 1<<20)))),
		status(431, refused("blanks without end", get("X:"+strings.Repeat(" ", 1<<20)))),
		status(431, refused("fields without end", get(times(200_000, "X: 1")...))),
	}
}
