package accept

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tollgate/internal/peek"
)

// draining is a server with connections of its peers.
type draining struct {
	*engine
	calls chan chan struct{} // gets one for each call of /held, which ends when that is closed
}

func serveDraining(t *testing.T) *draining {
	t.Helper()
	calls := make(chan chan struct{}, 10)
	inner, err := Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newEngine(inner, ServerConfig{HeaderTimeout: time.Minute, IdleTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			release := make(chan struct{})
			calls <- release
			<-release
		}
	})})
	serve(t, server)
	return &draining{server, calls}
}

// peer is a connection that has carried a call.
func (d *draining) peer(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dial(t, d.listener)
	r := bufio.NewReader(c)
	if err := exchange(c, r, "/"); err != nil {
		t.Fatal(err)
	}
	return c, r
}

func exchange(c net.Conn, r *bufio.Reader, path string) error {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(r, nil)
	if err == nil {
		err = response.Body.Close()
	}
	return err
}

// age makes all connections as old as if they had been left alone for so long.
func (d *draining) age(by time.Duration) {
	d.listener.slots.mu.Lock()
	defer d.listener.slots.mu.Unlock()
	for e := d.listener.slots.conns.Front(); e != nil; e = e.Next() {
		e.Value.(*conn).began = time.Now().Add(-by)
	}
}

// Shutdown closes idle connections, waits for a call under way, and takes no further connections.
func TestShutdown(t *testing.T) {
	d := serveDraining(t)
	_, idle := d.peer(t)
	held := make(chan error, 1)
	c, r := d.peer(t)
	go func() { held <- exchange(c, r, "/held") }()
	release := <-d.calls
	d.age(time.Minute)
	drained := make(chan error, 1)
	go func() { drained <- d.Shutdown(t.Context()) }()
	if _, err := idle.ReadByte(); err != io.EOF {
		t.Errorf("the idle connection: %v", err)
	}
	if _, err := net.Dial("tcp", d.listener.Addr().String()); err == nil {
		t.Error("a further connection is taken")
	}
	select {
	case err := <-drained:
		t.Errorf("drained during a call: %v", err)
	default:
	}
	close(release)
	if err := <-held; err != nil {
		t.Errorf("the call: %v", err)
	}
	_ = c.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// Shutdown ends with its context, and leaves a call alone.
func TestShutdownIsBounded(t *testing.T) {
	d := serveDraining(t)
	held := make(chan error, 1)
	c, r := d.peer(t)
	go func() { held <- exchange(c, r, "/held") }()
	release := <-d.calls
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	close(release)
	if err := <-held; err != nil {
		t.Errorf("the call: %v", err)
	}
}

// A connection is not closed on which something has arrived that the server has not read, nor one that is new.
func TestWhatIsNotUnused(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		state   state
		since   time.Duration
		sent    string
		closed  bool
		shaking bool
	}{
		"idle":                            {silent, 2 * sparedTime, "", true, false},
		"idle, and a request has arrived": {silent, 2 * sparedTime, "GET", false, false},
		"new":                             {silent, sparedTime / 2, "", false, false},
		"in a header":                     {partial, sparedTime / 2, "", false, false},
		"long in a header":                {partial, 2 * sparedTime, "", true, false},
		"long in a header that goes on":   {partial, 2 * sparedTime, "GET", false, false},
		"long in a handshake":             {partial, 2 * sparedTime, "", false, true},
		"long without a handshake":        {silent, 2 * sparedTime, "", true, true},
		"busy":                            {busy, 2 * sparedTime, "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			peer := dial(t, l)
			raw, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			s := newSlots(10, 0)
			own, _, err := s.take(raw)
			if err != nil {
				t.Fatal(err)
			}
			defer own.Close()
			if _, err := io.WriteString(peer, c.sent); err != nil {
				t.Fatal(err)
			}
			if c.sent != "" { // until it is here
				for quiet := true; quiet; quiet, _ = peek.Quiet(raw) {
				}
			}
			own.state, own.began, own.shaking = c.state, now.Add(-c.since), c.shaking
			if left := s.closeUnused(now); left != 1 {
				t.Errorf("%d are left, want 1: it is not closed yet", left)
			}
			_ = peer.Close() // so that reading ends
			_, err = own.Read(make([]byte, 8))
			if closed := errors.Is(err, os.ErrDeadlineExceeded); closed != c.closed {
				t.Errorf("closed: %v, want %v (%v)", closed, c.closed, err)
			}
		})
	}
}

// Connections that the system has taken, and the listener not yet, are served.
func TestShutdownTakesWhatWaits(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	waiting := &late{TCPListener: inner.(*net.TCPListener), open: make(chan struct{})}
	server := newEngine(waiting, ServerConfig{HeaderTimeout: time.Minute, Handler: http.NotFoundHandler()})
	serve(t, server)
	peers := make([]net.Conn, 50)
	for i := range peers {
		peers[i] = dial(t, server.listener)
		if _, err := io.WriteString(peers[i], "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for i, c := range peers {
		if answer, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 404") {
			t.Errorf("peer %d: %q, %v", i, answer, err)
		}
	}
}

// late accepts nothing before a deadline is set.
type late struct {
	*net.TCPListener
	open chan struct{}
}

func (l *late) SetDeadline(t time.Time) error {
	defer close(l.open)
	return l.TCPListener.SetDeadline(t)
}

func (l *late) Accept() (net.Conn, error) {
	<-l.open
	return l.TCPListener.Accept()
}
