package accept_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/accept"
	"tollgate/internal/soaktest"
)

// slowHandler has slow peers wait for it until it drops them.
type slowHandler struct {
	reading, writing atomic.Int32  // requests whose body is read, and whose answer is written
	cut              atomic.Int32  // of these, those that have ended with their deadline
	giveUp           chan struct{} // closed: deadlines are over
}

const largeAnswer = 16 << 20 // more than the system takes for a peer

var pieceOfAnswer = make([]byte, 32<<10)

func (h *slowHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch control := http.NewResponseController(w); r.URL.Path {
	case "/body":
		stop := h.until(func() { _ = control.SetReadDeadline(time.Unix(1, 0)) })
		h.reading.Add(1)
		var err error
		for piece := make([]byte, 64); err == nil; {
			_, err = r.Body.Read(piece)
		}
		h.ended(err)
		stop()
	case "/large":
		stop := h.until(func() { _ = control.SetWriteDeadline(time.Unix(1, 0)) })
		h.writing.Add(1)
		var err error
		for n := 0; n < largeAnswer && err == nil; n += len(pieceOfAnswer) {
			_, err = w.Write(pieceOfAnswer)
		}
		h.ended(err)
		stop()
	default:
		_, _ = io.Copy(w, r.Body)
	}
}

// until calls f at the end of the slow peers, unless stop is called before. stop waits for f.
func (h *slowHandler) until(f func()) (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-h.giveUp:
			f()
		case <-over:
		}
	}()
	return func() { close(over); <-ended }
}

func (h *slowHandler) ended(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		h.cut.Add(1)
	}
}

// TestSlowPeers has connections that send heads and bodies byte by byte, and others that take nothing of an answer. Honest calls go on
// beside them, memory stays within bounds, heads are cut off in their time and the rest by the handler's deadlines. There are few of them,
// and 4,000 where TOLLGATE_SOAK is set.
func TestSlowPeers(t *testing.T) {
	peers, headTime := 150, time.Second
	if soaktest.On() {
		peers, headTime = 4000, 20*time.Second
	}
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			h := &slowHandler{giveUp: make(chan struct{})}
			address := serve(t, engine, accept.ServerConfig{
				Listener: accept.Config{MaxConns: 2 * (peers + 100), Refused: func(r accept.Refusal) {
					if r.Reason == accept.ReasonMadeRoom || r.Reason == accept.ReasonTooMany {
						t.Errorf("%s is refused: %s", r.Remote, r.Reason)
					}
				}}, Handler: h, HeaderTimeout: headTime, IdleTimeout: 10 * patience, MaxHeader: 32 << 10,
			})
			honest := newHonest(t, address)
			honest.call()
			before := memory()
			heads := dialSlow(t, address, peers/3, "GET / HTTP/1.1\r\nHost: h\r\nX: ")
			bodies := dialSlow(t, address, peers/3, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
			readers := dialSlow(t, address, peers/3, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
			eventually(t, "all slow peers are served", func() bool {
				heads.drip()
				bodies.drip()
				honest.call()
				return int(h.reading.Load()) == peers/3 && int(h.writing.Load()) == peers/3
			})
			each := (memory() - before) / int64(peers)
			t.Logf("%d bytes for each slow peer", each)
			if each > 30<<10 {
				t.Errorf("a slow peer holds %d bytes", each)
			}
			eventually(t, "all slow heads are cut off", func() bool {
				honest.call()
				return heads.drip() == 0
			})
			if bodies.drip() != peers/3 {
				t.Error("a slow body was cut off, for which there is no deadline")
			}
			close(h.giveUp)
			eventually(t, "all deadlines are over", func() bool {
				honest.call()
				return int(h.cut.Load()) == 2*(peers/3)
			})
			eventually(t, "all slow bodies are cut off", func() bool { return bodies.drip() == 0 })
			honest.call()
			readers.close()
		})
	}
}

// slowPeers are connections, nil where one was found to be closed.
type slowPeers struct{ conns []net.Conn }

func dialSlow(t *testing.T, address string, n int, begin string) *slowPeers {
	t.Helper()
	s := new(slowPeers)
	t.Cleanup(s.close)
	for range n {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		s.conns = append(s.conns, c)
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		if _, err := io.WriteString(c, begin); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// drip sends a byte on each connection and returns how many are open.
func (s *slowPeers) drip() (open int) {
	for i, c := range s.conns {
		if c == nil {
			continue
		}
		if _, err := c.Write([]byte("x")); err != nil {
			_ = c.Close()
			s.conns[i] = nil
			continue
		}
		open++
	}
	return open
}

func (s *slowPeers) close() {
	for i, c := range s.conns {
		if c != nil {
			_ = c.Close()
			s.conns[i] = nil
		}
	}
}

// honest calls on a connection that it keeps, and on new ones.
type honest struct {
	t       *testing.T
	address string
	kept    net.Conn
	reader  *bufio.Reader
	calls   int
}

func newHonest(t *testing.T, address string) *honest {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &honest{t: t, address: address, kept: c, reader: bufio.NewReader(c)}
}

func (h *honest) call() {
	h.t.Helper()
	h.calls++
	h.exchange("kept", h.kept, h.reader)
	fresh, err := net.Dial("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	defer fresh.Close()
	h.exchange("fresh", fresh, bufio.NewReader(fresh))
}

func (h *honest) exchange(which string, c net.Conn, reader *bufio.Reader) {
	h.t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	body := fmt.Sprintf("honest %d", h.calls)
	_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		h.t.Fatalf("honest call %d on a %s connection: %v", h.calls, which, err)
	}
	got, err := io.ReadAll(response.Body)
	if err != nil || string(got) != body {
		h.t.Fatalf("honest call %d on a %s connection: %q (%v), want %q", h.calls, which, got, err, body)
	}
}

// memory is what the heap and the stacks hold, those of the test's own side among them.
func memory() int64 {
	runtime.GC()
	runtime.GC() // what pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * patience); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("never so: %s", what)
		}
		runtime.Gosched()
	}
}
