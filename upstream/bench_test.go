package upstream

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkRoundTrip is one call after the other over loopback, with an upstream that answers at once.
func BenchmarkRoundTrip(b *testing.B) {
	target := answeringAtOnce(b)
	for name, ctx := range map[string]context.Context{"newest": b.Context(), "rested": Rested(b.Context())} {
		b.Run(name, func(b *testing.B) {
			transport := New(to(target), nil)
			defer transport.Close()
			b.ReportAllocs()
			for b.Loop() {
				r := (&http.Request{Method: "POST", URL: target, Host: target.Host, Body: io.NopCloser(strings.NewReader("x")), ContentLength: 1}).WithContext(ctx)
				response, err := transport.RoundTrip(r)
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
