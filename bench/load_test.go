package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tollgate/internal/testpki"
)

// testWorld has certificates and an upstream, and no proxies.
func testWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	if err := w.issue(testpki.Must(testpki.New())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.upstream.listener.Close() })
	return w
}

// Caller and upstream fit together, for every size of body.
func TestCallUpstream(t *testing.T) {
	w := testWorld(t)
	for _, task := range tasks() {
		if task.http2 {
			continue
		}
		c, err := w.open(w.upstream.address(), task)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := c.call(); err != nil {
				t.Errorf("%s: %v", task.title, err)
			}
		}
		_ = c.Close()
	}
}

// serve is an HTTP server of the standard library with the world's certificate and small windows.
func (w *world) serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(w.file("server.crt"), w.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 64 << 10}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// The HTTP/2 caller keeps to the server's windows, which are smaller than some bodies, and sends all of it each time.
func TestCallHTTP2(t *testing.T) {
	w := testWorld(t)
	for _, task := range tasks() {
		if !task.http2 {
			continue
		}
		address := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || r.ProtoMajor != 2 || r.Method != task.request.method || r.URL.Path != task.request.path || string(body) != string(task.request.body) {
				t.Errorf("%s: %s %s %s with %d bytes, %v", task.title, r.Proto, r.Method, r.URL, len(body), err)
			}
			_, _ = io.WriteString(rw, balances)
		})
		c, err := w.open(address, task)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := c.call(); err != nil {
				t.Errorf("%s: %v", task.title, err)
			}
		}
		_ = c.Close()
	}
}

// An answer that is not the upstream's ends the run.
func TestBadAnswers(t *testing.T) {
	w := testWorld(t)
	for name, handler := range map[string]http.HandlerFunc{
		"status": func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no", http.StatusBadGateway) },
		"body":   func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, strings.Repeat("x", 9)) },
	} {
		for _, task := range []task{tasks()[0], tasks()[len(sizes)+1]} {
			c, err := w.open(w.serve(t, handler), task)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.call(); err == nil {
				t.Errorf("%s: a wrong %s is taken", task.title, name)
			}
			_ = c.Close()
		}
	}
}

func TestContentLength(t *testing.T) {
	for line, want := range map[string]int{"Content-Length: 12\r\n": 12, "content-length:7\n": 7, "X: 1\r\n": 3, "\r\n": 3} {
		if got, err := contentLength([]byte(line), 3); got != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", line, got, err, want)
		}
	}
	for _, line := range []string{"Content-Length: x\r\n", "Transfer-Encoding: chunked\r\n"} {
		if _, err := contentLength([]byte(line), 3); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}
