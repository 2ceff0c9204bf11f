package gateway_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"

	"tollgate/accept"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/upstream"
)

// The way of a call stays within a budget of allocations, so that a careless one shows. The writer and the copy of the request take 5 of
// them, the transport 4.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := benchFixture(t, fixed)
	handler := f.gateway.Server("local").Handler
	for text, budget := range map[string]float64{look(): 18, pay(): 30} {
		request, body := template(t, text)
		got := testing.AllocsPerRun(200, func() { handler.ServeHTTP(&nullWriter{header: http.Header{}}, copyOf(request, body)) })
		if got > budget {
			t.Errorf("%s: %.0f allocations, want at most %.0f", text[:4], got, budget)
		}
		t.Logf("%s: %.0f allocations", text[:4], got)
	}
}

// TestAllocationsOfServedCalls counts what a call takes from the first byte that is read of it to the last that is written, between peers
// that allocate nothing.
func TestAllocationsOfServedCalls(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	answer := []byte(jsonAnswer(200, `{"order_ids":["CS-1001"]}`, "X-Request-Id: req-1", "Date: Sun, 29 Nov 2026 10:00:00 GMT"))
	origin := listen(t)
	go func() {
		c, err := origin.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		var room [4 << 10]byte
		for readMessage(c, room[:]) == nil {
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	}()
	c := dialQuiet(t, benchFixture(t, fixed, func(f *fixture) {
		f.config.Observer = nullObserver{}
		for _, u := range f.upstream { // with one connection, a call that spends takes it although it has not rested
			transport := upstream.New(upstream.Config{
				URL: setting.Target{Scheme: "http", Host: origin.Addr().String()}, MaxConnections: 1,
			}, nil)
			t.Cleanup(transport.Close)
			u.Transport = transport
		}
	}))
	for text, budget := range map[string]float64{look(): 15, pay(): 22} {
		request, room := []byte(text), make([]byte, 4<<10)
		got := testing.AllocsPerRun(200, func() {
			if _, err := c.Write(request); err != nil {
				t.Fatal(err)
			}
			if err := readMessage(c, room); err != nil {
				t.Fatal(err)
			}
		})
		if got > budget {
			t.Errorf("%s: %.0f allocations, want at most %.0f", text[:4], got, budget)
		}
		if !bytes.HasPrefix(room, []byte("HTTP/1.1 200 ")) {
			t.Errorf("%s: %.100q", text[:4], room)
		}
		t.Logf("%s: %.0f allocations", text[:4], got)
	}
}

type nullObserver struct{}

func (nullObserver) Refused(gateway.Result) {}
func (nullObserver) Observe(gateway.Result) {}
func (nullObserver) CutOff(gateway.CutOff)  {}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// dialQuiet returns a connection to a fixture's gateway, served by the product's server and nothing else.
func dialQuiet(t *testing.T, f *fixture) net.Conn {
	t.Helper()
	l := listen(t)
	config := f.gateway.Server("local")
	config.HeaderTimeout, config.IdleTimeout, config.MaxHeader = patience, patience, 32<<10
	server := accept.NewServer(l, config)
	done := make(chan error, 1)
	go func() { done <- server.Serve() }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

var (
	headEnds      = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// readMessage reads a message with a head and a body of the length that it announces, which fits into the room.
func readMessage(r io.Reader, room []byte) error {
	for have := 0; ; {
		n, err := r.Read(room[have:])
		if err != nil {
			return err
		}
		have += n
		head, body, whole := bytes.Cut(room[:have], headEnds)
		if whole && len(body) == announced(head) {
			return nil
		}
	}
}

func announced(head []byte) int {
	_, value, found := bytes.Cut(head, contentLength)
	if !found {
		return 0
	}
	value, _, _ = bytes.Cut(value, headEnds[:2])
	length, _ := strconv.Atoi(string(value))
	return length
}
