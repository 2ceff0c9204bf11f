package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
)

// impatient is the raw gateway with short timeouts, and room for the slow connections and honest ones besides.
func impatient(t *testing.T, slow int) string {
	text := replaceOnce(t, raw, "drain: 20s", fmt.Sprintf("drain: 20s, calls: %d, held_answer: 64KiB, header_timeout: 5s, body_timeout: 5s, write_timeout: 5s", 2*slow))
	return replaceOnce(t, text, "{name: bss, address: \"127.0.0.1:0\",", fmt.Sprintf("{name: bss, address: \"127.0.0.1:0\", max_connections: %d,", 2*slow))
}

// sockets is how many the process has open.
func (p *process) sockets() int {
	p.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		p.t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		if target, _ := os.Readlink(dir + "/" + file.Name()); strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// TestSlowPeers has a thousand connections, or 4,000 where it soaks, that say too little or take too little. Each is cut off by the gateway's own
// timeouts while honest calls on the same listener are served, and what they held comes back.
func TestSlowPeers(t *testing.T) {
	slowHeads, slowReaders := 480, 40
	if soaking() {
		slowHeads = 1980
	}
	w := newRawWorld(t, impatient(t, 2*slowHeads+slowReaders))
	large := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", 12<<20, strings.Repeat("x", 12<<20))
	w.upstreams["bss"].answering(func(c net.Conn, r *rawRequest) bool {
		if r.target == "/echo/large" {
			return saying(large)(c, r)
		}
		return saying(rawOK)(c, r)
	})
	sockets := w.sockets()
	const head = "POST /echo/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	var slow sync.WaitGroup
	over := make(chan struct{})
	for text, n := range map[string]int{
		head + "X-Custom": slowHeads, head + "Content-Length: 100\r\n\r\nabc": slowHeads, "GET /echo/large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n": slowReaders,
	} {
		for range n {
			c := dial(t, w.address("bss"))
			_ = c.SetReadBuffer(4096) // so that a large answer gets stuck
			_, err := io.WriteString(c, text)
			if err != nil {
				t.Fatal(err)
			}
			slow.Go(func() {
				defer c.Close()
				if strings.Contains(text, "large") {
					<-over // it reads nothing, and stays
				} else if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
					t.Error("a slow connection was not cut off")
				}
			})
		}
	}
	for i := range 50 {
		if got := w.call(t, "GET", fmt.Sprintf("/echo/honest-%d", i), ""); got.status != 200 {
			t.Errorf("honest call %d: %d %s", i, got.status, got.body)
		}
	}
	eventually(t, "no call is under way", w.calm)
	eventually(t, "all slow connections are closed", func() bool { return w.sockets() <= sockets+60 }) // those to the upstream stay a while
	close(over)
	slow.Wait()
	w.finish()
}

// TestConnectionCap: connections beyond the cap are closed at once, and a place that gets free is taken again.
func TestConnectionCap(t *testing.T) {
	w := newRawWorld(t, replaceOnce(t, raw, "{name: bss, address: \"127.0.0.1:0\",", "{name: bss, address: \"127.0.0.1:0\", max_connections: 8,"))
	var held []*net.TCPConn
	for range 8 {
		held = append(held, dial(t, w.address("bss")))
	}
	eventually(t, "the ninth connection is closed", func() bool {
		c := dial(t, w.address("bss"))
		defer c.Close()
		_, err := io.Copy(io.Discard, c)
		return err == nil || !strings.Contains(err.Error(), "timeout")
	})
	_ = held[0].Close()
	eventually(t, "a free place is taken again", func() bool { return w.call(t, "GET", "/echo/x", "").status == 200 })
	for _, c := range held[1:] {
		_ = c.Close()
	}
	w.finish()
}
