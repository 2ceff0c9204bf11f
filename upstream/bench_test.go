package upstream

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tollgate/http1"
	"tollgate/internal/testpki"
)

// usualAnswer is one as the provider sends it.
const usualAnswer = "HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 25\r\n" +
	"Connection: keep-alive\r\nServer: CloudWAF\r\nX-Request-Id: 8d2f7b0c51a34f1e9d5b2c7a6e4f3b10\r\n\r\n{\"order_ids\":[\"CS-1001\"]}"

// usualRequest is one as the gateway sends it.
func usualRequest(host string) Request {
	return Request{
		Method: "POST", Host: host, Path: "/v2/orders/customer-orders/pay", Body: []byte(`{"order_id":"CS-1001"}`),
		Header: http1.Fields{
			{Name: "User-Agent", Value: "tollgate"}, {Name: "Accept-Encoding", Value: "identity"}, {Name: "Content-Type", Value: "application/json"},
			{Name: "X-Sdk-Date", Value: "20261130T100000Z"}, {Name: "Authorization", Value: strings.Repeat("x", 200)},
		},
	}
}

// ready serves connections with the usual answer, at no cost but that of the system and of TLS.
func ready(b testing.TB, config *tls.Config) (host string) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			if config != nil {
				c = tls.Server(c, config)
			}
			go answerAtOnce(c)
		}
	}()
	return listener.Addr().String()
}

// answerAtOnce answers each request of a connection, which ends with a brace.
func answerAtOnce(c net.Conn) {
	defer c.Close()
	buffer, answer := make([]byte, 16<<10), []byte(usualAnswer)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		if !bytes.HasSuffix(buffer[:n], []byte("}")) {
			continue
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// sendAndRead is one exchange.
func sendAndRead(b testing.TB, transport *Transport, r *Request, into []byte) {
	r.Deadline = time.Now().Add(time.Minute)
	response, err := transport.Send(b.Context(), r)
	if err != nil {
		b.Fatal(err)
	}
	for err == nil {
		_, err = response.Body.Read(into)
	}
	if err != io.EOF {
		b.Fatal(err)
	}
}

// readyTransports are transports to upstreams that answer at once, plain and with TLS.
func readyTransports(b testing.TB) map[string]*Transport {
	ca := testpki.Must(testpki.New())
	certificate := testpki.Must(ca.Server("127.0.0.1"))
	all := map[string]*Transport{
		"plain": transportTo(b, "http://"+ready(b, nil), nil),
		"TLS":   transportTo(b, "https://"+ready(b, &tls.Config{Certificates: []tls.Certificate{certificate}}), clientConfig(ca)),
	}
	return all
}

// BenchmarkSend is one call after the other over loopback, with an upstream that answers at once.
func BenchmarkSend(b *testing.B) {
	for name, transport := range readyTransports(b) {
		for kind, rested := range map[string]bool{"newest": false, "rested": true} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				r, into := usualRequest("127.0.0.1"), make([]byte, 1<<10)
				r.Rested = rested
				b.ReportAllocs()
				for b.Loop() {
					sendAndRead(b, transport, &r, into)
				}
			})
		}
	}
}

// TestAllocations: a call costs one object for its answer and one for the text of the answer's header. In crypto/tls each read of a record
// costs one more, here on both ends.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, transport := range readyTransports(t) {
		r, into := usualRequest("127.0.0.1"), make([]byte, 1<<10)
		sendAndRead(t, transport, &r, into)
		most := map[string]float64{"plain": 2, "TLS": 4}[name]
		if got := testing.AllocsPerRun(200, func() { sendAndRead(t, transport, &r, into) }); got > most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", name, got, most)
		}
	}
}
