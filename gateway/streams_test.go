package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/accept"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/internal/testpki"
	"tollgate/upstream"
)

// onConnection makes requests of one HTTP/2 connection, each with a body that comes after a while.
type onConnection struct {
	f       *fixture
	context context.Context
	group   sync.WaitGroup
	mutex   sync.Mutex
	reading int // bodies that are waited for
	most    int
	codes   map[string]int
}

// waitedBody counts how many bodies are waited for at a time.
type waitedBody struct {
	pacedBody
	c *onConnection
}

func (b *waitedBody) Read(p []byte) (int, error) {
	b.c.mutex.Lock()
	b.c.reading++
	b.c.most = max(b.c.most, b.c.reading)
	b.c.mutex.Unlock()
	defer func() {
		b.c.mutex.Lock()
		b.c.reading--
		b.c.mutex.Unlock()
	}()
	return b.pacedBody.Read(p)
}

// waitedFor returns how many bodies are waited for now.
func (c *onConnection) waitedFor() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.reading
}

// answers returns how many calls were answered with a code so far.
func (c *onConnection) answers(code string) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.codes[code]
}

func (c *onConnection) call(t testing.TB, text string, after time.Duration) {
	r := readRequest(t, text)
	body := &waitedBody{pacedBody{parts: []pacedPart{{after, int(r.ContentLength)}}}, c}
	r.Body, r.ProtoMajor = body, 2
	r = r.WithContext(c.context)
	c.group.Go(func() {
		w := &pacedWriter{ResponseRecorder: httptest.NewRecorder(), body: &body.pacedBody}
		c.f.gateway.Server("local").Handler.ServeHTTP(w, r)
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.codes[(&reply{w.Code, w.Header(), w.Body.String(), nil}).code()]++
	})
}

// On a connection without a known caller eight streams are taken at a time, and the others wait; where a caller was proven, all
// go on.
func TestStreamsWithoutAKnownCallerWait(t *testing.T) {
	f := prepare(t, answeringAtOnce, bounded(func(b *config.Bounds) { b.Calls = 10_000 }))
	synctest.Test(t, func(t *testing.T) {
		c := &onConnection{f: f, context: connected(context.Background(), &accept.Connection{Remote: "192.0.2.1:4000"}), codes: map[string]int{}}
		claim := signedPay()
		claim.secret = "not the secret 0123456789"
		for range 32 {
			c.call(t, claim.text(t), 3*time.Second)
		}
		synctest.Wait()
		if n := c.waitedFor(); n != 8 {
			t.Errorf("%d streams are taken at a time, want 8", n)
		}
		c.group.Wait()
		if c.most != 8 || c.codes["TG.2006"] != 32 {
			t.Errorf("at most %d at a time, answers %v, want each of 32 refused for its own sake", c.most, c.codes)
		}
		good := signed{caller: customerCaller, method: "GET", target: readTarget}
		c.call(t, good.text(t), 0)
		c.group.Wait()
		for range 32 {
			c.call(t, claim.text(t), 3*time.Second)
		}
		synctest.Wait()
		if n := c.waitedFor(); n != 32 {
			t.Errorf("%d streams are taken on the connection of a known caller, want 32", n)
		}
		c.group.Wait()
	})
}

// A stream that waits for its turn ends with its caller.
func TestWaitingStreamIsLeft(t *testing.T) {
	f := prepare(t, answeringAtOnce, bounded(func(b *config.Bounds) { b.Calls = 10_000 }))
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(connected(context.Background(), &accept.Connection{Remote: "192.0.2.1:4000"}))
		c := &onConnection{f: f, context: ctx, codes: map[string]int{}}
		for range 9 {
			c.call(t, signedPay().text(t), 4*time.Second)
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		if n := c.answers("TG.6006"); n != 1 {
			t.Errorf("%d answers say that the caller left, want one", n)
		}
		c.group.Wait()
	})
}

// The headers of all requests under way have one bound, of which a source has a share, and a refused one is let go of.
func TestHeadersBound(t *testing.T) {
	f := prepare(t, answeringAtOnce, bounded(func(b *config.Bounds) { b.Headers, b.AllHeaders = 32<<10, 128<<10 }))
	synctest.Test(t, func(t *testing.T) {
		c := &onConnection{f: f, context: connected(context.Background(), &accept.Connection{Remote: "192.0.2.1:4000"}), codes: map[string]int{}}
		large := signedPay()
		large.header = []string{"X-Large: " + strings.Repeat("x", 20<<10)}
		for range 3 {
			c.call(t, large.text(t), 3*time.Second)
		}
		synctest.Wait()
		if n := c.answers("TG.6007"); n != 2 {
			t.Errorf("%d answers find no room for their headers, want two", n)
		}
		c.call(t, signedPay().text(t), 3*time.Second)
		synctest.Wait()
		if n := c.waitedFor(); n != 2 {
			t.Errorf("%d calls are read, want the small one, too", n)
		}
		c.group.Wait()
		c.call(t, large.text(t), 0)
		c.group.Wait()
		if c.codes["TG.6007"] != 2 {
			t.Error("the room was not given back")
		}
	})
	if got := f.metrics.cutOffs(); len(got) != 2 || got[0] != (gateway.CutOff{Setting: "bounds.all_headers", Cause: "access_key"}) {
		t.Errorf("cut off: %v", got)
	}
}

// Who has a client certificate is a known caller from the beginning: what unauthenticated peers hold, of the same source too, is not counted
// against it.
func TestHeadersOfCertificateCallers(t *testing.T) {
	f := prepare(t, answeringAtOnce, bounded(func(b *config.Bounds) { b.Headers, b.AllHeaders = 32<<10, 128<<10 }))
	f.listener.Local = false
	leaf := must(must(testpki.New()).Client("", certURI)).Leaf
	synctest.Test(t, func(t *testing.T) {
		c := &onConnection{f: f, context: connected(context.Background(), &accept.Connection{Remote: "192.0.2.1:4000"}), codes: map[string]int{}}
		large := "X-Large: " + strings.Repeat("x", 20<<10)
		unsigned := signedPay()
		unsigned.header = []string{large}
		c.call(t, unsigned.text(t), 3*time.Second)
		synctest.Wait()
		for want, state := range map[string]*tls.ConnectionState{"": {VerifiedChains: [][]*x509.Certificate{{leaf}}}, "TG.6007": {}} {
			r := readRequest(t, plain("GET", "/echo/x", "", large))
			r = from(&accept.Connection{TLS: state, Remote: "192.0.2.1:4001"}, r)
			w := httptest.NewRecorder()
			f.gateway.Server("local").Handler.ServeHTTP(w, r)
			if got := (&reply{w.Code, w.Header(), w.Body.String(), nil}).code(); got != want {
				t.Errorf("answer %d %s, want code %q", w.Code, w.Body, want)
			}
		}
		c.group.Wait()
	})
}

// In HTTP/2 the server holds a request until its answer is read: a header must not outlast the room that it was counted in.
func TestHeadersAreLetGoOf(t *testing.T) {
	for name, room := range map[string]setting.Size{"no room": 1 << 10, "the end of a call": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			f := prepare(t, fixed, answeringAtOnce, bounded(func(b *config.Bounds) { b.AllHeaders = room }))
			r := readRequest(t, plain("GET", "/app/"+strings.Repeat("p", 5<<10), "", "X-Large: "+strings.Repeat("x", 10<<10)))
			r.ProtoMajor = 2
			w := httptest.NewRecorder()
			f.gateway.Server("local").Handler.ServeHTTP(w, r)
			if (w.Code == http.StatusServiceUnavailable) != (room == 1<<10) {
				t.Errorf("answer %d", w.Code)
			}
			if len(r.Header) != 0 || r.RequestURI != "" || r.URL.Path != "" {
				t.Errorf("still held: %d headers, %d bytes of target", len(r.Header), len(r.RequestURI))
			}
		})
	}
}

func readRequest(t testing.TB, text string) *http.Request {
	t.Helper()
	return from(new(accept.Connection), must(http.ReadRequest(bufio.NewReader(strings.NewReader(text)))))
}

// What a stream may send while it waits for its turn counts from the beginning, as far as it is announced.
func TestUnreadBodiesCount(t *testing.T) {
	const room = 1 << 20 // for the first bytes of bodies; an access key has a sixteenth
	f := prepare(t, answeringAtOnce, bounded(func(b *config.Bounds) { b.Calls, b.Body, b.Bodies = 10_000, 64<<10, room }))
	synctest.Test(t, func(t *testing.T) {
		c := &onConnection{f: f, context: connected(context.Background(), &accept.Connection{Remote: "192.0.2.1:4000"}), codes: map[string]int{}}
		claim := signedPay()
		claim.secret, claim.body = "not the secret 0123456789", strings.Repeat("x", 40<<10)
		for range 3 {
			c.call(t, claim.text(t), 3*time.Second)
		}
		synctest.Wait()
		if n := c.answers("TG.6002"); n != 2 {
			t.Errorf("%d of three bodies of 40 KiB found no room in 64, want 2", n)
		}
		c.group.Wait()
		c.call(t, claim.text(t), 0)
		c.group.Wait()
		if c.codes["TG.2006"] != 2 {
			t.Errorf("answers %v: the room was not given back", c.codes)
		}
	})
}

// watchedWriter looks at the request when its answer begins.
type watchedWriter struct {
	*httptest.ResponseRecorder
	request *http.Request
	held    int // headers at that time
}

func (w *watchedWriter) WriteHeader(status int) {
	w.held = len(w.request.Header)
	w.ResponseRecorder.WriteHeader(status)
}

// A refusal may wait for its reader: nothing of the request is held meanwhile.
func TestRefusalsHoldNoRequest(t *testing.T) {
	f := prepare(t)
	r := readRequest(t, plain("GET", "/nothing", "", "X-Large: "+strings.Repeat("x", 10<<10)))
	r.ProtoMajor = 2
	w := &watchedWriter{ResponseRecorder: httptest.NewRecorder(), request: r}
	f.gateway.Server("local").Handler.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || w.held != 0 {
		t.Errorf("answer %d, with %d headers held", w.Code, w.held)
	}
}

// A caller that is slow to read an answer that was taken whole does not keep its connection to the upstream.
func TestAnswersKeepNoConnection(t *testing.T) {
	sent := 0
	f := prepare(t, transport(func(r *upstream.Request) (*upstream.Response, error) {
		sent++
		return &upstream.Response{Status: 200, Body: http.NoBody}, nil
	}), func(f *fixture) { f.upstream["bss"].MaxConns = 1 })
	synctest.Test(t, func(t *testing.T) {
		call := signed{caller: customerCaller, method: "GET", target: readTarget}
		begun := make(chan struct{})
		go func() {
			defer close(begun)
			w := &stuckWriter{ResponseRecorder: httptest.NewRecorder()}
			r := readRequest(t, call.text(t))
			f.gateway.Server("local").Handler.ServeHTTP(w, r)
		}()
		synctest.Wait() // its answer waits
		w := httptest.NewRecorder()
		f.gateway.Server("local").Handler.ServeHTTP(w, readRequest(t, call.text(t)))
		if sent != 2 || w.Code != 200 {
			t.Errorf("%d calls were sent, answer %d %s", sent, w.Code, w.Body)
		}
		<-begun
	})
}

// stuckWriter is read after a minute.
type stuckWriter struct{ *httptest.ResponseRecorder }

func (w *stuckWriter) WriteHeader(status int) {
	time.Sleep(time.Minute)
	w.ResponseRecorder.WriteHeader(status)
}
