package gateway_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptrace"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/setting"
	"tollgate/spend"
	"tollgate/upstream"
)

// through has calls of the upstream go over another transport.
func through(c upstream.Config, protection *tls.Config) adjustment {
	return func(f *fixture) {
		if c.URL.Host == "" {
			c.URL = setting.Target{Scheme: "http", Host: f.upstream["bss"].Host}
		}
		f.upstream["bss"].Transport = upstream.New(c, protection)
	}
}

// silentTLS is the address of an upstream that takes connections and says nothing.
func silentTLS(t *testing.T) setting.Target {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return setting.Target{Scheme: "https", Host: listener.Addr().String()}
}

// When a stop does not wait any longer, payments that wait for whatever they need before they are sent end as not sent, those that were
// sent as unknown, and each caller is answered: no connection ends without.
func TestAbandonPayments(t *testing.T) {
	for name, c := range map[string]struct {
		set    adjustment
		calls  int
		sent   int
		caller string // "": the local one
	}{
		"for a lease of keys on trial":          {func(*fixture) {}, 6, 3, ""},
		"for a connection of the caller's":      {func(f *fixture) { f.upstream["bss"].MaxConns = 1 }, 4, 1, ""},
		"for a connection of all":               {through(upstream.Config{MaxConnections: 1}, nil), 3, 1, ""},
		"for the end of a TLS handshake":        {through(upstream.Config{URL: silentTLS(t)}, &tls.Config{MinVersion: tls.VersionTLS12}), 3, 0, ""},
		"for nothing, and have a caller's keys": {func(*fixture) {}, 1, 1, customerCaller},
	} {
		t.Run(name, func(t *testing.T) {
			arrived, release := make(chan struct{}, 10), make(chan struct{})
			f := start(t, c.set, func(f *fixture) {
				if c.caller == "" {
					fixed(f)
				}
			})
			f.origin.set(func(net.Conn, *arrival) bool {
				arrived <- struct{}{}
				<-release
				return false
			}, nil)
			t.Cleanup(func() { close(release) })
			var callers []*raw
			for range c.calls {
				caller := f.dial(t)
				if c.caller == "" {
					caller.write(pay())
				} else {
					caller.write(signedPay().text(t))
				}
				callers = append(callers, caller)
			}
			for range c.sent {
				<-arrived
			}
			f.history.waitFor(t, "intent durable", c.calls)
			f.server.AnnounceEnd()
			if n := f.gateway.Abandon(); n != c.calls {
				t.Errorf("%d calls were under way, want %d", n, c.calls)
			}
			codes := map[string]int{}
			for _, caller := range callers {
				got := caller.answer()
				codes[got.code()]++
				if got.code() == "TG.6009" && (got.status != 503 || got.header.Get("Retry-After") != "1") || got.code() == "TG.7002" && got.header["Retry-After"] != nil {
					t.Errorf("answer %d %v", got.status, got.header)
				}
				if _, err := caller.reader.ReadByte(); err != io.EOF {
					t.Errorf("the connection goes on after the answer: %v", err)
				}
			}
			if codes["TG.6009"] != c.calls-c.sent || codes["TG.7002"] != c.sent {
				t.Errorf("codes %v; %d of %d were sent", codes, c.sent, c.calls)
			}
			f.waitForCalls(t)
			outcomes := map[string]int{}
			for _, r := range f.log.of(logfile.KindOutcome) {
				outcomes[r.Outcome+" "+r.Reason]++
			}
			if outcomes["not_sent stopping"] != c.calls-c.sent || outcomes["unknown unknown"] != c.sent {
				t.Errorf("outcomes %v; %d of %d were sent", outcomes, c.sent, c.calls)
			}
			held := f.ledger.Snapshot().Calls
			if len(held) != c.sent || slices.ContainsFunc(held, func(h spend.CallState) bool { return h.Outcome != logfile.Unknown }) {
				t.Errorf("held after the end: %+v; %d of %d were sent", held, c.sent, c.calls)
			}
		})
	}
}

// When a stop does not wait any longer, calls that wait before their intent are refused.
func testAbandonBeforeTheIntent(t *testing.T, e engine) {
	for name, c := range map[string]struct {
		set   adjustment
		begin func(*testing.T, *fixture) *raw
	}{
		"for a limit": {func(f *fixture) { fixed(f); slowLimit(f) }, func(t *testing.T, f *fixture) *raw {
			caller := f.dial(t)
			caller.write(pay() + pay())
			caller.answer()
			for f.waiting() == 0 {
				runtime.Gosched()
			}
			return caller
		}},
		"for a body": {func(*fixture) {}, holdBody},
		"for more of a body": {func(*fixture) {}, func(t *testing.T, f *fixture) *raw {
			caller := holdBody(t, f)
			caller.write("{")
			return caller
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, behind(e), c.set)
			caller := c.begin(t, f)
			begun := time.Now()
			if n := f.gateway.Abandon(); n != 1 {
				t.Errorf("%d calls were under way, want 1", n)
			}
			caller.answer().wantCode(t, "TG.6009")
			if took := time.Since(begun); took > 4*time.Second { // a slow body is refused after 5
				t.Errorf("the answer came after %v", took)
			}
			f.waitForCalls(t)
			if refused := f.log.of(logfile.KindRefusal); len(refused) != 1 || refused[0].Reason != "stopping" {
				t.Errorf("on record: %+v", refused)
			}
		})
	}
}

// holdBody begins a call whose body does not come, and returns once it is waited for.
func holdBody(t *testing.T, f *fixture) *raw {
	t.Helper()
	caller := f.hold(t, customerCaller)
	_, _ = caller.reader.ReadString('\n') // the end of "100 Continue"
	return caller
}

// The same over HTTP/2: the connection carries the answers of all calls that are abandoned, also of one whose body is still coming.
func testAbandonOverHTTP2(t *testing.T, e engine) {
	s := startTLS(t, behind(e), fixed)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	s.origin.set(func(net.Conn, *arrival) bool {
		s.history.add("sent")
		<-release
		return false
	}, nil)
	client := s.client(t, true)
	body, more := io.Pipe()
	defer more.Close()
	codes := make(chan string, 2)
	bodyWanted := make(chan struct{}, 2)
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { bodyWanted <- struct{}{} }})
	for _, body := range []io.Reader{strings.NewReader(payBody), body} {
		r := request(t, "POST", payTarget, body).WithContext(trace)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Expect", "100-continue")
		go func() {
			got, err := try(client, r)
			if err != nil {
				codes <- err.Error()
				return
			}
			codes <- got.code()
		}()
	}
	_, _ = io.WriteString(more, "{")
	s.history.wait(t, "sent")
	<-bodyWanted // of both calls: a stream that the gateway has not seen is none that it abandons
	<-bodyWanted
	s.gateway.Abandon()
	if got := []string{<-codes, <-codes}; !slices.Contains(got, "TG.7002") || !slices.Contains(got, "TG.6009") {
		t.Errorf("answers %v", got)
	}
	s.waitForCalls(t)
}

// Once the end is announced, calls are taken and answered as before, and each answer ends its connection.
func testAnnounceEnd(t *testing.T, e engine) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t, behind(e), fixed)
		client := s.client(t, http2)
		connection := ""
		trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { connection = c.Conn.LocalAddr().String() }})
		look := func() string {
			if got := do(t, client, request(t, "GET", readTarget, nil).WithContext(trace)); got.status != 200 {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			return connection
		}
		first := look()
		if second := look(); second != first {
			t.Fatalf("connections %s and %s before the end was announced", first, second)
		}
		s.server.AnnounceEnd()
		if last := look(); last != first {
			t.Errorf("connection %s instead of %s right after the end was announced", last, first)
		}
		calls := 1
		for ; calls < 1000 && look() == first; calls++ { // in HTTP/2 a call may be on its way already
		}
		if calls > 1 && !http2 || calls == 1000 {
			t.Errorf("%d calls on a connection that had ended", calls-1)
		}
	})
}
