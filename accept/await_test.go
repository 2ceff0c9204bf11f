package accept

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/tlspolicy"
)

// echoing answers with the path.
func echoing(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }

// secureServer serves HTTP/1.1 by the engine, over TLS.
func secureServer(t *testing.T) *engine {
	t.Helper()
	inner, err := Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newEngine(inner, ServerConfig{
		Listener: Config{TLS: serverTLS(t, nil, tlspolicy.Server{}), Refused: func(Refusal) {}}, Handler: http.HandlerFunc(echoing),
		HeaderTimeout: time.Hour, IdleTimeout: time.Hour,
	})
	serve(t, server)
	return server
}

// requestOf returns a request of a length for a path.
func requestOf(path string, length int) string {
	head := "GET " + path + " HTTP/1.1\r\nHost: tollgate.test\r\nX: "
	return head + strings.Repeat("x", length-len(head)-len("\r\n\r\n")) + "\r\n\r\n"
}

func wantAnswer(t *testing.T, from *bufio.Reader, path string) {
	t.Helper()
	response, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); string(body) != path || err != nil {
		t.Fatalf("%q, %v, want %q", body, err, path)
	}
}

// Requests that come in one record, or over several, are all answered, wherever a read of the server ends in them: it must not wait for
// further bytes while TLS holds some.
func TestRequestsInRecords(t *testing.T) {
	server := secureServer(t)
	conn := tls.Client(dial(t, server.listener), clientTLS(func(c *tls.Config) { c.DynamicRecordSizingDisabled = true }))
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	answers := bufio.NewReader(conn)
	for _, lengths := range [][]int{{4096, 4096, 4096}, {4095, 4097, 4096, 4096}, {100, 100}, {16384, 100}, {16383, 4096, 16384, 1000}, {100}} {
		var sent strings.Builder
		for i, length := range lengths {
			sent.WriteString(requestOf(fmt.Sprintf("/%d/%d", length, i), length))
		}
		if _, err := io.WriteString(conn, sent.String()); err != nil {
			t.Fatal(err)
		}
		for i, length := range lengths {
			wantAnswer(t, answers, fmt.Sprintf("/%d/%d", length, i))
		}
	}
}
