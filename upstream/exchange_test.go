package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/http1"
	"tollgate/internal/testpki"
)

// script is what an upstream does on one connection, once a request of it has been read.
type script func(c net.Conn, r *bufio.Reader)

// origin serves connections by a script, plain or with TLS, and counts them.
func origin(t *testing.T, serve script) (target string, conns *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	conns = new(atomic.Int64)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go func() {
				defer c.Close()
				serve(c, bufio.NewReader(c))
			}()
		}
	}()
	return "http://" + listener.Addr().String(), conns
}

// take reads one request whole.
func take(r *bufio.Reader) bool {
	request, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, request.Body)
	return err == nil
}

func say(c net.Conn, text string) { _, _ = io.WriteString(c, text) }

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// answering returns the same bytes for each request.
func answering(text string) script {
	return func(c net.Conn, r *bufio.Reader) {
		for take(r) {
			say(c, text)
		}
	}
}

func TestConnectionsAreReused(t *testing.T) {
	for name, answer := range map[string]string{
		"length":  ok,
		"empty":   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"204":     "HTTP/1.1 204 No Content\r\n\r\n",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"early":   "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok,
	} {
		target, conns := origin(t, answering(answer))
		transport := transportTo(t, target, nil)
		for range 3 {
			if _, err := send(t, transport, request(t, "POST", target, "x")); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("%s: %d connections for three calls, want 1", name, n)
		}
		if open, inUse := transport.Connections(); open != 1 || inUse != 0 {
			t.Errorf("%s: %d connections, %d in use, want an idle one", name, open, inUse)
		}
	}
}

// TestSurplusIsNoAnswer: what an upstream sends unasked, with its answer or after it, is never the answer to another call,
// and what was not taken whole ends the connection.
func TestSurplusIsNoAnswer(t *testing.T) {
	const stray = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
	for name, answer := range map[string]string{
		"two answers":             ok + stray,
		"surplus body":            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + "more",
		"body of 204":             "HTTP/1.1 204 No Content\r\n\r\n" + stray,
		"half an answer more":     ok + stray[:20],
		"close":                   "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.0":                "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"answer after the chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + stray,
	} {
		target, conns := origin(t, answering(answer))
		transport := transportTo(t, target, nil)
		for range 3 {
			if got, err := send(t, transport, request(t, "GET", target, "")); err != nil || strings.Contains(got, "stray") {
				t.Fatalf("%s: %q, %v", name, got, err)
			}
		}
		if n := conns.Load(); n != 3 {
			t.Errorf("%s: %d connections for three calls, want one for each", name, n)
		}
	}
}

// TestSecondAnswerIsNoCalls: calls that wait for the only connection get it in the moment in which it is free, when the
// upstream's second answer to the call before may be on its way.
func TestSecondAnswerIsNoCalls(t *testing.T) {
	target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
		for request, err := http.ReadRequest(r); err == nil; request, err = http.ReadRequest(r) {
			answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(request.URL.Path), request.URL.Path)
			say(c, answer+answer)
		}
	})
	transport := transportTo(t, target, nil)
	transport.pool.slots = make(chan struct{}, 1)
	var calling sync.WaitGroup
	for worker := range 4 {
		calling.Go(func() {
			for i := range 50 {
				path := fmt.Sprintf("/%d-%d", worker, i)
				if got, err := send(t, transport, request(t, "POST", target+path, "")); err != nil || got != path {
					t.Errorf("%s was answered with %q, %v", path, got, err)
				}
			}
		})
	}
	calling.Wait()
}

// TestSurplusUnderTLS: a second answer in a TLS record of its own, which came with the first one, is noticed too.
func TestSurplusUnderTLS(t *testing.T) {
	ca := testpki.Must(testpki.New())
	certificate := testpki.Must(ca.Server("127.0.0.1"))
	target, conns := tlsOrigin(t, certificate, func(c net.Conn, r *bufio.Reader) {
		for take(r) {
			held := c.(*holding)
			say(c, ok)
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")
			held.flush()
		}
	})
	transport := transportTo(t, target, clientConfig(ca))
	for range 3 {
		if got, err := send(t, transport, request(t, "GET", target, "")); err != nil || got != "ok" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if n := conns.Load(); n != 3 {
		t.Errorf("%d connections for three calls, want one for each", n)
	}
}

// TestClosedWhileIdle: a connection that the far end closed meanwhile is not used again, so the call that comes next does
// not get lost with it.
func TestClosedWhileIdle(t *testing.T) {
	closed := make(chan struct{}, 10)
	target, conns := origin(t, func(c net.Conn, r *bufio.Reader) {
		if take(r) {
			say(c, ok)
			_ = c.Close()
			closed <- struct{}{}
		}
	})
	transport := transportTo(t, target, nil)
	for range 3 {
		if got, err := send(t, transport, request(t, "POST", target, "x")); err != nil || got != "ok" {
			t.Fatalf("%q, %v", got, err)
		}
		<-closed
	}
	if n := conns.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// TestAnswerBeforeTheBody: the answer of one that does not read a large body, and goes on holding the connection, is read.
func TestAnswerBeforeTheBody(t *testing.T) {
	over := make(chan struct{})
	target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = http.ReadRequest(r)
		say(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
		<-over
	})
	defer close(over)
	transport := transportTo(t, target, nil)
	response, err := roundTrip(transport, request(t, "POST", target, strings.Repeat("x", 16<<20)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if response.Status != http.StatusRequestEntityTooLarge || string(body) != "no" || err != nil {
		t.Errorf("%d %q %v", response.Status, body, err)
	}
	if len(transport.pool.idle) != 0 {
		t.Error("a connection with half a request on it is kept")
	}
}

// TestBadAnswers: none of these is an answer, and all of them came after the request was sent.
func TestBadAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":            "",
		"no HTTP":            "hello\r\n\r\n",
		"half a header":      "HTTP/1.1 200 OK\r\nContent-Le",
		"two lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"status below 100":   "HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\nok",
		"status 0":           "HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\nok",
		"signed status":      "HTTP/1.1 +20 X\r\nContent-Length: 2\r\n\r\nok",
		"version 2":          "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"version 9":          "HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"switched protocols": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"endless header":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", answerLimits.Head),
		"endless hints":      strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000) + ok,
	} {
		target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
			if take(r) {
				say(c, answer)
			}
		})
		_, err := send(t, transportTo(t, target, nil), request(t, "POST", target, "x"))
		var failed *Error
		if !errors.As(err, &failed) || !failed.MaybeSent {
			t.Errorf("%s: error %#v, want one that says the call may have been sent", name, err)
		}
	}
}

// TestCutAnswers: an answer that ends early is an error of its body, never a short body.
func TestCutAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"length": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
		"chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
	} {
		target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
			if take(r) {
				say(c, answer)
			}
		})
		if _, err := send(t, transportTo(t, target, nil), request(t, "GET", target, "")); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestWaitsForAConnection: no more connections than MaxConns; a call that waits for one stops with its context, and nothing
// was sent.
func TestWaitsForAConnection(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	target, conns := origin(t, func(c net.Conn, r *bufio.Reader) {
		for take(r) {
			arrived <- struct{}{}
			<-release
			say(c, ok)
		}
	})
	transport := transportTo(t, target, nil)
	transport.pool.slots = make(chan struct{}, 1)
	first := make(chan error, 1)
	go func() {
		_, err := send(t, transport, request(t, "POST", target, "x"))
		first <- err
	}()
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := send(t, transport, request(t, "POST", target, "x").WithContext(ctx))
	var failed *Error
	if !errors.As(err, &failed) || failed.MaybeSent || !errors.Is(err, context.Canceled) {
		t.Errorf("error %#v, want one that says nothing was sent", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if _, err := send(t, transport, request(t, "POST", target, "x")); err != nil || conns.Load() != 1 {
		t.Errorf("%v, %d connections", err, conns.Load())
	}
}

// TestPlacesComeBack: however an exchange ends, its place is free again.
func TestPlacesComeBack(t *testing.T) {
	target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
		if request, err := http.ReadRequest(r); err == nil && request.URL.Path == "/long" {
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
			_, _ = r.ReadByte()
		}
	})
	transport := transportTo(t, target, nil)
	endings := map[string]func(){
		"no answer": func() { _, _ = send(t, transport, request(t, "GET", target, "")) },
		"closed early": func() {
			if response, err := roundTrip(transport, request(t, "GET", target+"/long", "")); err == nil {
				_ = response.Body.Close()
			}
		},
		"context over": func() {
			ctx, cancel := context.WithCancel(t.Context())
			response, err := roundTrip(transport, request(t, "GET", target+"/long", "").WithContext(ctx))
			cancel()
			if err == nil {
				_, err = io.ReadAll(response.Body)
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("at the end of the context: %v", err)
			}
		},
		"bad request": func() {
			r := request(t, "GET", target, "")
			r.Header.Add("X", "a\r\nb")
			_, err := roundTrip(transport, r)
			var failed *Error
			if !errors.As(err, &failed) || failed.MaybeSent {
				t.Errorf("a header with a line feed: %v", err)
			}
		},
	}
	for name, do := range endings {
		do()
		if n := len(transport.pool.slots); n != 0 {
			t.Errorf("%s: %d places are still taken", name, n)
		}
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	ended := make(chan struct{}, 2)
	target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
		answering(ok)(c, r)
		ended <- struct{}{}
	})
	transport := transportTo(t, target, nil)
	call := func() {
		if _, err := send(t, transport, request(t, "GET", target, "")); err != nil {
			t.Fatal(err)
		}
	}
	call()
	transport.pool.idle[0].idleSince = time.Now().Add(-idleTimeout)
	transport.pool.sweepIdle()
	<-ended
	call()
	transport.Close()
	<-ended
	if transport.pool.idle != nil {
		t.Error("Close leaves connections behind")
	}
}

// TestHead: the request as it stands on the wire.
func TestHead(t *testing.T) {
	r := request(t, "PUT", "http://host.example:81/a%20b?c=%2F", "four")
	r.Header = http1.Fields{{Name: "X-One", Value: "1"}, {Name: "Host", Value: "evil"}, {Name: "Content-Length", Value: "9"}, {Name: "Transfer-Encoding", Value: "chunked"}}
	want := "PUT /a%20b?c=%2F HTTP/1.1\r\nHost: host.example:81\r\nX-One: 1\r\nContent-Length: 4\r\n\r\n"
	if got := r.AppendHead(nil); !bytes.Equal(got, []byte(want)) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := check(&r.Request); err != nil {
		t.Errorf("%v", err)
	}
	for name, change := range map[string]func(*Request){
		"method":          func(r *Request) { r.Method = "G T" },
		"no path":         func(r *Request) { r.Path = "" },
		"no slash":        func(r *Request) { r.Path = "http://evil.example/" },
		"blank in path":   func(r *Request) { r.Path = "/a b" },
		"query in path":   func(r *Request) { r.Path = "/a?b" },
		"fragment":        func(r *Request) { r.Query = "a#b" },
		"blank in query":  func(r *Request) { r.Query = "a b" },
		"line in query":   func(r *Request) { r.Query = "a\r\nX: 1" },
		"beyond ASCII":    func(r *Request) { r.Path = "/\xc3\xa4" },
		"host":            func(r *Request) { r.Host = "a\r\nb" },
		"no host":         func(r *Request) { r.Host = "" },
		"header name":     func(r *Request) { r.Header.Add("a b", "") },
		"no header name":  func(r *Request) { r.Header.Add("", "") },
		"header value":    func(r *Request) { r.Header.Add("A", "\n") },
		"NUL in a header": func(r *Request) { r.Header.Add("A", "\x00") },
	} {
		r := request(t, "PUT", "http://host.example/", "four")
		if change(&r.Request); check(&r.Request) == nil {
			t.Errorf("%s: nothing is wrong with it", name)
		}
	}
}
