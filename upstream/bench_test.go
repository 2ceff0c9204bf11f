package upstream

import (
	"bufio"
	"io"
	"net"
	"net/url"
	"testing"
	"time"
)

// BenchmarkRoundTrip is one call after the other over loopback, with an upstream that answers at once.
func BenchmarkRoundTrip(b *testing.B) {
	target, body := answeringAtOnce(b), []byte("x")
	for name, rested := range map[string]bool{"newest": false, "rested": true} {
		b.Run(name, func(b *testing.B) {
			transport := New(to(target), nil)
			defer transport.Close()
			b.ReportAllocs()
			for b.Loop() {
				r := Request{Method: "POST", Host: target.Host, Path: "/", Body: body, Rested: rested, Deadline: time.Now().Add(time.Minute)}
				response, err := transport.Send(b.Context(), &r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func answeringAtOnce(b *testing.B) *url.URL {
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
			go answering(ok)(c, bufio.NewReader(c))
		}
	}()
	return &url.URL{Scheme: "http", Host: listener.Addr().String()}
}
