package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"tollgate/audit/logfile"
)

// hostileAnswer is an answer that is broken or odd, and what must come of it. The call changes something.
type hostileAnswer struct {
	name    string
	method  string // POST where empty
	answer  func(net.Conn, *rawRequest) (keep bool)
	status  int // for the caller; 0: the answer breaks off
	code    string
	body    string // for the caller, where it has the upstream's status
	outcome string
}

// unusable is an answer that the caller does not get to see.
func unusable(name, text string) hostileAnswer {
	return hostileAnswer{name: name, answer: sayingLast(text), status: http.StatusBadGateway, code: "TG.7002", outcome: logfile.Unknown}
}

// passed is an answer of status 200 with the body {}.
func passed(name, text string) hostileAnswer {
	return hostileAnswer{name: name, answer: saying(text), status: http.StatusOK, body: "{}", outcome: logfile.Succeeded}
}

const jsonType = "Content-Type: application/json\r\n"

func hostileAnswers() []hostileAnswer {
	const ok, length = "HTTP/1.1 200 OK\r\n" + jsonType, "Content-Length: 2\r\n\r\n{}"
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = io.WriteString(zip, "{}")
	_ = zip.Close()
	return []hostileAnswer{
		passed("as it should be", ok+length),
		passed("chunked", ok+"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
		unusable("same length twice", ok+"Content-Length: 2\r\n"+length),
		unusable("length and chunked", ok+"Content-Length: 77\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
		passed("trailer", ok+"Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n"),
		passed("one answer on the way", "HTTP/1.1 100 Continue\r\n\r\n"+ok+length),
		passed("hints on the way", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nConnection: close\r\nTollgate-Call-Id: x\r\n\r\n"+ok+length),
		passed("a header that only the gateway may say", ok+"Tollgate-Outcome: partial\r\nTollgate-Call-Id: x\r\n"+length),
		passed("hop by hop headers", ok+"Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nUpgrade: h2c\r\nProxy-Authenticate: x\r\n"+length),
		unusable("carriage return in a header", ok+"X-A: 1\rSet-Cookie: a=b\r\n"+length),
		unusable("blank before a colon", ok+"Transfer-Encoding : chunked\r\n"+length),
		unusable("folded header", ok+"X-A: 1\r\n Content-Length: 9\r\n"+length),
		unusable("bare line feeds", strings.ReplaceAll(ok+length, "\r\n", "\n")),
		{name: "HTTP/1.0 without a length", answer: sayingLast("HTTP/1.0 200 OK\r\n" + jsonType + "\r\n{}"), status: 200, body: "{}", outcome: logfile.Succeeded},
		{name: "HTTP/1.0 with a length", answer: sayingLast("HTTP/1.0 200 OK\r\n" + jsonType + length), status: 200, body: "{}", outcome: logfile.Succeeded},
		{name: "answered and closed", answer: sayingLast(ok + length), status: 200, body: "{}", outcome: logfile.Succeeded},
		{name: "longer than its length", answer: saying(ok + length + "garbage"), status: 200, body: "{}", outcome: logfile.Succeeded},
		{name: "204", answer: saying("HTTP/1.1 204 No Content\r\n\r\n"), status: 204, outcome: logfile.Succeeded},
		{name: "204 with a body", answer: saying("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}"), status: 204, outcome: logfile.Succeeded},
		{name: "304 with a body", answer: saying("HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n{}"), status: 502, code: "TG.7002", outcome: logfile.Unknown},
		{name: "307", answer: saying("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n"), status: 502, code: "TG.7002", outcome: logfile.Unknown},
		{name: "HEAD with a body", method: "HEAD", answer: saying(ok + length), status: 200, outcome: logfile.Succeeded},
		{name: "compressed unasked", answer: saying(ok + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(packed.Len()) + "\r\n\r\n" + packed.String()),
			status: 200, body: "{}", outcome: logfile.Succeeded},
		{name: "in a coding that is not undone", answer: saying(ok + "Content-Encoding: br\r\n" + length), status: 200, body: "{}", outcome: logfile.Unknown},
		unusable("compressed, and cut", ok+"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n"+packed.String()[:10]),
		unusable("status 999", "HTTP/1.1 999 What\r\n"+jsonType+length),
		unusable("status 99", "HTTP/1.1 99 What\r\n"+jsonType+length),
		unusable("status 099", "HTTP/1.1 099 What\r\n"+jsonType+length),
		unusable("status 000", "HTTP/1.1 000 What\r\n"+jsonType+length),
		unusable("status 1000", "HTTP/1.1 1000 What\r\n"+jsonType+length),
		unusable("status with a sign", "HTTP/1.1 +20 What\r\n"+jsonType+length),
		unusable("negative status", "HTTP/1.1 -20 What\r\n"+jsonType+length),
		unusable("no status", "HTTP/1.1\r\n"+jsonType+length),
		unusable("two lengths", ok+"Content-Length: 3\r\n"+length),
		unusable("two lengths in one line", ok+"Content-Length: 2, 3\r\n\r\n{}"),
		unusable("negative length", ok+"Content-Length: -2\r\n\r\n{}"),
		unusable("length with a sign", ok+"Content-Length: +2\r\n\r\n{}"),
		unusable("huge length", ok+"Content-Length: 99999999999999999999\r\n\r\n{}"),
		unusable("chunked twice", ok+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
		unusable("unknown coding", ok+"Transfer-Encoding: gzip, chunked\r\n"+length),
		unusable("broken chunk", ok+"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
		unusable("cut chunks", ok+"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
		unusable("shorter than its length", ok+"Content-Length: 100\r\n\r\n{}"),
		unusable("switched protocols", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
		unusable("switched protocols, and an answer", "HTTP/1.1 101 Switching Protocols\r\n\r\n"+ok+length),
		unusable("only answers on the way", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20_000)),
		unusable("hints without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 20_000)),
		unusable("huge header", ok+"X-A: "+strings.Repeat("x", 300<<10)+"\r\n"+length),
		unusable("many headers", ok+strings.Repeat("X-A: 1\r\n", 100_000)+length),
		unusable("NUL in a name", ok+"X\x00A: 1\r\n"+length),
		unusable("no colon", ok+"X-A\r\n"+length),
		unusable("garbage", "{}\n"),
		unusable("HTTP/0.9", "<html>hello</html>\r\n\r\n"),
		unusable("HTTP/2", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
		unusable("other version", "HTTP/9.9 200 OK\r\n"+jsonType+length),
		unusable("half a status line", "HTTP/1.1 20"),
		unusable("half a header", ok+"Content-Le"),
		unusable("nothing", ""),
	}
}

// TestHostileAnswers: the caller and the log learn what an answer is worth. Each is followed by a sound one: what
// was left of the first is not part of it.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	w := newRawWorld(t, raw)
	u, outcomes := w.upstreams["bss"], map[string]hostileAnswer{}
	for _, c := range hostileAnswers() {
		t.Run(c.name, func(t *testing.T) {
			u.answering(c.answer)
			outcomes[w.checkAnswer(t, &c)] = c
			u.answering(func(conn net.Conn, r *rawRequest) bool { return saying(naming(r.target))(conn, r) })
			next := w.call(t, "GET", "/echo/next", "")
			if sound := next.status == http.StatusOK && strings.Contains(next.body, "/echo/next"); !sound && next.code != "TG.7001" {
				t.Errorf("the next call is answered %d %s", next.status, next.body)
			}
		})
	}
	w.finish()
	for _, r := range w.records() {
		c, ok := outcomes[r.Call]
		if !ok || r.Kind != logfile.KindOutcome {
			continue
		}
		delete(outcomes, r.Call)
		if r.Outcome != c.outcome {
			t.Errorf("%s: the outcome on record is %s (status %d), want %s", c.name, r.Outcome, r.Status, c.outcome)
		}
	}
	if len(outcomes) > 0 {
		t.Errorf("%d calls have no outcome on record", len(outcomes))
	}
}

// call calls without keys, and returns what came back; status 0 if nothing whole did.
func (w *rawWorld) call(t *testing.T, method, target, body string) answer {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request(t, method, "http://"+w.address("bss")+target, body))
	if err != nil {
		t.Logf("%s %s: %v", method, target, err)
		return answer{}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{header: response.Header}
	}
	return answer{response.StatusCode, response.Header, string(text), problemCode(text)}
}

// checkAnswer makes the call and returns its id.
func (w *rawWorld) checkAnswer(t *testing.T, c *hostileAnswer) string {
	t.Helper()
	method, body := c.method, ""
	if method == "" {
		method, body = "POST", `{"a":1}`
	}
	got := w.call(t, method, "/echo/x", body)
	if got.status != c.status || got.code != c.code || c.code == "" && got.body != c.body {
		t.Errorf("the caller got %d %s %.300q, want %d %s %q", got.status, got.code, got.body, c.status, c.code, c.body)
	}
	for _, name := range []string{"X-Hop", "Keep-Alive", "Upgrade", "Proxy-Authenticate", "Set-Cookie", "Link", "X-T"} {
		if values := got.header.Values(name); len(values) > 0 {
			t.Errorf("%s: %q reached the caller", name, values)
		}
	}
	ids := got.header.Values("Tollgate-Call-Id")
	if len(ids) != 1 {
		t.Fatalf("call ids %q", ids)
	}
	if header := got.header.Get("Tollgate-Outcome"); c.code == "" && header != c.outcome {
		t.Errorf("the caller's header has the outcome %q, want %q", header, c.outcome)
	}
	return ids[0]
}

// TestAnswersBeforeTheEnd: an upstream answers when it has seen the header only, and does not read the body. What it said
// is passed on, and the connection is not used again.
func TestAnswersBeforeTheEnd(t *testing.T) {
	t.Parallel()
	w := newRawWorld(t, replaceOnce(t, raw, "body: 64KiB", "body: 8MiB"))
	u := w.upstreams["bss"]
	const refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n"
	for name, text := range map[string]string{"kept open": refusal + "\r\n", "closing": refusal + "Connection: close\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			hold := make(chan struct{})
			u.answeringEarly(func(c net.Conn) bool {
				_, _ = io.WriteString(c, text)
				<-hold
				return false
			})
			got := w.call(t, "POST", "/echo/early", strings.Repeat("x", 4<<20))
			close(hold)
			if got.status != http.StatusRequestEntityTooLarge {
				t.Errorf("the caller got %d %s", got.status, got.body)
			}
			if r := w.recorded(logfile.KindOutcome, got.header.Get("Tollgate-Call-Id")); r.Outcome != logfile.Failed || r.Status != got.status {
				t.Errorf("on record: %s %d", r.Outcome, r.Status)
			}
			u.answering(saying(rawOK))
			if next := w.call(t, "POST", "/echo/next", "{}"); next.status != http.StatusOK {
				t.Errorf("the next call is answered %d %s", next.status, next.body)
			}
		})
	}
	w.stop()
}
