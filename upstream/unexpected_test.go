package upstream

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"tollgate/internal/testpki"
)

// bodiless reads requests as a server does that expects a body with some methods only: what follows the head of another is the
// next request to it. Each answer is the target of its request.
func bodiless(c net.Conn, r *bufio.Reader) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		length := 0
		for field := line; field != "\r\n"; {
			if field, err = r.ReadString('\n'); err != nil {
				return
			}
			_, _ = fmt.Sscanf(strings.ToLower(field), "content-length: %d\r\n", &length)
		}
		if parts := strings.Fields(line); len(parts) == 3 {
			if takesBody(parts[0]) {
				_, _ = r.Discard(length)
			}
			say(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(parts[1]), parts[1]))
			if h, ok := c.(*holding); ok {
				h.flush()
			}
		}
	}
}

// TestUnexpectedBodies: a connection that carried a body on a method other than POST, PUT and PATCH is not used again, so the
// answer to what the far end took for a second request is the answer to no call. Others are used again.
func TestUnexpectedBodies(t *testing.T) {
	const second = "GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
	ca := testpki.Must(testpki.New())
	for _, method := range []string{"POST", "PUT", "PATCH", "GET", "DELETE", "OPTIONS", "PROPFIND", "QUERY", "LOCK", "X"} {
		for _, body := range []string{"", "x", second, strings.Repeat(second, 2000)} {
			for _, secured := range []bool{false, true} {
				target, conns := origin(t, bodiless)
				transport := transportTo(t, target, nil)
				if secured {
					target, conns = tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), bodiless)
					transport = transportTo(t, target, clientConfig(ca))
				}
				for i := range 3 {
					path := fmt.Sprintf("/%d", i)
					got, err := send(t, transport, request(t, method, target+path, body))
					if err != nil || got != path {
						t.Errorf("%s with %d bytes, TLS %t: call %s was answered with %q, %v", method, len(body), secured, path, got, err)
					}
				}
				if want := int64(3); body != "" && !takesBody(method) && conns.Load() != want {
					t.Errorf("%s with %d bytes: %d connections for three calls, want %d", method, len(body), conns.Load(), want)
				} else if len(body) <= inlineBody && (body == "" || takesBody(method)) && conns.Load() != 1 {
					t.Errorf("%s with %d bytes: %d connections for three calls, want 1", method, len(body), conns.Load())
				}
				if p := transport.pool; len(p.slots) != 0 || p.open != len(p.idle) {
					t.Errorf("%s with %d bytes: %d places are still taken, %d connections counted, %d idle", method, len(body), len(p.slots), p.open, len(p.idle))
				}
			}
		}
	}
}

// TestUnexpectedBodyOfHEAD: an answer without a body ends its exchange at once, and the connection with it.
func TestUnexpectedBodyOfHEAD(t *testing.T) {
	target, conns := origin(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	transport := transportTo(t, target, nil)
	for range 3 {
		if _, err := send(t, transport, request(t, "HEAD", target, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 3 {
		t.Errorf("%d connections for three calls, want one for each", n)
	}
}

// TestDistrust: the connection of an answer that belongs to another request is not used again, whether it is idle by now, in
// use for another call, or still in use for the answer itself.
func TestDistrust(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		target, conns := named(t)
		transport := transportTo(t, target, nil)
		for want := range 3 {
			response, err := roundTrip(transport, request(t, "GET", target, ""))
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(response.Body); err != nil || string(body) != fmt.Sprint(want+1) {
				t.Errorf("call %d came on connection %s, %v", want, body, err)
			}
			Distrust(response)
			_ = response.Body.Close()
		}
		if p := transport.pool; conns.Load() != 3 || p.open != len(p.idle) {
			t.Errorf("%d connections for three calls; %d counted, %d idle", conns.Load(), p.open, len(p.idle))
		}
	})
	t.Run("in use again", func(t *testing.T) {
		arrived, over := make(chan struct{}), make(chan struct{})
		defer close(over)
		target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
			if take(r) {
				say(c, ok)
			}
			if take(r) {
				close(arrived)
				<-over
			}
		})
		transport := transportTo(t, target, nil)
		response, err := roundTrip(transport, request(t, "GET", target, ""))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(response.Body)
		second := make(chan error, 1)
		go func() {
			_, err := send(t, transport, request(t, "POST", target, "x"))
			second <- err
		}()
		<-arrived
		Distrust(response)
		if failed, ok := (<-second).(*Error); !ok || !failed.MaybeSent {
			t.Errorf("the other call ends with %v, want one that says it may have been sent", failed)
		}
	})
	t.Run("not read", func(t *testing.T) {
		target, _ := named(t)
		transport := transportTo(t, target, nil)
		response, err := roundTrip(transport, request(t, "GET", target, ""))
		if err != nil {
			t.Fatal(err)
		}
		Distrust(response)
		_ = response.Body.Close()
		if p := transport.pool; len(p.idle) != 0 || p.open != 0 || len(p.slots) != 0 {
			t.Errorf("%d idle, %d counted, %d in use", len(p.idle), p.open, len(p.slots))
		}
	})
	Distrust(&Response{Body: http.NoBody}) // has left its connection, or never had one
}
