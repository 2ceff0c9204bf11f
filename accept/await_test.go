package accept

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/tlspolicy"
)

// echoing answers with the path.
func echoing(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }

// secureServer serves HTTP/1.1 by the engine, over TLS.
func secureServer(t *testing.T) *engine {
	t.Helper()
	return secureHandling(t, echoing)
}

func secureHandling(t *testing.T, handler http.HandlerFunc) *engine {
	t.Helper()
	inner, err := Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newEngine(inner, ServerConfig{
		Listener: Config{TLS: serverTLS(t, nil, tlspolicy.Server{}), Refused: func(Refusal) {}}, Handler: handler,
		HeaderTimeout: time.Hour, IdleTimeout: time.Hour,
	})
	serve(t, server)
	return server
}

// requestOf returns a request of a length for a path.
func requestOf(path string, length int) string {
	head := "GET " + path + " HTTP/1.1\r\nHost: tollgate.test\r\nX: "
	return head + strings.Repeat("x", length-len(head)-len("\r\n\r\n")) + "\r\n\r\n"
}

func wantAnswer(t *testing.T, from *bufio.Reader, path string) {
	t.Helper()
	response, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); string(body) != path || err != nil {
		t.Fatalf("%q, %v, want %q", body, err, path)
	}
}

// Requests that come in one record, or over several, are all answered, wherever a read of the server ends in them: it must not wait for
// further bytes while TLS holds some.
func TestRequestsInRecords(t *testing.T) {
	server := secureServer(t)
	conn := tls.Client(dial(t, server.listener), clientTLS(func(c *tls.Config) { c.DynamicRecordSizingDisabled = true }))
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	answers := bufio.NewReader(conn)
	for _, lengths := range [][]int{{4096, 4096, 4096}, {4095, 4097, 4096, 4096}, {100, 100}, {16384, 100}, {16383, 4096, 16384, 1000}, {100}} {
		var sent strings.Builder
		for i, length := range lengths {
			sent.WriteString(requestOf(fmt.Sprintf("/%d/%d", length, i), length))
		}
		if _, err := io.WriteString(conn, sent.String()); err != nil {
			t.Fatal(err)
		}
		for i, length := range lengths {
			wantAnswer(t, answers, fmt.Sprintf("/%d/%d", length, i))
		}
	}
}

// segments is a peer's end on which what is written is held, to be sent in parts that the test chooses.
type segments struct {
	net.Conn
	hold bool
	held bytes.Buffer
}

func (s *segments) Write(p []byte) (int, error) {
	if s.hold {
		return s.held.Write(p)
	}
	return s.Conn.Write(p)
}

// send sends what is held, in parts of a size.
func (s *segments) send(t *testing.T, size int) {
	t.Helper()
	_ = s.Conn.SetWriteDeadline(time.Time{}) // which a farewell leaves in the past
	for s.held.Len() > 0 {
		if _, err := s.Conn.Write(s.held.Next(size)); err != nil {
			t.Fatal(err)
		}
	}
}

// A request is answered that comes with the end of the handshake, as are those that come with the end of the connection, however the records
// are cut on their way.
func TestRequestsBesideHandshakeAndFarewell(t *testing.T) {
	server := secureServer(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, size := range []int{1, 3, 5, 100, 1 << 20} {
			below := &segments{Conn: dial(t, server.listener)}
			_ = below.Conn.(*net.TCPConn).SetNoDelay(true)
			conn := tls.Client(below, clientTLS(func(c *tls.Config) { c.MaxVersion = version }))
			if version == tls.VersionTLS13 { // whose client ends the handshake
				below.hold = true
				conn = tls.Client(&afterHello{segments: below}, clientTLS(nil))
			}
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			below.hold = true
			for _, path := range []string{"/1", "/2", "/3"} {
				if _, err := io.WriteString(conn, requestOf(path, 100)); err != nil {
					t.Fatal(err)
				}
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			below.send(t, size)
			answers := bufio.NewReader(conn)
			for _, path := range []string{"/1", "/2", "/3"} {
				wantAnswer(t, answers, path)
			}
			if _, err := answers.ReadByte(); err != io.EOF {
				t.Errorf("version %x in parts of %d: %v", version, size, err)
			}
		}
	}
}

// afterHello sends the first that is written, and holds the rest.
type afterHello struct {
	*segments
	begun bool
}

func (a *afterHello) Write(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		return a.Conn.Write(p)
	}
	return a.segments.Write(p)
}

// A peer that has said farewell while its request waited is not waited for again, though its connection beneath TLS is open.
func TestFarewellWhileARequestWaits(t *testing.T) {
	waits := make(chan struct{})
	server := secureHandling(t, func(w http.ResponseWriter, r *http.Request) {
		done := r.Context().Done()
		close(waits)
		<-done
		echoing(w, r)
	})
	conn := tls.Client(dial(t, server.listener), clientTLS(nil))
	if _, err := io.WriteString(conn, requestOf("/", 100)); err != nil {
		t.Fatal(err)
	}
	<-waits
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	wantAnswer(t, answers, "/")
	if _, err := answers.ReadByte(); err != io.EOF {
		t.Errorf("the connection is kept: %v", err)
	}
}
