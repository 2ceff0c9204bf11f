package accept

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
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
	return secureOn(t, "tcp", handler)
}

// secureOn serves on a socket of the network.
func secureOn(t *testing.T, network string, handler http.HandlerFunc) *engine {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	inner, err := Listen(t.Context(), network, address)
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

// A request may end while its peer is watched beneath TLS, which is another goroutine's: the race detector finds what they share.
func TestRequestsThatEndWhileTheirPeerIsWatched(t *testing.T) {
	server := secureHandling(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.Context().Done()
		_, _ = io.Copy(io.Discard, r.Body)
		echoing(w, r)
	})
	conn := tls.Client(dial(t, server.listener), clientTLS(nil))
	answers := bufio.NewReader(conn)
	for i := range 100 {
		body := strings.Repeat("x", i%2*40_000)
		path := fmt.Sprintf("/%d", i)
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: tollgate.test\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body); err != nil {
			t.Fatal(err)
		}
		wantAnswer(t, answers, path)
	}
}

// A wait beneath TLS ends as any other does, on sockets of either kind, and its peer gets nothing more.
func TestEndsOfAWaitBeneathTLS(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for name, end := range map[string]func(*draining, *tls.Conn) error{
			"shutdown": func(d *draining, _ *tls.Conn) error {
				d.age(time.Minute)
				return d.Shutdown(context.Background())
			},
			"close": func(d *draining, _ *tls.Conn) error { return d.Close() },
			"no room": func(d *draining, _ *tls.Conn) error {
				d.Resize(1, 0)
				for !d.isIdle() { // the answer may be here before that is noted
				}
				other, err := net.Dial(network, d.listener.Addr().String())
				if err != nil {
					return err
				}
				defer other.Close()
				return tls.Client(other, clientTLS(nil)).Handshake()
			},
			"half closed": func(_ *draining, c *tls.Conn) error {
				return c.NetConn().(interface{ CloseWrite() error }).CloseWrite()
			},
			"farewell":           func(_ *draining, c *tls.Conn) error { return c.CloseWrite() },
			"part of a record":   func(_ *draining, c *tls.Conn) error { return breakOff(c, []byte{23, 3, 3, 1, 0, 7}) },
			"record of no bytes": func(_ *draining, c *tls.Conn) error { return breakOff(c, recordOf(0)) },
		} {
			d := &draining{engine: secureOn(t, network, echoing)}
			raw, err := net.Dial(network, d.listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
			conn := tls.Client(raw, clientTLS(nil))
			answers := bufio.NewReader(conn)
			if _, err := io.WriteString(conn, requestOf("/", 100)); err != nil {
				t.Fatal(err)
			}
			wantAnswer(t, answers, "/")
			if err := end(d, conn); err != nil {
				t.Errorf("%s, %s: %v", network, name, err)
			}
			if _, err := answers.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s, %s: the connection is kept: %v", network, name, err)
			}
			_ = raw.Close()
		}
	}
}

// isIdle reports whether all connections wait for a request.
func (d *draining) isIdle() bool {
	s := d.listener.slots
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.conns.Front(); e != nil; e = e.Next() {
		if e.Value.(*conn).state != silent {
			return false
		}
	}
	return true
}

// breakOff writes beneath TLS, and ends the peer's side.
func breakOff(c *tls.Conn, sent []byte) error {
	if _, err := c.NetConn().Write(sent); err != nil {
		return err
	}
	return c.NetConn().(interface{ CloseWrite() error }).CloseWrite()
}
