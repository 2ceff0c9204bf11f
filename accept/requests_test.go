package accept

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/tlspolicy"
)

func TestRequestsCountsWhatNoHandlerSaw(t *testing.T) {
	var refused, silent atomic.Int64
	closed := make(chan struct{}, 16)
	requests := &Requests{Refused: func(net.Addr) { refused.Add(1) }, Silent: func(r Refusal) {
		if r.Reason == ReasonSilent && r.Remote != "" {
			silent.Add(1)
		}
	}}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }),
		ReadHeaderTimeout: time.Minute,
		MaxHeaderBytes:    1 << 10,
	}
	requests.Watch(server)
	count := server.ConnState
	server.ConnState = func(c net.Conn, s http.ConnState) {
		count(c, s)
		if s == http.StateClosed {
			closed <- struct{}{}
		}
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := New(inner, Config{})
	serve(t, server, l)
	for _, c := range []struct {
		name, send string
		then       string // sent after an answer
		refused    int64
	}{
		{"answered", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "", 0},
		{"nothing sent", "", "", 0},
		{"no HTTP", "nonsense\r\n\r\n", "", 1},
		{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "", 1},
		{"answered, then too large", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: " + string(make([]byte, 16<<10)), 1},
		{"header too large", "GET / HTTP/1.1\r\nHost: x\r\nA: " + string(make([]byte, 16<<10)), "", 1},
	} {
		before := refused.Load()
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
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
		if got := refused.Load() - before; got != c.refused {
			t.Errorf("%s: counted %d refusals, want %d", c.name, got, c.refused)
		}
	}
	if silent.Load() != 1 {
		t.Errorf("%d connections were silent, want 1", silent.Load())
	}
}

// What a peer offered is in the context of its requests, and nothing is where there was no handshake.
func TestRequestsKnowTheOffer(t *testing.T) {
	for name, c := range map[string]Config{"tls": {TLS: serverTLS(t, nil, tlspolicy.Server{})}, "plain": {}} {
		t.Run(name, func(t *testing.T) {
			l, _ := start(t, c)
			offers := make(chan *tlspolicy.Offer, 1)
			server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				offers <- tlspolicy.OfferedIn(r.Context()).Take()
			})}
			(&Requests{Refused: func(net.Addr) {}}).Watch(server)
			serve(t, server, l)
			scheme := map[string]string{"tls": "https", "plain": "http"}[name]
			transport := &http.Transport{TLSClientConfig: clientTLS(nil)}
			defer transport.CloseIdleConnections()
			response, err := (&http.Client{Transport: transport}).Get(scheme + "://" + l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			offer := <-offers
			if (offer != nil) != (name == "tls") || offer != nil && (len(offer.Suites) == 0 || offer.ServerName != "tollgate.test") {
				t.Errorf("offer %+v", offer)
			}
		})
	}
}

// A connection that is closed to make room is told of by its listener, and not once more as one that broke off its header.
func TestRequestsLeaveOutWhatMadeRoom(t *testing.T) {
	l, told := start(t, Config{MaxConns: 1})
	var counted atomic.Int64
	closed := make(chan struct{}, 1)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.NotFoundHandler()}
	(&Requests{Refused: func(net.Addr) { counted.Add(1) }, Silent: func(Refusal) { counted.Add(1) }}).Watch(server)
	watch := server.ConnState
	server.ConnState = func(c net.Conn, s http.ConnState) {
		watch(c, s)
		if s == http.StateClosed {
			closed <- struct{}{}
		}
	}
	serve(t, server, l)
	for _, begun := range []string{"", "GET / HT"} {
		before := dial(t, l)
		if _, err := io.WriteString(before, begun); err != nil {
			t.Fatal(err)
		}
		for begun != "" && !anyHeard(l) { // until the server has read it
			runtime.Gosched()
		}
		after := dial(t, l)
		if got := told.next(t); got.Reason != ReasonMadeRoom {
			t.Errorf("reason %q", got.Reason)
		}
		<-closed
		if n := counted.Load(); n != 0 {
			t.Errorf("%q: counted %d times more", begun, n)
		}
		if _, err := io.WriteString(after, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, after)
		<-closed
	}
}

// anyHeard reports whether a peer of the listener has begun to send.
func anyHeard(l net.Listener) bool {
	s := l.(*Listener).slots
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.conns.Front(); e != nil; e = e.Next() {
		if e.Value.(*conn).state == partial {
			return true
		}
	}
	return false
}

// serve runs a server until the end of the test.
func serve(t *testing.T, server *http.Server, l net.Listener) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}
