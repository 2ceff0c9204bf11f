package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/http1"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// events is a Watcher that keeps what it is called for.
type events struct {
	mutex   sync.Mutex
	list    []string
	refused chan error
}

func (e *events) note(what string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.list = append(e.list, what)
}

func (e *events) all() []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return slices.Clone(e.list)
}

func (e *events) Busy()             { e.note("busy") }
func (e *events) Idle(time.Time)    { e.note("idle") }
func (e *events) Refused(err error) { e.refused <- err }

// counting counts what is asked of a connection.
type counting struct {
	*net.TCPConn
	writes, readDeadlines, writeDeadlines int // by the goroutine that serves it
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes++
	return c.TCPConn.Write(p)
}

func (c *counting) SetReadDeadline(at time.Time) error {
	c.readDeadlines++
	return c.TCPConn.SetReadDeadline(at)
}

func (c *counting) SetWriteDeadline(at time.Time) error {
	c.writeDeadlines++
	return c.TCPConn.SetWriteDeadline(at)
}

// served is a connection that is served, and its other end.
type served struct {
	t      *testing.T
	conn   *Conn
	net    *counting
	events *events
	peer   *net.TCPConn
	reader *bufio.Reader
	done   chan struct{} // closed when it is not served any more
}

// serve serves one connection.
func serve(t *testing.T, c Config, base context.Context) *served {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	peer, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := inner.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = peer.SetDeadline(time.Now().Add(patience))
	s := &served{
		t: t, net: &counting{TCPConn: accepted.(*net.TCPConn)}, events: &events{refused: make(chan error, 10)},
		peer: peer.(*net.TCPConn), reader: bufio.NewReader(peer), done: make(chan struct{}),
	}
	s.conn = New(c).NewConn(s.net, Peer{Context: base, Remote: "peer:1", Watcher: s.events})
	go func() {
		s.conn.Serve()
		_ = accepted.Close()
		close(s.done)
	}()
	t.Cleanup(func() {
		_ = peer.Close()
		<-s.done
	})
	return s
}

// handling serves with a handler and generous bounds.
func handling(t *testing.T, h http.HandlerFunc) *served {
	t.Helper()
	return serve(t, Config{Handler: h, HeaderTimeout: patience, IdleTimeout: patience, MaxHead: 8 << 10}, t.Context())
}

func (s *served) write(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.peer, text); err != nil {
		s.t.Fatal(err)
	}
}

// answer reads the answer to a request with the method.
func (s *served) answer(method string) (*http.Response, string) {
	s.t.Helper()
	response, err := http.ReadResponse(s.reader, &http.Request{Method: method})
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatalf("body %q: %v", body, err)
	}
	return response, string(body)
}

// rest reads all that is left until the connection ends.
func (s *served) rest() string {
	s.t.Helper()
	text, err := io.ReadAll(s.reader)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func request(method, target string, fields ...string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: a\r\n" + strings.Join(append(fields, "", ""), "\r\n")
}

// Requests that come at once are answered in their order, and what one was given is another's afterwards.
func TestPipelining(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %v %s %v", r.Method, r.URL, r.Header, body, err)
	})
	s.write(request("POST", "/1?a=b", "X-One: 1", "Content-Length: 3") + "abc" + request("GET", "/2") +
		request("POST", "/3", "Transfer-Encoding: chunked") + "2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\n" + request("GET", "/4", "X-Two: 1", "X-Two: 2", "Connection: close"))
	for _, want := range []string{
		"POST /1?a=b map[Content-Length:[3] X-One:[1]] abc <nil>", "GET /2 map[]  <nil>", "POST /3 map[] def <nil>", "GET /4 map[Connection:[close] X-Two:[1 2]]  <nil>",
	} {
		if response, body := s.answer("GET"); body != want || response.StatusCode != 200 || response.Header.Get("Date") == "" {
			t.Errorf("%d %q, want %q", response.StatusCode, body, want)
		}
	}
	if left := s.rest(); left != "" {
		t.Errorf("then %q", left)
	}
	if want := []string{"busy", "idle", "busy", "idle", "busy", "idle", "busy"}; !slices.Equal(s.events.all(), want) {
		t.Errorf("events %q", s.events.all())
	}
}

// A small answer goes out with one write, head and body together.
func TestOneWrite(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/announced" {
			w.Header().Set("Content-Length", "6")
		}
		_, _ = io.WriteString(w, "abc")
		_, _ = io.WriteString(w, "def")
	})
	for _, target := range []string{"/", "/announced"} {
		s.write(request("GET", target))
		if response, body := s.answer("GET"); body != "abcdef" || response.ContentLength != 6 {
			t.Errorf("%q of %d", body, response.ContentLength)
		}
	}
	_ = s.peer.Close()
	<-s.done
	if s.net.writes != 2 {
		t.Errorf("%d writes of two answers", s.net.writes)
	}
}

// Answers come whole, however they are framed and whatever their size is.
func TestBodiesOfAnswers(t *testing.T) {
	for _, size := range []int{0, 1, bodyRoom - 1, bodyRoom, bodyRoom + 1, outSize, 100_000} {
		for _, step := range []int{1 << 20, 1000} {
			for name, head := range map[string]string{"announced": request("GET", "/announced"), "unknown": request("GET", "/"), "old": "GET / HTTP/1.0\r\n\r\n"} {
				want := strings.Repeat("0123456789", size/10+1)[:size]
				s := handling(t, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/announced" {
						w.Header().Set("Content-Length", fmt.Sprint(size))
					}
					for left := want; left != ""; {
						n, err := io.WriteString(w, left[:min(step, len(left))])
						if err != nil {
							t.Error(err)
						}
						left = left[n:]
					}
				})
				s.write(head)
				response, body := s.answer("GET")
				if body != want {
					t.Errorf("%s, %d in steps of %d: %d bytes", name, size, step, len(body))
				}
				known := size <= bodyRoom || name == "announced"
				if (response.ContentLength >= 0) != known || (response.TransferEncoding != nil) != (!known && name != "old") {
					t.Errorf("%s, %d: length %d, encoding %v", name, size, response.ContentLength, response.TransferEncoding)
				}
			}
		}
	}
}

// Answers without a body have none, whatever the handler writes.
func TestAnswersWithoutABody(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
		length string // as announced to the peer
		err    error
	}{
		{"HEAD", 200, "3", nil}, {"GET", 204, "", http.ErrBodyNotAllowed}, {"GET", 304, "", http.ErrBodyNotAllowed}, {"HEAD", 204, "", http.ErrBodyNotAllowed},
	} {
		s := handling(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Length"] = []string{"3"}
			w.WriteHeader(c.status)
			if _, err := io.WriteString(w, "abc"); !errors.Is(err, c.err) {
				t.Errorf("%s, %d: %v", c.method, c.status, err)
			}
		})
		s.write(request(c.method, "/") + request(c.method, "/"))
		for range 2 {
			response, body := s.answer(c.method)
			if got := response.Header.Get("Content-Length"); response.StatusCode != c.status || body != "" || got != c.length || response.TransferEncoding != nil {
				t.Errorf("%s, %d: %d with length %q, body %q", c.method, c.status, response.StatusCode, got, body)
			}
		}
	}
}

// An answer that is not as long as it says ends its connection.
func TestAnswersOfAnotherLength(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		if _, err := io.WriteString(w, "abcdef"); !errors.Is(err, http.ErrContentLength) {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "abc")
	})
	s.write(request("GET", "/") + request("GET", "/"))
	response, err := http.ReadResponse(s.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); string(body) != "abc" || err == nil {
		t.Errorf("%q, %v", body, err)
	}
}

// A handler that aborts, or panics, leaves no answer that could be taken for whole.
func TestAborts(t *testing.T) {
	for name, fault := range map[string]any{"abort": http.ErrAbortHandler, "panic": "secret of the handler"} {
		for _, head := range []string{request("GET", "/"), "GET / HTTP/1.0\r\n\r\n"} {
			var logged strings.Builder
			s := serve(t, Config{ErrorLog: log.New(&logged, "", 0), HeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "abc")
				http.NewResponseController(w).Flush()
				panic(fault)
			})}, t.Context())
			s.write(head + request("GET", "/"))
			response, err := http.ReadResponse(s.reader, nil)
			if err == nil {
				_, err = io.ReadAll(response.Body)
			}
			if err == nil {
				t.Errorf("%s, %.20q: the answer looks whole", name, head)
			}
			<-s.done
			if (logged.Len() > 0) != (name == "panic") {
				t.Errorf("%s: logged %q", name, logged.String())
			}
		}
	}
}

// What is no request is refused with 400, and whatever follows it is not read as one.
func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for text, want := range map[string]struct {
		err    error
		status int
	}{
		"GET / HTTP/1.1\nHost: a\r\n\r\n": {http1.LineEnding, 400},
		"GET /\r\n":                       {http1.StartLine, 400},
		"PRI * HTTP/2.0\r\n":              {http1.Version, 400},
		request("GET", "/%zz"):            {http1.Target, 400},
		request("GET", "a"):               {http1.Target, 400},
		request("GET", "/", "Host: b"):    {http1.Host, 400},
		request("POST", "/", "Content-Length: 1", "Transfer-Encoding: chunked"):       {http1.TransferEncoding, 400},
		request("POST", "/", "Transfer-Encoding: chunked", "Trailer: content-length"): {http1.FieldValue, 400},
		request("GET", "/", "X: "+long):                                               {http1.HeadTooLarge, 431},
		"GET /" + long:                                                                {http1.LineTooLong, 431},
		"GET / HT":                                                                    {ErrBrokenOff, 400},
		request("GET", "/")[:25]:                                                      {ErrBrokenOff, 400},
	} {
		s := handling(t, func(http.ResponseWriter, *http.Request) { t.Errorf("%.40q: the handler is called", text) })
		s.write(text)
		if want.err == ErrBrokenOff {
			_ = s.peer.CloseWrite()
		}
		got := s.rest()
		if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", want.status)) {
			t.Errorf("%.40q: answer %q", text, got)
		}
		_ = s.peer.Close()
		if err := <-s.events.refused; err != want.err {
			t.Errorf("%.40q: %v, want %v", text, err, want.err)
		}
		if fault, ok := want.err.(http1.Error); !ok || !slices.Contains(Errors(), fault) {
			t.Errorf("%v is missing among all", want.err)
		}
	}
}

// A head that does not come in time ends the connection without an answer; so does the first byte, which is no fault.
func TestSlowHeads(t *testing.T) {
	for text, want := range map[string]error{"": nil, "GET /": ErrTooSlow} {
		s := serve(t, Config{HeaderTimeout: time.Millisecond, IdleTimeout: patience}, t.Context())
		s.write(text)
		if got := s.rest(); got != "" {
			t.Errorf("answer %q", got)
		}
		<-s.done
		select {
		case err := <-s.events.refused:
			if err != want {
				t.Errorf("%q: %v", text, err)
			}
		default:
			if want != nil {
				t.Errorf("%q is not refused", text)
			}
		}
	}
}

// A connection that waits has no memory of requests, and gets it back for the next.
func TestIdleConnectionsHoldNothing(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	for _, target := range []string{"/1", "/2"} {
		s.write(request("GET", target))
		if _, body := s.answer("GET"); body != target {
			t.Errorf("answer %q", body)
		}
	}
	for waiting := false; !waiting; {
		s.conn.reading.mutex.Lock()
		if waiting = s.conn.reading.waiting; waiting && (s.conn.exchange != nil || s.conn.reader.Return() != nil) {
			t.Error("it holds memory while it waits")
		}
		s.conn.reading.mutex.Unlock()
	}
	s.conn.EndWaiting()
	<-s.done
	if got := s.rest(); got != "" {
		t.Errorf("answer %q", got)
	}
}

// What a handler keeps of a request, though it must not, is empty afterwards, and not of another request; texts stay.
func TestNothingOutlivesItsRequest(t *testing.T) {
	var kept struct {
		request *http.Request
		values  []string
		header  http.Header
		answer  http.Header
		text    string
		target  string
	}
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/kept" {
			return
		}
		w.Header().Set("X-Secret", "of the answer")
		kept.request, kept.values, kept.header, kept.answer = r, r.Header["X-Secret"], r.Header, w.Header()
		kept.text, kept.target = r.Header.Get("X-Secret"), r.RequestURI
	})
	s.write(request("GET", "/kept", "X-Secret: of one call"))
	s.answer("GET")
	s.write(request("GET", "/other", "X-Other: other"))
	s.answer("GET")
	_ = s.peer.Close()
	<-s.done
	if kept.values[0] != "" || len(kept.header) != 0 || len(kept.answer) != 0 || kept.request.RequestURI != "" {
		t.Errorf("still there: %q %v %v %q", kept.values, kept.header, kept.answer, kept.request.RequestURI)
	}
	if kept.text != "of one call" || kept.target != "/kept" {
		t.Errorf("texts that were kept: %q %q", kept.text, kept.target)
	}
}

// Deadlines of seconds cost a connection with many requests no call of the system for each.
func TestDeadlinesAreMovedSeldom(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
	})
	begun := time.Now()
	const requests = 200
	for range requests {
		s.write(request("GET", "/"))
		s.answer("GET")
	}
	seconds := int(time.Since(begun)/time.Second) + 1
	_ = s.peer.Close()
	<-s.done
	if most := 2 * (seconds + 1); s.net.readDeadlines > most || s.net.writeDeadlines > most {
		t.Errorf("%d and %d deadlines are set for %d requests in %d s", s.net.readDeadlines, s.net.writeDeadlines, requests, seconds)
	}
}

// A deadline that the handler sets ends a read, and a write, also when it is set by another goroutine while that waits.
func TestDeadlinesOfHandlers(t *testing.T) {
	for name, wait := range map[string]func(w http.ResponseWriter, r *http.Request, set func(func(time.Time) error)) error{
		"read": func(w http.ResponseWriter, r *http.Request, set func(func(time.Time) error)) error {
			set(http.NewResponseController(w).SetReadDeadline)
			_, err := r.Body.Read(make([]byte, 1))
			return err
		},
		"write": func(w http.ResponseWriter, r *http.Request, set func(func(time.Time) error)) error {
			set(http.NewResponseController(w).SetWriteDeadline)
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return err
				}
			}
		},
	} {
		for when, set := range map[string]func(func(time.Time) error){
			"before": func(set func(time.Time) error) { _ = set(time.Now().Add(time.Millisecond)) },
			"over":   func(set func(time.Time) error) { _ = set(past) },
			"beside": func(set func(time.Time) error) { go func() { _ = set(past) }() },
		} {
			ended := make(chan error, 1)
			s := handling(t, func(w http.ResponseWriter, r *http.Request) { ended <- wait(w, r, set) })
			s.write(request("POST", "/", "Content-Length: 10"))
			if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s, %s: %v", name, when, err)
			}
		}
	}
}
