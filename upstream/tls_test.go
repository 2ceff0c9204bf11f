package upstream

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate/internal/testpki"
)

// holding is the server's end of a TLS connection that sends when the test says so, so that several records go out together.
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
	return tlsOriginWith(t, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, serve)
}

func tlsOriginWith(t *testing.T, config *tls.Config, serve script) (target string, conns *atomic.Int64) {
	t.Helper()
	config.DynamicRecordSizingDisabled = true // a record for each write
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

// TestLargeBodiesUnderTLS: what is sent in larger pieces arrives as it is, call after call.
func TestLargeBodiesUnderTLS(t *testing.T) {
	ca := testpki.Must(testpki.New())
	sizes := []int{1, bufferSize - 1, bufferSize, bufferSize + 1, maxHeld - 1, maxHeld, maxHeld + 1, 1 << 20, 1<<20 + 7}
	arrived := make(chan []byte, 1)
	target, _ := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), func(c net.Conn, r *bufio.Reader) {
		for {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(request.Body)
			arrived <- body
			say(c, ok)
			c.(*holding).flush()
		}
	})
	transport := transportTo(t, target, clientConfig(ca))
	for _, size := range sizes {
		body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		if _, err := send(t, transport, request(t, "POST", target, body)); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if got := <-arrived; string(got) != body {
			t.Errorf("%d bytes arrived as %d others", size, len(got))
		}
		for _, idle := range transport.pool.idle { // none if the machine is so busy that the writing goroutine came late
			if idle.records.buffer != nil || idle.records.held != 0 || idle.records.gathering {
				t.Errorf("%d bytes: an idle connection keeps a buffer", size)
			}
		}
	}
}

// TestAnswerBeforeTheBodyUnderTLS: an early answer ends the exchange while the body is still being sent.
func TestAnswerBeforeTheBodyUnderTLS(t *testing.T) {
	ca := testpki.Must(testpki.New())
	target, _ := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), func(c net.Conn, r *bufio.Reader) {
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		say(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
		c.(*holding).flush()
		_, _ = io.Copy(io.Discard, request.Body)
	})
	transport := transportTo(t, target, clientConfig(ca))
	for i := range 200 {
		// Where the far end has closed the connection by now, the answer may be lost with it.
		response, err := roundTrip(transport, request(t, "POST", target, strings.Repeat("x", inlineBody+1+i*1000)))
		if err != nil {
			continue
		}
		_, _ = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	if n := len(transport.pool.slots); n != 0 {
		t.Errorf("%d places are still taken", n)
	}
}

// TestAnswerWithoutReadingUnderTLS: a body that is written before the answer is looked for fits the two systems, so that a far end that
// answers and reads nothing more is read.
func TestAnswerWithoutReadingUnderTLS(t *testing.T) {
	ca := testpki.Must(testpki.New())
	over := make(chan struct{})
	defer close(over)
	target, _ := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), func(c net.Conn, r *bufio.Reader) {
		_, _ = r.ReadString('\n')
		say(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
		c.(*holding).flush()
		<-over
	})
	transport := transportTo(t, target, clientConfig(ca))
	response, err := roundTrip(transport, request(t, "POST", target, strings.Repeat("x", inlineBody)))
	if err != nil {
		t.Fatal(err)
	}
	if response.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", response.Status)
	}
	_ = response.Body.Close()
}
