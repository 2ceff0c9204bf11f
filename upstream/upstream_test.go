package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/internal/setting"
)

// call is a request with the context that it is sent in.
type call struct {
	Request
	ctx context.Context
}

// request is as the gateway builds one.
func request(t *testing.T, method, target, body string) *call {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(u.RequestURI(), "?")
	return &call{Request{Method: method, Host: u.Host, Path: path, Query: query, Body: []byte(body)}, t.Context()}
}

func (c *call) WithContext(ctx context.Context) *call {
	c.ctx = ctx
	return c
}

func (c *call) rested() *call {
	c.Rested = true
	return c
}

func roundTrip(transport *Transport, c *call) (*Response, error) {
	return transport.Send(c.ctx, &c.Request)
}

func to(u *url.URL) Config { return Config{URL: setting.Target{Scheme: u.Scheme, Host: u.Host}} }

func transportTo(t testing.TB, target string, config *tls.Config) *Transport {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	transport := New(to(u), config)
	t.Cleanup(transport.Close)
	return transport
}

func send(t *testing.T, transport *Transport, r *call) (string, error) {
	t.Helper()
	response, err := roundTrip(transport, r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// dropper is an upstream that answers the first request of each connection and closes the connection after it has read
// the second. That is the case in which net/http repeats requests by itself.
func dropper(t *testing.T) (target string, requests *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	requests = new(atomic.Int64)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go serveOne(c, requests)
		}
	}()
	return "http://" + listener.Addr().String(), requests
}

func serveOne(c net.Conn, requests *atomic.Int64) {
	defer c.Close()
	reader := bufio.NewReader(c)
	for i := range 2 {
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		requests.Add(1)
		if i == 0 {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	}
}

// TestSendsOnce: a request that dies on a reused connection is not repeated, whatever its method, body and headers.
func TestSendsOnce(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH"} {
		for _, body := range []string{"", "x"} {
			for _, header := range []string{"", "Idempotency-Key", "X-Idempotency-Key"} {
				target, requests := dropper(t)
				transport := transportTo(t, target, nil)
				if _, err := send(t, transport, request(t, "GET", target, "")); err != nil {
					t.Fatal(err)
				}
				r := request(t, method, target, body)
				if header != "" {
					r.Header.Add(header, "k")
				}
				_, err := send(t, transport, r)
				var failed *Error
				if !errors.As(err, &failed) || !failed.MaybeSent {
					t.Errorf("%s %q %s: error %#v, want one that says the call may have been sent", method, body, header, err)
				}
				if got := requests.Load(); got != 2 {
					t.Errorf("%s %q %s: the upstream saw %d requests, want 2 (one warm-up, one call)", method, body, header, got)
				}
			}
		}
	}
}

func TestEmptyBodiesAreFramedRight(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join(r.TransferEncoding, ",")+"|"+r.Header.Get("Content-Length"))
	}))
	defer server.Close()
	for method, want := range map[string]string{"GET": "|", "DELETE": "|", "POST": "|0", "PUT": "|0"} {
		got, err := send(t, transportTo(t, server.URL, nil), request(t, method, server.URL, ""))
		if err != nil || got != want {
			t.Errorf("%s without a body arrived as %q, %v; want %q", method, got, err, want)
		}
	}
}

func TestNothingSentWithoutAListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := "http://" + listener.Addr().String()
	_ = listener.Close()
	_, err = send(t, transportTo(t, target, nil), request(t, "POST", target, "x"))
	var failed *Error
	if !errors.As(err, &failed) || failed.MaybeSent {
		t.Errorf("error %#v, want one that says nothing was sent", err)
	}
}

// TestUntrustedPeerGetsNothing: no byte of the request goes to a peer whose certificate is not trusted.
func TestUntrustedPeerGetsNothing(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	_, err := send(t, transportTo(t, server.URL, &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "example.com", MinVersion: tls.VersionTLS12}),
		request(t, "POST", server.URL, "x"))
	var failed *Error
	if !errors.As(err, &failed) || failed.MaybeSent || calls.Load() != 0 {
		t.Errorf("error %#v and %d calls, want nothing sent", err, calls.Load())
	}
}

func TestTLSFactsOfTheAnswer(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := transportTo(t, server.URL, &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS13})
	response, err := roundTrip(transport, request(t, "GET", server.URL, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.TLS == nil || response.TLS.Version != tls.VersionTLS13 {
		t.Errorf("TLS of the answer: %+v", response.TLS)
	}
}

// TestVerifiesAfterTheHandshake: what VerifyConnection refuses only once the handshake is complete gets no request.
func TestVerifiesAfterTheHandshake(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	config := &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12, VerifyConnection: func(s tls.ConnectionState) error {
		if s.HandshakeComplete {
			return errors.New("refused")
		}
		return nil
	}}
	_, err := send(t, transportTo(t, server.URL, config), request(t, "POST", server.URL, "x"))
	var failed *Error
	if !errors.As(err, &failed) || failed.MaybeSent || calls.Load() != 0 {
		t.Errorf("error %#v and %d calls, want nothing sent", err, calls.Load())
	}
}

// TestDeadlineBeforeAnswer: the request is out, the answer never comes.
func TestDeadlineBeforeAnswer(t *testing.T) {
	arrived := make(chan struct{})
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := send(t, transportTo(t, server.URL, nil), request(t, "POST", server.URL, "x").WithContext(ctx))
	var failed *Error
	if !errors.As(err, &failed) || !failed.MaybeSent {
		t.Errorf("error %#v, want one that says the call may have been sent", err)
	}
}

func TestDoesNotFollowOrDecompress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "" {
			t.Errorf("Accept-Encoding %q was added", got)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	response, err := roundTrip(transportTo(t, server.URL, nil), request(t, "GET", server.URL, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.Status != http.StatusTemporaryRedirect {
		t.Errorf("status %d, want the redirect itself", response.Status)
	}
}

func TestUnixSocket(t *testing.T) {
	path := t.TempDir() + "/s"
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	transport := New(Config{URL: setting.Target{Scheme: "http", Host: "localhost", Socket: path}}, nil)
	defer transport.Close()
	if got, err := send(t, transport, request(t, "GET", "http://localhost/x", "")); err != nil || got != "localhost" {
		t.Errorf("got %q, %v", got, err)
	}
}
