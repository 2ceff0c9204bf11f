package upstream

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// steps are what happened, in order.
type steps struct {
	mutex sync.Mutex
	all   []string
}

func (s *steps) add(step string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.all = append(s.all, step)
}

func (s *steps) list() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.all)
}

// testGate notes when it is entered and left.
type testGate struct {
	*steps
	err error
}

func (g testGate) Enter(time.Time) error { g.add("enter"); return g.err }
func (g testGate) Leave()                { g.add("leave") }

func gated(r *call, g Gate) *call {
	r.Gate = g
	return r
}

// notedConn notes each write to the system; it waits for release, unless that is nil.
type notedConn struct {
	*net.TCPConn
	*steps
	begun   chan struct{}
	release chan struct{}
	once    sync.Once
}

func (c *notedConn) Write(b []byte) (int, error) {
	c.add("write")
	if c.release != nil {
		c.once.Do(func() { close(c.begun) })
		<-c.release
	}
	return c.TCPConn.Write(b)
}

// noteWrites has the next exchange go over a connection that notes its writes.
func noteWrites(t *testing.T, transport *Transport, c *notedConn) {
	t.Helper()
	next, err := transport.pool.dial(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	c.TCPConn = next.raw.(*net.TCPConn)
	next.raw = c
	if next.records != nil {
		next.records.Conn = c
	} else {
		next.stream = c
	}
	transport.pool.slots <- struct{}{}
	transport.pool.open++
	transport.pool.put(next)
}

// TestGateStandsBeforeTheFirstByte: the gate is entered before the first write to the system and left behind it, with and without TLS, and
// with bodies that have a goroutine of their own.
func TestGateStandsBeforeTheFirstByte(t *testing.T) {
	ca := testpki.Must(testpki.New())
	serve := func(c net.Conn, r *bufio.Reader) {
		for {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body)
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			if held, ok := c.(*holding); ok {
				held.flush()
			}
		}
	}
	plain, _ := origin(t, serve)
	secure, _ := tlsOrigin(t, testpki.Must(ca.Server("127.0.0.1")), serve)
	for _, target := range []string{plain, secure} {
		for _, size := range []int{0, 10, bufferSize, inlineBody + 1, 20 * bufferSize} {
			transport := transportTo(t, target, clientConfig(ca))
			s := new(steps)
			noteWrites(t, transport, &notedConn{steps: s})
			if body, err := send(t, transport, gated(request(t, "POST", target, strings.Repeat("x", size)), testGate{s, nil})); err != nil || body != "ok" {
				t.Fatalf("%s, %d bytes: %q, %v", target, size, body, err)
			}
			all := s.list()
			enter, write, leave := slices.Index(all, "enter"), slices.Index(all, "write"), slices.Index(all, "leave")
			if enter != 0 || write < 1 || leave <= write {
				t.Errorf("%s, %d bytes: %q", target, size, all)
			}
		}
	}
}

// TestGateThatIsShut: nothing is written, the error is that of the gate, and certainly nothing was sent.
func TestGateThatIsShut(t *testing.T) {
	target, _ := origin(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	shut := errors.New("frozen")
	for _, size := range []int{0, 10, 20 * bufferSize} {
		transport := transportTo(t, target, nil)
		s := new(steps)
		noteWrites(t, transport, &notedConn{steps: s})
		_, err := send(t, transport, gated(request(t, "POST", target, strings.Repeat("x", size)), testGate{s, shut}))
		failed, ok := errors.AsType[*Error](err)
		if !ok || failed.MaybeSent || !errors.Is(err, shut) {
			t.Errorf("%d bytes: error %#v", size, err)
		}
		if all := s.list(); !slices.Equal(all, []string{"enter"}) {
			t.Errorf("%d bytes: %q", size, all)
		}
		if n := len(transport.pool.slots); n != 0 {
			t.Errorf("%d bytes: %d places are taken", size, n)
		}
	}
}

// TestGateWhileTheWriteBlocks: a call whose first write has not returned has not left the gate, also where it has been answered already.
func TestGateWhileTheWriteBlocks(t *testing.T) {
	answer, over := make(chan struct{}), make(chan struct{})
	target, _ := origin(t, func(c net.Conn, _ *bufio.Reader) {
		<-answer
		say(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno")
		<-over
	})
	defer close(over)
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	transport := New(to(u), nil)
	defer transport.Close()
	s := new(steps)
	c := &notedConn{steps: s, begun: make(chan struct{}), release: make(chan struct{})}
	noteWrites(t, transport, c)
	go func() {
		<-c.begun
		close(answer)
	}()
	response, err := roundTrip(transport, gated(request(t, "POST", target, strings.Repeat("x", 4*bufferSize)), testGate{s, nil}))
	if err != nil || response.Status != http.StatusServiceUnavailable {
		t.Fatalf("%v, %v", response, err)
	}
	if all := s.list(); slices.Contains(all, "leave") {
		t.Errorf("it has left before the write returned: %q", all)
	}
	close(c.release)
	_ = response.Body.Close() // which waits for the writing
	if all := s.list(); !slices.Contains(all, "leave") {
		t.Errorf("it has not left: %q", all)
	}
}
