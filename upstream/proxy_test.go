package upstream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/internal/testpki"
)

// connectProxy is an HTTP proxy that makes tunnels, wherever they are wanted, to one address. It keeps what it saw.
type connectProxy struct {
	t      *testing.T
	to     string // the address that tunnels lead to
	login  string // that is asked for; empty: none
	mutex  sync.Mutex
	asked  []string // the targets of tunnels
	passed bytes.Buffer
}

// Write keeps what goes through a tunnel.
func (p *connectProxy) Write(b []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.passed.Write(b)
}

func (p *connectProxy) serve(client net.Conn, reader *bufio.Reader) {
	r, err := http.ReadRequest(reader)
	if err != nil || r.Method != http.MethodConnect || r.Host != r.RequestURI {
		say(client, "HTTP/1.1 400 Bad Request\r\n\r\n")
		return
	}
	p.mutex.Lock()
	p.asked = append(p.asked, r.RequestURI)
	p.mutex.Unlock()
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.login)); p.login != "" && r.Header.Get("Proxy-Authorization") != want {
		say(client, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
		return
	}
	upstream, err := net.Dial("tcp", p.to)
	if err != nil {
		say(client, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return
	}
	defer func() { _ = upstream.Close() }()
	say(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(io.MultiWriter(upstream, p), reader)
		_ = upstream.Close()
	}()
	_, _ = io.Copy(io.MultiWriter(client, p), upstream)
}

// throughProxy is the configuration of an upstream behind a proxy at a "http://host:port".
func throughProxy(t testing.TB, host, proxy string) Config {
	t.Helper()
	c := Config{URL: setting.Target{Scheme: "https", Host: host}}
	if err := c.Proxy.UnmarshalText([]byte(proxy)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestProxy: calls go through the tunnel on connections that are used again. The proxy sees neither the call nor the answer, and looks
// up the name.
func TestProxy(t *testing.T) {
	ca := testpki.Must(testpki.New())
	target, _ := tlsOrigin(t, testpki.Must(ca.Server("upstream.test")), func(c net.Conn, r *bufio.Reader) {
		for take(r) {
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nthe answer")
			c.(*holding).flush()
		}
	})
	proxy := &connectProxy{t: t, to: strings.TrimPrefix(target, "https://"), login: "gateway:pass word"}
	address, conns := origin(t, proxy.serve)
	transport := New(throughProxy(t, "upstream.test", address), clientConfig(ca), WithProxyLogin(func() secret.String { return secret.New("gateway:pass word") }))
	defer transport.Close()
	for range 3 {
		got, err := send(t, transport, request(t, "POST", "https://upstream.test/orders", "the question"))
		if err != nil || got != "the answer" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	transport.Close()
	proxy.mutex.Lock()
	defer proxy.mutex.Unlock()
	if conns.Load() != 1 || fmt.Sprint(proxy.asked) != "[upstream.test:443]" {
		t.Errorf("%d connections to the proxy, which was asked for %v", conns.Load(), proxy.asked)
	}
	for _, plain := range []string{"the question", "the answer", "/orders", "POST"} {
		if bytes.Contains(proxy.passed.Bytes(), []byte(plain)) {
			t.Errorf("the proxy saw %q", plain)
		}
	}
}

// TestProxyCannotBeTheUpstream: TLS is with the upstream, so a proxy that answers in its place is refused.
func TestProxyCannotBeTheUpstream(t *testing.T) {
	ca, other := testpki.Must(testpki.New()), testpki.Must(testpki.New())
	for name, certificate := range map[string]tls.Certificate{
		"of another authority": testpki.Must(other.Server("upstream.test")), "of another name": testpki.Must(ca.Server("proxy.test")),
	} {
		var received bytes.Buffer
		done := make(chan struct{})
		address, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
			defer close(done)
			if take(r) {
				say(c, "HTTP/1.1 200 OK\r\n\r\n")
				_, _ = io.Copy(&received, tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}}))
			}
		})
		transport := New(throughProxy(t, "upstream.test", address), clientConfig(ca))
		_, err := send(t, transport, request(t, "POST", "https://upstream.test/", "x"))
		failure, ok := errors.AsType[*Error](err)
		if _, handshake := errors.AsType[*HandshakeError](err); !ok || failure.MaybeSent || !handshake {
			t.Errorf("a certificate %s: %v", name, err)
		}
		transport.Close()
		if <-done; received.Len() > 0 {
			t.Errorf("a certificate %s: the proxy received %q", name, received.Bytes())
		}
	}
}

// TestProxyFailures: whatever a proxy answers but 2xx, nothing of the call is sent, the error says what happened without quoting the
// answer, and nothing stays open.
func TestProxyFailures(t *testing.T) {
	const hidden = "sesame"
	for answer, want := range map[string]string{
		"HTTP/1.1 407 " + hidden + "\r\nContent-Length: 6\r\n\r\n" + hidden: "refuses the login of proxy_auth",
		"HTTP/1.1 403 " + hidden + "\r\n\r\n":                               "status 403 Forbidden",
		"HTTP/1.1 502 Bad Gateway\r\n\r\n":                                  "status 502 Bad Gateway",
		"HTTP/1.1 301 Moved\r\nLocation: http://" + hidden + "\r\n\r\n":     "status 301",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n":                          "status 101",
		hidden + "\r\n\r\n":                                                 "not HTTP",
		"":                                                                  "hung up",
		"HTTP/1.1 200 OK\r\nX: ":                                            "hung up",
		"HTTP/1.1 200 OK\r\n\r\n" + hidden:                                  "sent something behind its answer",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxProxyAnswer) + "\r\n\r\n": "longer than",
		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxProxyAnswer):             "longer than",
	} {
		address, conns := origin(t, func(c net.Conn, r *bufio.Reader) {
			if take(r) {
				say(c, answer)
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, r)
			}
		})
		transport := New(throughProxy(t, "upstream.test", address), clientConfig(testpki.Must(testpki.New())))
		_, err := send(t, transport, request(t, "POST", "https://upstream.test/", "x"))
		failure, ok := errors.AsType[*Error](err)
		if _, ofProxy := errors.AsType[*ProxyError](err); !ok || failure.MaybeSent || !ofProxy || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), hidden) {
			t.Errorf("%.40q: %v, want %q", answer, err, want)
		}
		if p := transport.pool; p.open != 0 || len(p.slots) != 0 || conns.Load() != 1 {
			t.Errorf("%.40q: %d connections counted, %d in use, %d made", answer, p.open, len(p.slots), conns.Load())
		}
		transport.Close()
	}
}

// TestProxyThatHangs: the time for connecting covers the proxy's answer, and the end of the call ends the wait for it.
func TestProxyThatHangs(t *testing.T) {
	asked := make(chan struct{}, 2)
	address, _ := origin(t, func(_ net.Conn, r *bufio.Reader) {
		take(r)
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, r)
	})
	config := throughProxy(t, "upstream.test", address)
	config.ConnectTimeout = setting.Duration(10 * time.Millisecond)
	transport := New(config, clientConfig(testpki.Must(testpki.New())))
	defer transport.Close()
	_, err := send(t, transport, request(t, "POST", "https://upstream.test/", "x"))
	if failure, ok := errors.AsType[*Error](err); !ok || failure.MaybeSent || !failure.Timeout() {
		t.Errorf("a proxy that does not answer: %v", err)
	}
	<-asked
	transport.pool.config.ConnectTimeout = setting.Duration(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err = send(t, transport, request(t, "POST", "https://upstream.test/", "x").WithContext(ctx))
	if failure, ok := errors.AsType[*Error](err); !ok || failure.MaybeSent || !errors.Is(err, context.Canceled) {
		t.Errorf("a call that is abandoned: %v", err)
	}
}

// TestProxyAddress: the rule for addresses holds for the proxy.
func TestProxyAddress(t *testing.T) {
	address, conns := origin(t, answering(ok))
	config := throughProxy(t, "upstream.test", address)
	config.Addresses = []Network{{Prefix: netip.MustParsePrefix("10.0.0.0/8")}}
	transport := New(config, clientConfig(testpki.Must(testpki.New())))
	defer transport.Close()
	_, err := send(t, transport, request(t, "POST", "https://upstream.test/", "x"))
	if _, of := errors.AsType[*AddressError](err); !of || conns.Load() != 0 {
		t.Errorf("%v, %d connections", err, conns.Load())
	}
}

func TestProxyTexts(t *testing.T) {
	for text, want := range map[string]string{
		"http://proxy.corp.example:3128": "proxy.corp.example:3128", "http://10.0.0.1:80/": "10.0.0.1:80", "http://[fd00::1]:8080": "[fd00::1]:8080",
		"http://Proxy.:1": "proxy:1",
		"proxy:3128":      "", "https://proxy:3128": "", "http://proxy": "", "http://proxy:": "", "http://proxy:0": "", "http://proxy:65536": "", "http://:3128": "",
		"http://user:sesame@proxy:3128": "", "http://proxy:3128/x": "", "http://proxy:3128?": "", "http://proxy:3128#": "", "http://a b:3128": "", "": "",
	} {
		var p Proxy
		err := p.UnmarshalText([]byte(text))
		if (err == nil) != (want != "") || err == nil && p.Host != want || err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %q, %v", text, p.Host, err)
		}
	}
}

// FuzzProxyAnswer holds what is taken for a way to the upstream to the first line of what came, and to the end of its header.
func FuzzProxyAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204 x\r\nA: b\r\n\r\n", "HTTP/1.1 407 x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nx", "HTTP/1.1 200\n\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		rest := bytes.NewReader(answer)
		if readProxyAnswer(rest) != nil {
			return
		}
		heads := strings.SplitAfter(string(answer), "\r\n\r\n")
		last := heads[max(len(heads)-2, 0)] // behind it nothing
		way := strings.HasPrefix(last, "HTTP/1.1 2") || strings.HasPrefix(last, "HTTP/1.0 2")
		if !way || !strings.HasSuffix(string(answer), "\r\n\r\n") || len(last) > maxProxyAnswer+2*len("\r\n") {
			t.Errorf("%q is taken for a way to the upstream", answer)
		}
	})
}
