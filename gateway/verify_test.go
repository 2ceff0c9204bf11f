package gateway_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/ratelimit"
	"tollgate/replay"
	"tollgate/signing"
)

func replacing(from, to string) func(string) string {
	return func(text string) string { return strings.Replace(text, from, to, 1) }
}

func goodCall() signed {
	return signed{
		caller: partnerCaller, method: "POST", target: "/echo/a/b?x=1&y=2", body: `{"a":1}`,
		signHeader: []string{"Content-Type: application/json", "X-Project: 7"},
	}
}

// A signature covers method, path, query, signed headers and body. Whatever of them is changed on the way, the call is
// refused, and it is not yet a caller's: records say who was claimed.
func TestEachSignedPartIsVerified(t *testing.T) {
	tests := []struct {
		name string
		call func(*signed)
		code string // empty: taken
	}{
		{"nothing changed", func(*signed) {}, ""},
		{"host not signed", func(s *signed) { s.withoutHost = true }, ""},
		{"header that is not signed added", func(s *signed) { s.header = []string{"X-Other: 1"} }, ""},
		{"path", func(s *signed) { s.tamper = replacing("/echo/a/b", "/echo/a/c") }, "TG.2006"},
		{"path, escaped otherwise", func(s *signed) { s.tamper = replacing("/echo/a/b", "/echo/%61/b") }, ""},
		{"query", func(s *signed) { s.tamper = replacing("x=1", "x=2") }, "TG.2006"},
		{"query, in another order", func(s *signed) { s.tamper = replacing("x=1&y=2", "y=2&x=1") }, ""},
		{"query added", func(s *signed) { s.tamper = replacing("y=2", "y=2&z=3") }, "TG.2006"},
		{"query removed", func(s *signed) { s.tamper = replacing("?x=1&y=2", "") }, "TG.2006"},
		{"body", func(s *signed) { s.tamper = replacing(`{"a":1}`, `{"a":2}`) }, "TG.2006"},
		{"signed header", func(s *signed) { s.tamper = replacing("X-Project: 7", "X-Project: 8") }, "TG.2006"},
		{"signed header removed", func(s *signed) { s.tamper = replacing("X-Project: 7\r\n", "") }, "TG.2006"},
		{"signed header twice", func(s *signed) { s.header = []string{"X-Project: 7"} }, "TG.2006"},
		{"signed host", func(s *signed) { s.tamper = replacing("Host: gateway.test", "Host: localhost") }, "TG.2006"},
		{"signed host, port added", func(s *signed) { s.tamper = replacing("Host: gateway.test", "Host: gateway.test:80") }, "TG.2006"},
		{"date", func(s *signed) {
			now := time.Now()
			s.date = now
			s.tamper = replacing(signing.FormatDate(now), signing.FormatDate(now.Add(time.Minute)))
		}, "TG.2006"},
		{"signature", func(s *signed) {
			s.authenticate = func(a string) string {
				last := a[len(a)-1]
				return a[:len(a)-1] + string("10"[btoi(last == '1')])
			}
		}, "TG.2006"},
		{"signature in upper case", func(s *signed) {
			s.authenticate = func(a string) string {
				head, signature, _ := strings.Cut(a, "Signature=")
				return head + "Signature=" + strings.ToUpper(signature)
			}
		}, "TG.2002"},
		{"list of signed headers shortened", func(s *signed) { s.authenticate = replacing("content-type;", "") }, "TG.2006"},
		{"another secret", func(s *signed) { s.secret = "some other secret 0123456" }, "TG.2006"},
		{"another caller's key", func(s *signed) { s.authenticate = replacing(accessKeyOf(partnerCaller), accessKeyOf(customerCaller)) }, "TG.2006"},
		{"unknown key", func(s *signed) { s.authenticate = replacing(accessKeyOf(partnerCaller), "TG-absent") }, "TG.2004"},
		{"derived scheme", func(s *signed) { s.authenticate = replacing("SDK-HMAC-SHA256", "V11-HMAC-SHA256") }, "TG.2003"},
		{"other scheme", func(s *signed) { s.authenticate = func(string) string { return "Bearer x" } }, "TG.2003"},
		{"no parameters", func(s *signed) { s.authenticate = func(string) string { return "SDK-HMAC-SHA256" } }, "TG.2002"},
		{"no Authorization", func(s *signed) { s.tamper = func(x string) string { return withoutLine(x, "Authorization: ") } }, "TG.2001"},
		{"two Authorizations", func(s *signed) { s.header = []string{"Authorization: Basic x"} }, "TG.2002"},
		{"no date", func(s *signed) { s.tamper = func(x string) string { return withoutLine(x, "X-Sdk-Date: ") } }, "TG.2005"},
		{"two dates", func(s *signed) { s.header = []string{"X-Sdk-Date: " + signing.FormatDate(time.Now())} }, "TG.2005"},
		{"date too old", func(s *signed) { s.date = time.Now().Add(-16 * time.Minute) }, "TG.2005"},
		{"date too new", func(s *signed) { s.date = time.Now().Add(16 * time.Minute) }, "TG.2005"},
		{"date just inside", func(s *signed) { s.date = time.Now().Add(-14 * time.Minute) }, ""},
		{"hash of another body", func(s *signed) { s.payloadHash = signing.EmptyHash }, "TG.2006"},
		{"stated hash", func(s *signed) {
			s.signHeader = append(s.signHeader, "X-Sdk-Content-Sha256: "+signing.HashHex([]byte(s.body)))
		}, ""},
		{"stated hash of another body", func(s *signed) {
			s.payloadHash = signing.EmptyHash
			s.signHeader = append(s.signHeader, "X-Sdk-Content-Sha256: "+signing.EmptyHash)
		}, "TG.2006"},
		{"unsigned payload", unsignedBody, ""},
		{"unsigned payload that is not signed to be", func(s *signed) {
			s.payloadHash = signing.UnsignedPayload
			s.header = []string{"X-Sdk-Content-Sha256: " + signing.UnsignedPayload}
		}, "TG.2006"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t)
			call := goodCall()
			tt.call(&call)
			got := f.call(t, call)
			if tt.code == "" {
				if r := f.log.only(t, logfile.KindIntent); got.status != 200 || r.Caller != partnerCaller || r.IdentifiedBy != "access_key" || r.ClaimedCaller != "" {
					t.Errorf("answer %d %s, recorded %q by %q", got.status, got.body, r.Caller, r.IdentifiedBy)
				}
				f.origin.only(t)
				return
			}
			got.wantCode(t, tt.code)
			f.origin.none(t)
			r := f.log.only(t, logfile.KindRefusal)
			if r.Caller != "" || r.IdentifiedBy != "" || r.Credential != "" {
				t.Errorf("a claim counted before it was verified: %+v", r)
			}
			if tt.code == "TG.2006" && r.ClaimedCaller == "" {
				t.Error("the record does not say who was claimed")
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func unsignedBody(s *signed) {
	s.payloadHash = signing.UnsignedPayload
	s.signHeader = append(s.signHeader, "X-Sdk-Content-Sha256: "+signing.UnsignedPayload)
}

func withoutLine(text, prefix string) string {
	before, rest, _ := strings.Cut(text, prefix)
	_, after, _ := strings.Cut(rest, "\r\n")
	return before + after
}

// What changes something needs a signed body, and what the gateway sends is signed over the real one in any case.
func TestUnsignedPayloadIsForReadsOnly(t *testing.T) {
	f := start(t)
	spend := signed{caller: customerCaller, method: "POST", target: payTarget, body: payBody}
	unsignedBody(&spend)
	got := f.call(t, spend)
	got.wantCode(t, "TG.2009")
	if !strings.Contains(got.problem(t).Detail, "PHP SDK cannot sign bodies") {
		t.Errorf("detail %q", got.problem(t).Detail)
	}
	withBody := signed{caller: partnerCaller, method: "DELETE", target: "/change/x", body: "x"}
	unsignedBody(&withBody)
	f.call(t, withBody).wantCode(t, "TG.2009")
	put := signed{caller: partnerCaller, method: "PUT", target: "/change/x"}
	unsignedBody(&put)
	f.call(t, put).wantCode(t, "TG.2009")
	f.origin.none(t)
	drop := signed{caller: customerCaller, method: "DELETE", target: "/v2/orders/subscriptions/resources/autorenew/r-1"}
	unsignedBody(&drop)
	deleted := start(t)
	if got := deleted.call(t, drop); got.status != 200 { // there is no body to cover
		t.Errorf("DELETE: answer %d %s", got.status, got.body)
	}
	read := goodCall()
	unsignedBody(&read)
	if got := f.call(t, read); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	a := f.origin.only(t)
	a.checkSignature(t, "partner-main")
	if a.values("X-Sdk-Content-Sha256") != nil {
		t.Error("UNSIGNED-PAYLOAD was passed on")
	}
}

// The name of a credential chooses whose money moves. Where a signature says who calls, it must cover that name: otherwise
// one who stands in between could choose another of the caller's accounts.
func TestChosenCredentialMustBeSigned(t *testing.T) {
	const name = "Tollgate-Credential: acme"
	choice := signed{caller: bothCaller, method: "GET", target: "/v2/orders/customer-orders"}
	choice.signHeader = []string{name}
	taken, added, changed := start(t), start(t), start(t)
	if got := taken.call(t, choice); got.status != 200 {
		t.Fatalf("signed: answer %d %s", got.status, got.body)
	}
	if a := taken.origin.only(t); a.upstreamAccessKey(t) != upstreamKeyOf("acme") {
		t.Errorf("upstream got %q", a)
	}

	unsigned := choice
	unsigned.signHeader, unsigned.header = nil, []string{name}
	got := added.call(t, unsigned)
	got.wantCode(t, "TG.2006")
	if detail := got.problem(t).Detail; !strings.Contains(detail, "Tollgate-Credential") {
		t.Errorf("detail %q does not say what to sign", detail)
	}
	added.origin.none(t)

	choice.tamper = replacing(name, "Tollgate-Credential: partner-main")
	changed.call(t, choice).wantCode(t, "TG.2006")
	changed.origin.none(t)
}

// Which way and how far a date is off is said, which distinguishes a wrong clock from a slow queue.
func TestSkewIsReported(t *testing.T) {
	f := start(t)
	for off, want := range map[time.Duration]string{-time.Hour: "1h0m", time.Hour: "ahead"} {
		call := goodCall()
		call.date = time.Now().Add(off)
		got := f.call(t, call)
		got.wantCode(t, "TG.2005")
		if detail := got.problem(t).Detail; !strings.Contains(detail, want) {
			t.Errorf("detail %q does not contain %q", detail, want)
		}
	}
}

// A claim identifies no caller before it is verified: what the claimed caller may do makes no difference to how the call
// is refused.
func TestNoGrantIsLookedAtBeforeVerifying(t *testing.T) {
	for _, caller := range []string{partnerCaller, customerCaller} {
		f := start(t)
		call := signed{caller: caller, method: "POST", target: payTarget, body: payBody, secret: "some other secret 0123456"}
		f.call(t, call).wantCode(t, "TG.2006")
		r := f.log.only(t, logfile.KindRefusal)
		if r.ClaimedCaller != caller || r.Caller != "" || r.Credential != "" || r.Decision != logfile.Refused {
			t.Errorf("refusal %+v", r)
		}
	}
}

// A signature beside another identity is verified, too, and must be of the same caller.
func TestSignatureBesideAnotherIdentity(t *testing.T) {
	tests := []struct {
		name, listener, code string
		call                 func(*signed)
	}{
		{"same caller", partnerCaller, "", func(*signed) {}},
		{"same caller, wrong signature", partnerCaller, "TG.2006", func(s *signed) { s.secret = "some other secret 0123456" }},
		{"another caller", customerCaller, "TG.2007", func(*signed) {}},
		{"another caller, wrong signature", customerCaller, "TG.2007", func(s *signed) { s.secret = "some other secret 0123456" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, func(f *fixture) { f.listener.Caller = tt.listener })
			call := goodCall()
			tt.call(&call)
			got := f.call(t, call)
			if tt.code == "" {
				f.origin.only(t)
				return
			}
			got.wantCode(t, tt.code)
			f.origin.none(t)
			if r := f.log.only(t, logfile.KindRefusal); r.Caller != tt.listener || r.ClaimedCaller != partnerCaller {
				t.Errorf("recorded as of %q, claimed %q", r.Caller, r.ClaimedCaller)
			}
		})
	}
}

func signedPay() signed {
	return signed{caller: customerCaller, method: "POST", target: payTarget, body: payBody}
}

// The signature of what changes something is taken once; that of a read as often as it comes.
func TestReplay(t *testing.T) {
	f := start(t)
	spend := signedPay().text(t)
	if got := f.send(t, spend); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	for range 3 {
		f.send(t, spend).wantCode(t, "TG.4003")
	}
	f.origin.only(t)
	if r := f.log.of(logfile.KindRefusal); len(r) != 3 || r[0].Caller != customerCaller {
		t.Errorf("refusals %+v", r)
	}
	if r := f.log.only(t, logfile.KindIntent); r.SignatureHash == "" || r.SignatureDate.IsZero() {
		t.Error("the intent does not carry what refills the memory after a restart")
	}
	read := signed{caller: customerCaller, method: "GET", target: readTarget}.text(t)
	for range 2 {
		if got := f.send(t, read); got.status != 200 {
			t.Errorf("answer %d %s", got.status, got.body)
		}
	}
}

// Of many copies that come at once one is taken.
func TestConcurrentReplay(t *testing.T) {
	f := start(t)
	spend := signedPay().text(t)
	var together sync.WaitGroup
	for range 16 {
		together.Go(func() {
			if got := f.exchange(t, spend); got == nil || got.status != 200 && got.status != 409 {
				t.Errorf("answer %+v", got)
			}
		})
	}
	together.Wait()
	f.origin.only(t)
	if n := len(f.log.of(logfile.KindRefusal)); n != 15 {
		t.Errorf("%d copies were refused, want 15", n)
	}
}

// A memory that is full takes no further call that changes something.
func TestFullReplayMemory(t *testing.T) {
	f := start(t, func(f *fixture) { f.config.Replay = replay.New(1) })
	f.send(t, signedPay().text(t))
	second := signedPay()
	second.body = `{"order_id":"CS-2"}`
	f.call(t, second).wantCode(t, "TG.6005")
	f.origin.only(t)
}

// A date that ran out while the call waited is refused: its signature may not be remembered any more.
func TestDateRunsOutInTheQueue(t *testing.T) {
	now := time.Now()
	clock := make(chan time.Time, 2)
	clock <- now                       // the call begins
	clock <- now.Add(20 * time.Minute) // and has waited
	f := start(t, func(f *fixture) {
		f.config.Now = func() time.Time {
			select {
			case at := <-clock:
				return at
			default:
				return now.Add(20 * time.Minute)
			}
		}
	})
	call := signedPay()
	call.date = now
	f.call(t, call).wantCode(t, "TG.2005")
	f.origin.none(t)
}

// A refused call has not used its signature up.
func TestRefusedCallsAreNotMarked(t *testing.T) {
	f := start(t, func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{{Name: "r", Rate: ratelimit.MinPerSecond, Burst: 1}}}))
	})
	if got := f.call(t, signed{caller: customerCaller, method: "GET", target: readTarget}); got.status != 200 {
		t.Fatalf("answer %d", got.status)
	}
	f.send(t, signedPay().text(t)).wantCode(t, "TG.5001")
	if n := f.config.Replay.(*replay.Memory).Len(); n != 0 {
		t.Errorf("%d signatures are remembered, want none", n)
	}
}

// Only failed authentications count against an address, and those of no caller whose listener vouches for it.
func TestFailedAuthenticationsAreLimitedByAddress(t *testing.T) {
	few := func(f *fixture) {
		f.config.Sources = must(ratelimit.NewSources(ratelimit.Unauthenticated{Rate: ratelimit.MinPerSecond, Burst: 3, Sources: 10}))
	}
	good := goodCall()
	wrong := func(change func(*signed)) string {
		s := goodCall()
		change(&s)
		return s.text(t)
	}
	tests := []struct {
		name, request string
		fixed         string
		limited       bool
	}{
		{"no identity", post(""), "", true},
		{"wrong signature", wrong(func(s *signed) { s.secret = "some other secret 0123456" }), "", true},
		{"unknown key", wrong(func(s *signed) { s.authenticate = replacing(accessKeyOf(partnerCaller), "TG-absent") }), "", true},
		{"unknown path", wrong(func(s *signed) { s.target = "/nothing" }), "", false},
		{"body too large", wrong(func(s *signed) { s.body = strings.Repeat("x", 1001) }), "", false},
		{"wrong host", strings.Replace(post(""), "gateway.test", "other.test", 1), "", false},
		{"wrong signature where the listener says who calls", wrong(func(s *signed) { s.secret = "some other secret 0123456" }), partnerCaller, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, few, bounded(func(b *config.Bounds) { b.Body = 1000 }), func(f *fixture) { f.listener.Caller = tt.fixed })
			for range 4 {
				f.send(t, tt.request)
			}
			if tt.fixed == "" {
				got := f.send(t, post(""))
				if limited := got.code() == "TG.5002"; limited != tt.limited {
					t.Errorf("after four failures, another peer: answer %d %s", got.status, got.body)
				}
				if tt.limited && got.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
			if got := f.call(t, good); got.status != 200 { // a neighbour's failures do not lock a caller out
				t.Errorf("after four failures, a caller: answer %d %s", got.status, got.body)
			}
		})
	}
}
