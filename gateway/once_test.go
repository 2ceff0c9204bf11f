package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/gateway"
	"tollgate/http1"
	"tollgate/upstream"
)

// Invariant 7: the gateway sends each call once, whatever its outcome, and knows afterwards what it knows.

// Calls with each method, towards both kinds of upstream; keys that make net/http repeat a call are among their headers.
var onceCalls = []struct {
	name, request string
	changes       bool
}{
	{"GET", look(), false},
	{"PUT", plain("PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-1001"}`), true},
	{"POST", pay(), true},
	{"POST without a body", plain("POST", "/v2/orders/subscriptions/resources/autorenew/r-1", ""), true},
	{"DELETE", plain("DELETE", "/v2/orders/subscriptions/resources/autorenew/r-1", ""), true},
	{"GET of an app", plain("GET", "/app/x", "", "Idempotency-Key: k", "X-Idempotency-Key: k"), false},
	{"POST to an app", plain("POST", "/change/x", "x", "Idempotency-Key: k", "X-Idempotency-Key: k"), true},
	{"HEAD of an app", plain("HEAD", "/app/x", ""), false},
	{"OPTIONS of an app", plain("OPTIONS", "/change/x", "", "X-Idempotency-Key: k"), true},
}

// fate is what an upstream does with a call.
type fate struct {
	name    string
	answer  func(net.Conn, *arrival) bool
	early   func(net.Conn, *arrival) bool
	code    string // of the gateway's answer; empty: the upstream's is passed on
	outcome string
}

func breaking(text string) func(net.Conn, *arrival) bool {
	return func(c net.Conn, _ *arrival) bool {
		_, _ = io.WriteString(c, text)
		return false
	}
}

func fates() []fate {
	resetting := func(c net.Conn, _ *arrival) bool { reset(c); return false }
	cut := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	return []fate{
		{name: "drops in the header", early: breaking(""), code: "TG.7002", outcome: logfile.Unknown},
		{name: "resets in the header", early: resetting, code: "TG.7002", outcome: logfile.Unknown},
		{name: "drops after the call", answer: breaking(""), code: "TG.7002", outcome: logfile.Unknown},
		{name: "resets after the call", answer: resetting, code: "TG.7002", outcome: logfile.Unknown},
		{name: "drops in the status", answer: breaking("HTTP/1.1 20"), code: "TG.7002", outcome: logfile.Unknown},
		{name: "drops in the answer's header", answer: breaking(cut), code: "TG.7002", outcome: logfile.Unknown},
		{name: "answers nonsense", answer: breaking("220 mail ready\r\n\r\n"), code: "TG.7002", outcome: logfile.Unknown},
		{name: "a status below 100", answer: breaking("HTTP/1.1 000 x\r\nContent-Length: 0\r\n\r\n"), code: "TG.7002", outcome: logfile.Unknown},
		{name: "switches protocols", answer: breaking("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), code: "TG.7002", outcome: logfile.Unknown},
		{name: "says to try later", answer: saying(jsonAnswer(429, `{"error_code":"APIG.0308"}`, "Retry-After: 1")), outcome: logfile.Failed},
		{name: "sends hints first", answer: saying("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + okAnswer), outcome: logfile.Succeeded},
		{name: "answers", answer: saying(okAnswer), outcome: logfile.Succeeded},
	}
}

func TestEachCallIsSentOnce(t *testing.T) {
	for _, c := range onceCalls {
		for _, fate := range fates() {
			t.Run(c.name+"/"+fate.name, func(t *testing.T) {
				f := start(t, fixed)
				if fate.answer != nil {
					f.origin.answer = fate.answer
				}
				f.origin.early = fate.early
				f.wantFate(t, c.request, fate, 1)
			})
		}
	}
}

// A redirect of a signed upstream is never passed on, whatever its status: who follows it has the call signed and sent again. It
// may have come from before the billing system or from behind it, so a payment's outcome is unknown. It proves no key.
func TestRedirectsAreNotPassedOn(t *testing.T) {
	for status := 300; status < 400; status++ {
		if status > 308 && status < 399 {
			continue
		}
		answer := fmt.Sprintf("HTTP/1.1 %d Elsewhere\r\nLocation: /elsewhere\r\nRetry-After: 1\r\nX-Request-Id: req-1\r\nContent-Length: 0\r\n\r\n", status)
		for _, c := range []struct {
			name, request, code, outcome string
		}{
			{"read", look(), "TG.7005", logfile.Failed}, {"spend", pay(), "TG.7002", logfile.Unknown},
			{"write", plain("PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-1001"}`), "TG.7002", logfile.Unknown},
			{"declared", plain("GET", "/echo/x", ""), "TG.7005", logfile.Failed},
		} {
			t.Run(fmt.Sprint(c.name, status), func(t *testing.T) {
				f := start(t, fixed, answering(answer))
				got := f.wantFate(t, c.request, fate{code: c.code, outcome: c.outcome}, 1)
				if got.status != 502 || got.header.Get("Location") != "" || got.header.Get("Retry-After") != "" {
					t.Errorf("answer %d %v", got.status, got.header)
				}
				if r := f.log.only(t, logfile.KindOutcome); r.Status != status || r.RequestID != "req-1" || !strings.Contains(r.Detail, "redirect") {
					t.Errorf("record %+v", r)
				}
			})
		}
		t.Run(fmt.Sprint("unsigned", status), func(t *testing.T) {
			f := start(t, fixed, answering(answer))
			if got := f.send(t, plain("GET", "/app/x", "")); got.status != status || got.header.Get("Location") != "/elsewhere" {
				t.Errorf("an internal app's redirect came as %d %v", got.status, got.header)
			}
		})
	}
}

// A redirect proves no key: it may come from before the check of signatures. So keys stay on trial, four calls at a time.
func TestRedirectsProveNoKey(t *testing.T) {
	for answer, proven := range map[string]bool{"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n": false, okAnswer: true} {
		f := start(t, fixed, answering(answer))
		f.send(t, look())
		permit := must(f.credentials["acme"].Permit(catalog.Operations("cn")[slices.IndexFunc(catalog.Operations("cn"), func(o *catalog.Operation) bool { return o.Name == "PayOrders" })]))
		ended, end := context.WithCancel(t.Context())
		end()
		leases := 0
		for range 10 {
			if _, err := permit.Lease(ended, "app", time.Now(), time.Now().Add(time.Hour)); err == nil {
				leases++
			}
		}
		if (leases == 10) != proven {
			t.Errorf("after %.20q: %d leases of 10", answer, leases)
		}
	}
}

// wantFate makes a call and checks the number of attempts, the outcome and the answer.
func (f *fixture) wantFate(t *testing.T, request string, fate fate, attempts int) *reply {
	t.Helper()
	got := f.send(t, request)
	if n := f.history.count("upstream first byte"); n != attempts {
		t.Errorf("the upstream was called %d times, want %d", n, attempts)
	}
	outcomes := f.log.of(logfile.KindOutcome)
	if len(outcomes) != attempts {
		t.Fatalf("%d outcomes, want %d", len(outcomes), attempts)
	}
	if r := outcomes[attempts-1]; r.Outcome != fate.outcome {
		t.Errorf("outcome %q (%s), want %q", r.Outcome, r.Detail, fate.outcome)
	}
	if fate.outcome == logfile.Unknown && got.header.Get("Retry-After") != "" {
		t.Error("an unknown outcome invites to repeat: Retry-After is set")
	}
	if fate.code != "" && !strings.HasPrefix(request, "HEAD") {
		got.wantCode(t, fate.code)
	}
	if fate.code == "" && got.code() != "" {
		t.Errorf("answer %d %s, want the upstream's", got.status, got.body)
	}
	return got
}

// net/http repeats some calls that fail on a connection which carried others before. The gateway's are sent once there, too.
func TestEachCallIsSentOnceOnAReusedConnection(t *testing.T) {
	for _, c := range onceCalls {
		for _, name := range []string{"drops in the header", "resets in the header", "drops after the call", "resets after the call"} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				f := start(t, fixed)
				f.send(t, look())
				f.send(t, plain("GET", "/app/first", ""))
				before := f.history.count("upstream first byte")
				for _, fate := range fates() {
					if fate.name != name {
						continue
					}
					if fate.answer != nil {
						f.origin.set(fate.answer, nil)
					} else {
						f.origin.set(saying(okAnswer), fate.early)
					}
					f.wantFate(t, c.request, fate, before+1)
				}
			})
		}
	}
}

// Answers that end before their end. Where something may have changed it is unknown what they would have said.
func TestCutAnswers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	tests := []struct {
		name, answer string
		change, read string // outcome of a spend and of a read call
	}{
		{"in a body with a length", head + "Content-Length: 100\r\n\r\n{", logfile.Unknown, logfile.Unknown},
		{"in a chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a", logfile.Unknown, logfile.Unknown},
		{"between chunks", head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", logfile.Unknown, logfile.Unknown},
		{"in a body without a length", head + "Connection: close\r\n\r\n{\"order_ids\":[\"C", logfile.Unknown, logfile.Succeeded},
		{"not at all, without a length", head + "Connection: close\r\n\r\n{\"order_ids\":[\"CS-1\"]}", logfile.Succeeded, logfile.Succeeded},
	}
	for _, tt := range tests {
		for request, want := range map[string]string{pay(): tt.change, look(): tt.read} {
			t.Run(tt.name+"/"+request[:3], func(t *testing.T) {
				f := start(t, fixed)
				f.origin.answer = breaking(tt.answer)
				fate := fate{outcome: want}
				if want == logfile.Unknown {
					fate.code = "TG.7002"
				}
				f.wantFate(t, request, fate, 1)
			})
		}
	}
}

// Too much of an answer: the call has one answer, and what follows belongs to no call.
func TestAnswersWithSomethingBehind(t *testing.T) {
	for name, answer := range map[string]string{
		"twice": okAnswer + okAnswer, "too long": okAnswer + "rest", "behind no content": "HTTP/1.1 204 No Content\r\n\r\nrest",
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, answering(answer))
			got := f.wantFate(t, pay(), fate{outcome: logfile.Succeeded}, 1)
			if got.body != "{}" && got.status != 204 {
				t.Errorf("answer %d %q", got.status, got.body)
			}
		})
	}
}

// An upstream that answers before it has read the call, and hangs up.
func TestEarlyAnswer(t *testing.T) {
	f := start(t, fixed)
	f.origin.early = breaking(jsonAnswer(413, `{"error_code":"CBC.0100"}`, "Connection: close"))
	body := `{"order_id":"` + strings.Repeat("x", 900_000) + `"}`
	got := f.send(t, plain("POST", "/change/x", body))
	if n := f.history.count("upstream first byte"); n != 1 {
		t.Errorf("the upstream was called %d times", n)
	}
	// Whether the answer or the broken pipe is seen first is chance. Both are recorded as they are.
	switch r := f.log.only(t, logfile.KindOutcome); {
	case got.status == 413 && r.Outcome == logfile.Failed:
	case got.code() == "TG.7002" && r.Outcome == logfile.Unknown:
	default:
		t.Errorf("answer %d %s, outcome %q", got.status, got.body, r.Outcome)
	}
}

// An upstream that never answers. The time that the call has is over once it has arrived there, however slow the machine is.
func TestNoAnswerInTime(t *testing.T) {
	for _, c := range onceCalls[:3] {
		t.Run(c.name, func(t *testing.T) {
			arrived := make(chan struct{})
			f := start(t, fixed, func(f *fixture) {
				bss := f.upstream["bss"]
				bss.Timeout = time.Hour
				inner := bss.Transport
				bss.Transport = transportFunc(func(ctx context.Context, r *upstream.Request) (*upstream.Response, error) {
					if left := time.Until(r.Deadline); left > bss.Timeout || left < bss.Timeout/2 {
						t.Errorf("the call has %v left, want what is left of %v", left, bss.Timeout)
					}
					return inner.Send(overWhen{ctx, arrived}, r)
				})
			})
			release := make(chan struct{})
			f.origin.answer = func(net.Conn, *arrival) bool { close(arrived); <-release; return false }
			defer close(release)
			got := f.wantFate(t, c.request, fate{code: "TG.7004", outcome: logfile.Unknown}, 1)
			if says := strings.Contains(got.problem(t).Detail, "do not repeat"); says != c.changes {
				t.Errorf("detail %q for a call that changes something: %v", got.problem(t).Detail, c.changes)
			}
		})
	}
}

// overWhen is a context whose deadline has passed when a channel is closed.
type overWhen struct {
	context.Context
	passed chan struct{}
}

func (o overWhen) Done() <-chan struct{} { return o.passed }

func (o overWhen) Err() error {
	select {
	case <-o.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// What a transport knows of a failure decides what the caller sees. One that does not know counts as if the call had gone out.
func TestWhatAFailureMeans(t *testing.T) {
	late := context.DeadlineExceeded
	tests := []struct {
		name          string
		err           error
		code, outcome string
	}{
		{"not sent", &upstream.Error{Err: errors.New("refused")}, "TG.7001", logfile.NotSent},
		{"not sent in time", &upstream.Error{Err: late}, "TG.7003", logfile.NotSent},
		{"maybe sent", &upstream.Error{Err: io.ErrUnexpectedEOF, MaybeSent: true}, "TG.7002", logfile.Unknown},
		{"maybe sent in time", &upstream.Error{Err: late, MaybeSent: true}, "TG.7004", logfile.Unknown},
		{"unknown error", errors.New("x"), "TG.7002", logfile.Unknown},
		{"wrapped", fmt.Errorf("x: %w", &upstream.Error{Err: late}), "TG.7003", logfile.NotSent},
		{"panic", nil, "TG.7002", logfile.Unknown},
	}
	for _, tt := range tests {
		for _, request := range []string{pay(), look(), plain("POST", "/change/x", "x")} {
			t.Run(tt.name+"/"+request[:10], func(t *testing.T) {
				f := start(t, fixed, transport(func(*upstream.Request) (*upstream.Response, error) {
					if tt.err == nil {
						panic("SECRET")
					}
					return nil, tt.err
				}))
				got := f.send(t, request)
				got.wantCode(t, tt.code)
				if got.header.Get("Retry-After") != "" {
					t.Error("Retry-After is set")
				}
				if r := f.log.only(t, logfile.KindOutcome); r.Outcome != tt.outcome {
					t.Errorf("outcome %q, want %q", r.Outcome, tt.outcome)
				}
				if refusals := f.log.of(logfile.KindRefusal); len(refusals) != 0 {
					t.Errorf("a call that was intended was also refused: %+v", refusals)
				}
				if strings.Contains(f.written(), "SECRET") {
					t.Error("the value of a panic was written")
				}
			})
		}
	}
}

// transportFunc is a transport that a function makes up.
type transportFunc func(context.Context, *upstream.Request) (*upstream.Response, error)

func (f transportFunc) Send(ctx context.Context, r *upstream.Request) (*upstream.Response, error) {
	return f(ctx, r)
}

// answeringBy is a transport whose answers do not depend on contexts.
func answeringBy(answer func(*upstream.Request) (*upstream.Response, error)) gateway.Transport {
	return transportFunc(func(_ context.Context, r *upstream.Request) (*upstream.Response, error) { return answer(r) })
}

// transport replaces the way to all upstreams.
func transport(answer func(*upstream.Request) (*upstream.Response, error)) adjustment {
	return func(f *fixture) {
		for _, u := range f.upstream {
			u.Transport = answeringBy(answer)
		}
	}
}

// parseAnswer reads an answer as package upstream does, to the request of a method.
func parseAnswer(method, text string) (*upstream.Response, error) {
	r, head, body := new(http1.Reader), http1.ResponseHead{}, new(http1.Body)
	r.Reset(strings.NewReader(text), http1.Limits{Line: 8 << 10, Head: 256 << 10, Fields: 1000})
	r.Lend(make([]byte, 4<<10))
	if err := r.ReadResponseHead(&head, method); err != nil {
		return nil, &upstream.Error{Err: err, MaybeSent: true}
	}
	body.Reset(r, head.Framing)
	response := &upstream.Response{
		Status: head.Status, Header: head.Fields, ContentLength: -1, Body: io.NopCloser(body),
		Chunked: head.Framing.Kind == http1.Chunked, EndsByClose: head.Framing.Kind == http1.UntilClose,
	}
	if head.Framing.Kind == http1.Length || head.Framing.Kind == http1.None {
		response.ContentLength = head.Framing.Length
	}
	if body.Ended() {
		response.Body = http.NoBody
	}
	return response, nil
}

// 5xx answers: a code of the billing system says that it did not act; without one it is unknown.
func TestServerErrors(t *testing.T) {
	tests := []struct {
		name, body string
		spend      string
	}{
		{"code of the billing system", `{"error_code":"CBC.0999","error_msg":"other"}`, logfile.Failed},
		{"code of the gateway before it", `{"error_code":"APIG.0201","error_msg":"backend timeout"}`, logfile.Unknown},
		{"no code", `{"message":"x"}`, logfile.Unknown},
		{"page", `<html>`, logfile.Unknown},
		{"nothing", ``, logfile.Unknown},
		{"two codes", `{"error_code":"CBC.0999","error_code":"CBC.0100"}`, logfile.Unknown},
	}
	for _, tt := range tests {
		for request, want := range map[string]string{pay(): tt.spend, look(): logfile.Failed} {
			t.Run(tt.name+"/"+request[:3], func(t *testing.T) {
				f := start(t, fixed, answering(jsonAnswer(503, tt.body, "Retry-After: 30")))
				got := f.send(t, request)
				if got.status != 503 || got.body != tt.body {
					t.Errorf("answer %d %s, want the upstream's", got.status, got.body)
				}
				if r := f.log.only(t, logfile.KindOutcome); r.Outcome != want {
					t.Errorf("outcome %q, want %q", r.Outcome, want)
				}
				if repeats := got.header.Get("Retry-After") != ""; repeats != (want == logfile.Failed) {
					t.Errorf("Retry-After %q with outcome %s", got.header.Get("Retry-After"), want)
				}
			})
		}
	}
}

// A caller that leaves when the call is under way changes nothing about it.
func TestCallerLeavingDoesNotStopTheCall(t *testing.T) {
	for _, c := range onceCalls[:3] {
		t.Run(c.name, func(t *testing.T) {
			answer := make(chan struct{})
			f := start(t, fixed)
			f.origin.answer = func(c net.Conn, a *arrival) bool {
				<-answer
				return saying(okAnswer)(c, a)
			}
			conn := f.dial(t)
			conn.write(c.request)
			f.history.wait(t, "upstream whole call")
			_ = conn.conn.Close()
			f.history.wait(t, "caller left")
			close(answer)
			f.waitForCalls(t)
			if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Succeeded || r.Status != 200 {
				t.Errorf("outcome %q %d: %s", r.Outcome, r.Status, r.Detail)
			}
			f.origin.only(t)
		})
	}
}

// The same for a caller that leaves while the intent is being written.
func TestCallerLeavingDoesNotStopTheIntent(t *testing.T) {
	proceed := make(chan struct{})
	f := start(t, fixed)
	f.log.intent = func(ctx context.Context, _ *logfile.Record) error {
		<-proceed
		return ctx.Err()
	}
	conn := f.dial(t)
	conn.write(pay())
	f.history.wait(t, "intent begun")
	_ = conn.conn.Close()
	f.history.wait(t, "caller left")
	close(proceed)
	f.waitForCalls(t)
	f.origin.only(t)
	if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Succeeded {
		t.Errorf("outcome %q", r.Outcome)
	}
}

func (f *fixture) waitForCalls(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.gateway.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// Wait returns when its time is over, and a call under way is not cut off by that.
func TestWaitIsBounded(t *testing.T) {
	answer := make(chan struct{})
	f := start(t, fixed)
	f.origin.answer = func(c net.Conn, a *arrival) bool {
		<-answer
		return saying(okAnswer)(c, a)
	}
	conn := f.dial(t)
	conn.write(pay())
	f.history.wait(t, "upstream whole call")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.gateway.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v, want canceled", err)
	}
	close(answer)
	if got := conn.answer(); got.status != 200 {
		t.Errorf("answer %d", got.status)
	}
}
