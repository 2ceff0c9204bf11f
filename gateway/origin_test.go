package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// arrival is one request as the upstream received it, byte for byte.
type arrival struct {
	line   string   // request line
	header []string // lines, in order
	body   string
}

// values returns the values of a header, by its exact name in any case.
func (a *arrival) values(name string) []string {
	var values []string
	for _, line := range a.header {
		if n, v, _ := strings.Cut(line, ": "); strings.EqualFold(n, name) {
			values = append(values, v)
		}
	}
	return values
}

func (a *arrival) value(name string) string { return strings.Join(a.values(name), "|") }

func (a *arrival) names() []string {
	var names []string
	for _, line := range a.header {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// origin is an upstream on a plain socket that records what it receives and answers as the test says.
type origin struct {
	t        testing.TB
	history  *history
	listener net.Listener
	serving  sync.WaitGroup

	mutex    sync.Mutex
	conns    []net.Conn
	arrivals []arrival

	// answer writes the answer and reports whether the connection stays open; early is called after the header, before the
	// body is read, and breaks the connection by false. Between calls they are changed by set.
	answer, early func(c net.Conn, a *arrival) (keep bool)
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

// saying returns an answer function for a fixed text.
func saying(text string) func(net.Conn, *arrival) bool {
	return func(c net.Conn, _ *arrival) bool {
		_, err := io.WriteString(c, text)
		return err == nil
	}
}

// jsonAnswer frames a body.
func jsonAnswer(status int, body string, header ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s",
		status, http.StatusText(status), len(body), strings.Join(append(header, ""), "\r\n"), body)
}

func newOrigin(t testing.TB, h *history) *origin {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{t: t, history: h, listener: listener, answer: saying(okAnswer)}
	o.serving.Go(o.accept)
	t.Cleanup(o.close)
	return o
}

func (o *origin) close() {
	_ = o.listener.Close()
	o.mutex.Lock()
	for _, c := range o.conns {
		_ = c.Close()
	}
	o.mutex.Unlock()
	o.serving.Wait()
}

// set changes what the upstream does.
func (o *origin) set(answer, early func(net.Conn, *arrival) bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.answer, o.early = answer, early
}

func (o *origin) accept() {
	for {
		c, err := o.listener.Accept()
		if err != nil {
			return
		}
		o.mutex.Lock()
		o.conns = append(o.conns, c)
		o.mutex.Unlock()
		o.serving.Go(func() {
			defer c.Close()
			reader := bufio.NewReader(c)
			for o.serveOne(c, reader) {
			}
		})
	}
}

// serveOne reads one request without help from net/http, so that nothing is repaired on the way.
func (o *origin) serveOne(c net.Conn, reader *bufio.Reader) (keep bool) {
	if _, err := reader.Peek(1); err != nil {
		return false
	}
	o.history.add("upstream first byte")
	a, err := readHead(reader)
	if err != nil {
		o.t.Errorf("upstream got a broken request: %v", err)
		return false
	}
	o.mutex.Lock()
	answer, early := o.answer, o.early
	o.mutex.Unlock()
	if early != nil && !early(c, a) {
		return false
	}
	if err := a.readBody(reader); err != nil {
		return false
	}
	o.mutex.Lock()
	o.arrivals = append(o.arrivals, *a)
	o.mutex.Unlock()
	o.history.add("upstream whole call")
	return answer(c, a)
}

func readHead(reader *bufio.Reader) (*arrival, error) {
	a := &arrival{}
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return nil, err
		}
		text, ok := strings.CutSuffix(line, "\r\n")
		switch {
		case !ok:
			return nil, fmt.Errorf("bare line feed after %q", line)
		case text == "" && a.line != "":
			return a, nil
		case a.line == "":
			a.line = text
		default:
			a.header = append(a.header, text)
		}
	}
}

func (a *arrival) readBody(reader *bufio.Reader) error {
	lengths := a.values("Content-Length")
	if len(lengths) == 0 {
		return nil
	}
	length, err := strconv.Atoi(lengths[0])
	if err != nil {
		return err
	}
	body := make([]byte, length)
	_, err = io.ReadFull(reader, body)
	a.body = string(body)
	return err
}

func (o *origin) all() []arrival {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return slices.Clone(o.arrivals)
}

// take returns what has arrived, which all does not return any more.
func (o *origin) take() []arrival {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	taken := o.arrivals
	o.arrivals = nil
	return taken
}

// only returns the one request that arrived.
func (o *origin) only(t testing.TB) arrival {
	t.Helper()
	arrivals := o.all()
	if len(arrivals) != 1 {
		t.Fatalf("%d requests reached the upstream, want 1: %q", len(arrivals), arrivals)
	}
	return arrivals[0]
}

// none checks that not a byte reached the upstream.
func (o *origin) none(t testing.TB) {
	t.Helper()
	if o.history.has("upstream first byte") {
		t.Errorf("something reached the upstream: %q", o.all())
	}
}

// reset ends a connection with RST instead of FIN.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// checkFraming checks what holds for every request: one Host, at most one length, no other framing, no hop-by-hop header,
// each name once, nothing that two readers could read differently.
func (a *arrival) checkFraming(t testing.TB, host string) {
	t.Helper()
	if got := a.value("Host"); got != host {
		t.Errorf("Host upstream is %q, want %q", got, host)
	}
	names := a.names()
	for i, name := range names {
		if i > 0 && strings.EqualFold(names[i-1], name) {
			t.Errorf("header %s upstream occurs more than once: %q", name, a.header)
		}
		if textproto.TrimString(name) != name || strings.ContainsAny(name, "_ \t") {
			t.Errorf("header name %q upstream", name)
		}
	}
	for _, name := range []string{"Transfer-Encoding", "Connection", "Trailer", "Te", "Upgrade", "Expect", "Keep-Alive", "Proxy-Connection"} {
		if got := a.values(name); got != nil {
			t.Errorf("header %s reached the upstream: %q", name, got)
		}
	}
	for _, line := range a.header {
		if strings.ContainsAny(line, "\r\n\x00") || bytes.HasPrefix([]byte(line), []byte(" ")) {
			t.Errorf("header line %q upstream", line)
		}
	}
}
