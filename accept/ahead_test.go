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

// A connection that receives ahead has no buffer while it waits, and what it has received is read in order, also when it does not receive
// ahead any longer.
func TestReceivingAhead(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	peer, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := inner.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := &conn{Conn: raw, slots: newSlots(1, 0)}
	c.ReadAhead(true)
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || c.ahead.buffer != nil {
		t.Errorf("%d bytes, %v, a buffer: %v", n, err, c.ahead.buffer != nil)
	}
	_ = c.SetReadDeadline(time.Time{})
	sent := bytes.Repeat([]byte("0123456789"), 20_000)
	go func() {
		_, _ = peer.Write(sent)
		_ = peer.Close()
	}()
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || c.ahead.buffer == nil {
		t.Errorf("%v; received ahead: %v", err, c.ahead.buffer != nil)
	}
	c.ReadAhead(false)
	rest, err := io.ReadAll(c)
	if got = append(got, rest...); err != nil || !bytes.Equal(got, sent) || c.ahead.buffer != nil {
		t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
	}
	c.ReadAhead(true)
	if _, err := c.Read(got); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}
