package gateway_test

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/secret"
	"tollgate/signing"
)

// Invariant 5: what is secret reaches only the upstream that it is meant for. Each test makes the gateway write as
// much as it can (debug logs, records, answers) and looks for the secrets in all of it.

// wantNone looks for secrets in what was written and answered.
func (f *fixture) wantNone(t *testing.T, answers []*reply, secrets ...string) {
	t.Helper()
	written := f.written()
	if !strings.Contains(written, `"kind":`) || f.logs.Len() == 0 {
		t.Fatalf("nothing was written, so nothing is proved: %s", written)
	}
	for _, s := range secrets {
		if strings.Contains(written, s) {
			t.Errorf("%q was written:\n%s", s, written)
		}
		for _, a := range answers {
			if strings.Contains(a.body, s) || strings.Contains(strings.Join(headerValues(a), "\n"), s) {
				t.Errorf("%q was answered: %v %s", s, a.header, a.body)
			}
		}
	}
}

func headerValues(r *reply) (values []string) {
	for _, v := range r.header {
		values = append(values, v...)
	}
	return values
}

// Passwords, codes and identity data in bodies and queries of operations that are marked for them.
func TestSensitiveBodiesAndQueriesAreNotWritten(t *testing.T) {
	body := `{"xaccount_id":"x","password":"Passw0rd-in-body","mobile_phone":"13800000000","name":"Zhang-Identity"}`
	fates := []struct{ name, answer string }{
		{"success", jsonAnswer(200, `{"domain_id":"d"}`)},
		{"failure that quotes", jsonAnswer(400, `{"error_code":"CBC.0100","error_msg":"bad password Passw0rd-in-body of Zhang-Identity"}`)},
		{"drop", ""},
	}
	sensitive := 0
	for _, o := range catalog.Operations("cn") {
		if !o.Sensitive {
			continue
		}
		sensitive++
		for _, fate := range fates {
			t.Run(o.Name+"/"+fate.name, func(t *testing.T) {
				f := start(t, answering(fate.answer))
				if fate.answer == "" {
					f.origin.answer = func(net.Conn, *arrival) bool { return false }
				}
				caller, account := partnerCaller, partnerAccount
				if o.Class == catalog.ClassCustomer {
					caller, account = customerCaller, customerAccount
				}
				call := callOf(o, caller, account)
				if call.body != "" {
					call.body = body
				}
				call.target += "?password=Passw0rd-in-query"
				got := f.call(t, call)
				if f.history.count("upstream whole call") != 1 {
					t.Fatalf("not sent: %d %s", got.status, got.body)
				}
				if hash := f.log.only(t, logfile.KindIntent).BodyHash + f.log.only(t, logfile.KindOutcome).AnswerHash; hash != "" {
					t.Errorf("a hash was written, from which a short code can be searched: %s", hash)
				}
				hidden := []string{"Passw0rd-in-body", "Passw0rd-in-query", "13800000000", "Zhang-Identity", signing.HashHex([]byte(call.body))}
				written := f.written()
				for _, s := range hidden {
					if call.body == "" && s == signing.HashHex(nil) {
						continue // nothing can be found from the hash of nothing
					}
					if strings.Contains(written, s) {
						t.Errorf("%q was written:\n%s", s, written)
					}
				}
			})
		}
	}
	if sensitive == 0 {
		t.Error("the catalog marks no operation")
	}
}

// Queries of other operations are recorded, unless a name in them says that its value is secret.
func TestQueriesThatNameASecretAreNotWritten(t *testing.T) {
	for name, secret := range map[string]bool{
		"password": true, "X-Auth-Token": true, "client_secret": true, "Passwd": true, "X-Amz-Signature": true, "access%5Fkey": true, "SessionId": true, "apiKey": true,
		"customer_id": false, "offset": false, "order_id": false,
	} {
		for _, path := range []string{"/echo/x", "/app/x"} {
			f := start(t, fixed)
			if got := f.send(t, get(path+"?a=1&"+name+"=VALUE-of-it")); got.status != 200 {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			if written := strings.Contains(f.written(), "VALUE-of-it"); written == secret {
				t.Errorf("%s?%s=: written %v, secret %v", path, name, written, secret)
			}
			if r := f.log.only(t, logfile.KindIntent); secret && r.QueryBytes == 0 || r.BodyMAC == "" || r.BodyHash != "" {
				t.Errorf("recorded %d bytes of query and body hashes %q, %q", r.QueryBytes, r.BodyMAC, r.BodyHash)
			}
			if a := f.origin.only(t); !strings.Contains(a.line, "VALUE-of-it") {
				t.Errorf("sent %q", a.line)
			}
		}
	}
}

// The provider's message may quote such a query: it is left out, too.
func TestMessagesThatQuoteASecretAreNotWritten(t *testing.T) {
	for name, secret := range map[string]bool{"password": true, "order_id": false} {
		f := start(t, fixed, answering(jsonAnswer(401, `{"error_code":"APIG.0303","error_msg":"canonicalRequest: GET|/echo/x/|a=VALUE-of-it"}`)))
		f.send(t, get("/echo/x?"+name+"=VALUE-of-it"))
		if r := f.log.only(t, logfile.KindOutcome); strings.Contains(r.ErrorMessage, "VALUE-of-it") == secret || r.ErrorCode != "APIG.0303" {
			t.Errorf("%s: recorded the message %q of %s", name, r.ErrorMessage, r.ErrorCode)
		}
	}
}

// Keys, tokens and signatures, whatever a call's outcome.
func TestKeysAndTokensAreNotWritten(t *testing.T) {
	withTokens := func(f *fixture) { f.credentials = credentials(t, secret.New(securityToken)) }
	quoting := `{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information: verify aksk signature fail, ` +
		`canonicalRequest:GET|/v2/|x-security-token:` + securityToken + `|"}`
	blocked := strings.Replace(quoting, "verify aksk signature fail", "account is frozen", 1)
	fates := []struct {
		name, answer string
		status       int
	}{
		{"success", okAnswer, 200},
		{"rejected signature that quotes the canonical request", jsonAnswer(401, quoting), 503},
		{"frozen account that quotes the canonical request", jsonAnswer(401, blocked), 401},
		{"drop", "", 502},
		{"nonsense that quotes", securityToken + strings.Repeat("x", 4000) + "\r\n\r\n", 502},
	}
	for _, fate := range fates {
		t.Run(fate.name, func(t *testing.T) {
			f := start(t, withTokens, answering(fate.answer))
			if fate.answer == "" {
				f.origin.answer = func(net.Conn, *arrival) bool { return false }
			}
			var authorizations []string
			call := signed{
				caller: customerCaller, method: "GET", target: readTarget, header: []string{"Cookie: session=COOKIE-of-the-caller"},
				authenticate: func(a string) string { authorizations = append(authorizations, signatureIn(t, a)); return a },
			}
			got := f.call(t, call)
			if got.status != fate.status {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			a := f.origin.only(t)
			if a.value("X-Security-Token") != securityToken {
				t.Errorf("the upstream got %q as security token", a.value("X-Security-Token"))
			}
			if a.values("Cookie") != nil {
				t.Error("the caller's Cookie reached the upstream")
			}
			hidden := append(authorizations, signatureIn(t, a.value("Authorization")), securityToken, "COOKIE-of-the-caller")
			for _, sk := range callerSecrets {
				hidden = append(hidden, sk)
			}
			for _, sk := range credentialSecrets {
				hidden = append(hidden, sk)
			}
			f.config.Logger.Info("something, so that the log is not empty")
			f.wantNone(t, []*reply{got}, hidden...)
		})
	}
}

func signatureIn(t testing.TB, authorization string) string {
	t.Helper()
	_, signature, found := strings.Cut(authorization, ", Signature=")
	if !found || len(signature) != 64 {
		t.Fatalf("no signature in %q", authorization)
	}
	return signature
}

// A security token in an error is hidden without changing its length, and elsewhere answers are not touched.
func TestHiddenTokenKeepsTheAnswerWhole(t *testing.T) {
	body := `{"a":"` + securityToken + `","b":"x` + securityToken + `x"}`
	f := start(t, fixed, answering(strings.Replace(jsonAnswer(403, body), "\r\n", "\r\nX-Echo: t="+securityToken+"\r\n", 1)),
		func(f *fixture) { f.credentials = credentials(t, secret.New(securityToken)) })
	got := f.send(t, look())
	if got.header.Get("X-Echo") != "" {
		t.Errorf("the token came in a header: %v", got.header)
	}
	if want := strings.ReplaceAll(body, securityToken, strings.Repeat("*", len(securityToken))); got.body != want || got.err != nil {
		t.Errorf("answer %s (%v), want %s", got.body, got.err, want)
	}
}

// A token is hidden whatever the status says, in the record's texts, and in an answer that streams, wherever it stands there.
func TestHiddenTokenInEveryAnswer(t *testing.T) {
	filler := strings.Repeat("x", 70_000) // more than is held
	for name, tt := range map[string]struct{ answer, request string }{
		"success":          {jsonAnswer(200, `{"a":"`+securityToken+`"}`), look()},
		"failure in a 200": {jsonAnswer(200, `{"error_code":"CBC.0001","error_msg":"canonicalRequest: x-security-token:`+securityToken+`"}`), plain("POST", "/v1.0/"+customerAccount+"/customer/order-mgr/order/pay", `{"orderId":"CS-1"}`)},
		"a payment":        {jsonAnswer(200, `{"error_code":"CBC.0001","error_msg":"x-security-token:`+securityToken+`"}`), pay()},
		"streamed, held":   {jsonAnswer(200, `{"a":"`+securityToken+filler+`"}`), look()},
		"streamed, later":  {jsonAnswer(200, `{"a":"`+filler+securityToken+filler+`"}`), look()},
		"across the bound": {jsonAnswer(200, `{"a":"`+strings.Repeat("x", 64<<10-16)+securityToken+filler+`"}`), look()},
		"at the end":       {jsonAnswer(200, filler+securityToken), look()},
		"a streamed error": {jsonAnswer(500, `{"a":"`+securityToken+filler+securityToken+`"}`), look()},
		"cut off":          {jsonAnswer(200, `{"a":"`+filler+`","b":"`+securityToken[:25]+`"}`), look()},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, answering(tt.answer), func(f *fixture) { f.credentials = credentials(t, secret.New(securityToken)) })
			got := f.send(t, tt.request)
			_, want, _ := strings.Cut(tt.answer, "\r\n\r\n")
			if got.err != nil || len(got.body) != len(want) {
				t.Errorf("%d bytes of %d (%v)", len(got.body), len(want), got.err)
			}
			f.config.Logger.Info("something, so that the log is not empty")
			f.wantNone(t, []*reply{got}, securityToken, securityToken[:25])
		})
	}
}

// JSON and URLs may write characters of a token in several ways: it is hidden in every spelling, in bodies and headers.
func TestHiddenTokenInOtherSpellings(t *testing.T) {
	const token = "abc/def+ghi/SECRETPART=="
	for name, spelling := range map[string]string{
		"slashes":       strings.ReplaceAll(token, "/", `\/`),
		"Java":          strings.ReplaceAll(token, "=", `\u003d`),
		"upper case":    strings.NewReplacer("/", `\u002F`, "+", `\u002B`, "=", `\u003D`).Replace(token),
		"JSON in JSON":  strings.NewReplacer("/", `\\/`, "=", `\\u003d`).Replace(token),
		"URL":           url.QueryEscape(token),
		"every letter":  strings.NewReplacer("S", `\u0053`, "E", "%45", "=", "%3d").Replace(token),
		"in lower case": strings.ToLower(url.QueryEscape("/")) + token,
	} {
		t.Run(name, func(t *testing.T) {
			answer := jsonAnswer(401, `{"error_code":"APIG.0301","error_msg":"verify aksk signature fail, x-security-token:`+spelling+`"}`)
			f := start(t, fixed, answering(strings.Replace(answer, "\r\n", "\r\nX-Echo: "+spelling+"\r\n", 1)),
				func(f *fixture) { f.credentials = credentials(t, secret.New(token)) })
			got := f.send(t, look())
			r := f.log.only(t, logfile.KindOutcome)
			if text := got.body + r.ErrorMessage; strings.Contains(text, "CRETP") || strings.Contains(text, "CR%45TPART") || got.header.Get("X-Echo") != "" {
				t.Errorf("the token shows: answer %s, header %v, record %q", got.body, got.header, r.ErrorMessage)
			}
		})
	}
}

// Refusals quote nothing of what proves an identity.
func TestRefusalsQuoteNoSecret(t *testing.T) {
	call := func(change func(*signed)) string {
		s := signed{caller: partnerCaller, method: "POST", target: "/echo/a/b", body: `{"password":"Passw0rd-in-body"}`, header: []string{"X-Auth-Token: TOKEN-of-the-caller"}}
		change(&s)
		return s.text(t)
	}
	requests := []struct{ name, request string }{
		{"wrong secret", call(func(s *signed) { s.secret = "SECRET-of-no-one-0123456789" })},
		{"malformed", call(func(s *signed) {
			s.authenticate = func(string) string { return "SDK-HMAC-SHA256 Access=SECRET-in-place-of-a-key!, SignedHeaders=x" }
		})},
		{"unknown key", call(func(s *signed) {
			s.authenticate = func(a string) string {
				return strings.Replace(a, accessKeyOf(partnerCaller), "SECRET-in-place-of-a-key", 1)
			}
		})},
		{"bearer", call(func(s *signed) { s.authenticate = func(string) string { return "Bearer SECRET-bearer-token" } })},
		{"basic", call(func(s *signed) { s.authenticate = func(string) string { return "SECRET-without-a-scheme" } })},
		{"two", call(func(s *signed) { s.header = append(s.header, "Authorization: Basic SECRET-of-a-second-header") })},
		{"date", call(func(s *signed) {
			s.tamper = func(x string) string {
				return strings.Replace(x, "X-Sdk-Date: 2", "X-Sdk-Date: SECRET-in-place-of-a-date2", 1)
			}
		})},
		{"no path", plain("GET", "http://user:SECRET-in-target@gateway.test/x", "")},
		{"unknown path with a query", plain("GET", "/nothing?password=SECRET-in-query", "")},
		{"ambiguous query", plain("GET", readTarget+"?password=SECRET-in-query;x", "")},
	}
	for _, tt := range requests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t)
			got := f.send(t, tt.request)
			if got.code() == "" {
				t.Fatalf("not refused: %d %s", got.status, got.body)
			}
			f.wantNone(t, []*reply{got}, "SECRET", "Passw0rd-in-body", "TOKEN-of-the-caller", callerSecrets[partnerCaller])
			f.origin.none(t)
		})
	}
}

// The error of an unreachable upstream is for the operator, not for the caller.
func TestAnswersDoNotShowTheInside(t *testing.T) {
	f := start(t, fixed, func(f *fixture) { f.upstream["bss"].Timeout = patience })
	_ = f.origin.listener.Close()
	address := f.origin.listener.Addr().(*net.TCPAddr)
	got := f.send(t, plain("GET", readTarget+"?"+url.Values{"a": {"b"}}.Encode(), ""))
	got.wantCode(t, "TG.7001")
	if strings.Contains(got.body, address.String()) || strings.Contains(got.body, "refused") || strings.Contains(got.body, "dial") {
		t.Errorf("the answer shows the inside: %s", got.body)
	}
	if f.logs.FilterMessage("upstream gave no usable answer").Len() != 1 {
		t.Error("the log has no warning")
	}
}

// The answer of an internal app is what it is, and so is its record, whatever a caller sends in the header of a token.
func TestAnswersOfAppsAreNotTouched(t *testing.T) {
	for name, body := range map[string]string{"held": `{"error_code":"E.1","error_msg":"no"}`, "streamed": `{"error_code":"` + strings.Repeat("x", 70_000) + `"}`} {
		f := start(t, fixed, answering(strings.Replace(jsonAnswer(200, body), "\r\n", "\r\nX-Request-Id: error_code\r\n", 1)))
		got := f.send(t, plain("GET", "/app/admin/Keys", "", "X-Security-Token: error_code"))
		if got.status != 200 || got.body != body || got.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: answer %d %.100s, %v", name, got.status, got.body, got.header)
		}
		if a := f.origin.only(t); a.value("X-Security-Token") != "error_code" {
			t.Errorf("%s: the app did not get its header", name)
		}
		if r := f.log.only(t, logfile.KindOutcome); r.RequestID != "error_code" || name == "held" && r.AnswerMAC != f.config.MAC.Of(signing.HashHex([]byte(body))) {
			t.Errorf("recorded with request id %q and a hash that is not the answer's", r.RequestID)
		}
	}
}
