package upstream

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// TestHalfARecordIsNoAnswer: the beginning of a record that came together with an answer is seen before the next call,
// though TLS passes on nothing of it until the rest is there.
func TestHalfARecordIsNoAnswer(t *testing.T) {
	ca := testpki.Must(testpki.New())
	for _, part := range []int{1, 5, 30} {
		target, conns := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), func(c net.Conn, r *bufio.Reader) {
			h := c.(*holding)
			for take(r) {
				h.flush() // the rest of what was begun after the answer before
				say(c, ok)
				whole := h.raw.held.Len()
				say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")
				_, _ = h.raw.Conn.Write(h.raw.held.Next(whole + part))
			}
		})
		transport := transportTo(t, target, clientConfig(ca))
		for range 3 {
			if got, err := send(t, transport, request(t, "GET", target, "")); err != nil || got != "ok" {
				t.Fatalf("%d bytes of a record: %q, %v", part, got, err)
			}
		}
		if n := conns.Load(); n != 3 {
			t.Errorf("%d bytes of a record: %d connections for three calls, want one for each", part, n)
		}
	}
}

// TestConnectionsAreReusedUnderTLS: what belongs to TLS itself, as tickets do, is nothing unasked; nor is an answer in
// several records.
func TestConnectionsAreReusedUnderTLS(t *testing.T) {
	ca := testpki.Must(testpki.New())
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		target, conns := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), func(c net.Conn, r *bufio.Reader) {
			for take(r) {
				say(c, ok[:len(ok)-1])
				say(c, ok[len(ok)-1:])
				c.(*holding).flush()
			}
		})
		config := clientConfig(ca)
		config.MaxVersion, config.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
		transport := transportTo(t, target, config)
		for range 3 {
			if got, err := send(t, transport, request(t, "GET", target, "")); err != nil || got != "ok" {
				t.Fatalf("%q, %v", got, err)
			}
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("%s: %d connections for three calls, want 1", tls.VersionName(version), n)
		}
	}
}

// TestUnaskedOnAUsedConnection: what comes behind the third answer of a connection, in its last record, in a record of its own or as a part of
// one, is seen before the next call, wherever the reading of the answer ended. By then records are counted, and TLS, which has them, is asked
// only where the count leaves something open.
func TestUnaskedOnAUsedConnection(t *testing.T) {
	ca := testpki.Must(testpki.New())
	const stray = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
	const headSize = len("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")
	for name, sayDirty := range map[string]func(h *holding, answer string){
		"in its record":      func(h *holding, answer string) { say(h, answer+stray); h.flush() },
		"in the next record": func(h *holding, answer string) { say(h, answer); say(h, stray); h.flush() },
		"in a record that the buffer had no room for": func(h *holding, answer string) {
			say(h, answer[:10])
			say(h, answer[10:]+stray[:10])
			h.flush()
		},
		"in half a record": func(h *holding, answer string) {
			say(h, answer)
			whole := h.raw.held.Len()
			say(h, stray)
			_, _ = h.raw.Conn.Write(h.raw.held.Next(whole + 7))
			h.raw.held.Reset()
		},
	} {
		for _, size := range []int{1, 100, bufferSize - headSize, bufferSize, bufferSize + 1, 3 * bufferSize} {
			answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size) + strings.Repeat("x", size)
			target, conns := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), func(c net.Conn, r *bufio.Reader) {
				h := c.(*holding)
				for i := 1; take(r); i++ {
					if i%3 == 0 {
						sayDirty(h, answer)
					} else {
						say(h, answer)
						h.flush()
					}
				}
			})
			transport := transportTo(t, target, clientConfig(ca))
			for call := range int64(9) {
				response, err := roundTrip(transport, request(t, "GET", target, ""))
				if err != nil {
					t.Fatalf("%s, %d bytes: %v", name, size, err)
				}
				got := make([]byte, size) // no room for more
				if call < 6 {
					got, err = io.ReadAll(response.Body)
				} else if _, err = io.ReadFull(response.Body, got); err == nil {
					_, err = io.Copy(io.Discard, response.Body)
				}
				if err != nil || string(got) != strings.Repeat("x", size) {
					t.Fatalf("%s, %d bytes: an answer of %d bytes, %v", name, size, len(got), err)
				}
				if n := conns.Load(); n != call/3+1 {
					t.Fatalf("%s, %d bytes: call %d came on connection %d", name, size, call, n)
				}
			}
		}
	}
}

// TestLookingWithoutTLS: an idle connection whose records are all accounted for is looked at without a question to TLS, which would cost a
// call two changes of its deadline; after records that bring nothing to read TLS is asked once.
func TestLookingWithoutTLS(t *testing.T) {
	ca := testpki.Must(testpki.New())
	target, _ := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), func(c net.Conn, r *bufio.Reader) {
		for take(r) {
			say(c, ok)
			c.(*holding).flush()
		}
	})
	config := clientConfig(ca)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	transport := transportTo(t, target, config)
	var below *askedConn
	for call := range 5 {
		if got, err := send(t, transport, request(t, "GET", target, "")); err != nil || got != "ok" {
			t.Fatalf("%q, %v", got, err)
		}
		c := transport.pool.idle[0]
		if below == nil {
			below = &askedConn{TCPConn: c.raw.(*net.TCPConn)}
			c.raw, c.records.Conn = below, below
		}
		if want := min(call, 1); below.asked != want || c.raw != below { // once, for the ticket
			t.Errorf("call %d: TLS was asked %d times, want %d", call, below.asked, want)
		}
	}
}

// askedConn counts how often reading is ended at once, which is how TLS is asked.
type askedConn struct {
	*net.TCPConn
	asked int
}

func (c *askedConn) SetReadDeadline(at time.Time) error {
	c.asked++
	return c.TCPConn.SetReadDeadline(at)
}
