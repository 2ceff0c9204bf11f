package upstream

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

const (
	okLine = "HTTP/1.1 200 OK\r\n"
	two    = "Content-Length: 2\r\n"
	chunks = "Transfer-Encoding: chunked\r\n"
)

// TestStrictAnswers: an answer has one reading or none. Those marked as repaired are read by net/http, and so by many a client: a peer that
// sends them can have two readers on the way see different answers. All of them came after the request was sent.
func TestStrictAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer   string
		repaired bool
	}{
		"LF alone":                      {"HTTP/1.1 200 OK\n" + two + "\r\nok", true},
		"LF behind a field":             {okLine + "Content-Length: 2\n\r\nok", true},
		"LF as blank line":              {okLine + two + "\nok", true},
		"CR in a value":                 {okLine + "X: a\rb\r\n" + two + "\r\nok", false},
		"CR in the reason":              {"HTTP/1.1 200 O\rK\r\n" + two + "\r\nok", true},
		"NUL in the reason":             {"HTTP/1.1 200 O\x00K\r\n" + two + "\r\nok", true},
		"NUL in a value":                {okLine + "X: a\x00b\r\n" + two + "\r\nok", false},
		"folded":                        {okLine + "X: a\r\n b\r\n" + two + "\r\nok", true},
		"folded by a tab":               {okLine + "X: a\r\n\tb\r\n" + two + "\r\nok", true},
		"blank before the first field":  {okLine + " X: a\r\n" + two + "\r\nok", false},
		"blank before the colon":        {okLine + "Content-Length : 2\r\n\r\nok", true},
		"tab before the colon":          {okLine + "Content-Length\t: 2\r\n\r\nok", false},
		"no colon":                      {okLine + "Content-Length\r\n\r\n", false},
		"no name":                       {okLine + ": 2\r\n\r\n", false},
		"blank in a name":               {okLine + "Content Length: 2\r\n\r\nok", true},
		"no token":                      {okLine + "Content(Length): 2\r\n\r\nok", false},
		"beyond ASCII in a name":        {okLine + "X\xc3\xa4: 2\r\n\r\nok", false},
		"lower-case version":            {"http/1.1 200 OK\r\n" + two + "\r\nok", false},
		"version 1.2":                   {"HTTP/1.2 200 OK\r\n" + two + "\r\nok", true},
		"version 1.01":                  {"HTTP/1.01 200 OK\r\n" + two + "\r\nok", false},
		"blank before the version":      {" HTTP/1.1 200 OK\r\n" + two + "\r\nok", false},
		"blank line before the version": {"\r\n" + okLine + two + "\r\nok", false},
		"two blanks":                    {"HTTP/1.1  200 OK\r\n" + two + "\r\nok", true},
		"tab for a blank":               {"HTTP/1.1\t200 OK\r\n" + two + "\r\nok", false},
		"status of two digits":          {"HTTP/1.1 20 OK\r\n" + two + "\r\nok", false},
		"status of four digits":         {"HTTP/1.1 2000 OK\r\n" + two + "\r\nok", false},
		"status 600":                    {"HTTP/1.1 600 X\r\n" + two + "\r\nok", true},
		"status in another script":      {"HTTP/1.1 \u0662\u0660\u0660 OK\r\n" + two + "\r\nok", false},
		"two lengths":                   {okLine + two + "Content-Length: 3\r\n\r\nok", false},
		"two equal lengths":             {okLine + two + two + "\r\nok", true},
		"list of equal lengths":         {okLine + "Content-Length: 2, 2\r\n\r\nok", false},
		"signed length":                 {okLine + "Content-Length: +2\r\n\r\nok", false},
		"negative length":               {okLine + "Content-Length: -2\r\n\r\nok", false},
		"hexadecimal length":            {okLine + "Content-Length: 0x2\r\n\r\nok", false},
		"no length":                     {okLine + "Content-Length: \r\n\r\nok", false},
		"underscore in the length":      {okLine + "Content-Length: 0_2\r\n\r\nok", false},
		"length beyond all":             {okLine + "Content-Length: 9223372036854775808\r\n\r\nok", false},
		"length and chunks":             {okLine + two + chunks + "\r\n2\r\nok\r\n0\r\n\r\n", true},
		"chunks and length":             {okLine + chunks + two + "\r\n2\r\nok\r\n0\r\n\r\n", true},
		"chunks twice":                  {okLine + chunks + chunks + "\r\n2\r\nok\r\n0\r\n\r\n", false},
		"list of chunks":                {okLine + "Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false},
		"gzip, chunked":                 {okLine + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false},
		"identity":                      {okLine + "Transfer-Encoding: identity\r\n\r\nok", false},
		"another coding":                {okLine + "Transfer-Encoding: xchunked\r\n\r\nok", false},
		"chunks in 1.0":                 {"HTTP/1.0 200 OK\r\n" + chunks + "\r\n2\r\nok\r\n0\r\n\r\n", true},
		"quoted chunks":                 {okLine + "Transfer-Encoding: \"chunked\"\r\n\r\n2\r\nok\r\n0\r\n\r\n", false},
		"chunk line with LF":            {okLine + chunks + "\r\n2\nok\r\n0\r\n\r\n", false},
		"LF in an extension":            {okLine + chunks + "\r\n2;a\nok\r\n0\r\n\r\n", false},
		"CR in an extension":            {okLine + chunks + "\r\n2;a\rb\r\nok\r\n0\r\n\r\n", false},
		"blank before an extension":     {okLine + chunks + "\r\n2 ;a\r\nok\r\n0\r\n\r\n", false},
		"blank behind a size":           {okLine + chunks + "\r\n2 \r\nok\r\n0\r\n\r\n", true},
		"signed size":                   {okLine + chunks + "\r\n+2\r\nok\r\n0\r\n\r\n", false},
		"size with 0x":                  {okLine + chunks + "\r\n0x2\r\nok\r\n0\r\n\r\n", false},
		"no size":                       {okLine + chunks + "\r\n;a\r\nok\r\n0\r\n\r\n", false},
		"size beyond all":               {okLine + chunks + "\r\n10000000000000000\r\nok\r\n0\r\n\r\n", false},
		"chunk longer than said":        {okLine + chunks + "\r\n1\r\nok\r\n0\r\n\r\n", false},
		"chunk with LF behind it":       {okLine + chunks + "\r\n2\r\nok\n0\r\n\r\n", false},
		"trailer without a colon":       {okLine + chunks + "\r\n2\r\nok\r\n0\r\nX\r\n\r\n", false},
		"trailer with LF":               {okLine + chunks + "\r\n2\r\nok\r\n0\r\nX: 1\n\r\n", false},
		"folded trailer":                {okLine + chunks + "\r\n2\r\nok\r\n0\r\nX: 1\r\n 2\r\n\r\n", true},
		"fields without end":            {okLine + strings.Repeat("X: y\r\n", answerLimits.Fields+1) + two + "\r\nok", true},
		"hints without end":             {strings.Repeat("HTTP/1.1 103 x\r\n\r\n", 100) + okLine + two + "\r\nok", true},
		"malformed hints":               {"HTTP/1.1 103 x\nLink: a\n\n" + okLine + two + "\r\nok", true},
		"framing in 204":                {"HTTP/1.1 204 x\r\nContent-Length: 1, 2\r\n\r\n", false},
	} {
		target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
			if take(r) {
				say(c, test.answer)
			}
		})
		transport := transportTo(t, target, nil)
		err := readWhole(transport, request(t, "POST", target, "x"))
		if failed, ok := err.(*Error); !ok || !failed.MaybeSent {
			t.Errorf("%s: %#v, want an error that says that the call may have been sent", name, err)
		}
		if p := transport.pool; len(p.slots) != 0 || p.open != 0 {
			t.Errorf("%s: the connection is kept", name)
		}
		if _, _, repaired := readByNetHTTP([]byte(test.answer)); repaired != test.repaired {
			t.Errorf("%s: net/http reads it: %t, want %t", name, repaired, test.repaired)
		}
	}
}

// TestWhatServersMaySay is what RFC 9110 and RFC 9112 let them send, and must be read.
func TestWhatServersMaySay(t *testing.T) {
	type read struct {
		status                 int
		body                   string
		length                 int64
		chunked, close, reused bool
	}
	for name, test := range map[string]struct {
		method, answer string
		want           read
	}{
		"length":               {"GET", okLine + two + "\r\nok", read{200, "ok", 2, false, false, true}},
		"length 0":             {"GET", okLine + "Content-Length: 0\r\n\r\n", read{200, "", 0, false, false, true}},
		"leading zeros":        {"GET", okLine + "Content-Length: 002\r\n\r\nok", read{200, "ok", 2, false, false, true}},
		"chunks":               {"GET", okLine + chunks + "\r\n1\r\no\r\n01\r\nk\r\n0\r\n\r\n", read{200, "ok", -1, true, false, true}},
		"chunks of any case":   {"GET", okLine + "transfer-ENCODING: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", read{200, "0123456789", -1, true, false, true}},
		"extensions":           {"GET", okLine + chunks + "\r\n2;a=b;c=\"d\"\r\nok\r\n0;e\r\n\r\n", read{200, "ok", -1, true, false, true}},
		"trailer":              {"GET", okLine + chunks + "\r\n2\r\nok\r\n0\r\nX: 1\r\nY: 2\r\n\r\n", read{200, "ok", -1, true, false, true}},
		"until the end":        {"GET", okLine + "\r\nok", read{200, "ok", -1, false, true, false}},
		"HTTP/1.0":             {"GET", "HTTP/1.0 200 OK\r\n\r\nok", read{200, "ok", -1, false, true, false}},
		"HTTP/1.0, length":     {"GET", "HTTP/1.0 200 OK\r\n" + two + "\r\nok", read{200, "ok", 2, false, false, false}},
		"close":                {"GET", okLine + "Connection: x, CLOSE\r\n" + two + "\r\nok", read{200, "ok", 2, false, false, false}},
		"no reason":            {"GET", "HTTP/1.1 200 \r\n" + two + "\r\nok", read{200, "ok", 2, false, false, true}},
		"no blank either":      {"GET", "HTTP/1.1 200\r\n" + two + "\r\nok", read{200, "ok", 2, false, false, true}},
		"reason of many words": {"GET", "HTTP/1.1 404 Not \xe4 Found\t!\r\n" + two + "\r\nno", read{404, "no", 2, false, false, true}},
		"blanks around values": {"GET", okLine + "Content-Length: \t 2 \t\r\n\r\nok", read{200, "ok", 2, false, false, true}},
		"no blank":             {"GET", okLine + "Content-Length:2\r\n\r\nok", read{200, "ok", 2, false, false, true}},
		"hints":                {"GET", "HTTP/1.1 103 x\r\nLink: a\r\n\r\nHTTP/1.1 102 y\r\n\r\n" + okLine + two + "\r\nok", read{200, "ok", 2, false, false, true}},
		"204":                  {"GET", "HTTP/1.1 204 No Content\r\n\r\n", read{204, "", 0, false, false, true}},
		"304 with a length":    {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", read{304, "", 0, false, false, true}},
		"HEAD":                 {"HEAD", okLine + "Content-Length: 9\r\n\r\n", read{200, "", 9, false, false, true}},
		"HEAD without":         {"HEAD", okLine + "\r\n", read{200, "", -1, false, false, true}},
		"HEAD with chunks":     {"HEAD", okLine + chunks + "\r\n", read{200, "", -1, false, false, true}},
		"599":                  {"GET", "HTTP/1.1 599 x\r\n" + two + "\r\nok", read{599, "ok", 2, false, false, true}},
	} {
		target, conns := origin(t, func(c net.Conn, r *bufio.Reader) {
			for take(r) {
				if say(c, test.answer); !test.want.reused {
					return
				}
			}
		})
		transport := transportTo(t, target, nil)
		for call := range int64(2) {
			response, err := roundTrip(transport, request(t, test.method, target, ""))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			body, err := io.ReadAll(response.Body)
			got := read{response.Status, string(body), response.ContentLength, response.Chunked, response.EndsByClose, test.want.reused}
			if err != nil || got != test.want {
				t.Errorf("%s: %+v, %v, want %+v", name, got, err, test.want)
			}
			if reused := call > 0 && conns.Load() == 1; call > 0 && reused != test.want.reused {
				t.Errorf("%s: the connection is used again: %t", name, reused)
			}
		}
	}
}

// plain are answers that no reader may refuse, whatever else it does: head, and a body of a length.
var plain = regexp.MustCompile(`\AHTTP/1\.1 [2-5][0-9]{2} [a-zA-Z ]{0,20}\r\n([a-zA-Z]{1,12}: [!-~]{1,20}\r\n){0,20}\r\n`)

// isPlain reports whether an answer that net/http reads is one of these.
func isPlain(answer []byte) bool {
	head := string(plain.Find(answer))
	lower := strings.ToLower(head)
	return head != "" && !strings.Contains(lower, "content-length") && !strings.Contains(lower, "transfer-encoding")
}

// TestHeadersOutliveTheirConnection: what a call has of an answer does not change when others come on the connection.
func TestHeadersOutliveTheirConnection(t *testing.T) {
	next := make(chan string, 1)
	target, conns := origin(t, func(c net.Conn, r *bufio.Reader) {
		for take(r) {
			say(c, <-next)
		}
	})
	transport := transportTo(t, target, nil)
	var answers []*Response
	all := "abcdefgh"
	of := func(letter rune) string { return strings.Repeat(string(letter), 100) }
	for _, letter := range all {
		next <- okLine + "X-" + of(letter) + ": " + of(letter) + "\r\nContent-Length: 0\r\n\r\n"
		response, err := roundTrip(transport, request(t, "GET", target, ""))
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, response)
	}
	for i, letter := range all {
		if got := answers[i].Header.Get(http.CanonicalHeaderKey("X-" + of(letter))); got != of(letter) || conns.Load() != 1 {
			t.Errorf("answer %d has %q after others came", i, answers[i].Header)
		}
	}
}
