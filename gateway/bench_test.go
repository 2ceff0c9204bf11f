package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/http1"
	"tollgate/internal/setting"
	"tollgate/spend"
	"tollgate/upstream"
)

// The benchmarks go through the whole way of a call with nothing around it: no connection on either side, a log that takes
// everything at once, a transport that answers from memory. Inside the loop are the request's copy (about 5 allocations)
// and the writer; what remains is the gateway's own cost, in which signing (two HMACs, two hashes) and the call id
// dominate. BenchmarkDecide is steps 1 to 8 alone, with the verification of the caller's signature. Parallel ones show what
// calls share: run with -cpu 1,2,4.

type nullLog struct{}

func (nullLog) Intent(context.Context, *logfile.Record) error  { return nil }
func (nullLog) Outcome(context.Context, *logfile.Record) error { return nil }
func (nullLog) Queue(*logfile.Record) error                    { return nil }
func (nullLog) QueueOutcome(_ *logfile.Record, ended func(error)) error {
	ended(nil)
	return nil
}
func (nullLog) QueueLast(*logfile.Record) error { return nil }

// nullWriter is a connection that takes everything.
type nullWriter struct {
	header http.Header
	status int
}

func (w *nullWriter) Header() http.Header              { return w.header }
func (w *nullWriter) WriteHeader(status int)           { w.status = status }
func (w *nullWriter) Write(b []byte) (int, error)      { return len(b), nil }
func (w *nullWriter) SetReadDeadline(time.Time) error  { return nil }
func (w *nullWriter) SetWriteDeadline(time.Time) error { return nil }

// staticAnswer answers every call from memory.
func staticAnswer(*upstream.Request) (*upstream.Response, error) {
	return &upstream.Response{
		Status: 200, ContentLength: 25,
		Header: http1.Fields{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Request-Id", Value: "req-1"}, {Name: "Date", Value: "Sun, 29 Nov 2026 10:00:00 GMT"}},
		Body:   io.NopCloser(strings.NewReader(`{"order_ids":["CS-1001"]}`)),
	}, nil
}

func benchFixture(b testing.TB, settings ...adjustment) *fixture {
	return prepare(b, append([]adjustment{transport(staticAnswer), func(f *fixture) {
		f.config.Log, f.config.Logger = nullLog{}, zap.NewNop()
		f.config.Ledger = spend.NewMemory()
		f.plan.Spend = must(spend.NewRules(spend.Config{Guard: spend.Guard{Mode: spend.Shadow, Windows: map[string]setting.Duration{"pay": 0}}}))
		f.config.Refusals = audit.NewRefusals(nullLog{}, audit.RefusalBounds{})
	}}, settings...)...)
}

// template is a request as the HTTP server passes it to the handler, without its body.
func template(b testing.TB, text string) (r *http.Request, body string) {
	b.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		b.Fatal(err)
	}
	_, body, _ = strings.Cut(text, "\r\n\r\n")
	return from(&accept.Connection{Remote: "127.0.0.1:4000"}, r), body
}

func copyOf(r *http.Request, body string) *http.Request {
	c := *r
	c.Body = io.NopCloser(bytes.NewReader([]byte(body)))
	return &c
}

func benchmarkCall(b *testing.B, text string) { benchmarkStatus(b, text, 200) }

func benchmarkStatus(b *testing.B, text string, status int) {
	f := benchFixture(b, fixed)
	handler := f.gateway.Server("local").Handler
	request, body := template(b, text)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w := &nullWriter{header: http.Header{}}
			handler.ServeHTTP(w, copyOf(request, body))
			if w.status != status {
				b.Errorf("status %d", w.status)
				return
			}
		}
	})
}

func BenchmarkRead(b *testing.B)  { benchmarkCall(b, look()) }
func BenchmarkSpend(b *testing.B) { benchmarkCall(b, pay()) }

// BenchmarkRefuse is of a call that is refused for its body, recorded and answered; "zh" asks for the text in Chinese.
func BenchmarkRefuse(b *testing.B) {
	for _, lang := range []string{"en_US", "zh_CN"} {
		b.Run(lang[:2], func(b *testing.B) {
			benchmarkStatus(b, plain("POST", payTarget, `{"order_id":`, "X-Language: "+lang), 400)
		})
	}
}

// BenchmarkBody is of bodies of some sizes; of which the gateway makes the hash.
func BenchmarkBody(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 1<<20 - 100} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			benchmarkCall(b, plain("POST", "/v2/bills/ratings/period-resources/renew-rate", `{"x":"`+strings.Repeat("y", size)+`"}`))
		})
	}
}

// BenchmarkReadDeclared is of a declared endpoint: of its bodies records have keyed hashes.
func BenchmarkReadDeclared(b *testing.B) {
	benchmarkCall(b, plain("POST", "/app/x?a=1&b=2", `{"pin":"1234"}`))
}

func BenchmarkDecide(b *testing.B) {
	f := benchFixture(b)
	request, body := template(b, goodCall().text(b))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if refusal := f.gateway.Decide("local", &nullWriter{header: http.Header{}}, copyOf(request, body)); refusal != nil {
				b.Errorf("refused: %v", refusal)
				return
			}
		}
	})
}
