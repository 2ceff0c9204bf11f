package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A peer that leaves while its request waits ends the request's context, and one that sends more does not.
func TestContextOfAPeerThatLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		then    func(*served)
		ends    bool
	}{
		"leaves":                  {request("GET", "/"), func(s *served) { _ = s.peer.Close() }, true},
		"leaves after its body":   {request("POST", "/", "Content-Length: 3") + "abc", func(s *served) { _ = s.peer.Close() }, true},
		"sends another":           {request("GET", "/"), func(s *served) { s.write(request("GET", "/next")) }, false},
		"has sent another before": {request("GET", "/") + request("GET", "/next"), func(*served) {}, false},
	} {
		waits, release := make(chan struct{}), make(chan struct{})
		ended := make(chan error, 2)
		s := handling(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/next" {
				return
			}
			done := r.Context().Done()
			_, _ = io.Copy(io.Discard, r.Body)
			close(waits)
			select {
			case <-done:
			case <-release:
			}
			ended <- r.Context().Err()
		})
		s.write(c.request)
		<-waits
		c.then(s)
		if !c.ends {
			close(release)
			s.answer("GET")
			s.answer("GET")
		}
		if err := <-ended; errors.Is(err, context.Canceled) != c.ends {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A context has the values of its connection, ends with the base and at the end of its request, and costs nothing where Done is not asked for.
func TestContexts(t *testing.T) {
	type key struct{}
	base, end := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	begun := make(chan struct{})
	var kept, whole context.Context // made of a request's context, and that itself
	var release context.CancelFunc
	s := serve(t, Config{HeaderTimeout: patience, IdleTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(key{}) != "value" || r.Context().Err() != nil {
			t.Errorf("value %v, error %v", r.Context().Value(key{}), r.Context().Err())
		}
		if own := r.Context().(*requestContext); own.made != nil || own.ended != nil {
			t.Error("a context is made, or the peer watched, though nothing waits")
		}
		switch r.URL.Path {
		case "/derived":
			whole = r.Context()
			kept, release = context.WithTimeout(r.Context(), time.Hour)
		case "/waits":
			close(begun)
			<-r.Context().Done()
			_, _ = io.WriteString(w, r.Context().Err().Error())
		}
	})}, base)
	s.write(request("GET", "/"))
	s.answer("GET")
	s.write(request("GET", "/derived"))
	s.answer("GET")
	select {
	case <-kept.Done():
	case <-time.After(patience):
		t.Error("a context goes on after its request")
	}
	release()
	s.write(request("GET", "/"))
	s.answer("GET")
	if whole.Err() == nil || kept.Err() == nil {
		t.Error("a context that was waited for is that of another request")
	}
	s.write(request("GET", "/waits"))
	<-begun
	end()
	if _, body := s.answer("GET"); body != context.Canceled.Error() {
		t.Errorf("answer %q", body)
	}
}

// A peer that has ended its side is answered.
func TestHalfClosed(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, string(body), err)
	})
	s.write(request("POST", "/", "Content-Length: 3") + "abc" + request("POST", "/", "Content-Length: 3") + "de")
	_ = s.peer.CloseWrite()
	for _, want := range []string{"abc<nil>", "de" + io.ErrUnexpectedEOF.Error()} {
		if _, body := s.answer("POST"); body != want {
			t.Errorf("answer %q, want %q", body, want)
		}
	}
	s.rest()
}

// "100 Continue" is sent when the body is read, if ever, and an answer before that ends the connection, since nothing says whether the
// body comes.
func TestContinue(t *testing.T) {
	for _, c := range []struct {
		head   string
		reads  bool
		before string // of the final answer
		status int
		closes bool
	}{
		{request("POST", "/", "Content-Length: 3", "Expect: 100-continue"), true, "HTTP/1.1 100 Continue\r\n\r\n", 200, false},
		{request("POST", "/", "Content-Length: 3", "Expect: 100-Continue"), false, "", 200, true},
		{request("POST", "/", "Transfer-Encoding: chunked", "Expect: 100-continue"), false, "", 200, true},
		{request("POST", "/", "Content-Length: 0", "Expect: 100-continue"), true, "", 200, false},
		{"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", true, "", 200, false},
		{request("POST", "/", "Content-Length: 3", "Expect: 200-ok"), true, "", 417, true},
		{request("POST", "/", "Content-Length: 3", "Expect: 100-continue", "Expect: 100-continue"), true, "", 417, true},
	} {
		s := handling(t, func(w http.ResponseWriter, r *http.Request) {
			if c.reads {
				_, _ = io.ReadAll(r.Body)
			}
		})
		s.write(c.head)
		for left := c.before; left != ""; {
			line, err := s.reader.ReadString('\n')
			if err != nil || !strings.HasPrefix(left, line) {
				t.Fatalf("%q: %q, %v", c.head, line, err)
			}
			if left = left[len(line):]; left == "" {
				s.write("abc")
			}
		}
		if response, _ := s.answer("POST"); response.StatusCode != c.status || response.Close != c.closes {
			t.Errorf("%q: %d, ends the connection: %v", c.head, response.StatusCode, response.Close)
		}
	}
}

// A peer that goes on to send a body that is not wanted reads the answer: the connection is not reset before.
func TestUnreadBodies(t *testing.T) {
	const size = 64 << 20
	for name, head := range map[string]string{
		"announced": request("POST", "/", fmt.Sprintf("Content-Length: %d", size)),
		"chunked":   request("POST", "/", "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n", size),
		"malformed": request("POST", "/", "Content-Length: 1", fmt.Sprintf("Content-Length: %d", size)),
	} {
		t.Run(name, func(t *testing.T) {
			s := handling(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				_, _ = io.WriteString(w, "too large")
			})
			s.write(head)
			part := make([]byte, 1<<20)
			for range 8 {
				if _, err := s.peer.Write(part); err != nil {
					t.Fatalf("the connection is reset: %v", err)
				}
			}
			response, body := s.answer("POST")
			if !response.Close || name != "malformed" && (response.StatusCode != 413 || body != "too large") || name == "malformed" && response.StatusCode != 400 {
				t.Errorf("%d %q, ends the connection: %v", response.StatusCode, body, response.Close)
			}
		})
	}
}

// The rest of a small body that was not wanted is passed over, and the next request is read where it begins.
func TestSmallUnreadBodies(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	s.write(request("POST", "/1", "Content-Length: 3") + "abc" + request("POST", "/2", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n" + request("GET", "/3"))
	for _, want := range []string{"/1", "/2", "/3"} {
		if response, body := s.answer("POST"); body != want || response.Close {
			t.Errorf("answer %q, want %q; ends the connection: %v", body, want, response.Close)
		}
	}
	s.write(request("POST", "/4", "Transfer-Encoding: chunked") + "x\r\n") // broken
	if response, body := s.answer("POST"); body != "/4" || !response.Close {
		t.Errorf("answer %q; ends the connection: %v", body, response.Close)
	}
}

// Trailer fields are announced and delivered as net/http has them.
func TestTrailers(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		announced := fmt.Sprint(r.Trailer)
		_, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s%v%v%v", announced, r.Trailer, r.Header, err)
	})
	s.write(request("POST", "/", "Transfer-Encoding: chunked", "Trailer: x-a, X-B") + "0\r\nX-A: 1\r\nX-C: 2\r\n\r\n")
	if _, body := s.answer("POST"); body != "map[X-A:[] X-B:[]]map[X-A:[1] X-B:[] X-C:[2]]map[]<nil>" {
		t.Errorf("%q", body)
	}
}

// A handler cannot end a line of the head, or say how the message is read.
func TestFieldsOfAnswers(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-A"], h["X B"], h["X-C:"] = []string{"1\r\nX-Smuggled: 1", "2"}, []string{"1"}, []string{"1"}
		h["Transfer-Encoding"], h["Connection"], h["Content-Length"] = []string{"chunked"}, []string{"keep-alive"}, []string{"9", "9"}
		h["Content-Type"] = nil
		_, _ = io.WriteString(w, "abc")
		h["X-Late"] = []string{"1"}
	})
	s.write(request("GET", "/"))
	response, body := s.answer("GET")
	h := response.Header
	if got := h["X-A"]; len(got) != 2 || got[0] != "1  X-Smuggled: 1" || h["X-Smuggled"] != nil || h["X-Late"] != nil || h["Content-Type"] != nil {
		t.Errorf("header %v", h)
	}
	if len(h) != 3 || body != "abc" || response.ContentLength != 3 || response.TransferEncoding != nil { // X-A, Date, Content-Length
		t.Errorf("header %v, body %q of %d", h, body, response.ContentLength)
	}
}

// HTTP/1.0 keeps its connection if it asks for it and the answer's length is known.
func TestHTTP10(t *testing.T) {
	s := handling(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto+r.Host) })
	s.write("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n")
	first, body := s.answer("GET")
	if first.Header.Get("Connection") != "keep-alive" || body != "HTTP/1.0" {
		t.Errorf("%v %q", first.Header, body)
	}
	if second, body := s.answer("GET"); !second.Close || body != "HTTP/1.0a" {
		t.Errorf("%v %q", second.Header, body)
	}
	s.rest()
}

// A body cannot be read beyond its request.
func TestBodyAfterItsRequest(t *testing.T) {
	var kept io.Reader
	s := handling(t, func(w http.ResponseWriter, r *http.Request) { kept = r.Body })
	s.write(request("POST", "/", "Content-Length: 3") + "abc")
	s.answer("POST")
	_ = s.peer.Close()
	<-s.done
	if n, err := kept.Read(make([]byte, 8)); n != 0 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// What a handler has left behind when it returned, as that of http.TimeoutHandler, keeps its request, and disturbs no other one.
func TestHandlersLeftBehind(t *testing.T) {
	released, ended := make(chan struct{}), make(chan struct{})
	slow := http.TimeoutHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		defer close(ended)
		<-released
		for name, want := range map[string]string{"X-One": "1", "X-Other": ""} {
			if got := r.Header.Get(name); got != want || r.RequestURI != "/slow" {
				t.Errorf("%s is %q in %s", name, got, r.RequestURI)
			}
		}
		if n, err := r.Body.Read(make([]byte, 8)); n != 0 || err == nil {
			t.Errorf("%d bytes of a body, %v", n, err)
		}
	}), time.Millisecond, "")
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			slow.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Header, string(body))
		if r.URL.Path == "/last" {
			close(released)
			<-ended
		}
	})
	s.write(request("POST", "/slow", "X-One: 1", "Content-Length: 3") + "abc" + request("POST", "/", "X-Other: 2", "Content-Length: 3") + "def")
	if response, _ := s.answer("POST"); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answer %d", response.StatusCode)
	}
	const want = "map[Content-Length:[3] X-Other:[2]]def"
	if _, body := s.answer("POST"); body != want {
		t.Errorf("answer %q", body)
	}
	s.write(request("POST", "/last", "X-Other: 2", "Content-Length: 3") + "def")
	if _, body := s.answer("POST"); body != want {
		t.Errorf("answer %q", body)
	}
}

// A body that is passed over since the answer has begun is none that has ended: who reads on gets an error.
func TestBodiesAreNotCutSilently(t *testing.T) {
	read := make(chan error, 1)
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		_, err := io.ReadAll(r.Body)
		read <- err
	})
	s.write(request("POST", "/", "Content-Length: 3") + "abc")
	s.answer("POST")
	if err := <-read; err == nil {
		t.Error("a body of which nothing was read looks whole")
	}
}

// A read of a body that goes on when the handler has returned ends, and takes nothing of the next request.
func TestReadsLeftBehind(t *testing.T) {
	left := make(chan error, 1)
	s := handling(t, func(w http.ResponseWriter, r *http.Request) {
		reads := make(chan struct{})
		go func() {
			_, err := io.ReadFull(signalling{r.Body, reads}, make([]byte, 3))
			left <- err
		}()
		<-reads
		_, _ = io.WriteString(w, "early")
	})
	s.write(request("POST", "/", "Content-Length: 3"))
	if response, body := s.answer("POST"); body != "early" || !response.Close {
		t.Errorf("answer %q, ends the connection: %v", body, response.Close)
	}
	if err := <-left; err == nil {
		t.Error("a body that did not come was read")
	}
}

// signalling says when it is read for the first time.
type signalling struct {
	io.Reader
	read chan struct{}
}

func (s signalling) Read(p []byte) (int, error) {
	close(s.read)
	return s.Reader.Read(p)
}

// What the engine answers by itself has a time to be written, though no handler has set one.
func TestRefusedExpectationsHaveATime(t *testing.T) {
	s := handling(t, func(http.ResponseWriter, *http.Request) { t.Error("the handler is called") })
	s.write(request("POST", "/", "Expect: more"))
	if response, _ := s.answer("POST"); response.StatusCode != http.StatusExpectationFailed {
		t.Errorf("answer %d", response.StatusCode)
	}
	_ = s.peer.Close()
	<-s.done
	if s.net.writeDeadlines == 0 {
		t.Error("the answer has no time")
	}
}
