package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// stuck is a connection on which nothing gathered can be written until it is closed, whatever deadline is set.
type stuck struct {
	*net.TCPConn
	records   *records
	stick     sync.Once
	reached   chan struct{} // closed when a write is stuck
	closed    chan struct{}
	close     sync.Once
	disturbed bool // something was added to what was being written
}

func (s *stuck) Write(b []byte) (int, error) {
	if len(b) < 2*bufferSize {
		return s.TCPConn.Write(b)
	}
	s.stick.Do(func() { close(s.reached) })
	<-s.closed
	s.disturbed = s.records.held != len(b)
	return 0, net.ErrClosed
}

func (s *stuck) Close() error {
	s.close.Do(func() { close(s.closed) })
	return s.TCPConn.Close()
}

// prepare dials a connection for the next call and, after its handshake, puts another one beneath TLS.
func prepare(t *testing.T, transport *Transport, beneath func(*net.TCPConn, *records) net.Conn) {
	t.Helper()
	c, err := transport.pool.dial(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c.raw = beneath(c.raw.(*net.TCPConn), c.records)
	c.records.Conn = c.raw
	transport.pool.slots <- struct{}{}
	transport.pool.open++
	transport.pool.put(c)
}

// TestEarlyAnswerWhileRecordsAreHeld: the answer is over while the last records of a large body are still being sent. The
// end of the call touches nothing that the writing goroutine has, and does not wait for the far end to read.
func TestEarlyAnswerWhileRecordsAreHeld(t *testing.T) {
	ca := testpki.Must(testpki.New())
	write, over := make(chan struct{}), make(chan struct{})
	defer close(over)
	target, _ := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), func(c net.Conn, _ *bufio.Reader) {
		<-write
		say(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
		c.(*holding).flush()
		<-over
	})
	transport := transportTo(t, target, clientConfig(ca))
	s := &stuck{reached: make(chan struct{}), closed: make(chan struct{})}
	prepare(t, transport, func(c *net.TCPConn, r *records) net.Conn {
		s.TCPConn, s.records = c, r
		return s
	})
	go func() {
		<-s.reached
		close(write)
	}()
	response, err := roundTrip(transport, request(t, "POST", target, strings.Repeat("x", 4*bufferSize)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if response.Status != http.StatusRequestEntityTooLarge || string(body) != "no" || err != nil {
		t.Errorf("%d %q %v", response.Status, body, err)
	}
	if n := len(transport.pool.slots); n != 0 || s.disturbed {
		t.Errorf("%d places are still taken, disturbed: %t", n, s.disturbed)
	}
}

// counting counts what is written.
type counting struct {
	*net.TCPConn
	writes int
}

func (c *counting) Write(b []byte) (int, error) {
	c.writes++
	return c.TCPConn.Write(b)
}

// TestNothingIsWrittenAfterTheDeadline: for the farewell of TLS crypto/tls allows itself 5 seconds of its own, in which the
// call would wait for a far end that does not read.
func TestNothingIsWrittenAfterTheDeadline(t *testing.T) {
	ca := testpki.Must(testpki.New())
	target, _ := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), func(c net.Conn, r *bufio.Reader) {
		for take(r) {
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
			c.(*holding).flush()
		}
	})
	transport := transportTo(t, target, clientConfig(ca))
	below := new(counting)
	prepare(t, transport, func(c *net.TCPConn, _ *records) net.Conn {
		below.TCPConn = c
		return below
	})
	ctx, cancel := context.WithCancel(t.Context())
	response, err := roundTrip(transport, request(t, "GET", target, "").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	before := below.writes
	cancel()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) || below.writes != before {
		t.Errorf("%v, and %d writes more", err, below.writes-before)
	}
}

// sink takes what is written.
type sink struct {
	net.Conn
	written []byte
}

func (s *sink) Write(b []byte) (int, error) {
	s.written = append(s.written, b...)
	return len(b), nil
}

// TestRecordsOfTheReader: who reads from a TLS connection also writes, to renew keys and to complain. That may happen at
// any moment while a large body is gathered and sent, and gets out whole.
func TestRecordsOfTheReader(t *testing.T) {
	out := new(sink)
	r := &records{Conn: out}
	var both sync.WaitGroup
	both.Go(func() {
		for range 200 {
			r.gather()
			_, _ = r.Write([]byte("body"))
			_ = r.release()
		}
	})
	both.Go(func() {
		for range 200 {
			_, _ = r.Write([]byte("alert"))
		}
	})
	both.Wait()
	if len(out.written) != 200*len("body")+200*len("alert") || r.held != 0 || r.buffer != nil {
		t.Errorf("%d bytes got out, %d are kept", len(out.written), r.held)
	}
}
