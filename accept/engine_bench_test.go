package accept

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate/tlspolicy"
)

// BenchmarkEngines measures a request over TLS and its answer, for both ends of the connection; the client costs little. CPU time says more
// than the time that passes.
func BenchmarkEngines(b *testing.B) {
	for _, size := range []int{0, 1 << 10, 64 << 10, 1 << 20} {
		for name, engine := range map[string]func(net.Listener, ServerConfig) Server{"http1": NewServer, "nethttp": NewNetHTTP} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) { benchmarkEngine(b, engine, size) })
		}
	}
}

func benchmarkEngine(b *testing.B, engine func(net.Listener, ServerConfig) Server, size int) {
	inner, err := Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := engine(inner, ServerConfig{
		Listener: Config{TLS: serverTLS(b, nil, tlspolicy.Server{})}, HeaderTimeout: time.Minute, IdleTimeout: time.Minute,
		Handler: answering400(size),
	})
	go func() { _ = server.Serve() }()
	defer func() { _ = server.Close() }()
	client, err := tls.Dial("tcp", inner.Addr().String(), clientTLS(nil))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	request := []byte("GET /v2/orders HTTP/1.1\r\nHost: tollgate.test\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: " + strings.Repeat("x", 150) + "\r\n\r\n")
	if size > 0 {
		request = fmt.Appendf(nil, "POST /v2/orders HTTP/1.1\r\nHost: tollgate.test\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	}
	answer := make([]byte, 16<<10)
	b.ReportAllocs()
	begun := cpuTime(b)
	for b.Loop() {
		if _, err := client.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := client.Read(answer); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-begun).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// answering400 reads a body of some size and answers with 400 bytes.
func answering400(size int) http.Handler {
	body := []byte(strings.Repeat("y", 400))
	received := make([]byte, size)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if size > 0 {
			_ = control.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.ReadFull(r.Body, received)
			_, _ = r.Body.Read(received[:1])
		}
		_ = control.SetWriteDeadline(time.Now().Add(30 * time.Second))
		w.Header()["Content-Length"] = []string{"400"}
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = w.Write(body)
	})
}

// cpuTime returns what the process has used.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
