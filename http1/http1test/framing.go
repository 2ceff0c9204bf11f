package http1test

import (
	"fmt"
	"strings"
)

func lengths() []Case {
	cases := []Case{
		read("length", post("abc", "Content-Length: 3"), "POST / [abc]"),
		read("length of nothing", post("", "Content-Length: 0"), "POST /"),
		read("no length, no body", post(""), "POST /"),
		read("length with zeros in front", post("abc", "Content-Length: 0003"), "POST / [abc]"),
		read("length with 30 zeros in front", post("abc", "Content-Length: "+strings.Repeat("0", 30)+"3"), "POST / [abc]"),
		read("length between blanks", post("abc", "Content-Length: \t 3 \t"), "POST / [abc]"),
		read("length without a blank", post("abc", "Content-Length:3"), "POST / [abc]"),
		read("length in any case", post("abc", "cONTENT-lENGTH: 3"), "POST / [abc]"),
		read("body of a GET", message("GET / HTTP/1.1", "Content-Length: 3")+"abc", "GET / [abc]"),
		read("body of a HEAD", message("DELETE / HTTP/1.1", "Content-Length: 3")+"abc", "DELETE / [abc]"),
		read("any bytes", post("\x00\r\n\n\xff", "Content-Length: 5"), "POST / [\x00\r\n\n\xff]"),
		read("a request as the body", post(Probe, fmt.Sprintf("Content-Length: %d", len(Probe))), "POST / ["+Probe+"]"),
		read("chunks as the body", post("0\r\n\r\n", "Content-Length: 5"), "POST / [0\r\n\r\n]"),
		read("a long body", post(strings.Repeat("x", 100_000), "Content-Length: 100000"), "POST / ["+strings.Repeat("x", 100_000)+"]"),
		closes(read("length in HTTP/1.0", message("POST / HTTP/1.0", "Content-Length: 3")+"abc", "POST / HTTP/1.0 [abc]")),
		repairs("same length twice", post("abc", "Content-Length: 3", "Content-Length: 3")),
		repairs("same length twice, with others between", post("abc", "Content-Length: 3", "X: 1", "content-length: 3")),
		repairs("same length twice in HTTP/1.0", message("POST / HTTP/1.0", "Content-Length: 3", "Content-Length: 3")+"abc"),
		refused("same length in two spellings", post("abc", "Content-Length: 3", "Content-Length: 03")),
		refused("two lengths", post("abcd", "Content-Length: 3", "Content-Length: 4")),
		refused("a length and an empty one", post("abc", "Content-Length: 3", "Content-Length:")),
		refused("an empty length and one", post("abc", "Content-Length:", "Content-Length: 3")),
		refused("length on a folded line", post("abc", "Content-Length: 1", " 2")),
		repairs("length folded", post("abc", "Content-Length:", " 3")),
		refused("blank before the colon of a length", post("abc", "Content-Length : 3")),
		cut(broken("body cut short", post("ab", "Content-Length: 3"), "POST /")),
		cut(broken("no body at all", post("", "Content-Length: 3"), "POST /")),
		cut(broken("the greatest length", post("abc", "Content-Length: 9223372036854775807"), "POST /")),
	}
	for _, value := range []string{
		"", "+3", "-3", "-0", "0x3", "3,3", "3, 3", "3 3", "3;", "3; x", "3.", "3.0", "1e1", "3_0", "\"3\"", "'3'", "(3)", "3\x00", "\x003", "\v3", "3\f", "3\u00a0",
		"٣", "３", "three", "3abc", "abc3", "9223372036854775808", "18446744073709551619", "99999999999999999999999", "340282366920938463463374607431768211459",
	} {
		cases = append(cases, refused(fmt.Sprintf("length %q", value), post("abc", "Content-Length: "+value)))
	}
	return cases
}

func encodings() []Case {
	const body = "3\r\nabc\r\n0\r\n\r\n"
	length := fmt.Sprintf("Content-Length: %d", len(body))
	cases := []Case{
		read("chunked", post(body, chunked), "POST / [abc]"),
		read("chunked in capitals", post(body, "TRANSFER-ENCODING: CHUNKED"), "POST / [abc]"),
		read("chunked between blanks", post(body, "Transfer-Encoding:\t chunked \t"), "POST / [abc]"),
		read("chunked GET", message("GET / HTTP/1.1", chunked)+body, "GET / [abc]"),
		repairs("chunked and a length", post(body, chunked, length)),
		repairs("a length and chunked", post(body, length, chunked)),
		repairs("chunked and a length of nothing", post(body, chunked, "Content-Length: 0")),
		repairs("chunked, others, and a length", post(body, chunked, "X: 1", length)),
		refused("chunked and a bad length", post(body, chunked, "Content-Length: x")),
		status(501, refused("chunked twice", post(body, chunked, chunked))),
		status(501, refused("chunked and another", post(body, chunked, "Transfer-Encoding: gzip"))),
		status(501, refused("another and chunked", post(body, "Transfer-Encoding: gzip", chunked))),
		status(501, refused("chunked and an empty one", post(body, chunked, "Transfer-Encoding:"))),
		status(501, refused("identity and a length", post("abc", "Transfer-Encoding: identity", "Content-Length: 3"))),
		status(501, refused("nonsense and a length", post("abc", "Transfer-Encoding: x", "Content-Length: 3"))),
		refused("blank before the colon of an encoding", post(body, "Transfer-Encoding : chunked")),
		refused("tab before the colon of an encoding", post(body, "Transfer-Encoding\t: chunked")),
		refused("encoding behind a bare carriage return", post(body, "X: y\rTransfer-Encoding: chunked")),
		repairs("encoding behind a bare line feed", post(body, "X: y\nTransfer-Encoding: chunked")),
		repairs("encoding on a folded line", post(body, "Transfer-Encoding:", " chunked")),
		repairs("encoding that is folded away", post(body, "X: 1", " Transfer-Encoding: chunked", length)),
		repairs("encoding that is folded away by a tab", post(body, "X: 1", "\tTransfer-Encoding: chunked", length)),
		refused("NUL in the name of an encoding", post(body, "Transfer-\x00Encoding: chunked", length)),
		refused("byte behind the name of an encoding", post(body, "Transfer-Encoding\xff: chunked", length)),
		repairs("chunked in HTTP/1.0", message("POST / HTTP/1.0", chunked)+body),
		repairs("chunked and a length in HTTP/1.0", message("POST / HTTP/1.0", chunked, length)+body),
		repairs("another encoding in HTTP/1.0", message("POST / HTTP/1.0", "Transfer-Encoding: gzip", length)+body),
	}
	for _, value := range []string{
		"", "identity", "gzip", "gzip, chunked", "chunked, gzip", "identity, chunked", "chunked, identity", "chunked, chunked", "chunked,", ",chunked", ", chunked", "chunked ,",
		"xchunked", "chunkedx", "chunke", "chunked;q=1", "chunked; q=1", "chunked;", "\"chunked\"", "'chunked'", "chunked chunked", "cow", "x chunked", "chunked\u00a0",
		"\u00a0chunked", "chun\u212aed", "chunk\u0435d", "\xef\xbb\xbfchunked",
	} {
		cases = append(cases, status(501, refused(fmt.Sprintf("encoding %q", value), post(body, "Transfer-Encoding: "+value))))
	}
	for _, value := range []string{"\x00chunked", "chunked\x00", "\vchunked", "chunked\v", "\fchunked", "chunked\f", "chunked\x7f", "chun\rked", "\rchunked", "chunked\r"} {
		cases = append(cases, refused(fmt.Sprintf("encoding %q", value), post(body, "Transfer-Encoding: "+value)))
	}
	return cases
}

func chunks() []Case {
	in := func(body string) string { return post(body, chunked) }
	const bad = "POST /"
	cases := []Case{
		read("no chunk but the last", in("0\r\n\r\n"), "POST /"),
		read("two chunks", in("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), "POST / [abc]"),
		read("size in hex", in("A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n"), "POST / [01234567890123456789a]"),
		read("zeros in front of a size", in("00003\r\nabc\r\n0\r\n\r\n"), "POST / [abc]"),
		read("zeros for the last chunk", in("3\r\nabc\r\n0000\r\n\r\n"), "POST / [abc]"),
		read("line ends in a chunk", in("4\r\n\r\n\r\n\r\n0\r\n\r\n"), "POST / [\r\n\r\n]"),
		read("a last chunk in a chunk", in("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), "POST / [0\r\n\r\n]"),
		read("a long chunk", in("186a0\r\n"+strings.Repeat("x", 100_000)+"\r\n0\r\n\r\n"), "POST / ["+strings.Repeat("x", 100_000)+"]"),
		read("a thousand chunks", in(strings.Repeat("1\r\nx\r\n", 1000)+"0\r\n\r\n"), "POST / ["+strings.Repeat("x", 1000)+"]"),
		read("a request in a chunk", in(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(Probe), Probe)), "POST / ["+Probe+"]"),
		read("extension", in("3;a\r\nabc\r\n0\r\n\r\n"), "POST / [abc]"),
		read("extension with a value", in("3;a=b;c=d\r\nabc\r\n0;e\r\n\r\n"), "POST / [abc]"),
		read("extension with a quoted value", in("3;a=\"b; c\"\r\nabc\r\n0\r\n\r\n"), "POST / [abc]"),
		broken("size of the Windows kind", in("0x3\r\nabc\r\n0\r\n\r\n"), bad),
		repairsBody("blank behind the size", in("3 \r\nabc\r\n0\r\n\r\n"), bad),
		repairsBody("tab behind the size", in("3\t\r\nabc\r\n0\r\n\r\n"), bad),
		repairsBody("blank behind the last size", in("3\r\nabc\r\n0 \r\n\r\n"), bad),
		broken("line feed behind the size", in("3\nabc\r\n0\r\n\r\n"), bad),
		broken("carriage return behind the size", in("3\rabc\r\n0\r\n\r\n"), bad),
		broken("carriage return twice behind the size", in("3\r\r\nabc\r\n0\r\n\r\n"), bad),
		broken("line feed behind the last size", in("3\r\nabc\r\n0\n\r\n"), bad),
		broken("line feed in an extension", in("3;a\nb\r\nabc\r\n0\r\n\r\n"), bad),
		broken("line feed ends an extension", in("3;a\nabc\r\n0\r\n\r\n"), bad),
		broken("line feed ends an empty extension", in("3;\nabc\r\n0\r\n\r\n"), bad),
		broken("carriage return in an extension", in("3;a\rb\r\nabc\r\n0\r\n\r\n"), bad),
		broken("line feed in a quoted extension", in("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"), bad),
		broken("line end in a quoted extension", in("3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n"), bad),
		broken("line feed behind a chunk", in("3\r\nabc\n0\r\n\r\n"), bad),
		broken("carriage return behind a chunk", in("3\r\nabc\r0\r\n\r\n"), bad),
		broken("nothing behind a chunk", in("3\r\nabc0\r\n\r\n"), bad),
		broken("two other bytes behind a chunk", in("3\r\nabcXX0\r\n\r\n"), bad),
		broken("line feed and carriage return behind a chunk", in("3\r\nabc\n\r0\r\n\r\n"), bad),
		broken("chunk longer than its size", in("2\r\nabc\r\n0\r\n\r\n"), bad),
		broken("chunk shorter than its size", in("4\r\nabc\r\n0\r\n\r\n"), bad),
		broken("line end in front of a size", in("\r\n3\r\nabc\r\n0\r\n\r\n"), bad),
		broken("line ends between chunks", in("3\r\nabc\r\n\r\n0\r\n\r\n"), bad),
		repairsBody("line feed for the empty line at the end", in("3\r\nabc\r\n0\r\n\n"), bad),
		broken("many long extensions", in(strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\na\r\n", 200)+"0\r\n\r\n"), bad),
		broken("an endless extension", in("3;"+strings.Repeat("x", 100_000)+"\r\nabc\r\n0\r\n\r\n"), bad),
		broken("an endless size", in(strings.Repeat("0", 100_000)+"3\r\nabc\r\n0\r\n\r\n"), bad),
		cut(broken("no last chunk", in("3\r\nabc\r\n"), bad)),
		cut(broken("last chunk without an empty line", in("3\r\nabc\r\n0\r\n"), bad)),
		cut(broken("last chunk and half a line end", in("3\r\nabc\r\n0\r\n\r"), bad)),
		cut(broken("last size cut short", in("3\r\nabc\r\n0"), bad)),
		cut(broken("chunk cut short", in("10\r\nabc"), bad)),
		cut(broken("chunk without a line end", in("3\r\nabc"), bad)),
		cut(broken("size cut short", in("3"), bad)),
		cut(broken("no chunk at all", in(""), bad)),
	}
	for _, size := range []string{
		"", " 3", "\t3", "+3", "-3", "-0", "0x0", "3h", "g", "zz", "3,0", "3 0", "３", "\"3\"", "3\x00", "\x003", "3\v", "3\f", "3\u00a0", "10000000000000003", "100000000000000003",
		"fffffffffffffffff", "00000000000000000003", "3 ;a", "3\t;a", "3=a", "3:", "3.",
	} {
		cases = append(cases, broken(fmt.Sprintf("size %q", size), in(size+"\r\nabc\r\n0\r\n\r\n"), bad))
	}
	for _, size := range []string{"ffffffffffffffff", "8000000000000003", "7fffffffffffffff", "100000003"} {
		cases = append(cases, cut(broken("size "+size, in(size+"\r\nabc\r\n0\r\n\r\n"), bad)))
	}
	return cases
}

func trailers() []Case {
	in := func(trailer string) string { return post("3\r\nabc\r\n0\r\n"+trailer, chunked) }
	const bad = "POST /"
	return []Case{
		read("trailer", in("X: 1\r\n\r\n"), "POST / [abc] <X: 1>"),
		read("two fields of a trailer", in("X: 1\r\nY: 2\r\n\r\n"), "POST / [abc] <X: 1> <Y: 2>"),
		read("announced trailer", post("0\r\nX: 1\r\n\r\n", chunked, "Trailer: X"), "POST / <X: 1>"),
		broken("trailer without a colon", in("X\r\n\r\n"), bad),
		broken("trailer without a name", in(": 1\r\n\r\n"), bad),
		repairsBody("blank before the colon in a trailer", in("X : 1\r\n\r\n"), bad),
		repairsBody("blank in the name of a trailer", in("X Y: 1\r\n\r\n"), bad),
		broken("NUL in the name of a trailer", in("X\x00: 1\r\n\r\n"), bad),
		broken("NUL in the value of a trailer", in("X: \x00\r\n\r\n"), bad),
		broken("carriage return in the value of a trailer", in("X: a\rb\r\n\r\n"), bad),
		repairsBody("line feed behind a trailer", in("X: 1\n\r\n"), bad),
		repairsBody("line feeds behind a trailer", in("X: 1\n\n"), bad),
		repairsBody("folded trailer", in("X: 1\r\n 2\r\n\r\n"), bad),
		broken("folded trailer in front", in(" X: 1\r\n\r\n"), bad),
		broken("endless trailer", in(strings.Repeat("X: 1\r\n", 20_000)+"\r\n"), bad),
		broken("a line of a trailer that does not end", in("X: "+strings.Repeat("x", 200_000)+"\r\n\r\n"), bad),
		broken("a request for a trailer", in(Probe), bad),
		cut(broken("trailer cut short", in("X: 1"), bad)),
		cut(broken("trailer without an empty line", in("X: 1\r\n"), bad)),
	}
}
