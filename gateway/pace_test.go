package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/accept"
	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/upstream"
)

// pacedBody comes in parts, each some time after the one before, on a connection with a deadline.
type pacedBody struct {
	parts    []pacedPart
	deadline time.Time
}

type pacedPart struct {
	after time.Duration
	bytes int
}

// Read waits for the next part, or for the deadline.
func (b *pacedBody) Read(p []byte) (int, error) {
	if len(b.parts) == 0 {
		return 0, io.EOF
	}
	part := &b.parts[0]
	if left := time.Until(b.deadline); left < part.after {
		time.Sleep(left)
		part.after -= left
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(part.after)
	part.after = 0
	n := min(len(p), part.bytes)
	for i := range n {
		p[i] = 'x'
	}
	if part.bytes -= n; part.bytes == 0 {
		b.parts = b.parts[1:]
	}
	return n, nil
}

func (*pacedBody) Close() error { return nil }

// pacedWriter has a reader at the other end that takes some bytes in a while.
type pacedWriter struct {
	*httptest.ResponseRecorder
	body  *pacedBody
	each  int // bytes that are taken in every; 0: whatever comes, immediately
	every time.Duration

	mutex    sync.Mutex
	deadline time.Time
}

func (w *pacedWriter) SetReadDeadline(at time.Time) error { w.body.deadline = at; return nil }

func (w *pacedWriter) SetWriteDeadline(at time.Time) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.deadline = at
	return nil
}

func (w *pacedWriter) late() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return !w.deadline.IsZero() && !time.Now().Before(w.deadline)
}

// Write looks at the deadline now and again, since it may be moved.
func (w *pacedWriter) Write(p []byte) (int, error) {
	const look = 10 * time.Millisecond
	if w.each > 0 {
		for takes := time.Duration(len(p)) * w.every / time.Duration(w.each); takes > 0; takes -= look {
			if w.late() {
				return 0, os.ErrDeadlineExceeded
			}
			time.Sleep(min(look, takes))
		}
	}
	return w.ResponseRecorder.Write(p)
}

// every makes n parts of some bytes.
func every(after time.Duration, bytes, n int) []pacedPart {
	return slices.Repeat([]pacedPart{{after, bytes}}, n)
}

// A body's first byte comes within 5 s, then 1 KiB or the rest in any 5 s, and all of it within the time for bodies.
func TestPaceOfBodies(t *testing.T) {
	const second = time.Second
	for name, tt := range map[string]struct {
		parts   []pacedPart
		code    string
		within  time.Duration
		setting string
	}{
		"at once":                     {[]pacedPart{{0, 10}}, "", 0, ""},
		"nothing":                     {[]pacedPart{{time.Hour, 10}}, "TG.4002", 5 * second, "body pace"},
		"first byte late":             {[]pacedPart{{4900 * time.Millisecond, 10}}, "", 4900 * time.Millisecond, ""},
		"first byte too late":         {[]pacedPart{{5100 * time.Millisecond, 10}}, "TG.4002", 5 * second, "body pace"},
		"a byte, then nothing":        {[]pacedPart{{4 * second, 1}, {time.Hour, 10}}, "TG.4002", 9 * second, "body pace"},
		"a byte a second":             {every(second, 1, 1000), "TG.4002", 6 * second, "body pace"},
		"a byte, then the rest":       {[]pacedPart{{0, 1}, {4900 * time.Millisecond, 100}}, "", 4900 * time.Millisecond, ""},
		"1 KiB in just under 5 s":     {every(4900*time.Millisecond, 1024, 5), "", 24500 * time.Millisecond, ""},
		"1 KiB in 5 s, in small ones": {every(time.Second, 256, 20), "", 20 * second, ""},
		"less than 1 KiB in 5 s":      {every(time.Second, 200, 20), "TG.4002", 6 * second, "body pace"},
		"a lot, then nothing":         {[]pacedPart{{0, 100_000}, {time.Hour, 1}}, "TG.4002", 5 * second, "body pace"},
		"steady, for too long":        {every(time.Second, 1024, 1000), "TG.4002", 60 * second, "bounds.body_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			f := prepare(t, fixed, answeringAtOnce, bounded(func(b *config.Bounds) { b.BodyTimeout = setting.Duration(time.Minute) }))
			synctest.Test(t, func(t *testing.T) {
				body, length := &pacedBody{parts: tt.parts}, 0
				for _, part := range tt.parts {
					length += part.bytes
				}
				for _, announced := range []int64{int64(length), -1} {
					body.parts = slices.Clone(tt.parts)
					w := &pacedWriter{ResponseRecorder: httptest.NewRecorder(), body: body}
					begun := time.Now()
					f.gateway.Server("local").Handler.ServeHTTP(w, pacedRequest("POST", "/change/x", body, announced))
					if took := time.Since(begun); took != tt.within {
						t.Errorf("took %v, want %v", took, tt.within)
					}
					if got := (&reply{w.Code, w.Header(), w.Body.String(), nil}).code(); got != tt.code {
						t.Errorf("answer %d %s, want code %q", w.Code, w.Body, tt.code)
					}
				}
			})
			for _, got := range f.metrics.cutOffs() {
				if got != (gateway.CutOff{Setting: tt.setting, Cause: "pace"}) {
					t.Errorf("cut off: %v", got)
				}
			}
			if n := len(f.metrics.cutOffs()); (n == 2) != (tt.code != "") {
				t.Errorf("cut off %d times", n)
			}
		})
	}
}

func pacedRequest(method, target string, body io.ReadCloser, length int64) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Body, r.ContentLength, r.RequestURI, r.Host = body, length, target, "gateway.test"
	return from(&accept.Connection{Remote: "127.0.0.1:4000"}, r)
}

// answeringAtOnce is an upstream in memory.
func answeringAtOnce(f *fixture) {
	transport(func(r *upstream.Request) (*upstream.Response, error) {
		return &upstream.Response{Status: 200, Body: http.NoBody}, nil
	})(f)
}

// closing notes that the body of an answer was closed, which closes the connection that it comes on.
type closing struct {
	io.Reader
	closed *bool
}

func (c closing) Close() error { *c.closed = true; return nil }

// Who takes less than 64 KiB of a streamed answer in 10 s, while bytes wait for it all the time, is cut off.
func TestPaceOfStreamedAnswers(t *testing.T) {
	const length = 1 << 20
	for name, tt := range map[string]struct {
		each  int
		every time.Duration
		taken bool
	}{
		"at once":              {0, 0, true},
		"slowly enough":        {64 << 10, 9 * time.Second, true},
		"in small bites":       {1 << 10, 150 * time.Millisecond, true},
		"too slowly":           {1 << 10, 200 * time.Millisecond, false},
		"not at all":           {1, time.Minute, false},
		"in bites of 60 KiB":   {60 << 10, 9900 * time.Millisecond, false},
		"a byte now and again": {1, 9 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			var closed bool
			f := prepare(t, fixed, transport(func(r *upstream.Request) (*upstream.Response, error) {
				body := closing{strings.NewReader(strings.Repeat("x", length)), &closed}
				return &upstream.Response{Status: 200, Body: body, ContentLength: length}, nil
			}), bounded(func(b *config.Bounds) { b.WriteTimeout = setting.Duration(time.Hour) }))
			synctest.Test(t, func(t *testing.T) {
				w := &pacedWriter{ResponseRecorder: httptest.NewRecorder(), each: tt.each, every: tt.every, body: new(pacedBody)}
				aborted := serveAborting(f.gateway.Server("local").Handler, w, pacedRequest("GET", "/app/x", http.NoBody, 0))
				if aborted == tt.taken || tt.taken != (w.Body.Len() == length) {
					t.Errorf("broken off: %t, with %d bytes passed on", aborted, w.Body.Len())
				}
			})
			if !closed {
				t.Error("the connection to the upstream is still open")
			}
			if got := slices.Contains(f.metrics.cutOffs(), gateway.CutOff{Setting: "answer pace", Cause: "pace"}); got == tt.taken {
				t.Errorf("cut off: %v", f.metrics.cutOffs())
			}
			if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Succeeded {
				t.Errorf("outcome %q", r.Outcome)
			}
		})
	}
}

// A part may wait for long and be taken all the while: the system holds megabytes for a peer, and takes more only when a good part
// of that has gone. What the network says that the peer has taken decides.
func TestPaceIsThatOfTheNetwork(t *testing.T) {
	for name, tt := range map[string]struct {
		perSecond int64
		taken     bool
	}{"slowly enough": {7 << 10, true}, "too slowly": {6 << 10, false}, "not at all": {0, false}} {
		t.Run(name, func(t *testing.T) {
			f := prepare(t, fixed, transport(func(r *upstream.Request) (*upstream.Response, error) {
				body := io.NopCloser(strings.NewReader(strings.Repeat("x", 256<<10)))
				return &upstream.Response{Status: 200, Body: body, ContentLength: 256 << 10}, nil
			}), bounded(func(b *config.Bounds) { b.WriteTimeout = setting.Duration(time.Hour) }))
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				r := pacedRequest("GET", "/app/x", http.NoBody, 0)
				r = from(&accept.Connection{Taken: func() (int64, bool) {
					return 5000 + tt.perSecond*int64(time.Since(begun)/time.Second), true // with what the connection carried before
				}}, r)
				w := &pacedWriter{ResponseRecorder: httptest.NewRecorder(), each: 64 << 10, every: time.Minute, body: new(pacedBody)}
				if aborted := serveAborting(f.gateway.Server("local").Handler, w, r); aborted == tt.taken {
					t.Errorf("broken off: %t", aborted)
				}
				if took := time.Since(begun); !tt.taken && took > 11*time.Second {
					t.Errorf("cut off after %v", took)
				}
			})
		})
	}
}

// The time for which an answer is waited for is not the caller's: a slow upstream cuts no caller off.
func TestSlowUpstreamIsNotTheCallersPace(t *testing.T) {
	f := prepare(t, fixed, func(f *fixture) { f.upstream["app"].Timeout = time.Hour })
	synctest.Test(t, func(t *testing.T) {
		slow := &pacedBody{parts: append([]pacedPart{{0, 100_000}}, every(time.Minute, 10, 10)...), deadline: time.Now().Add(time.Hour)}
		f.upstream["app"].Transport = answeringBy(func(r *upstream.Request) (*upstream.Response, error) {
			return &upstream.Response{Status: 200, Body: slow, ContentLength: -1, Chunked: true}, nil
		})
		w := &pacedWriter{ResponseRecorder: httptest.NewRecorder(), body: new(pacedBody)}
		if aborted := serveAborting(f.gateway.Server("local").Handler, w, pacedRequest("GET", "/app/x", http.NoBody, 0)); aborted || w.Body.Len() != 100_100 {
			t.Errorf("broken off: %t, with %d bytes", aborted, w.Body.Len())
		}
	})
}
