package gateway_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/http1/http1test"
)

// testSmuggling has proxies in front of the gateway and servers behind it that each read in their own way. Of what a front passes on, the
// gateway decides on the requests that the front has read and on no others, and each back reads what the gateway sends as the one request
// that is on record. Behind an engine that repairs messages the first does not hold.
func testSmuggling(t *testing.T, e engine) {
	if e.lenient {
		t.Skip("it reads bare line feeds")
	}
	f := start(t, behind(e), fixed)
	sent, reached := map[string]bool{}, 0
	for name, stream := range gatewayAttacks() {
		for _, front := range http1test.Fronts() {
			forwarded := front.Split(stream)
			passed := http1test.Join(forwarded)
			if sent[passed] {
				continue
			}
			sent[passed] = true
			f.deliver(t, passed)
			reached += f.wantForwarded(t, name+" behind "+front.Name, forwarded)
		}
	}
	if len(sent) < 50 || reached < 20 {
		t.Errorf("%d streams were passed on, and %d requests of them reached the upstream: the test shows nothing", len(sent), reached)
	}
}

// gatewayAttacks are those of http1test to what the fixture serves.
func gatewayAttacks() map[string]string {
	attacks := http1test.Attacks(get("/echo/smuggled"), get("/echo/probe"))
	outer := strings.NewReplacer("POST / ", "POST /echo/x/y ", "GET / ", "GET /echo/x ", "Host: h\r\n", "Host: gateway.test\r\n", "Host: h\n", "Host: gateway.test\n")
	for name, stream := range attacks {
		attacks[name] = outer.Replace(stream)
	}
	return attacks
}

// deliver sends a stream on a connection of its own, and waits for the connection's end.
func (f *fixture) deliver(t *testing.T, stream string) {
	t.Helper()
	c := f.dial(t)
	defer c.conn.Close()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(c.conn, stream)
		_ = c.conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	_, _ = io.Copy(io.Discard, c.reader)
	<-written
}

// wantForwarded holds what has reached the upstream, which it takes, against what a front has passed on, and against the record. It returns
// how many requests that was.
func (f *fixture) wantForwarded(t *testing.T, name string, forwarded []http1test.Message) int {
	t.Helper()
	arrivals, intents := f.origin.take(), f.log.take(logfile.KindIntent)
	if len(arrivals) != len(intents) {
		t.Errorf("%s: %d requests reached the upstream, %d are on record", name, len(arrivals), len(intents))
		return 0
	}
	next := 0
	for i, a := range arrivals {
		line := strings.TrimSuffix(a.line, " HTTP/1.1")
		for next < len(forwarded) && forwarded[next].Line != line {
			next++
		}
		if next++; next > len(forwarded) {
			t.Errorf("%s: %q reached the upstream, the front has read %q", name, a.line, forwarded)
			return i
		}
		if recorded := intents[i].Method + " " + intents[i].Path; recorded != line {
			t.Errorf("%s: %q is recorded as %q", name, line, recorded)
		}
		a.wantOne(t, name)
	}
	return len(arrivals)
}

// wantOne holds that all backs read one request, with the same body.
func (a *arrival) wantOne(t *testing.T, name string) {
	t.Helper()
	raw := strings.Join(append([]string{a.line}, a.header...), "\r\n") + "\r\n\r\n" + a.body
	for _, back := range http1test.Backs() {
		read := back.Split(raw)
		if len(read) != 1 || read[0].Raw != raw || read[0].Body != a.body || read[0].Line+" HTTP/1.1" != a.line {
			t.Errorf("%s: %s reads %q of %q", name, back.Name, read, raw)
		}
	}
}

// A request with a body where none is expected, or whose body was not waited for, is the last one on its connection: who stands in front
// may have taken the body for the next request (0.CL), and would take the answer to another's for its answer.
func testAmbiguousBodiesEndTheConnection(t *testing.T, e engine) {
	next := get("/echo/next")
	for name, request := range map[string]string{
		"GET":                  fmt.Sprintf("GET /echo/x HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: %d\r\n\r\n%s", len(next), next),
		"HEAD":                 fmt.Sprintf("HEAD /echo/x HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: %d\r\n\r\n%s", len(next), next),
		"GET of the catalog":   fmt.Sprintf("GET %s HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: %d\r\n\r\n%s", readTarget, len(next), next),
		"refused, with Expect": strings.Replace(post(next, fmt.Sprintf("Content-Length: %d", len(next)), "Expect: 100-continue"), "/echo", "/none", 1),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, behind(e), fixed)
			c := f.dial(t)
			c.write(request + get("/echo/other"))
			method, _, _ := strings.Cut(request, " ")
			if got := c.read(method); got == nil || got.status < 400 {
				t.Errorf("answer %+v", got)
			}
			if got := c.read("GET"); got != nil {
				t.Errorf("another request is answered with %d %s", got.status, got.body)
			}
			f.origin.none(t)
		})
	}
}
