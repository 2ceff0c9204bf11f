package accept

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// accepted returns a connection beneath TLS, and its peer.
func accepted(t *testing.T) (c *conn, peer net.Conn) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	if peer, err = net.Dial("tcp", inner.Addr().String()); err != nil {
		t.Fatal(err)
	}
	raw, err := inner.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = peer.Close(), raw.Close() })
	c = &conn{Conn: raw, slots: newSlots(1, 0)}
	c.secure()
	return c, peer
}

// recordOf returns a record of TLS with a content of a size.
func recordOf(size int) []byte {
	return append([]byte{23, 3, 3, byte(size >> 8), byte(size)}, bytes.Repeat([]byte("0123456789"), size/10+1)[:size]...)
}

// A connection beneath TLS has no buffer while it waits. What it has received is read in order and record by record, also when it does not
// receive ahead any longer.
func TestReceivingAhead(t *testing.T) {
	c, peer := accepted(t)
	var sent []byte
	for _, size := range []int{10, 16406, 0, 16406, 65535, 1, 40_000} {
		sent = append(sent, recordOf(size)...)
	}
	for _, on := range []bool{true, false} {
		c.ReadAhead(on)
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if err := c.Await(); !errors.Is(err, os.ErrDeadlineExceeded) || c.ahead.buffer != nil {
			t.Errorf("%v, a buffer: %v", err, c.ahead.buffer != nil)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || c.ahead.buffer != nil {
			t.Errorf("%d bytes, %v, a buffer: %v", n, err, c.ahead.buffer != nil)
		}
		_ = c.SetReadDeadline(time.Time{})
		go func() { _, _ = peer.Write(sent) }()
		got := make([]byte, 0, len(sent)+1)
		for len(got) < len(sent) {
			if err := c.Await(); err != nil {
				t.Fatal(err)
			}
			rest := c.ahead.track.Rest()
			n, err := c.Read(got[len(got):cap(got)])
			if err != nil || n > rest {
				t.Fatalf("%d bytes where the record has %d more, %v", n, rest, err)
			}
			got = got[:len(got)+n]
			c.ReadAhead(on && len(got) < len(sent)/2)
		}
		if !bytes.Equal(got, sent) || !c.ahead.track.Between() || c.ahead.buffer != nil {
			t.Errorf("%d bytes of %d, a buffer: %v", len(got), len(sent), c.ahead.buffer != nil)
		}
	}
	_ = peer.Close()
	if err := c.Await(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}
