package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate/internal/bsssim"
)

// connectProxy makes tunnels for those who log in as "gateway:sesame", and counts them. It returns its address.
func (w *world) connectProxy(tunnels *atomic.Int64) string {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go tunnel(c, tunnels)
		}
	}()
	return listener.Addr().String()
}

func tunnel(client net.Conn, tunnels *atomic.Int64) {
	defer func() { _ = client.Close() }()
	reader := bufio.NewReader(client)
	r, err := http.ReadRequest(reader)
	if err != nil || r.Method != http.MethodConnect {
		return
	}
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	if user, password, ok := r.BasicAuth(); !ok || user != "gateway" || password != "sesame" {
		_, _ = io.WriteString(client, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return
	}
	upstream, err := net.Dial("tcp", r.Host)
	if err != nil {
		return
	}
	defer func() { _ = upstream.Close() }()
	tunnels.Add(1)
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(upstream, reader)
		_ = upstream.Close()
	}()
	_, _ = io.Copy(client, upstream)
}

// TestThroughAProxy: the binary calls through a tunnel, and a login that the proxy refuses leaves the call unsent.
func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	for login, good := range map[string]bool{"gateway:sesame": true, "gateway:wrong-one": false} {
		w := newWorld(t, bsssim.Config{})
		var tunnels atomic.Int64
		proxy := w.connectProxy(&tunnels)
		w.write("proxy.login", login+"\n")
		w.configure(strings.Replace(standard, "catalog: cn, timeout: 20s,", `catalog: cn, timeout: 20s, proxy: "http://`+proxy+`", proxy_auth: {file: proxy.login},`, 1))
		p := w.start()
		shop := w.shop(p).bss(t)
		if good {
			balance(t, shop)
		} else {
			refused(t, pay(shop, "CS-1001"), http.StatusBadGateway, "TG.7001")
			if !strings.Contains(p.log(), "status 407") {
				t.Error("the log does not say what the proxy answered")
			}
		}
		if n := tunnels.Load(); (n == 1) != good {
			t.Errorf("%s: %d tunnels", login, n)
		}
		if strings.Contains(p.log(), "sesame") || strings.Contains(p.log(), "wrong-one") {
			t.Error("the login is in the log")
		}
		p.stop()
	}
}
