//go:build !race

package accept

import (
	"bufio"
	"crypto/tls"
	"io"
	"runtime"
	"testing"
)

// An idle connection keeps a small stack, though that of its handshake was large. The race detector makes all frames larger.
func TestStacksOfIdleConnections(t *testing.T) {
	const conns = 200
	server := secureServer(t)
	before := stacks()
	for range conns {
		conn := tls.Client(dial(t, server.listener), clientTLS(nil))
		if _, err := io.WriteString(conn, requestOf("/", 100)); err != nil {
			t.Fatal(err)
		}
		wantAnswer(t, bufio.NewReader(conn), "/")
	}
	if each := (stacks() - before) / conns; each > 5<<10 {
		t.Errorf("an idle connection has %d bytes of stack", each)
	} else {
		t.Logf("%d bytes of stack for each connection", each)
	}
}

// stacks returns what stacks hold when they have become as small as they can: each collection halves those of which less than a quarter is
// used.
func stacks() int64 {
	for range 6 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.StackInuse)
}
