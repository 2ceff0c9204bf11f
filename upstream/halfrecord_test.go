package upstream

import (
	"bufio"
	"crypto/tls"
	"net"
	"testing"

	"tollgate/internal/testpki"
)

// TestHalfARecordIsNoAnswer: the beginning of a record that came together with an answer is seen before the next call,
// though TLS gives nothing of it until the rest is there.
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
