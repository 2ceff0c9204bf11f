package http1test

import (
	"fmt"
	"strings"
)

func startLines() []Case {
	return []Case{
		read("request line", as("GET / HTTP/1.1"), "GET /"),
		read("any token is a method", as("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1"), "!#$%&'*+-.^_`|~09azAZ /"),
		read("methods keep their case", as("get / HTTP/1.1"), "get /"),
		read("a long method", as(strings.Repeat("M", 100)+" / HTTP/1.1"), strings.Repeat("M", 100)+" /"),
		refused("no method", as(" / HTTP/1.1")),
		refused("method with a colon", as("GET: / HTTP/1.1")),
		refused("two blanks before the target", as("GET  / HTTP/1.1")),
		refused("two blanks before the version", as("GET /  HTTP/1.1")),
		refused("tab before the target", as("GET\t/ HTTP/1.1")),
		refused("tab before the version", as("GET /\tHTTP/1.1")),
		refused("vertical tab before the version", as("GET /\vHTTP/1.1")),
		refused("blank behind the version", as("GET / HTTP/1.1 ")),
		refused("tab behind the version", as("GET / HTTP/1.1\t")),
		refused("blank in front", as(" GET / HTTP/1.1")),
		refused("tab in front", as("\tGET / HTTP/1.1")),
		refused("byte order mark in front", as("\xef\xbb\xbfGET / HTTP/1.1")),
		refused("NUL in front", as("\x00GET / HTTP/1.1")),
		refused("line end in front", "\r\n"+as("GET / HTTP/1.1")),
		refused("line ends in front", "\r\n\r\n"+as("GET / HTTP/1.1")),
		refused("line feed in front", "\n"+as("GET / HTTP/1.1")),
		refused("carriage return in front", "\r"+as("GET / HTTP/1.1")),
		refused("method alone", as("GET")),
		refused("method and blank", as("GET ")),
		refused("no version", as("GET /")),
		refused("no version and a blank", as("GET / ")),
		refused("no target", as("GET HTTP/1.1")),
		refused("empty line for a request line", "\r\nHost: h\r\n\r\n"),
		refused("four parts", as("GET / x HTTP/1.1")),
		refused("version twice", as("GET / HTTP/1.1 HTTP/1.1")),
		repairs("HTTP/1.2", as("GET / HTTP/1.2")),
		repairs("HTTP/1.9", as("GET / HTTP/1.9")),
		status(505, refused("HTTP/2.0", as("GET / HTTP/2.0"))),
		status(505, refused("HTTP/0.9", as("GET / HTTP/0.9"))),
		status(505, refused("HTTP/3.0", as("GET / HTTP/3.0"))),
		status(505, refused("HTTP/9.9", as("GET / HTTP/9.9"))),
		refused("version without a minor one", as("GET / HTTP/1")),
		refused("version with a dot alone", as("GET / HTTP/1.")),
		refused("version without a major one", as("GET / HTTP/.1")),
		refused("version of two digits", as("GET / HTTP/1.10")),
		refused("version with a zero in front", as("GET / HTTP/01.1")),
		refused("version with a zero in the middle", as("GET / HTTP/1.01")),
		refused("version with a comma", as("GET / HTTP/1,1")),
		refused("version with three parts", as("GET / HTTP/1.1.1")),
		refused("version with a sign", as("GET / HTTP/+1.1")),
		refused("version with a letter", as("GET / HTTP/1.x")),
		refused("version in lower case", as("GET / http/1.1")),
		refused("version in mixed case", as("GET / Http/1.1")),
		refused("version with a blank inside", as("GET / HTTP /1.1")),
		refused("version with a blank behind the slash", as("GET / HTTP/ 1.1")),
		refused("version in other digits", as("GET / HTTP/１.１")),
		refused("version with NUL behind", as("GET / HTTP/1.1\x00")),
		refused("another protocol", as("GET / HTTPS/1.1")),
		refused("a protocol that ends so", as("GET / XHTTP/1.1")),
		refused("no slash in the version", as("GET / HTTP1.1")),
		refused("RTSP", as("GET / RTSP/1.0")),
		repairs("bare line feed behind the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n"),
		refused("carriage return twice behind the request line", "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"),
		refused("bare carriage return behind the request line", "GET / HTTP/1.1\rHost: h\r\n\r\n"),
		refused("line feed and carriage return", "GET / HTTP/1.1\n\rHost: h\r\n\r\n"),
		cut(refused("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")),
		cut(refused("SSH", "SSH-2.0-OpenSSH_9.9\r\n")),
		cut(refused("line end alone", "\r\n")),
		cut(refused("request line cut short", "GET / HT")),
		cut(refused("request line alone", "GET / HTTP/1.1\r\n")),
		cut(refused("header cut short", "GET / HTTP/1.1\r\nHost: h\r\n")),
		cut(refused("header cut within its last line end", "GET / HTTP/1.1\r\nHost: h\r\n\r")),
		cut(refused("header cut in a name", "GET / HTTP/1.1\r\nHo")),
		cut(Case{Name: "nothing", End: Next}),
	}
}

func targets() []Case {
	const all = "/a-zA-Z0-9-._~!$&'()*+,;=:@/%20%C3%A4?a=b&c=/?d"
	cases := []Case{
		read("all characters of a target", as("GET "+all+" HTTP/1.1"), "GET "+all),
		read("query alone", as("GET /? HTTP/1.1"), "GET /?"),
		read("two slashes", as("GET //x HTTP/1.1"), "GET //x"),
		read("dots are the handler's matter", as("GET /../%2e%2e/x HTTP/1.1"), "GET /../%2e%2e/x"),
		read("asterisk", as("OPTIONS * HTTP/1.1"), "OPTIONS *"),
		read("authority", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", "CONNECT h:443 @h:443"),
		read("authority for a GET is the handler's matter", as("GET h:80 HTTP/1.1"), "GET h:80"),
		read("absolute form", as("GET http://h/x HTTP/1.1"), "GET http://h/x"),
		read("bad escape in the query is the handler's matter", as("GET /?%zz HTTP/1.1"), "GET /?%zz"),
		refused("no slash", as("GET x HTTP/1.1")),
		refused("at sign", as("GET @x/y HTTP/1.1")),
		refused("query without a path", as("GET ?x=/y HTTP/1.1")),
		refused("bad escape", as("GET /%zz HTTP/1.1")),
		refused("cut escape", as("GET /%2 HTTP/1.1")),
		refused("escape of Microsoft's kind", as("GET /%u002e HTTP/1.1")),
		read("not ASCII is the handler's matter", as("GET /ä?ä HTTP/1.1"), "GET /ä?ä"),
		read("overlong is the handler's matter", as("GET /\xc0\xae\xc0\xae/x HTTP/1.1"), "GET /\xc0\xae\xc0\xae/x"),
	}
	return cases
}

func hosts() []Case {
	with := func(lines ...string) string { return "GET / HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" }
	cases := []Case{
		refused("no Host", "GET / HTTP/1.1\r\n\r\n"),
		refused("no Host and another field", with("X: h")),
		refused("Host twice", with("Host: h", "Host: h")),
		refused("two Hosts", with("Host: h", "Host: other")),
		refused("two Hosts, one empty", with("Host: h", "Host:")),
		refused("two Hosts in two cases", with("Host: h", "HOST: other")),
		refused("two Hosts with others between", with("Host: h", "X: 1", "host: other")),
		refused("Hosts in a list", with("Host: h, other")),
		refused("Host with a blank", with("Host: h other")),
		refused("Host on a folded line", with("Host: h", " other")),
		refused("Host with a path", with("Host: h/x")),
		refused("Host with a scheme", with("Host: http://h/")),
		refused("Host with userinfo", with("Host: user@h")),
		refused("Host with a query", with("Host: h?x")),
		refused("Host with a fragment", with("Host: h#x")),
		refused("Host with a backslash", with(`Host: h\x`)),
		refused("quoted Host", with(`Host: "h"`)),
		refused("Host that is not ASCII", with("Host: hä")),
		refused("Host with NUL", with("Host: h\x00")),
		refused("blank before the colon of Host", with("Host : h")),
		refused("Host twice in HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"),
		closes(read("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0 @")),
		closes(read("HTTP/1.0 with Host", "GET / HTTP/1.0\r\nHost: h\r\n\r\n", "GET / HTTP/1.0")),
		refused("HTTP/1.0 with a bad Host", "GET / HTTP/1.0\r\nHost: h/x\r\n\r\n"),
	}
	for _, host := range []string{"", "h:80", "h:", "example.com", "127.0.0.1:8080", "[::1]", "[::1]:443", "h.", "a_b", "xn--nxasmq6b", "%41"} {
		cases = append(cases, read("Host "+host, with("Host: "+host), "GET / @"+host))
	}
	for _, space := range []string{"", "  ", "\t", " \t "} {
		cases = append(cases, read(fmt.Sprintf("Host between %q", space), with("Host:"+space+"h"+space), "GET /"))
	}
	return cases
}

func fieldLines() []Case {
	return []Case{
		read("field", get("X: 1"), "GET / {X: 1}"),
		read("no blank behind the colon", get("X:1"), "GET / {X: 1}"),
		read("blanks and tabs around the value", get("X: \t 1 2 \t "), "GET / {X: 1 2}"),
		read("empty value", get("X:"), "GET / {X: }"),
		read("value of blanks", get("X: \t "), "GET / {X: }"),
		read("value with colons", get("X:: a:b:"), "GET / {X: : a:b:}"),
		read("tab in a value", get("X: a\tb"), "GET / {X: a\tb}"),
		read("obs-text in a value", get("X: \x80\xff\u00e4"), "GET / {X: \x80\xff\u00e4}"),
		read("quotes and parentheses in a value", get(`X: "a\"b" (c)`), `GET / {X: "a\"b" (c)}`),
		read("two fields of a name", get("X: 1", "x: 2"), "GET / {X: 1} {X: 2}"),
		read("names in any case", get("x-a-B: 1"), "GET / {X-A-B: 1}"),
		read("all characters of a name", get("a!#$%&'*+-.^_`|~0z: 1"), "GET / {A!#$%&'*+-.^_`|~0z: 1}"),
		read("name with an underscore is another", post("", "Content_Length: 3", "Transfer_Encoding: chunked"), "POST / {Content_length: 3} {Transfer_encoding: chunked}"),
		read("a hundred fields", get(times(100, "X: 1")...), "GET /"+strings.Repeat(" {X: 1}", 100)),
		refused("no colon", get("X")),
		refused("no name", get(": 1")),
		refused("colon alone", get(":")),
		refused("blank before the colon", get("X : 1")),
		refused("tab before the colon", get("X\t: 1")),
		refused("blank in a name", get("X Y: 1")),
		refused("no-break space before the colon", get("X\u00a0: 1")),
		refused("not ASCII in a name", get("X\u00e4: 1")),
		refused("a name in quotes", get(`"X": 1`)),
		refused("a name in brackets", get("[X]: 1")),
		refused("NUL in a name", get("X\x00Y: 1")),
		refused("NUL in a value", get("X: a\x00b")),
		refused("NUL at the end of a value", get("X: a\x00")),
		refused("delete in a value", get("X: a\x7f")),
		refused("escape in a value", get("X: \x1b[0m")),
		refused("vertical tab in a value", get("X: a\vb")),
		refused("form feed around a value", get("X:\fa\f")),
		refused("bare carriage return in a value", get("X: a\rY: 2")),
		refused("bare carriage return and a blank", get("X: a\r Y: 2")),
		refused("carriage return twice at the end of a line", get("X: a\r")),
		refused("bare carriage return in a name", get("X\rY: 1")),
		repairs("bare line feed between fields", get("X: a\nY: 2")),
		repairs("bare line feed before the end", "GET / HTTP/1.1\r\nHost: h\n\r\n"),
		repairs("bare line feed for the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\n"),
		repairs("bare line feeds for all", "GET / HTTP/1.1\nHost: h\n\n"),
		repairs("folded by a blank", get("X: a", " b")),
		repairs("folded by a tab", get("X: a", "\tb")),
		repairs("folded line of blanks", get("X: a", "  ")),
		repairs("folded line that looks like a field", get("X: a", " Y: b")),
		repairs("folded behind an empty value", get("X:", " a")),
		refused("folded in front", "GET / HTTP/1.1\r\n X: 1\r\nHost: h\r\n\r\n"),
		refused("folded by a tab in front", "GET / HTTP/1.1\r\n\tX: 1\r\nHost: h\r\n\r\n"),
		refused("blank line of blanks", "GET / HTTP/1.1\r\n \r\nHost: h\r\n\r\n"),
	}
}

func times(n int, line string) (lines []string) {
	for range n {
		lines = append(lines, line)
	}
	return lines
}
