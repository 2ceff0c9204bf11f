package accept

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"tollgate/tlspolicy"
)

// newServer returns a server on loopback that does not serve yet, and signals each connection that it has closed.
func newServer(t *testing.T, c ServerConfig) (server *netHTTP, refused refusals, closed chan struct{}) {
	t.Helper()
	inner, err := Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused, closed = make(refusals, 4096), make(chan struct{}, 4096)
	c.HeaderTimeout, c.IdleTimeout, c.Listener.Refused = time.Minute, time.Minute, func(r Refusal) { refused <- r }
	server = newNetHTTP(inner, c)
	noted := server.http.ConnState
	server.http.ConnState = func(c net.Conn, s http.ConnState) {
		noted(c, s)
		if s == http.StateClosed {
			closed <- struct{}{}
		}
	}
	t.Cleanup(func() { _ = server.Close() })
	return server, refused, closed
}

// serve runs a server until the end of the test.
func serve(t *testing.T, server Server) {
	done := make(chan error, 1)
	go func() { done <- server.Serve() }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func answerOK(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

func TestServerReportsWhatNoHandlerSaw(t *testing.T) {
	server, refused, closed := newServer(t, ServerConfig{Handler: http.HandlerFunc(answerOK), MaxHeader: 1 << 10})
	serve(t, server)
	for _, c := range []struct {
		name, send string
		then       string // sent after an answer
		reason     Reason // empty: none
	}{
		{"answered", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "", ""},
		{"nothing sent", "", "", ReasonSilent},
		{"no HTTP", "nonsense\r\n\r\n", "", ReasonMalformed},
		{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "", ReasonMalformed},
		{"answered, then too large", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: " + string(make([]byte, 16<<10)), ReasonMalformed},
		{"header too large", "GET / HTTP/1.1\r\nHost: x\r\nA: " + string(make([]byte, 16<<10)), "", ReasonMalformed},
	} {
		conn := dial(t, server.listener)
		_, _ = io.WriteString(conn, c.send)
		if c.then != "" {
			if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, c.then)
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
		<-closed
		wantOnly(t, c.name, refused, c.reason)
	}
}

// wantOnly checks that one refusal was reported, with the reason; none if that is empty.
func wantOnly(t *testing.T, name string, refused <-chan Refusal, want Reason) {
	t.Helper()
	var got Reason
	select {
	case r := <-refused:
		got = r.Reason
	default:
	}
	if got != want || len(refused) > 0 {
		t.Errorf("%s: refused as %q and %d times more, want %q", name, got, len(refused), want)
	}
}

// The context of a request has its connection: where the peer is, what its handshake showed and what it offered, and how much it has
// taken. It is the same for all requests of a connection, and another on another.
func TestRequestsKnowTheirConnection(t *testing.T) {
	for name, c := range map[string]Config{"tls": {TLS: serverTLS(t, nil, tlspolicy.Server{})}, "plain": {}} {
		t.Run(name, func(t *testing.T) {
			type key struct{ of string }
			seen := make(chan *Connection, 1)
			server, _, _ := newServer(t, ServerConfig{
				Listener: c, Base: context.WithValue(t.Context(), key{"base"}, true),
				Context: func(ctx context.Context) context.Context {
					return context.WithValue(ctx, key{"connection"}, ConnectionOf(ctx))
				},
				Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					c := ConnectionOf(r.Context())
					if r.Context().Value(key{"base"}) != true || r.Context().Value(key{"connection"}) != c || c.Remote != r.RemoteAddr {
						t.Errorf("connection %+v of a request from %s", c, r.RemoteAddr)
					}
					seen <- c
				}),
			})
			serve(t, server)
			var before *Connection
			for range 2 {
				transport := &http.Transport{TLSClientConfig: clientTLS(nil)}
				defer transport.CloseIdleConnections()
				client := &http.Client{Transport: transport}
				getOK(t, client, server)
				one := <-seen
				getOK(t, client, server)
				if <-seen != one || one == before {
					t.Error("two requests of a connection do not have the same one, or those of two have")
				}
				checkConnection(t, one, name == "tls")
				before = one
			}
		})
	}
}

func checkConnection(t *testing.T, c *Connection, secure bool) {
	t.Helper()
	if taken, ok := c.Taken(); ok != (runtime.GOOS == "linux") || ok && taken == 0 {
		t.Errorf("the peer has taken %d bytes, which is known: %v", taken, ok)
	}
	if (c.TLS != nil) != secure || (c.Offer != nil) != secure {
		t.Fatalf("TLS %+v, offer %+v", c.TLS, c.Offer)
	}
	if secure && (!c.TLS.HandshakeComplete || c.TLS.ServerName != "tollgate.test" || len(c.Offer.Suites) == 0 || c.Offer.ServerName != "tollgate.test") {
		t.Errorf("TLS %+v, offer %+v", c.TLS, c.Offer)
	}
}

// getOK gets the page of a server.
func getOK(t *testing.T, client *http.Client, server *netHTTP) {
	t.Helper()
	scheme := "http"
	if server.http.TLSConfig != nil {
		scheme = "https"
	}
	response, err := client.Get(scheme + "://" + server.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

// A connection that is closed to make room is reported by its listener, and not once more as one that broke off its header.
func TestServerLeavesOutWhatMadeRoom(t *testing.T) {
	server, refused, closed := newServer(t, ServerConfig{Listener: Config{MaxConns: 1}, Handler: http.NotFoundHandler()})
	l := server.listener
	serve(t, server)
	for _, begun := range []string{"", "GET / HT"} {
		before := dial(t, l)
		if _, err := io.WriteString(before, begun); err != nil {
			t.Fatal(err)
		}
		for begun != "" && !anyHeard(l) { // until the server has read it
			runtime.Gosched()
		}
		after := dial(t, l)
		if got := refused.next(t); got.Reason != ReasonMadeRoom {
			t.Errorf("reason %q", got.Reason)
		}
		<-closed
		if n := len(refused); n != 0 {
			t.Fatalf("%q: reported %d times more", begun, n)
		}
		if _, err := io.WriteString(after, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, after)
		<-closed
	}
}

// anyHeard reports whether a peer of the listener has begun to send.
func anyHeard(l *listener) bool {
	s := l.slots
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.conns.Front(); e != nil; e = e.Next() {
		if e.Value.(*conn).state == partial {
			return true
		}
	}
	return false
}
