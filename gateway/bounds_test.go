package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/audit/logfile"
	"tollgate/caller"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/signing"
	"tollgate/upstream"
)

// Invariant 10: what callers and upstreams can make the gateway hold is bounded.

func chunkedPost(body string) string {
	return post(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body), "Transfer-Encoding: chunked")
}

func sizedPost(body string) string { return post(body, fmt.Sprintf("Content-Length: %d", len(body))) }

func TestBodyBound(t *testing.T) {
	const bound = 100_000 // more than one step of reading, and not a multiple of it
	for _, tt := range []struct {
		name, request string
		taken         bool
	}{
		{"announced, at the bound", sizedPost(strings.Repeat("x", bound)), true},
		{"announced, over it", sizedPost(strings.Repeat("x", bound+1)), false},
		{"announced, far over it and not sent", post("", "Content-Length: 9223372036854775807"), false},
		{"chunked, at the bound", chunkedPost(strings.Repeat("x", bound)), true},
		{"chunked, over it", chunkedPost(strings.Repeat("x", bound+1)), false},
		{"chunked, far over it and without an end", post("fffffff\r\n"+strings.Repeat("x", 3*bound), "Transfer-Encoding: chunked"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, fixed, bounded(func(b *config.Bounds) { b.Body, b.Bodies = bound, 4*bound }))
			got := f.send(t, tt.request)
			if tt.taken {
				if a := f.origin.only(t); len(a.body) != bound {
					t.Errorf("%d bytes arrived", len(a.body))
				}
				return
			}
			got.wantCode(t, "TG.4004")
			f.origin.none(t)
		})
	}
}

// holding makes the upstream wait with its answer to the first call, at the most until the end of the test. Others are
// answered at once, so that a bound that does not hold is seen by its answer.
func holding(t testing.TB, f *fixture) (release func()) {
	held := make(chan struct{})
	release = sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	first := make(chan struct{}, 1)
	first <- struct{}{}
	f.origin.set(func(c net.Conn, a *arrival) bool {
		select {
		case <-first:
			<-held
		default:
		}
		return saying(okAnswer)(c, a)
	}, nil)
	return release
}

// All bodies together are bounded, and what they took is given back, whatever the outcome of their calls.
func TestBodiesBound(t *testing.T) {
	for name, frame := range map[string]func(string) string{"announced": sizedPost, "chunked": chunkedPost} {
		t.Run(name, func(t *testing.T) {
			const bound = 200_000 // several steps of growing
			f := start(t, fixed, bounded(func(b *config.Bounds) { b.Body, b.Bodies = bound, bound }))
			release := holding(t, f)
			first := f.dial(t)
			first.write(frame(strings.Repeat("x", bound*3/5)))
			f.history.wait(t, "upstream whole call")
			for range 3 {
				got := f.send(t, frame(strings.Repeat("x", bound*3/5)))
				got.wantCode(t, "TG.6002")
				if got.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
			if got := f.send(t, get("/nothing")); got.status != 404 {
				t.Errorf("a call without a body: answer %d", got.status)
			}
			release()
			first.answer()
			f.send(t, strings.Replace(frame(strings.Repeat("x", bound)), "Host:", "Content-Encoding: gzip\r\nHost:", 1)).wantCode(t, "TG.4005")
			f.send(t, "POST /echo/x/y HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").wantCode(t, "TG.1004")
			f.waitForCalls(t)
			if got := f.send(t, frame(strings.Repeat("x", bound*3/5))); got.status != 200 {
				t.Errorf("budget was not given back: answer %d %s", got.status, got.body)
			}
		})
	}
}

func TestCallsBound(t *testing.T) {
	f := start(t, fixed, bounded(func(b *config.Bounds) { b.Calls = 1 }))
	release := holding(t, f)
	first := f.dial(t)
	first.write(look())
	f.history.wait(t, "upstream whole call")
	for range 3 {
		f.send(t, look()).wantCode(t, "TG.6003")
	}
	release()
	first.answer()
	f.waitForCalls(t)
	if got := f.send(t, look()); got.status != 200 {
		t.Errorf("a place was not given back: answer %d %s", got.status, got.body)
	}
}

func TestSlowBody(t *testing.T) {
	for name, request := range map[string]string{
		"announced": post("abc", "Content-Length: 10"), "chunked": post("3\r\nabc\r\n", "Transfer-Encoding: chunked"),
		"nothing of it": post("", "Content-Length: 10"),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, bounded(func(b *config.Bounds) { b.BodyTimeout = setting.Duration(50 * time.Millisecond) }))
			f.send(t, request).wantCode(t, "TG.4002")
			f.origin.none(t)
			if r := f.log.only(t, logfile.KindRefusal); r.Reason != "body_too_slow" {
				t.Errorf("refusal %+v", r)
			}
		})
	}
}

// A body that is not read because the call is refused before must not keep the connection.
func TestSlowBodyOfARefusedCall(t *testing.T) {
	f := start(t, fixed, bounded(func(b *config.Bounds) { b.BodyTimeout = setting.Duration(50 * time.Millisecond) }))
	c := f.dial(t)
	c.write("POST /nothing HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 1000\r\n\r\nabc")
	c.answer().wantCode(t, "TG.4001")
	if _, err := c.reader.ReadByte(); err != io.EOF {
		t.Errorf("the connection goes on: %v", err)
	}
}

func slowLimit(f *fixture) {
	f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{
		Rules:   []ratelimit.Rule{{Name: "slow", Per: []ratelimit.Dimension{ratelimit.ByCaller}, Rate: 5, Burst: 1}},
		MaxWait: setting.Duration(patience),
	}))
}

// The time for the body ends with the body (net/http takes the deadline away): a call that waits for its turn afterwards is not cut off by it.
func TestBodyTimeIsForTheBody(t *testing.T) {
	f := start(t, fixed, slowLimit, bounded(func(b *config.Bounds) { b.BodyTimeout = setting.Duration(150 * time.Millisecond) }))
	for i := range 2 { // the second waits 200 ms
		if got := f.send(t, sizedPost("abc")); got.status != 200 {
			t.Errorf("call %d: answer %d %s", i, got.status, got.body)
		}
	}
}

// The time to deliver an answer ends with the answer (net/http takes the deadline away): a later call on the same connection gets its 100 Continue.
func TestAnswerTimeIsForTheAnswer(t *testing.T) {
	const timeout = 150 * time.Millisecond
	f := start(t, fixed, bounded(func(b *config.Bounds) { b.WriteTimeout = setting.Duration(timeout) }))
	c := f.dial(t)
	c.write(look())
	c.answer()
	<-time.After(2 * timeout) // the deadline of the first answer passes
	c.write(post("", "Content-Length: 3", "Expect: 100-continue"))
	if got := c.answer(); got.status != 100 {
		t.Fatalf("answer %d, want 100", got.status)
	}
	c.write("abc")
	if got := c.answer(); got.status != 200 {
		t.Errorf("answer %d", got.status)
	}
}

// endless answers with more than any buffer takes, until it is cut off.
func endless(c net.Conn, _ *arrival) bool {
	_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000000000\r\n\r\n")
	part := make([]byte, 1<<16)
	for err == nil {
		_, err = c.Write(part)
	}
	return false
}

// A caller that does not read its answer is cut off.
func TestSlowReader(t *testing.T) {
	f := start(t, fixed, bounded(func(b *config.Bounds) { b.WriteTimeout = setting.Duration(50 * time.Millisecond) }))
	f.origin.answer = endless
	c := f.dial(t)
	c.write(look())
	f.history.wait(t, "answer begun")
	f.waitForCalls(t)
	if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Succeeded || r.ResultFrom != "status" {
		t.Errorf("outcome %q from %q", r.Outcome, r.ResultFrom)
	}
}

// Large answers stream, up to the upstream's time, and are judged by their status.
func TestLargeAnswerStreams(t *testing.T) {
	body := `{"orders":"` + strings.Repeat("0123456789", 30_000) + `"}`
	for name, answer := range map[string]string{
		"length":  jsonAnswer(200, body),
		"chunked": fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, answering(answer))
			got := f.send(t, look())
			if got.body != body || got.err != nil {
				t.Errorf("%d bytes arrived (%v), want %d", len(got.body), got.err, len(body))
			}
			r := f.log.only(t, logfile.KindOutcome)
			if r.ResultFrom != "status" || r.Result != "unread" || r.Outcome != logfile.Succeeded || r.AnswerHash != "" {
				t.Errorf("outcome %q, result %q from %q, hash %q", r.Outcome, r.Result, r.ResultFrom, r.AnswerHash)
			}
		})
	}
}

// An answer at the bound is held, one byte more streams.
func TestHeldAnswerBound(t *testing.T) {
	for extra, result := range map[int]string{0: "success", 1: "unread"} {
		body := `{"x":"` + strings.Repeat("y", 1000) + `"}`
		f := start(t, fixed, answering(jsonAnswer(200, body)), bounded(func(b *config.Bounds) { b.HeldAnswer = setting.Size(len(body) - extra) }))
		if got := f.send(t, look()); got.body != body {
			t.Errorf("%d bytes arrived, want %d", len(got.body), len(body))
		}
		if r := f.log.only(t, logfile.KindOutcome); r.Result != result {
			t.Errorf("held %d of %d bytes: result %q, want %q", len(body)-extra, len(body), r.Result, result)
		}
	}
}

// A large answer that breaks off breaks the caller's answer off: it must not be taken for whole.
func TestBrokenStreamIsNotWhole(t *testing.T) {
	part := strings.Repeat("x", 300_000)
	for name, answer := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + part,
		"chunked": fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(part), part),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed)
			f.origin.answer = breaking(answer)
			got := f.send(t, look())
			if got.err == nil {
				t.Errorf("the caller takes %d bytes for the whole answer", len(got.body))
			}
			f.log.only(t, logfile.KindOutcome)
		})
	}
}

// Over a limit: 429 with what an orderly caller needs.
func TestOverLimit(t *testing.T) {
	f := start(t, fixed, func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{{Name: "per-app", Rate: 0.1, Burst: 1}}}))
	})
	f.send(t, pay())
	got := f.send(t, pay())
	got.wantCode(t, "TG.5001")
	if after := got.header.Get("Retry-After"); after != "10" {
		t.Errorf("Retry-After %q, want 10", after)
	}
	if got.header.Get("RateLimit") == "" || got.header.Get("RateLimit-Policy") == "" {
		t.Errorf("no RateLimit headers: %v", got.header)
	}
	f.origin.only(t)
}

// A credential's limit is shared by all who call with it, and another credential has its own.
func TestLimitOfACredentialIsShared(t *testing.T) {
	f := start(t, func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{
			{Name: "account", Per: []ratelimit.Dimension{ratelimit.ByCredential}, Rate: ratelimit.MinPerSecond, Burst: 10},
		}}))
	})
	sent := 0
	for i := range 20 {
		call := signed{caller: customerCaller, method: "GET", target: readTarget}
		if i%2 == 1 {
			call.caller, call.signHeader = bothCaller, []string{"Tollgate-Credential: acme"}
		}
		if f.call(t, call).status == 200 {
			sent++
		}
	}
	if sent != 10 {
		t.Errorf("%d calls of two callers passed a limit of 10 for their credential", sent)
	}
	if got := f.call(t, goodCall()); got.status != 200 {
		t.Errorf("another credential: answer %d %s", got.status, got.body)
	}
}

// The provider's published quota is kept to.
func TestPublishedQuota(t *testing.T) {
	f := start(t, func(f *fixture) { f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Published: true})) })
	for range 60 {
		if got := f.call(t, signed{caller: customerCaller, method: "GET", target: readTarget}); got.code() == "TG.5001" {
			if !strings.Contains(got.problem(t).Detail, ratelimit.PublishedName) {
				t.Errorf("detail %q", got.problem(t).Detail)
			}
			return
		}
	}
	t.Error("60 calls at once passed a quota of 20 a second")
}

// A caller that leaves while it waits for its turn is a refusal, and nothing is sent.
func TestCallerLeavesInTheQueue(t *testing.T) {
	f := start(t, fixed, func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{
			Rules:   []ratelimit.Rule{{Name: "once", Rate: 0.01, Burst: 1}},
			MaxWait: ratelimit.LongestMaxWait,
		}))
	})
	f.send(t, look())
	c := f.dial(t)
	c.write(pay())
	for f.waiting() == 0 && t.Context().Err() == nil {
		runtime.Gosched()
	}
	_ = c.conn.Close()
	f.waitForCalls(t)
	if r := f.log.only(t, logfile.KindRefusal); r.Reason != "caller_left" || r.Caller != localCaller || r.Operation != "PayOrders" {
		t.Errorf("refusal %+v", r)
	}
	f.origin.only(t)
}

// claimHead is the header of a call that claims a caller, by the id of its access key and no more.
func claimHead(t testing.TB, caller string, length int) string {
	claim := signedPay()
	claim.caller, claim.secret = caller, "not the secret 0123456789"
	head, _, _ := strings.Cut(claim.text(t), "\r\n\r\n")
	return strings.Replace(head, fmt.Sprintf("Content-Length: %d", len(payBody)), fmt.Sprintf("Content-Length: %d", length), 1) + "\r\n"
}

// hold begins a claim whose body does not come, and returns once it is waited for.
func (f *fixture) hold(t testing.TB, caller string) *raw {
	t.Helper()
	c := f.dial(t)
	c.write(claimHead(t, caller, 10) + "Expect: 100-continue\r\n\r\n")
	if line, err := c.reader.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("%q, %v", line, err)
	}
	return c
}

// A peer that knows an access key's id, and no more, starves that key alone, and not for longer than the calls are open.
func TestUnprovenClaimsStarveTheirKeyAlone(t *testing.T) {
	f := start(t, bounded(func(b *config.Bounds) { b.Calls = 32 }))
	var held []*raw
	for range 2 { // a sixteenth
		held = append(held, f.hold(t, customerCaller))
	}
	f.send(t, signedPay().text(t)).wantCode(t, "TG.6003")
	if got := f.metrics.cutOffs(); len(got) != 1 || got[0] != (gateway.CutOff{Setting: "bounds.calls", Cause: "access_key"}) {
		t.Errorf("cut off: %v", got)
	}
	if n := f.logs.FilterField(zap.String("setting", "bounds.calls")).Len(); n != 1 {
		t.Errorf("%d log lines name the setting", n)
	}
	if got := f.call(t, goodCall()); got.status != 200 {
		t.Errorf("another access key from the same address: answer %d %s", got.status, got.body)
	}
	for _, c := range held {
		_ = c.conn.Close()
	}
	f.waitForCalls(t)
	if got := f.call(t, signedPay()); got.status != 200 {
		t.Errorf("afterwards: answer %d %s", got.status, got.body)
	}
}

// All claims together have a bound besides the shares, and known callers are not concerned.
func TestAllUnprovenClaimsHaveAPartOnly(t *testing.T) {
	f := start(t, bounded(func(b *config.Bounds) { b.Calls = 16 }))
	keys := []string{customerCaller, partnerCaller, bothCaller}
	for i := range 2 { // the share of the source, of which each key has one
		f.hold(t, keys[i])
	}
	f.send(t, signed{caller: bothCaller, method: "POST", target: payTarget, body: payBody}.text(t)).wantCode(t, "TG.6003")
	if got := f.metrics.cutOffs(); len(got) != 1 || got[0].Cause != "source" {
		t.Errorf("cut off: %v", got)
	}
	f.listener.Caller = localCaller // as if it came to another listener
	if got := f.send(t, pay()); got.status != 200 {
		t.Errorf("a known caller: answer %d %s", got.status, got.body)
	}
}

// Large bodies of a claim take what its key may have, and nothing of what others need, from the same address or another. Half-sent bodies
// hold what has arrived of them.
func TestLargeBodiesLeaveRoomForSmallOnes(t *testing.T) {
	const body = 1 << 20
	f := start(t, bounded(func(b *config.Bounds) { b.Body, b.Bodies, b.Calls = body, 8*body, 1000 }))
	part := strings.Repeat("x", body/2)
	refused := 0
	var held []*raw
	for range 12 {
		c := f.dial(t)
		c.write(claimHead(t, customerCaller, body) + "\r\n" + part)
		held = append(held, c)
	}
	for f.ledgerIsMoving(t, &refused) {
	}
	if refused == 0 {
		t.Fatal("12 half bodies found room in the share of one access key")
	}
	if got := f.call(t, goodCall()); got.status != 200 {
		t.Errorf("a small body with another key from the same address: answer %d %s", got.status, got.body)
	}
	for _, c := range held {
		c.leave()
	}
	whole := signedPay()
	whole.body = `{"order_id":"CS-1","x":"` + strings.Repeat("y", body-26) + `"}`
	if got := f.call(t, whole); len(whole.body) != body || got.status != 200 {
		t.Errorf("one whole body of %d bytes: answer %d %s", len(whole.body), got.status, got.body)
	}
}

// leave ends a request in the middle and waits until its call has ended, also where the gateway has not seen it before.
func (r *raw) leave() {
	_ = r.conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, r.conn) // a connection that was reset has ended, too
	_ = r.conn.Close()
}

// ledgerIsMoving reports whether the gateway still takes in what was sent, and counts refusals for lack of room.
func (f *fixture) ledgerIsMoving(t testing.TB, refused *int) bool {
	t.Helper()
	if t.Context().Err() != nil {
		t.Fatal("the gateway does not come to rest")
	}
	*refused = 0
	for _, c := range f.metrics.cutOffs() {
		if c.Setting == "bounds.bodies" {
			*refused++
		}
	}
	runtime.Gosched()
	return *refused < 12-2 // two halves fit into the share of a key, which is one body
}

// One caller of several holds three quarters at the most; one that is alone has everything.
func TestOneCallerLeavesAQuarter(t *testing.T) {
	for name, tt := range map[string]struct {
		alone bool
		most  int
	}{"of several": {false, 3}, "alone": {true, 4}} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, bounded(func(b *config.Bounds) { b.Calls = 4 }), func(f *fixture) {
				if tt.alone {
					f.plan.Callers = must(caller.NewRegistry([]caller.Config{{Name: localCaller}}, signing.Known(), nil))
				}
			})
			for range tt.most {
				c := f.dial(t)
				c.write(post("", "Content-Length: 10", "Expect: 100-continue"))
				if got := c.answer(); got.status != 100 {
					t.Fatalf("answer %d", got.status)
				}
			}
			f.send(t, look()).wantCode(t, "TG.6003")
			if got := f.metrics.cutOffs()[0].Cause; got != map[bool]string{false: "caller", true: "all"}[tt.alone] && !tt.alone {
				t.Errorf("cut off for the share of %q", got)
			}
			if tt.alone {
				return
			}
			f.listener.Caller = ""
			if got := f.call(t, signedPay()); got.status != 200 {
				t.Errorf("another caller: answer %d %s", got.status, got.body)
			}
		})
	}
}

// One caller cannot take all connections to an upstream: its further calls wait for its own, and another caller's are sent.
func TestOneCallerLeavesConnections(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	f := start(t, transport(func(r *upstream.Request) (*upstream.Response, error) {
		if r.Method == "GET" {
			arrived <- struct{}{}
			<-release
		}
		return &upstream.Response{Status: 200, Body: http.NoBody}, nil
	}), func(f *fixture) { f.upstream["bss"].MaxConns = 4 })
	slow := func() signed { return signed{caller: customerCaller, method: "GET", target: readTarget} }
	var calls []*raw
	for range 3 {
		c := f.dial(t)
		c.write(slow().text(t))
		calls = append(calls, c)
		<-arrived
	}
	f.upstream["bss"].Timeout = 100 * time.Millisecond // of the next calls
	f.call(t, slow()).wantCode(t, "TG.7003")
	if got := f.metrics.cutOffs(); len(got) != 1 || got[0] != (gateway.CutOff{Setting: "upstream.max_connections", Cause: "caller"}) {
		t.Errorf("cut off: %v", got)
	}
	another := signedPay()
	another.caller, another.signHeader = bothCaller, []string{"Tollgate-Credential: acme"}
	if got := f.call(t, another); got.code() != "" {
		t.Errorf("another caller: answer %d %s", got.status, got.body)
	}
	close(release)
	for _, c := range calls {
		if got := c.answer(); got.code() != "" {
			t.Errorf("a call that was sent: answer %d %s", got.status, got.body)
		}
	}
	f.waitForCalls(t)
	if got := f.call(t, signedPay()); got.code() != "" {
		t.Errorf("places are not given back: answer %d %s", got.status, got.body)
	}
}
