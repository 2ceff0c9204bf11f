package accept

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/tlspolicy"
)

// TestStalledHandshakes: peers that stall do not make others wait, and are cut off.
func TestStalledHandshakes(t *testing.T) {
	l, refused := start(t, Config{TLS: serverTLS(t, nil, tlspolicy.Server{}), HandshakeTimeout: 300 * time.Millisecond})
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
		if got := refused.next(t); got.Reason != ReasonTimeout {
			t.Errorf("reason %q (%v)", got.Reason, got.Err)
		}
	}
}

// TestHandshakeDeadlineEnds: what counts for the handshake does not count for what follows.
func TestHandshakeDeadlineEnds(t *testing.T) {
	config := serverTLS(t, nil, tlspolicy.Server{}) // made outside: its certificate is shared with other tests
	synctest.Test(t, func(t *testing.T) {
		inner := newPipeListener()
		l := newListener(inner, Config{TLS: config, HandshakeTimeout: time.Second})
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

// connect accepts a new connection of a client; busy has a request under way on it.
func connect(t *testing.T, l net.Listener, busy bool) (client net.Conn, server *conn) {
	t.Helper()
	client = dial(t, l)
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server = ours(accepted)
	t.Cleanup(func() { _ = server.Close() })
	if busy {
		server.slots.busy(server)
	}
	return client, server
}

func ended(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return err != nil
}

func TestMaxConns(t *testing.T) {
	l, refused := start(t, Config{MaxConns: 2})
	_, first := connect(t, l, true)
	_, second := connect(t, l, true)
	for range 3 {
		if !ended(dial(t, l)) {
			t.Error("a connection over the limit is not closed")
		}
		if got := refused.next(t); got.Reason != ReasonTooManySource {
			t.Errorf("reason %q", got.Reason)
		}
	}
	_ = first.Close()
	_ = first.Close() // closing twice returns one slot
	if n := l.(*listener).slots.count(); n != 1 {
		t.Errorf("%d connections are counted, want 1", n)
	}
	connect(t, l, true)
	if !ended(dial(t, l)) {
		t.Error("closing one connection made room for two")
	}
	_ = second.Close()
}

// TestMaxConnsCountsHandshakes: a connection takes its slot when it comes, not when its handshake is done, and
// returns it when the handshake fails.
func TestMaxConnsCountsHandshakes(t *testing.T) {
	l, refused := start(t, Config{MaxConns: 1, TLS: serverTLS(t, nil, tlspolicy.Server{})})
	first := dial(t, l)
	if _, err := first.Write([]byte{22, 3, 1}); err != nil {
		t.Fatal(err)
	}
	second := dial(t, l)
	if got := refused.next(t); got.Reason != ReasonMadeRoom || got.Remote != first.LocalAddr().String() {
		t.Errorf("reason %q for %s", got.Reason, got.Remote)
	}
	if !ended(first) {
		t.Error("the handshake in progress is not counted")
	}
	if _, err := second.Write([]byte{22, 3, 1}); err != nil {
		t.Fatal(err)
	}
	_ = second.Close()
	if got := refused.next(t); got.Reason != ReasonPeerClosed {
		t.Errorf("reason %q", got.Reason)
	}
	go func() { _ = tls.Client(dial(t, l), clientTLS(nil)).Handshake() }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// remote is a connection of which only the peer's address is looked at.
type remote struct {
	net.Conn
	addr net.Addr
}

func (r remote) RemoteAddr() net.Addr { return r.addr }
func (remote) Close() error           { return nil }

func from(ip string) net.Conn {
	if ip == "unix" {
		return remote{addr: &net.UnixAddr{Net: "unix"}}
	}
	return remote{addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}
}

// TestShares: what one source, the site around it, and one source on this machine may have, while all connections are busy.
func TestShares(t *testing.T) {
	for name, c := range map[string]struct {
		peers []string // in turn
		taken int
		limit error
	}{
		"all":         {[]string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7"}, 20, errTooMany},
		"IPv4":        {[]string{"192.0.2.1"}, 3, errTooManySource},
		"IPv6":        {[]string{"2001:db8::1", "2001:db8::2"}, 3, errTooManySource},
		"IPv6 site":   {[]string{"2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:0:4::1"}, 6, errTooManySource},
		"loopback":    {[]string{"127.0.0.1"}, 15, errTooManySource},
		"loopback 6":  {[]string{"::1"}, 15, errTooManySource},
		"unix socket": {[]string{"unix"}, 15, errTooManySource},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSlots(20, 3)
			var taken []*conn
			for {
				conn, evicted, err := s.take(from(c.peers[len(taken)%len(c.peers)]))
				if evicted != nil {
					t.Fatal("a busy connection is closed")
				}
				if err != nil {
					if !errors.Is(err, c.limit) {
						t.Errorf("%v, want %v", err, c.limit)
					}
					break
				}
				s.busy(conn)
				taken = append(taken, conn)
			}
			if len(taken) != c.taken {
				t.Errorf("%d connections, want %d", len(taken), c.taken)
			}
			for _, conn := range taken {
				_ = conn.Close()
			}
			if s.conns.Len() != 0 || len(s.perSource) != 0 {
				t.Errorf("left: %d, %v", s.conns.Len(), s.perSource)
			}
		})
	}
}

// TestNoShareWhereNoneIsSet: MaxConnsPerSource 0 leaves a remote source all connections.
func TestNoShareWhereNoneIsSet(t *testing.T) {
	s := newSlots(4, 0)
	for range 4 {
		if _, evicted, err := s.take(from("192.0.2.1")); evicted != nil || err != nil {
			t.Errorf("%v, %v", evicted, err)
		}
	}
}

// TestWhoMakesRoom: of the source whose share is full, the one that has been without a request for longest goes; never one with a
// request under way, and one that has just begun to send only if there is no other.
func TestWhoMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(100, 4)
		take := func(ip string) (c, evicted *conn) {
			t.Helper()
			c, evicted, err := s.take(from(ip))
			if err != nil {
				t.Fatal(err)
			}
			return c, evicted
		}
		take("192.0.2.99") // for longest, of a source that is not concerned
		busy, _ := take("192.0.2.1")
		s.busy(busy)
		sending, _ := take("192.0.2.1")
		s.noteReceived(sending)
		first, _ := take("192.0.2.1")
		second, _ := take("192.0.2.1")
		s.busy(first) // carries a request and waits again: now second has waited for longer
		s.waits(first, time.Now())
		for i, want := range []*conn{second, first, sending} {
			next, evicted := take("192.0.2.1")
			if evicted != want {
				t.Errorf("%d: another one made room", i)
			}
			s.busy(next)
		}
		if _, _, err := s.take(from("192.0.2.1")); !errors.Is(err, errTooManySource) {
			t.Errorf("all are busy, and there is room: %v", err)
		}
		_ = sending.Close() // its slot was taken over
		if got := s.perSource[busy.source]; got != 4 {
			t.Errorf("%d connections are counted, want 4", got)
		}
	})
}

// TestHoldersAreNotSpared: a byte now and then does not protect a connection: what has been sending for a while goes in its turn.
func TestHoldersAreNotSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2, 0)
		holder, _, _ := s.take(from("192.0.2.1"))
		s.noteReceived(holder)
		honest, _, _ := s.take(from("192.0.2.2"))
		time.Sleep(2 * sparedTime)
		s.noteReceived(holder)
		if _, evicted, _ := s.take(from("192.0.2.3")); evicted != holder || evicted == honest {
			t.Error("the idle connection of an honest peer made room for one that is held")
		}
	})
}

// TestHalfOpenConnectionsCutThemselvesOff: peers of this machine that connect and say nothing keep no honest peer out.
func TestHalfOpenConnectionsCutThemselvesOff(t *testing.T) {
	for name, config := range map[string]Config{"plain": {}, "tls": {TLS: serverTLS(t, nil, tlspolicy.Server{})}} {
		t.Run(name, func(t *testing.T) {
			config.MaxConns = 64
			server, _, _ := newServer(t, ServerConfig{Listener: config, Handler: http.HandlerFunc(answerOK)})
			serve(t, server)
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: clientTLS(nil), DisableKeepAlives: true}}
			for range 20 {
				for range 50 {
					dial(t, server.listener)
				}
				getOK(t, client, server)
			}
		})
	}
}

// TestSilentConnections: one that is closed before its first byte, by whichever side, has a reason of its own.
func TestSilentConnections(t *testing.T) {
	l, refused := start(t, Config{TLS: serverTLS(t, nil, tlspolicy.Server{}), HandshakeTimeout: 50 * time.Millisecond})
	_ = dial(t, l).Close()
	if got := refused.next(t); got.Reason != ReasonSilent {
		t.Errorf("closed by the peer: reason %q", got.Reason)
	}
	dial(t, l)
	if got := refused.next(t); got.Reason != ReasonSilent {
		t.Errorf("closed by us: reason %q", got.Reason)
	}
}

// TestClose: Close ends handshakes and connections that were not accepted, without reporting them as refused.
func TestClose(t *testing.T) {
	l, refused := start(t, Config{TLS: serverTLS(t, nil, tlspolicy.Server{}), HandshakeTimeout: time.Hour})
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
	if len(refused) > 0 {
		t.Errorf("refused: %+v", <-refused)
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
