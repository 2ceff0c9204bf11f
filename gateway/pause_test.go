package gateway_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/audit/logfile"
	"tollgate/internal/secret"
)

// rejection is what the provider's gateway answers when it does not let a call through.
func rejection(code, text string, header ...string) string {
	return jsonAnswer(401, `{"error_code":"`+code+`","error_msg":"Incorrect IAM authentication information: `+text+`"}`, header...)
}

// More than five rejected signatures lock an access key at the provider. The first one stops a credential that was not accepted
// lately; its caller has nothing to do with the key, and learns that.
func TestFirstRejectionPausesTheCredential(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		pauses bool
	}{
		"wrong signature":       {rejection("APIG.0301", "verify aksk signature fail"), true},
		"unknown key":           {rejection("APIGW.0301", "ak AKOLD not exist"), true},
		"bad token":             {rejection("APIG.0301", "decrypt token fail"), true},
		"locked key":            {rejection("APIG.0301", "AK access failed to reach the limit,forbidden"), true},
		"nested":                {jsonAnswer(401, `{"error":{"code":"APIGW.0301","message":"Unauthorized"}}`), true},
		"text":                  {"HTTP/1.1 401 x\r\nContent-Type: text/html\r\nContent-Length: 26\r\n\r\n<h1>APIGW.0301 no key</h1>", true},
		"too large to be held":  {rejection("APIG.0301", "verify aksk signature fail, canonicalRequest:"+strings.Repeat("x", 100<<10)), true},
		"arrears":               {rejection("APIG.0301", "account is in arrears"), false},
		"frozen":                {rejection("APIG.0301", "account is frozen, canonicalRequest:verify aksk signature fail"), false},
		"limit":                 {jsonAnswer(429, `{"error_code":"APIG.0308","error_msg":"The throttling threshold has been reached"}`), false},
		"text in a success":     {jsonAnswer(200, `{"error_code":"APIG.0301","error_msg":"verify aksk signature fail"}`), false},
		"of the billing system": {jsonAnswer(403, `{"error_code":"CBC.0151","error_msg":"verify aksk signature fail"}`), false},
		"another 401":           {jsonAnswer(401, `{"error_code":"APIG.0305","error_msg":"verify aksk signature fail"}`), false},
		"server error":          {jsonAnswer(500, `{}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, answering(tt.answer))
			first := f.send(t, pay())
			if !tt.pauses && first.code() != "" {
				t.Fatalf("the first answer is not the upstream's: %s", first.body)
			}
			if tt.pauses {
				first.wantRejected(t, "TG.6004", f.log.only(t, logfile.KindOutcome))
			}
			for range 6 {
				got := f.send(t, look())
				if !tt.pauses {
					if got.code() != "" {
						t.Fatalf("answer %d %s, want the upstream's", got.status, got.body)
					}
					continue
				}
				got.wantCode(t, "TG.6004")
				if got.header.Get("Retry-After") == "" {
					t.Error("no Retry-After: the call was certainly not sent")
				}
			}
			if sent := f.history.count("upstream first byte"); tt.pauses && sent != 1 || !tt.pauses && sent != 7 {
				t.Errorf("%d calls were sent", sent)
			}
			if _, paused := f.credentials["acme"].Paused(); paused != tt.pauses {
				t.Errorf("paused: %v, want %v", paused, tt.pauses)
			}
			outcomes := f.log.of(logfile.KindOutcome)
			if last := outcomes[len(outcomes)-1]; tt.pauses && (last.Outcome != logfile.NotSent || last.Reason != "credential_paused") {
				t.Errorf("outcome %q for %q", last.Outcome, last.Reason)
			}
			if got := f.send(t, plain("GET", "/echo/x", "")); tt.pauses && !strings.Contains(got.body, "sent and not executed") {
				t.Errorf("another credential is paused, too: %s", got.body)
			}
		})
	}
}

// wantRejected checks the answer to a call that was sent and rejected, and its record.
func (r *reply) wantRejected(t *testing.T, code string, outcome logfile.Record) {
	t.Helper()
	r.wantCode(t, code)
	if code == "TG.6004" && (!strings.Contains(r.body, "this gateway's cloud key, not yours") || r.header.Get("Retry-After") == "") {
		t.Errorf("the answer is %v %s", r.header, r.body)
	}
	if outcome.Outcome != logfile.Failed || outcome.Status != 401 || !strings.Contains(outcome.ErrorCode, ".030") || outcome.Result != "failure" ||
		outcome.Reason == "" || outcome.Detail != r.problem(t).Detail || outcome.AnswerBytes == 0 {
		t.Errorf("on record: %+v", outcome)
	}
}

// A key that was just accepted is paused for the caller of the rejected call only; the next rejection pauses it for all.
func TestRejectionAfterAcceptancePausesOneCaller(t *testing.T) {
	f := start(t)
	look := func(caller string) *reply {
		return f.call(t, signed{caller: caller, method: "GET", target: readTarget, signHeader: []string{"Tollgate-Credential: acme"}})
	}
	f.origin.set(saying(okAnswer), nil)
	if got := look(customerCaller); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	f.origin.set(saying(rejection("APIG.0301", "verify aksk signature fail")), nil)
	look(customerCaller).wantCode(t, "TG.6004")
	look(customerCaller).wantCode(t, "TG.6004")
	if sent := f.history.count("upstream first byte"); sent != 2 {
		t.Errorf("%d calls were sent, want 2", sent)
	}
	look(bothCaller).wantCode(t, "TG.6004")
	look(bothCaller).wantCode(t, "TG.6004")
	if sent := f.history.count("upstream first byte"); sent != 3 {
		t.Errorf("%d calls were sent, want 3", sent)
	}
	var got []string
	for _, p := range f.credentials["acme"].Pauses() {
		got = append(got, p.Caller)
	}
	if want := []string{"", customerCaller}; !slices.Equal(got, want) {
		t.Errorf("paused for %q, want %q", got, want)
	}
	for _, whom := range []string{customerCaller, "all callers"} {
		if n := len(f.logs.FilterMessageSnippet("it is paused").FilterField(zap.String("paused_for", whom)).All()); n != 1 {
			t.Errorf("%d log lines about %s", n, whom)
		}
	}
}

// A date that the provider does not take pauses nothing; the answer, the record and the log name both times.
func TestRejectedDate(t *testing.T) {
	const theirs = "Sat, 27 May 2023 02:06:08 GMT"
	for name, tt := range map[string]struct{ answer, signed, server string }{
		"both said": {rejection("APIG.0303", "signature expired, signature time:20230527T000431Z,server time:20230527T020608Z"), "20230527T000431Z", "20230527T020608Z"},
		"as 0301":   {rejection("APIGW.0301", "calc ak sk signature fail:signature expired", "Date: "+theirs), "", "20230527T020608Z"},
		"no time":   {rejection("APIGW.0301", "signature expired"), "", "not said"},
	} {
		f := start(t, fixed, answering(tt.answer))
		before := time.Now().Add(-time.Second)
		for _, request := range []string{pay(), look()} {
			got := f.send(t, request)
			outcomes := f.log.of(logfile.KindOutcome)
			got.wantRejected(t, "TG.6008", outcomes[len(outcomes)-1])
			var at, server string
			if _, err := fmt.Sscanf(got.problem(t).Detail[strings.Index(got.problem(t).Detail, "("):], "(signature time %16s, server time %16s", &at, &server); err != nil {
				t.Fatalf("%s: %v in %s", name, err, got.body)
			}
			if date, err := time.Parse("20060102T150405Z", at); tt.signed != "" && at != tt.signed || tt.signed == "" && (err != nil || date.Before(before)) {
				t.Errorf("%s: signature time %s", name, at)
			}
			if !strings.Contains(got.body, "server time "+tt.server) {
				t.Errorf("%s: %s", name, got.body)
			}
		}
		if got := f.credentials["acme"].Pauses(); len(got) > 0 {
			t.Errorf("%s: paused %v", name, got)
		}
		if n := f.logs.FilterMessageSnippet("clock").FilterField(zap.String("server_time", tt.server)).Len(); n != 2 {
			t.Errorf("%s: %d log lines", name, n)
		}
		if skew, known := f.upstream["bss"].Skew.Estimate(); known != (name == "both said") || known && skew < time.Hour {
			t.Errorf("%s: skew %v, %v", name, skew, known)
		}
	}
}

// The skew of an upstream's clock comes from its successes, and not from what caches kept.
func TestSkewOfAnUpstream(t *testing.T) {
	behind := time.Now().Add(-10 * time.Minute).UTC().Format(http.TimeFormat)
	for name, tt := range map[string]struct {
		answer string
		known  bool
	}{
		"success":     {jsonAnswer(200, "{}", "Date: "+behind), true},
		"no content":  {"HTTP/1.1 204 No Content\r\nDate: " + behind + "\r\n\r\n", true},
		"cached":      {jsonAnswer(200, "{}", "Date: "+behind, "Age: 600"), false},
		"two dates":   {jsonAnswer(200, "{}", "Date: "+behind, "Date: "+behind), false},
		"no date":     {jsonAnswer(200, "{}", "Date: yesterday"), false},
		"none":        {jsonAnswer(200, "{}"), false},
		"a failure":   {jsonAnswer(400, "{}", "Date: "+behind), false},
		"a rejection": {rejection("APIG.0301", "no", "Date: "+behind), false},
		"a redirect":  {"HTTP/1.1 302 Found\r\nDate: " + behind + "\r\nContent-Length: 0\r\n\r\n", false},
	} {
		f := start(t, fixed, answering(tt.answer))
		f.send(t, look())
		skew, known := f.upstream["bss"].Skew.Estimate()
		if known != tt.known || known && (skew-10*time.Minute).Abs() > 5*time.Second {
			t.Errorf("%s: skew %v, %v", name, skew, known)
		}
	}
	f := start(t, fixed, answering(jsonAnswer(200, "{}", "Date: "+behind)))
	f.send(t, plain("GET", "/app/x", ""))
	if _, known := f.upstream["app"].Skew.Estimate(); known {
		t.Error("the clock of an unsigned upstream is compared")
	}
}

// A temporary key brings its token along, signed; a permanent one does not.
func TestSecurityTokenIsSigned(t *testing.T) {
	f := start(t, fixed, func(f *fixture) { f.credentials = credentials(t, secret.New(securityToken)) })
	f.send(t, look())
	a := f.origin.only(t)
	if a.value("X-Security-Token") != securityToken {
		t.Errorf("X-Security-Token %q", a.value("X-Security-Token"))
	}
	a.checkSignature(t, "acme")
}
