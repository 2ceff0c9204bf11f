package upstream

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
)

// conn counts what is written to a connection, above TLS, and can be sealed against further writing.
type conn struct {
	net.Conn
	tls *tls.ConnectionState // nil: plain

	mutex  sync.Mutex // held only around the counters, never while writing
	begun  uint64     // bytes whose writing was begun
	closed bool
}

var errSealed = errors.New("connection is sealed")

// Write counts the bytes before it writes them: a write that fails half-way may have sent any of them.
func (c *conn) Write(b []byte) (int, error) {
	c.mutex.Lock()
	if c.closed {
		c.mutex.Unlock()
		return 0, errSealed
	}
	c.begun += uint64(len(b))
	c.mutex.Unlock()
	return c.Conn.Write(b)
}

func (c *conn) written() uint64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.begun
}

// seal refuses all later writes and gives the number of bytes written before.
func (c *conn) seal() uint64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed = true
	return c.begun
}
