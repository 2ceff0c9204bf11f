package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/signing"
)

// Invariant 6: what was decided is what is sent. Each request below is written byte for byte. It is either refused, with
// nothing upstream, or the upstream's request line, headers and body are what the record says.

// wireCase is one request. Exactly one of line, code and status is set.
type wireCase struct {
	name, request string
	line          string // request line upstream
	code          string // of the gateway's refusal
	status        int    // refused by the HTTP server before there was a call; 0 with closed
	closed        bool   // the connection ends without an answer
	malformed     bool   // the gateway's own engine refuses it with 400; the above is what another makes of it
}

// on returns what is to come of the request on an engine.
func (c wireCase) on(e engine) wireCase {
	if c.malformed && !e.lenient {
		c.line, c.code, c.status, c.closed = "", "", 400, false
	}
	return c
}

func runWire(t *testing.T, e engine, tests []wireCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt := tt.on(e)
			f := start(t, behind(e), fixed)
			got := f.exchange(t, tt.request)
			switch {
			case got == nil:
				if !tt.closed {
					t.Fatal("the connection was closed without an answer")
				}
			case tt.line != "":
				if got.status != 200 {
					t.Fatalf("answer %d %s, want it sent as %q", got.status, got.body, tt.line)
				}
				f.wantSent(t, tt.line)
				return
			case tt.code != "":
				got.wantCode(t, tt.code)
				if r := f.log.only(t, logfile.KindRefusal); r.Status != got.status || r.Reason == "" {
					t.Errorf("refusal recorded as %d %q", r.Status, r.Reason)
				}
			case got.status != tt.status || got.code() != "":
				t.Errorf("answer %d %s, want status %d of the HTTP server", got.status, got.body, tt.status)
			}
			f.origin.none(t)
			if intents := f.log.of(logfile.KindIntent); len(intents) != 0 {
				t.Errorf("an intent: %+v", intents)
			}
		})
	}
}

// hashes reports whether a record has the hash of a body: a keyed one, if the operation is declared.
func (f *fixture) hashes(r logfile.Record, body string) bool {
	if r.Site == "" {
		return r.BodyMAC == f.config.MAC.Text(body) && r.MACKey == f.config.MAC.ID() && r.BodyHash == ""
	}
	return r.BodyHash == signing.HashHex([]byte(body)) && r.BodyMAC == "" && r.MACKey == ""
}

// wantSent compares the upstream's bytes with the record and with the line that is expected.
func (f *fixture) wantSent(t *testing.T, line string) {
	t.Helper()
	a := f.origin.only(t)
	r := f.log.only(t, logfile.KindIntent)
	recorded := r.Method + " " + r.Path
	if r.Query != "" {
		recorded += "?" + r.Query
	}
	if recorded += " HTTP/1.1"; a.line != line || recorded != line {
		t.Errorf("request line upstream %q, recorded %q, want %q", a.line, recorded, line)
	}
	a.checkFraming(t, f.upstream["bss"].Host)
	if !f.hashes(r, a.body) || r.BodyBytes != int64(len(a.body)) {
		t.Errorf("the body upstream (%q) is not the recorded one (%d bytes)", a.body, r.BodyBytes)
	}
	if want := fmt.Sprint(len(a.body)); a.body != "" && a.value("Content-Length") != want {
		t.Errorf("Content-Length upstream %q, want %q", a.value("Content-Length"), want)
	}
}

func get(target string) string { return plain("GET", target, "") }

func testTargets(t *testing.T, e engine) {
	runWire(t, e, []wireCase{
		{name: "plain", request: get("/echo/x"), line: "GET /echo/x HTTP/1.1"},
		{name: "escaped, where no escape is needed", request: get("/echo/%78"), line: "GET /echo/x HTTP/1.1"},
		{name: "escaped in lower case", request: get("/echo/x%c3%a4"), line: "GET /echo/x%C3%A4 HTTP/1.1"},
		{name: "not escaped, where the canonical form is", request: get("/echo/x@y"), line: "GET /echo/x%40y HTTP/1.1"},
		{name: "plus in the path", request: get("/echo/x+y"), line: "GET /echo/x%2By HTTP/1.1"},
		{name: "literal text escaped", request: get("/%65cho/x"), line: "GET /echo/x HTTP/1.1"},
		{name: "escaped dot", request: get("/echo/%2e"), code: "TG.1002"},
		{name: "escaped dots", request: get("/echo/%2e%2e"), code: "TG.1002"},
		{name: "half-escaped dots", request: get("/echo/.%2E/x"), code: "TG.1002"},
		{name: "dots", request: get("/echo/../echo/x"), code: "TG.1002"},
		{name: "escaped slash", request: get("/echo/x%2Fy"), code: "TG.1002"},
		{name: "escaped backslash", request: get("/echo/x%5cy"), code: "TG.1002"},
		{name: "backslash", request: get(`/echo/x\y`), code: "TG.1002"},
		{name: "escaped NUL", request: get("/echo/x%00"), code: "TG.1002"},
		{name: "semicolon", request: get("/echo/x;y=1"), code: "TG.1002"},
		{name: "escaped semicolon", request: get("/echo/x%3By"), code: "TG.1002"},
		{name: "escaped line feed", request: get("/echo/x%0d%0aHost:y"), code: "TG.1002"},
		{name: "escaped twice", request: get("/echo/x%252e"), code: "TG.1002"},
		{name: "escaped question mark", request: get("/echo/x%3Fy=1"), line: "GET /echo/x%3Fy%3D1 HTTP/1.1"},
		{name: "not UTF-8", request: get("/echo/%ff"), code: "TG.1002"},
		{name: "two slashes", request: get("/echo//x"), code: "TG.1002"},
		{name: "two slashes in front", request: get("//echo/x"), code: "TG.1002"},
		{name: "authority in front", request: get("//other.test/echo/x"), code: "TG.1002"},
		{name: "trailing slash", request: get("/echo/x/"), code: "TG.1002"},
		{name: "trailing slash of no operation", request: get("/nothing/"), code: "TG.1002"},
		{name: "declared trailing slash of an app", request: get("/list/"), line: "GET /list/ HTTP/1.1"},
		{name: "the same without it", request: get("/list"), code: "TG.1002"},
		{name: "the same with two", request: get("/list//"), code: "TG.1002"},
		{name: "escaped and declared", request: get("/list%2F"), code: "TG.1002"},
		{name: "escaped and bare", request: get("/list%2F/"), code: "TG.1002"},
		{name: "escaped dots and a slash", request: get("/app/%2e%2e/"), code: "TG.1002"},
		{name: "the same with a query", request: get("/list/?a=1"), line: "GET /list/?a=1 HTTP/1.1"},
		{name: "trailing slash below a prefix", request: get("/app/x/"), line: "GET /app/x/ HTTP/1.1"},
		{name: "literal of an app", request: get("/app/admin/Keys"), line: "GET /app/admin/Keys HTTP/1.1"},
		{name: "literal of an app in another case", request: get("/app/admin/keys"), code: "TG.1002"},
		{name: "literal of an app in another case, escaped", request: get("/app/%41dmin/Keys"), code: "TG.1002"},
		{name: "literal of an app with a slash", request: get("/app/admin/Keys/"), code: "TG.1002"},
		{name: "prefix of an app in another case", request: get("/App/x"), code: "TG.1002"},
		{name: "fragment", request: get("/echo/x#y"), code: "TG.1002"},
		{name: "bad escape", request: get("/echo/x%zz"), status: 400},
		{name: "cut escape", request: get("/echo/x%2"), status: 400},
		{name: "space", request: get("/echo/x y"), status: 400},
		{name: "bare control character", request: get("/echo/x\x01"), status: 400},
		{name: "absolute form", request: get("http://gateway.test/echo/x"), code: "TG.1001"},
		{name: "absolute form of another host", request: get("http://bss.test/echo/x"), code: "TG.4006"},
		{name: "other scheme", request: get("ftp://gateway.test/echo/x"), code: "TG.1001"},
		{name: "authority form", request: "CONNECT gateway.test:443 HTTP/1.1\r\nHost: gateway.test:443\r\n\r\n", code: "TG.1001"},
		{name: "CONNECT with a path", request: "CONNECT /echo/x HTTP/1.1\r\nHost: gateway.test\r\n\r\n", code: "TG.1001"},
		{name: "asterisk form", request: plain("OPTIONS", "*", ""), code: "TG.1001"},
		{name: "relative", request: get("echo/x"), status: 400},
		{name: "wrong method", request: plain("DELETE", "/echo/x", ""), code: "TG.4001"},
		{name: "method in lower case", request: plain("get", "/echo/x", ""), code: "TG.1001"},
		{name: "method with a mark", request: plain("PO#ST", "/echo/x", ""), code: "TG.1001"},
		{name: "path in another case", request: get("/Echo/x"), code: "TG.4001"},
		{name: "override of the method", request: plain("GET", "/echo/x", "", "X-HTTP-Method-Override: POST"), line: "GET /echo/x HTTP/1.1"},
	})
}

func testQueries(t *testing.T, e engine) {
	const path = "/echo/x"
	long := strings.Repeat("a=1&", 256)
	runWire(t, e, []wireCase{
		{name: "sorted by name, then value", request: get(path + "?b=1&a=2&a=1"), line: "GET /echo/x?a=1&a=2&b=1 HTTP/1.1"},
		{name: "empty value", request: get(path + "?a"), line: "GET /echo/x?a= HTTP/1.1"},
		{name: "empty pairs", request: get(path + "?&a=1&&"), line: "GET /echo/x?a=1 HTTP/1.1"},
		{name: "nothing after the mark", request: get(path + "?"), line: "GET /echo/x HTTP/1.1"},
		{name: "plus is a blank", request: get(path + "?a=x+y"), line: "GET /echo/x?a=x%20y HTTP/1.1"},
		{name: "escaped plus", request: get(path + "?a=x%2By"), line: "GET /echo/x?a=x%2By HTTP/1.1"},
		{name: "second question mark", request: get(path + "?a=?b"), line: "GET /echo/x?a=%3Fb HTTP/1.1"},
		{name: "slash in a value", request: get(path + "?a=/../x"), line: "GET /echo/x?a=%2F..%2Fx HTTP/1.1"},
		{name: "equal sign in a value", request: get(path + "?a=b=c"), line: "GET /echo/x?a=b%3Dc HTTP/1.1"},
		{name: "256 pairs", request: get(path + "?" + long[:len(long)-1]), line: "GET /echo/x?" + long[:len(long)-1] + " HTTP/1.1"},
		{name: "semicolon", request: get(path + "?a=1;b=2"), code: "TG.1003"},
		{name: "escaped semicolon", request: get(path + "?a=1%3Bb"), line: "GET /echo/x?a=1%3Bb HTTP/1.1"},
		{name: "bad escape", request: get(path + "?a=%zz"), code: "TG.1003"},
		{name: "cut escape", request: get(path + "?a=%2"), code: "TG.1003"},
		{name: "escaped NUL", request: get(path + "?a=%00"), code: "TG.1003"},
		{name: "escaped line feed", request: get(path + "?a=%0d%0a"), code: "TG.1003"},
		{name: "no name", request: get(path + "?=1"), code: "TG.1003"},
		{name: "fragment", request: get(path + "?a=1#b"), code: "TG.1003"},
		{name: "not UTF-8", request: get(path + "?a=%ff"), code: "TG.1003"},
		{name: "257 pairs", request: get(path + "?" + long + "a=1"), code: "TG.1003"},
		{name: "too long", request: get(path + "?a=" + strings.Repeat("x", 16385)), code: "TG.1003"},
		{name: "odd name, of a declared endpoint", request: get(path + "?%EF%BD%9E=1"), line: "GET /echo/x?%EF%BD%9E=1 HTTP/1.1"},
	})
}

// post writes a POST with the framing that the test wants.
func post(body string, framing ...string) string {
	return "POST /echo/x/y HTTP/1.1\r\nHost: gateway.test\r\n" + strings.Join(append(framing, "", ""), "\r\n") + body
}

func testFraming(t *testing.T, e engine) {
	const line, chunked = "POST /echo/x/y HTTP/1.1", "Transfer-Encoding: chunked"
	runWire(t, e, []wireCase{
		{name: "length", request: post("abc", "Content-Length: 3"), line: line},
		{name: "no body", request: post(""), line: line},
		{name: "length of zero", request: post("", "Content-Length: 0"), line: line},
		{name: "chunked", request: post("1\r\na\r\n2;ext=1\r\nbc\r\n0\r\n\r\n", chunked), line: line},
		{name: "chunked and empty", request: post("0\r\n\r\n", chunked), line: line},
		{name: "length and chunked", request: post("3\r\nabc\r\n0\r\n\r\n", "Content-Length: 100", chunked), line: line, malformed: true},
		{name: "chunked and length", request: post("3\r\nabc\r\n0\r\n\r\n", chunked, "Content-Length: 3"), line: line, malformed: true},
		{name: "same length twice", request: post("abc", "Content-Length: 3", "Content-Length: 3"), line: line, malformed: true},
		{name: "length spelt with an underscore", request: post("abc", "Content-Length: 3", "Content_Length: 100"), line: line},
		{name: "encoding spelt with an underscore", request: post("abc", "Content-Length: 3", "Transfer_Encoding: chunked"), line: line},
		{name: "two lengths", request: post("abc", "Content-Length: 3", "Content-Length: 4"), status: 400},
		{name: "two lengths in one line", request: post("abc", "Content-Length: 3, 4"), status: 400},
		{name: "length with a sign", request: post("abc", "Content-Length: +3"), status: 400},
		{name: "negative length", request: post("", "Content-Length: -1"), status: 400},
		{name: "length in hex", request: post("abc", "Content-Length: 0x3"), status: 400},
		{name: "chunked twice", request: post("0\r\n\r\n", chunked, chunked), status: 501, malformed: true},
		{name: "other encoding", request: post("abc", "Transfer-Encoding: gzip"), status: 501, malformed: true},
		{name: "encoding in a list", request: post("0\r\n\r\n", "Transfer-Encoding: gzip, chunked"), status: 501, malformed: true},
		{name: "encoding identity", request: post("abc", "Transfer-Encoding: identity", "Content-Length: 3"), status: 501, malformed: true},
		{name: "blank before the colon", request: post("abc", "Content-Length : 3"), status: 400},
		{name: "blank in a name", request: post("abc", "Content-Length: 3", "X Y: 1"), status: 400},
		{name: "broken chunk", request: post("zz\r\nabc\r\n0\r\n\r\n", chunked), code: "TG.1004"},
		{name: "chunk longer than it says", request: post("1\r\nabc\r\n0\r\n\r\n", chunked), code: "TG.1004"},
		{name: "announced trailer", request: post("1\r\na\r\n0\r\nX-T: 1\r\n\r\n", chunked, "Trailer: X-T"), code: "TG.1001"},
		{name: "trailer not announced", request: post("1\r\na\r\n0\r\nX-T: 1\r\n\r\n", chunked), code: "TG.1001"},
		{name: "trailer with a length", request: post("1\r\na\r\n0\r\nContent-Length: 9\r\n\r\n", chunked), code: "TG.1001"},
		{name: "forbidden trailer announced", request: post("1\r\na\r\n0\r\n\r\n", chunked, "Trailer: Content-Length"), status: 400},
		{name: "encoded body", request: post("abc", "Content-Length: 3", "Content-Encoding: gzip"), code: "TG.4005"},
		{name: "identity body", request: post("abc", "Content-Length: 3", "Content-Encoding: identity"), line: line},
		{name: "folded header", request: post("abc", "Content-Length: 3", "X-Fold: a", " b"), line: line, malformed: true},
		{name: "folded in front", request: "POST /echo/x/y HTTP/1.1\r\n Host: x\r\nHost: gateway.test\r\n\r\n", status: 400},
		{name: "bare line feeds", request: strings.ReplaceAll(get("/echo/x"), "\r\n", "\n"), line: "GET /echo/x HTTP/1.1", malformed: true},
		{name: "bare carriage return", request: post("abc", "Content-Length: 3", "X-A: 1\rX-B: 2"), status: 400},
		{name: "NUL in a value", request: post("abc", "Content-Length: 3", "X-A: 1\x002"), status: 400},
		{name: "no Host", request: "GET /echo/x HTTP/1.1\r\n\r\n", status: 400},
		{name: "two Hosts", request: "GET /echo/x HTTP/1.1\r\nHost: gateway.test\r\nHost: other.test\r\n\r\n", status: 400},
		{name: "HTTP/1.0", request: "GET /echo/x HTTP/1.0\r\nHost: gateway.test\r\n\r\n", line: "GET /echo/x HTTP/1.1"},
		{name: "HTTP/1.0 without Host", request: "GET /echo/x HTTP/1.0\r\n\r\n", code: "TG.4006"},
		{name: "HTTP/0.9", request: "GET /echo/x\r\n", status: 400},
		{name: "HTTP/2.0 in a line", request: "GET /echo/x HTTP/2.0\r\nHost: gateway.test\r\n\r\n", status: 505, malformed: true},
		{name: "preface of HTTP/2", request: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", code: "TG.4006", malformed: true},
		{name: "upgrade to h2c", request: plain("GET", "/echo/x", "", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), line: "GET /echo/x HTTP/1.1"},
		{name: "upgrade to h2c in HTTP/1.0", request: "GET /echo/x HTTP/1.0\r\nHost: gateway.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", code: "TG.1001"},
		{name: "upgrade to h2c or a web socket", request: plain("GET", "/echo/x", "", "Connection: Upgrade", "Upgrade: h2c, websocket"), code: "TG.1001"},
		{name: "upgrades to h2c and a web socket", request: plain("GET", "/echo/x", "", "Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"), code: "TG.1001"},
		{name: "upgrade to h2", request: plain("GET", "/echo/x", "", "Connection: Upgrade", "Upgrade: h2"), code: "TG.1001"},
		{name: "upgrade to a web socket", request: plain("GET", "/echo/x", "", "Connection: keep-alive, upgrade", "Upgrade: websocket"), code: "TG.1001"},
		{name: "upgrade in Connection only", request: plain("GET", "/echo/x", "", "Connection: UpGrade"), code: "TG.1001"},
		{name: "upgrade without Connection", request: plain("GET", "/echo/x", "", "Upgrade: h2c"), code: "TG.1001"},
		{name: "unknown expectation", request: post("abc", "Content-Length: 3", "Expect: 200-maybe"), status: 417},
		{name: "TRACE", request: plain("TRACE", "/app/x", ""), code: "TG.1001"},
	})
}

// A body that ends before its length is refused: what was decided on would not be what is sent.
func testBodyCutShort(t *testing.T, e engine) {
	for name, request := range map[string]string{
		"length": post("abc", "Content-Length: 10"), "chunked": post("10\r\nabc", "Transfer-Encoding: chunked"),
		"chunked without an end": post("3\r\nabc\r\n", "Transfer-Encoding: chunked"),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, behind(e), fixed)
			c := f.dial(t)
			c.write(request)
			closeWrite(t, c)
			c.answer().wantCode(t, "TG.1004")
			f.origin.none(t)
			if r := f.log.only(t, logfile.KindRefusal); r.Reason != "body_cut_short" {
				t.Errorf("refusal %+v", r)
			}
		})
	}
}

// A request with Transfer-Encoding or of HTTP/1.0 is the last one on its connection, also when the gateway itself answers it, as is one that
// has no framing or two: what stands in front may have read it otherwise.
func testFramingAndTheConnection(t *testing.T, e engine) {
	if e.lenient { // it takes the preface of HTTP/2 for a request
		return
	}
	const chunked = "Transfer-Encoding: chunked"
	for name, tt := range map[string]struct {
		text   string
		closes bool
	}{
		"chunked":                     {post("3\r\nabc\r\n0\r\n\r\n", chunked), true},
		"chunked and length":          {post("3\r\nabc\r\n0\r\n\r\n", chunked, "Content-Length: 3"), true},
		"chunked, to an app":          {"PUT /app/x HTTP/1.1\r\nHost: gateway.test\r\n" + chunked + "\r\n\r\n0\r\n\r\n", true},
		"chunked, and refused":        {post("3\r\nabc\r\n0\r\n\r\n", chunked, "Content-Type: text/html"), true},
		"chunked, and never ending":   {post("3\r\nabc\r\n3\r\n", chunked, "Content-Type: text/html"), true},
		"preface, chunked":            {"PRI * HTTP/2.0\r\nHost: gateway.test\r\n" + chunked + "\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", true},
		"preface with a header":       {"PRI * HTTP/2.0\r\nHost: gateway.test\r\nX-Other: 1\r\n\r\n", true},
		"HTTP/1.0":                    {"GET /echo/x HTTP/1.0\r\nHost: gateway.test\r\n\r\n", true},
		"HTTP/1.0, kept alive":        {"GET /echo/x HTTP/1.0\r\nHost: gateway.test\r\nConnection: keep-alive\r\n\r\n", true},
		"HTTP/1.0, chunked":           {"GET /echo/x HTTP/1.0\r\nHost: gateway.test\r\nConnection: keep-alive\r\n" + chunked + "\r\n\r\n", true},
		"length":                      {post("abc", "Content-Length: 3"), false},
		"length, and refused":         {post("abc", "Content-Length: 3", "Content-Type: text/html"), false},
		"encoding, by another's name": {post("abc", "Content-Length: 3", "Transfer_Encoding: chunked"), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, behind(e), fixed)
			c := f.dial(t)
			c.write(tt.text + get("/echo/next"))
			first, err := http.ReadResponse(c.reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, first.Body)
			if next := c.read("GET"); first.Close != tt.closes || (next == nil) != tt.closes {
				t.Errorf("the answer ends the connection: %v, the next one is %+v; want an end: %v", first.Close, next, tt.closes)
			}
		})
	}
}

// What follows a request on the same connection is a request of its own.
func testPipelining(t *testing.T, e engine) {
	f := start(t, behind(e), fixed)
	c := f.dial(t)
	c.write(post("abc", "Content-Length: 3") + get("/echo/second") + get("/nothing") + get("/echo/third"))
	for i, want := range []int{200, 200, 404, 200} {
		if got := c.answer(); got.status != want {
			t.Fatalf("answer %d is %d %s, want %d", i, got.status, got.body, want)
		}
	}
	var lines []string
	for _, a := range f.origin.all() {
		lines = append(lines, a.line+" "+a.body)
	}
	want := []string{"POST /echo/x/y HTTP/1.1 abc", "GET /echo/second HTTP/1.1 ", "GET /echo/third HTTP/1.1 "}
	if !slices.Equal(lines, want) {
		t.Errorf("upstream got %q, want %q", lines, want)
	}
}

// A body that another parser would take for a second request stays a body, or is a second request that is decided on by
// itself.
func testSmuggledRequestIsNotForwardedUndecided(t *testing.T, e engine) {
	inner := get("/v2/not/allowed")
	for name, request := range map[string]string{
		"in a body":             post(inner, fmt.Sprintf("Content-Length: %d", len(inner))),
		"after chunks":          post("0\r\n\r\n"+inner, fmt.Sprintf("Content-Length: %d", len(inner)+5), "Transfer-Encoding: chunked"),
		"after no body":         post(inner),
		"in a chunk extension":  post("1;"+strings.Repeat("x", 20)+"\r\na\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
		"underscores of length": post(inner, fmt.Sprintf("Content-Length: %d", len(inner)), "Content_Length: 0"),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, behind(e), fixed)
			got := f.exchange(t, request)
			if name == "after chunks" && !e.lenient { // two framings
				if got == nil || got.status != 400 {
					t.Fatalf("answer %+v", got)
				}
				f.origin.none(t)
				return
			}
			if got == nil || got.status != 200 {
				t.Fatalf("answer %+v", got)
			}
			f.wantSent(t, "POST /echo/x/y HTTP/1.1")
		})
	}
}

// Towards a signed upstream goes an allow-list of headers, each once. Signed of it is what decides how the body is read, or whose
// call it is.
func testHeadersToASignedUpstream(t *testing.T, e engine) {
	f := start(t, behind(e), fixed)
	sent := []string{
		"Content-Type: application/json", "Accept: application/json", "Accept: text/plain", "X-Language: zh_CN", "X-Project: 7",
		"Accept-Encoding: gzip", "User-Agent: evil", "Cookie: a=b", "X-Domain-Id: " + partnerAccount, "X-Project-Id: other",
		"X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD", "Idempotency-Key: k", "X-Idempotency-Key: k", "Tollgate-Caller: other",
		"X-Forwarded-For: 1.2.3.4", "X_Language: en", "Connection: X-Sdk-Date, Authorization, Host, X-Language", "Te: trailers", "Keep-Alive: 1",
		"Proxy-Authorization: p", "X-Unknown: u", "Range: bytes=0-1", "If-None-Match: x",
	}
	if got := f.send(t, post("{}", append(sent, "Content-Length: 2")...)); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	a := f.origin.only(t)
	a.checkFraming(t, f.upstream["bss"].Host)
	want := []string{"Accept", "Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "Host", "User-Agent", "X-Domain-Id", "X-Language", "X-Project", "X-Sdk-Date"}
	if got := a.names(); !slices.Equal(got, want) {
		t.Errorf("headers upstream %q, want %q", got, want)
	}
	values := map[string]string{
		"Accept": "application/json, text/plain", "X-Language": "zh_CN", "X-Project": "7", "X-Domain-Id": partnerAccount, "User-Agent": "tollgate",
		"Content-Type": "application/json", "Accept-Encoding": "identity",
	}
	for name, want := range values {
		if got := a.value(name); got != want {
			t.Errorf("%s upstream %q, want %q", name, got, want)
		}
	}
	a.checkSignature(t, "partner-main")
}

// checkSignature verifies the upstream's request by what is on the wire, and that these headers are signed and no others.
func (a *arrival) checkSignature(t *testing.T, credential string) {
	t.Helper()
	claim := a.claim(t)
	var headers []signing.Header
	for _, line := range a.header {
		name, value, _ := strings.Cut(line, ": ")
		switch name = strings.ToLower(name); name {
		case "host", "x-sdk-date", "x-domain-id", "x-security-token", "content-type":
			headers = append(headers, signing.Header{Name: name, Value: value})
		}
	}
	slices.SortFunc(headers, func(a, b signing.Header) int { return strings.Compare(a.Name, b.Name) })
	method, rest, _ := strings.Cut(a.line, " ")
	path, query, _ := strings.Cut(strings.TrimSuffix(rest, " HTTP/1.1"), "?")
	key := signing.SDK.NewKey(upstreamKeyOf(credential), secretOf(credential))
	if !key.Verify(signing.Request{Method: method, Path: path, Query: query, Headers: headers, PayloadHash: signing.HashHex([]byte(a.body))}, &claim) {
		t.Errorf("the signature upstream does not fit what was sent: %q", a)
	}
}

// Every kind of call is signed over exactly what is sent.
func testSignatureFitsTheWire(t *testing.T, e engine) {
	requests := map[string]string{
		"query": get("/echo/x%20y?b=2&a=%e4%b8%ad&a=+"), "body": post(`{"a":1}`, "Content-Length: 7", "Content-Type: application/json"),
		"chunked": post("3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), "no body": post(""), "odd value": post("", "X-Project:   a  b  "),
	}
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			f := start(t, behind(e), fixed)
			if got := f.exchange(t, request); got == nil || got.status != 200 {
				t.Fatalf("answer %+v", got)
			}
			a := f.origin.only(t)
			a.checkSignature(t, "partner-main")
		})
	}
}

// Towards an internal app goes what a proxy passes on, less what the gateway consumed or says by itself.
func testHeadersToAnUnsignedUpstream(t *testing.T, e engine) {
	f := start(t, behind(e))
	call := signed{caller: partnerCaller, method: "PUT", target: "/app/a/b?x=1", body: "data", header: []string{
		"Cookie: a=b", "Accept-Encoding: gzip", "X-Custom: 1", "X-Custom: 2", "Tollgate-Caller: forged", "tollgate-call-id: forged", "Tollgate-Other: forged", "Tollgate_Caller: forged",
		"X_Custom: 3", "X.Custom: 4", "X-HTTP-Method-Override: DELETE", "X-Original-URL: /app/admin/Keys", "X-Rewrite-URL: /x", "X-Remote-User: root", "Remote-User: root",
		"X-Real-IP: 1.2.3.4", "True-Client-IP: 1.2.3.4", "X-SSL-Client-Cert: c", "Proxy: http://evil.test", "X-Auth-Token: app-token", "X-Domain-Id: app-domain",
		"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: forged", "X-Forwarded-Proto: forged", "Forwarded: for=1.2.3.4",
		"Connection: X-Remove, Tollgate-Caller", "X-Remove: 1", "Te: trailers", "Keep-Alive: 1", "Proxy-Authorization: p", "Proxy-Connection: keep-alive",
	}}
	got := f.call(t, call)
	if got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	a := f.origin.only(t)
	if want := "PUT /app/a/b?x=1 HTTP/1.1"; a.line != want || a.body != "data" {
		t.Errorf("upstream got %q %q", a.line, a.body)
	}
	values := map[string]string{
		"Cookie": "a=b", "Accept-Encoding": "gzip", "X-Custom": "1|2", "Tollgate-Caller": partnerCaller, "Tollgate-Call-Id": got.header.Get("Tollgate-Call-Id"),
		"Tollgate-Other": "", "Tollgate_Caller": "", "X_Custom": "", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "gateway.test", "X-Forwarded-Proto": "http", "Forwarded": "",
		"X.Custom": "", "X-Http-Method-Override": "", "X-Original-Url": "", "X-Rewrite-Url": "", "X-Remote-User": "", "Remote-User": "", "X-Real-Ip": "", "True-Client-Ip": "",
		"X-Ssl-Client-Cert": "", "Proxy": "", "X-Auth-Token": "app-token", "X-Domain-Id": "app-domain",
		"X-Remove": "", "Te": "", "Keep-Alive": "", "Connection": "", "Proxy-Authorization": "", "Proxy-Connection": "", "Authorization": "",
		"Host": f.upstream["app"].Host, "Content-Length": "4", "User-Agent": "",
	}
	for name, want := range values {
		if got := a.value(name); got != want {
			t.Errorf("%s upstream %q, want %q", name, got, want)
		}
	}
}

// Headers by which proxies report to an app who calls, from where or for what are not passed on as a caller sends them.
func testHeadersThatAppsTrust(t *testing.T, e engine) {
	names := []string{
		"Proxy-Client-IP", "WL-Proxy-Client-IP", "Fastly-Client-IP", "X-Azure-ClientIP", "X-Forwarded", "Forwarded-For", "CF-Connecting-IPv6",
		"Client-Cert", "Client-Cert-Chain", "WL-Proxy-Client-Cert", "X-ARR-ClientCert", "X-Client-DN", "X-Client-Verify",
		"X-MS-Client-Principal", "X-MS-Client-Principal-Name", "X-Goog-Authenticated-User-Email", "X-Goog-IAP-JWT-Assertion", "X-Appengine-User-Email",
		"Cf-Access-Authenticated-User-Email", "X-Amzn-Oidc-Identity", "X-Amzn-Mtls-Clientcert-Subject", "Tailscale-User-Login", "X-Consumer-Username",
		"X-Credential-Identifier", "X-Authentik-Username", "X-Pomerium-Claim-Email", "Iv-User", "X-WAWS-Unencoded-URL", "X-HTTP-Host-Override", "X-Script-Name",
		"Front-End-Https", "X-Scheme", "X-Url-Scheme",
	}
	f := start(t, behind(e), fixed)
	f.send(t, plain("GET", "/app/x", "", "X-Client-Version: 1", strings.Join(names, ": forged\r\n")+": forged"))
	a := f.origin.only(t)
	for _, name := range names {
		if a.values(name) != nil {
			t.Errorf("%s reached the app", name)
		}
	}
	if a.value("X-Client-Version") != "1" {
		t.Error("a header that claims nothing did not reach the app")
	}
}

// 100 Continue is sent when the body is wanted, and not when the call can be refused without it.
func testContinue(t *testing.T, e engine) {
	tests := []struct {
		name, request string
		status        int // of the first answer
	}{
		{"wanted", post("", "Content-Length: 3", "Expect: 100-continue"), 100},
		{"chunked and wanted", post("", "Transfer-Encoding: chunked", "Expect: 100-continue"), 100},
		{"wrong host", strings.Replace(post("", "Content-Length: 3", "Expect: 100-continue"), "gateway.test", "other.test", 1), 421},
		{"no such operation", strings.Replace(post("", "Content-Length: 3", "Expect: 100-continue"), "/echo", "/none", 1), 404},
		{"too large", post("", "Content-Length: 3000000", "Expect: 100-continue"), 413},
		{"encoded", post("", "Content-Length: 3", "Content-Encoding: br", "Expect: 100-continue"), 415},
		{"unknown scheme", post("", "Content-Length: 3", "Authorization: Basic x", "Expect: 100-continue"), 401},
		{"trailers", post("", "Transfer-Encoding: chunked", "Trailer: X", "Expect: 100-continue"), 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, behind(e), fixed)
			c := f.dial(t)
			c.write(tt.request)
			status, err := c.reader.ReadString('\n')
			if want := fmt.Sprintf("HTTP/1.1 %d ", tt.status); err != nil || !strings.HasPrefix(status, want) {
				t.Errorf("first line %q (%v), want %q", status, err, want)
			}
			f.origin.none(t)
		})
	}
}

// A GET or HEAD has no body, a DELETE of the catalog neither: an edge that expects none takes it for the next request, whose
// answer then looks like that to another's payment.
func testBodiesWhereNoneIsExpected(t *testing.T, e engine) {
	const smuggled = "POST /v3/orders/customer-orders/pay HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)
	for _, tt := range []struct {
		name, method, target string
		taken                bool
	}{
		{"catalog GET", "GET", readTarget, false},
		{"catalog DELETE", "DELETE", "/v2/orders/subscriptions/resources/autorenew/r-1", false},
		{"declared GET", "GET", "/echo/x", false},
		{"declared HEAD", "HEAD", "/echo/x", false},
		{"GET of an app", "GET", "/app/x", false},
		{"HEAD of an app", "HEAD", "/app/x", false},
		{"declared DELETE", "DELETE", "/change/x", true},
		{"OPTIONS of an app", "OPTIONS", "/change/x", true},
		{"POST", "POST", "/change/x", true},
	} {
		for framing, text := range map[string]string{
			"announced": fmt.Sprintf("%s %s HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: %d\r\n\r\n%s", tt.method, tt.target, len(smuggled), smuggled),
			"chunked":   fmt.Sprintf("%s %s HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\n%s", tt.method, tt.target, chunked),
			"empty":     fmt.Sprintf("%s %s HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", tt.method, tt.target),
		} {
			t.Run(tt.name+"/"+framing, func(t *testing.T) {
				f := start(t, behind(e), fixed)
				got := f.send(t, text)
				if tt.taken || framing == "empty" {
					if got.code() != "" {
						t.Errorf("answer %d %s", got.status, got.body)
					}
					return
				}
				f.origin.none(t)
				if r := f.log.only(t, logfile.KindRefusal); r.Reason != "body_not_taken" || got.status != 400 {
					t.Errorf("answer %d, refusal %+v", got.status, r)
				}
			})
		}
	}
}
