package accept

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tollgate/tlspolicy"
)

// In HTTP/2 as well a connection is not refused on which there was no request, as clients open them in advance.
func TestServerReportsWhatNoHandlerSawOfHTTP2(t *testing.T) {
	secure := Config{TLS: serverTLS(t, nil, tlspolicy.Server{})}
	server, refused, closed := newServer(t, ServerConfig{Handler: http.HandlerFunc(answerOK), Listener: secure})
	serve(t, server)
	good, bad := fieldsOf(t), fieldsOf(t, "connection", "close")
	for name, c := range map[string]struct {
		requests [][]byte
		reason   Reason // empty: none
	}{
		"none": {nil, ""}, "good": {[][]byte{good, good}, ""}, "bad": {[][]byte{bad}, ReasonMalformed}, "good, bad": {[][]byte{good, bad}, ReasonMalformed},
	} {
		conn := tls.Client(dial(t, server.listener), clientTLS(func(c *tls.Config) { c.NextProtos = []string{"h2"} }))
		framer := begin(t, conn)
		for i, fields := range c.requests {
			stream := uint32(2*i + 1)
			if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields, EndStream: true, EndHeaders: true}); err != nil {
				t.Fatal(err)
			}
			await(t, framer, func(f http2.Frame) bool {
				return f.Header().StreamID == stream && f.Header().Flags.Has(http2.FlagDataEndStream)
			})
		}
		_ = conn.NetConn().Close()
		<-closed
		wantOnly(t, name, refused, c.reason)
	}
}

// A connection on which HTTP/2 was agreed, and whose peer begins otherwise, is closed without a word.
func TestHTTP2BeginsWithItsPreface(t *testing.T) {
	secure := Config{TLS: serverTLS(t, nil, tlspolicy.Server{})}
	server, _, closed := newServer(t, ServerConfig{Listener: secure, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request")
	})})
	serve(t, server)
	for _, sent := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI * HTTP/2.0\r\n"} {
		conn := tls.Client(dial(t, server.listener), clientTLS(func(c *tls.Config) { c.NextProtos = []string{"h2"} }))
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		_ = conn.CloseWrite()
		if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
			t.Errorf("%q: %q, %v", sent, got, err)
		}
		<-closed
	}
}

// begin opens an HTTP/2 connection; the server has taken its settings.
func begin(t *testing.T, conn net.Conn) *http2.Framer {
	t.Helper()
	framer := http2.NewFramer(conn, conn)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	await(t, framer, func(f http2.Frame) bool {
		return f.Header().Type == http2.FrameSettings && f.Header().Flags.Has(http2.FlagSettingsAck)
	})
	return framer
}

// await reads frames until one is as wanted.
func await(t *testing.T, framer *http2.Framer, wanted func(http2.Frame) bool) {
	t.Helper()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if wanted(frame) {
			return
		}
	}
}

// fieldsOf returns the header of a request, and further fields of it.
func fieldsOf(t *testing.T, further ...string) []byte {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	fields := append([]string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "x"}, further...)
	for i := 0; i < len(fields); i += 2 {
		if err := encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			t.Fatal(err)
		}
	}
	return block.Bytes()
}
