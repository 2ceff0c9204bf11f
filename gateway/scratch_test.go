package gateway_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/signing"
	"tollgate/upstream"
)

// Memory that a call hands on is overwritten at once in tests of this package: see spoil.

// TestNothingIsLeftInRooms sends bodies of all sizes at once and has them sent back: each call gets and records its own.
func TestNothingIsLeftInRooms(t *testing.T) {
	const callers, each = 6, 12
	f := start(t, fixed)
	f.origin.answer = func(c net.Conn, a *arrival) bool {
		_, err := io.WriteString(c, jsonAnswer(200, a.body))
		return err == nil
	}
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			c := f.dial(t)
			for n := range each {
				body := fmt.Sprintf(`{"x":"%s"}`, strings.Repeat(fmt.Sprint(i, ".", n, ";"), 1<<n*(i+1)))
				if _, err := io.WriteString(c.conn, plain("POST", "/v2/bills/ratings/period-resources/renew-rate", body)); err != nil {
					t.Errorf("call %d.%d: %v", i, n, err)
					return
				}
				if got := c.read("POST"); got == nil || got.body != body {
					t.Errorf("call %d.%d got what it has not sent", i, n)
				}
			}
		})
	}
	all.Wait()
	f.waitForCalls(t)
	sent := map[string]int{}
	for _, a := range f.origin.all() {
		sent[signing.HashHex([]byte(a.body))]++
	}
	if len(sent) != callers*each {
		t.Errorf("%d bodies were sent, want %d", len(sent), callers*each)
	}
	for _, r := range f.log.of(logfile.KindIntent) {
		sent[r.BodyHash]--
	}
	for hash, n := range sent {
		if n != 0 {
			t.Errorf("body %s was sent %d times more than recorded", hash, n)
		}
	}
	for _, r := range f.log.of(logfile.KindOutcome) {
		if _, known := sent[r.AnswerHash]; !known {
			t.Errorf("an answer %s is recorded that was not sent", r.AnswerHash)
		}
	}
}

// heldBody is an answer's body, until whose end the request's must not change.
type heldBody struct {
	io.Reader
	t       *testing.T
	request []byte
	want    string
	ended   bool
}

func (b *heldBody) Read(p []byte) (int, error) {
	b.check("read")
	n, err := b.Reader.Read(p)
	b.ended = b.ended || err != nil
	return n, err
}

func (b *heldBody) Close() error {
	b.check("closed")
	b.ended = true
	return nil
}

func (b *heldBody) check(when string) {
	if !b.ended && string(b.request) != b.want {
		b.t.Errorf("the request's body had changed when its answer was %s", when)
	}
}

// TestBodyStaysUntilItsAnswerEnds: the upstream may answer while the body is still being sent, see [upstream.Request].
func TestBodyStaysUntilItsAnswerEnds(t *testing.T) {
	for name, answer := range map[string]string{"held": "{}", "streamed": strings.Repeat("x", 200<<10)} {
		t.Run(name, func(t *testing.T) {
			f := prepare(t, fixed, bounded(func(b *config.Bounds) { b.HeldAnswer = 1 << 10 }), transport(func(r *upstream.Request) (*upstream.Response, error) {
				body := &heldBody{Reader: strings.NewReader(answer), t: t, request: r.Body, want: string(r.Body)}
				return &upstream.Response{Status: 200, ContentLength: int64(len(answer)), Body: body}, nil
			}))
			request, body := template(t, plain("POST", "/echo/a/b", `{"x":"`+strings.Repeat("y", 50<<10)+`"}`))
			f.gateway.Server("local").Handler.ServeHTTP(&nullWriter{header: http.Header{}}, copyOf(request, body))
		})
	}
}

// goneWriter goes on with what was written to it after it has failed, as the server of HTTP/2 does when its stream was reset.
type goneWriter struct {
	nullWriter
	writing []byte
}

func (w *goneWriter) Write(b []byte) (int, error) {
	w.writing = b
	return 0, errors.New("the stream was reset")
}

func TestAnswerThatIsStillBeingWrittenIsLeftAlone(t *testing.T) {
	f := benchFixture(t, fixed)
	request, body := template(t, look())
	w := &goneWriter{nullWriter: nullWriter{header: http.Header{}}}
	f.gateway.Server("local").Handler.ServeHTTP(w, copyOf(request, body))
	if string(w.writing) != `{"order_ids":["CS-1001"]}` {
		t.Errorf("what is being written has become %q", w.writing)
	}
}

// collected reports whether what the pointer leads to is free.
func collected(p weak.Pointer[byte]) bool {
	for range 10 {
		if runtime.GC(); p.Value() == nil {
			return true
		}
	}
	return false
}

// lookingBody is a large answer, which looks for the request's body when its last byte is asked for.
type lookingBody struct {
	io.Reader
	body weak.Pointer[byte]
	free bool
}

func (b *lookingBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p[:min(len(p), 512)])
	if err != nil {
		b.free = collected(b.body)
	}
	return n, err
}

func (b *lookingBody) Close() error { return nil }

// TestNoBodyIsHeldWhileItsAnswerStreams: by then its room is given to others, and a caller may be slow to take the answer.
func TestNoBodyIsHeldWhileItsAnswerStreams(t *testing.T) {
	for _, size := range []int{100 << 10, 3 << 20} { // in a buffer of a pool, and too large for one
		answer := &lookingBody{Reader: strings.NewReader(strings.Repeat("x", 200<<10))}
		f := prepare(t, fixed, bounded(func(b *config.Bounds) { b.Body = 4 << 20 }), transport(func(r *upstream.Request) (*upstream.Response, error) {
			answer.body = weak.Make(&r.Body[0])
			return &upstream.Response{Status: 200, ContentLength: 200 << 10, Body: answer}, nil
		}))
		request, body := template(t, plain("POST", "/echo/a/b", `{"x":"`+strings.Repeat("y", size)+`"}`))
		f.gateway.Server("local").Handler.ServeHTTP(&nullWriter{header: http.Header{}}, copyOf(request, body))
		if !answer.free {
			t.Errorf("a body of %d bytes is held", size)
		}
	}
}
