package accept

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/tlspolicy"
)

// TestStalledHandshakes: peers that stall keep nobody else waiting, and are cut off.
func TestStalledHandshakes(t *testing.T) {
	l, told := start(t, Config{TLS: serverTLS(t, nil, tlspolicy.Server{}), HandshakeTimeout: 300 * time.Millisecond})
	const stalled = 50
	for range stalled {
		conn := dial(t, l)
		if _, err := conn.Write([]byte{22, 3, 1, 2}); err != nil { // the beginning of a record
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- tls.Client(dial(t, l), clientTLS(nil)).Handshake() }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	for range stalled {
		if got := told.next(t); got.Reason != ReasonTimeout {
			t.Errorf("reason %q (%v)", got.Reason, got.Err)
		}
	}
}

// TestHandshakeDeadlineEnds: what counts for the handshake does not count for what follows.
func TestHandshakeDeadlineEnds(t *testing.T) {
	config := serverTLS(t, nil, tlspolicy.Server{}) // made outside: its certificate is shared with other tests
	synctest.Test(t, func(t *testing.T) {
		inner := newPipeListener()
		l := New(inner, Config{TLS: config, HandshakeTimeout: time.Second})
		defer func() { _ = l.Close() }()
		client := tls.Client(inner.dial(), clientTLS(func(c *tls.Config) { // the bubble's clock is years behind the certificates
			c.Time = func() time.Time { return pki().server.Leaf.NotAfter.Add(-time.Hour) }
		}))
		done := make(chan error, 1)
		go func() { done <- client.Handshake() }()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = server.Close() }()
		go func() { _, _ = client.Read(make([]byte, 1)) }() // takes the session ticket from the pipe
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		go func() { _, _ = client.Write([]byte("x")) }()
		if _, err := server.Read(make([]byte, 1)); err != nil {
			t.Errorf("long after the handshake: %v", err)
		}
	})
}

func TestMaxConns(t *testing.T) {
	l, told := start(t, Config{MaxConns: 2})
	var accepted []net.Conn
	for range 2 {
		dial(t, l)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, conn)
	}
	for range 3 {
		if _, err := dial(t, l).Read(make([]byte, 1)); err == nil {
			t.Error("a connection over the limit is not closed")
		}
		if got := told.next(t); got.Reason != ReasonTooMany {
			t.Errorf("reason %q", got.Reason)
		}
	}
	_ = accepted[0].Close()
	_ = accepted[0].Close() // closing twice gives one slot back
	dial(t, l)
	if _, err := l.Accept(); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
	if _, err := dial(t, l).Read(make([]byte, 1)); err == nil {
		t.Error("closing one connection made room for two")
	}
	_ = accepted[1].Close()
}

// TestMaxConnsCountsHandshakes: a connection takes its slot when it comes, not when its handshake is done, and gives
// it back when the handshake fails.
func TestMaxConnsCountsHandshakes(t *testing.T) {
	l, told := start(t, Config{MaxConns: 1, TLS: serverTLS(t, nil, tlspolicy.Server{})})
	first := dial(t, l)
	if _, err := first.Write([]byte{22, 3, 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, l).Read(make([]byte, 1)); err == nil {
		t.Error("the handshake in progress is not counted")
	}
	if got := told.next(t); got.Reason != ReasonTooMany {
		t.Errorf("reason %q", got.Reason)
	}
	_ = first.Close()
	if got := told.next(t); got.Reason != ReasonPeerClosed {
		t.Errorf("reason %q", got.Reason)
	}
	go func() { _ = tls.Client(dial(t, l), clientTLS(nil)).Handshake() }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestMaxConnsPerSource(t *testing.T) {
	s := newSlots(10, 2)
	for _, step := range []struct {
		source string
		want   error
	}{{"a", nil}, {"a", nil}, {"a", errTooManySource}, {"b", nil}, {SourceUnix, nil}, {SourceUnix, nil}, {SourceUnix, nil}} {
		if err := s.take(step.source); !errors.Is(err, step.want) || (err == nil) != (step.want == nil) {
			t.Errorf("%s: %v, want %v", step.source, err, step.want)
		}
	}
	s.release("a")
	if err := s.take("a"); err != nil {
		t.Errorf("after one of a was closed: %v", err)
	}
	for _, source := range []string{"a", "a", "b", SourceUnix, SourceUnix, SourceUnix} {
		s.release(source)
	}
	if s.total != 0 || len(s.perSource) != 0 {
		t.Errorf("left: %d, %v", s.total, s.perSource)
	}
	l, told := start(t, Config{MaxConnsPerSource: 1})
	dial(t, l)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	dial(t, l)
	if got := told.next(t); got.Reason != ReasonTooManySource {
		t.Errorf("reason %q", got.Reason)
	}
}

// TestClose: Close ends handshakes and connections that nobody took, without telling of them as refused.
func TestClose(t *testing.T) {
	l, told := start(t, Config{TLS: serverTLS(t, nil, tlspolicy.Server{}), HandshakeTimeout: time.Hour})
	stalled, ready := dial(t, l), tls.Client(dial(t, l), clientTLS(nil))
	if err := ready.Handshake(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = l.Close() }()
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	for _, conn := range []net.Conn{stalled, ready} {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a connection is still open")
		}
	}
	if len(told) > 0 {
		t.Errorf("told of %+v", <-told)
	}
}

func TestPlainConnectionEndsGently(t *testing.T) {
	l, _ := start(t, Config{})
	client := dial(t, l)
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	half, ok := server.(interface{ CloseWrite() error })
	if !ok {
		t.Fatal("net/http could not half-close it")
	}
	if err := half.CloseWrite(); err != nil {
		t.Error(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the peer reads %v", err)
	}
}
