package accept

import (
	"container/list"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"tollgate/internal/source"
)

// conn is an accepted connection, which has a slot until it is closed.
type conn struct {
	net.Conn
	slots  *slots
	source source.Source
	facts  Connection
	begun  bool // http.StateActive was reported; for the goroutine that serves the connection

	served interface{ EndWaiting() } // of the engine; nil: it has none. slots.mu guards it

	ahead ahead // of the goroutine that reads

	spoke    atomic.Bool // the peer has sent something, ever
	received atomic.Bool // the peer has sent something since it was waited for; spares the lock of slots

	// Of slots.
	place   *list.Element // nil once the slot is released
	state   state
	began   time.Time // when the peer began to be silent, or to send
	evicted bool      // closed from this side
	shaking bool      // its TLS handshake is not over
}

// state is what a connection is doing, as far as it decides which one is closed to make room.
type state uint8

const (
	silent  state = iota // nothing was received since it was accepted, shook hands, or carried its last request
	partial              // something was, but no whole request: a handshake, or a header
	busy                 // a request is under way
)

// ours returns the conn beneath a connection of a listener.
func ours(c net.Conn) *conn {
	if gathering, ok := c.(*gatheringConn); ok {
		c = gathering.secureConn
	}
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	return c.(*conn)
}

// Read notes that the peer is not silent.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.ahead.read(b, c.Conn.Read)
	if n > 0 && !c.received.Load() {
		c.spoke.Store(true)
		c.slots.noteReceived(c)
	}
	return n, err
}

// Close closes the connection and releases its slot. It may be called more than once.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.slots.release(c)
	return err
}

// SetLinger is that of [net.TCPConn].
func (c *conn) SetLinger(seconds int) error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.SetLinger(seconds)
	}
	return errors.ErrUnsupported
}

// CloseWrite lets net/http end a plain connection gently, so that a peer that is still sending can read our answer.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// plainHTTPAnswer is for people who type http:// where https:// is meant.
const plainHTTPAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" +
	"This port speaks HTTPS only: use https:// in the address.\n"

// answerPlainHTTP answers a peer whose first bytes look like an HTTP request. The handshake's deadline still counts.
func answerPlainHTTP(err error) {
	var header tls.RecordHeaderError
	if !errors.As(err, &header) || header.Conn == nil {
		return
	}
	start := string(header.RecordHeader[:])
	for _, method := range []string{"GET ", "HEAD ", "POST ", "PUT ", "PATCH ", "DELETE ", "OPTIONS "} {
		if strings.HasPrefix(start, method) || strings.HasPrefix(method, start) {
			_, _ = header.Conn.Write([]byte(plainHTTPAnswer))
			return
		}
	}
}
