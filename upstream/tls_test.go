package upstream

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate/internal/testpki"
)

// holding is the server's end of a TLS connection that sends when it is told to, so that several records go out together.
type holding struct {
	*tls.Conn
	raw *heldConn
}

func (h *holding) flush() { h.raw.flush() }

type heldConn struct {
	net.Conn
	held   bytes.Buffer
	holdOn bool
}

func (c *heldConn) Write(b []byte) (int, error) {
	if !c.holdOn {
		return c.Conn.Write(b)
	}
	return c.held.Write(b)
}

func (c *heldConn) flush() { _, _ = c.held.WriteTo(c.Conn) }

// tlsOrigin is origin over TLS; what the script writes is held until it flushes.
func tlsOrigin(t *testing.T, certificate tls.Certificate, serve script) (target string, conns *atomic.Int64) {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	target, conns = origin(t, func(c net.Conn, _ *bufio.Reader) {
		raw := &heldConn{Conn: c}
		secured := tls.Server(raw, config)
		if secured.Handshake() != nil {
			return
		}
		raw.holdOn = true
		h := &holding{secured, raw}
		serve(h, bufio.NewReader(h))
	})
	return strings.Replace(target, "http:", "https:", 1), conns
}

func clientConfig(ca *testpki.CA) *tls.Config {
	return &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
}
