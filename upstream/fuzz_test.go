package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/internal/setting"
)

// FuzzAnswer lets a peer answer any bytes and then close. What is given is what net/http reads in them, behind
// informational answers, or an error that leaves open whether the call had its effect; the next call gets an answer of its own. What is
// refused is what net/http refuses, too, or repairs.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{
		"", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 201 X\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 103 x\r\nLink: a\r\n\r\nHTTP/1.1 204 x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\n\r\nsurplus",
		"HTTP/1.0 200 OK\r\n\r\nuntil the end", "HTTP/1.1 000 x\r\n\r\n", "HTTP/2.0 200 x\r\n\r\n", "HTTP/1.1 101 x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
	} {
		f.Add([]byte(answer))
	}
	path := filepath.Join(f.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = listener.Close() })
	answers, closed := make(chan []byte, 1), make(chan bool, 1)
	go answerEach(listener, answers, closed)
	transport := New(Config{URL: setting.Target{Scheme: "http", Host: "localhost", Socket: path}}, nil)
	f.Cleanup(transport.Close)
	f.Fuzz(func(t *testing.T, answer []byte) {
		answers <- answer
		status, body, err := ask(t, transport)
		<-closed
		wantStatus, wantBody, ok := readByNetHTTP(answer)
		switch {
		case err == nil && (!ok || status != wantStatus || !bytes.Equal(body, wantBody)):
			t.Errorf("%q: %d %q; net/http reads %d %q, %v", answer, status, body, wantStatus, wantBody, ok)
		case err != nil && ok && isPlain(answer):
			t.Errorf("%q: %v; nothing is wrong with it", answer, err)
		}
		answers <- []byte("HTTP/1.1 299 mine\r\nContent-Length: 4\r\n\r\nmine")
		if status, body, err := ask(t, transport); err != nil || status != 299 || string(body) != "mine" {
			t.Fatalf("after %q the next call gets %d %q, %v", answer, status, body, err)
		}
		<-closed
	})
}

// answerEach takes one request of each connection.
func answerEach(listener net.Listener, answers <-chan []byte, closed chan<- bool) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = c.Write(<-answers)
		}
		_ = c.Close()
		closed <- true
	}
}

// ask makes a call; an answer that does not come whole is an error.
func ask(t *testing.T, transport *Transport) (int, []byte, error) {
	t.Helper()
	response, err := roundTrip(transport, request(t, "GET", "http://localhost/x", ""))
	if err != nil {
		var failure *Error
		if !errors.As(err, &failure) || !failure.MaybeSent {
			t.Errorf("the request was sent, and the error is %#v", err)
		}
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.Status, body, err
}

// readByNetHTTP reads the first answer that is none of the informational ones.
func readByNetHTTP(answer []byte) (status int, body []byte, ok bool) {
	in := bufio.NewReader(strings.NewReader(string(answer)))
	for {
		response, err := http.ReadResponse(in, &http.Request{Method: "GET"})
		if err != nil || response.StatusCode < 100 || response.StatusCode == http.StatusSwitchingProtocols || response.ProtoMajor != 1 {
			return 0, nil, false
		}
		if response.StatusCode >= 200 {
			body, err := io.ReadAll(response.Body)
			return response.StatusCode, body, err == nil
		}
	}
}
