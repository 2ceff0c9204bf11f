package gateway_test

import (
	"net"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/grants"
)

const ownToken = "OWN-token-of-the-app-0123456789"

// The Authorization of an application behind the gateway reaches it as it came, where something else says who calls.
func TestAuthorizationOfTheApp(t *testing.T) {
	for _, value := range []string{"Bearer app-token", "Basic YTpi", `Digest username="a", response="b"`, "bare-token", "Negotiate " + strings.Repeat("a", 6000)} {
		f := start(t, fixed)
		got := f.send(t, plain("GET", "/app/x", "", "Authorization: "+value))
		if got.status != 200 {
			t.Fatalf("%.20s: answer %d %s", value, got.status, got.body)
		}
		if a := f.origin.only(t); a.value("Authorization") != value || a.value("Tollgate-Caller") != localCaller {
			t.Errorf("%.20s: upstream got %q", value, a)
		}
	}
}

func TestAuthorizationOfTheAppBesideACertificate(t *testing.T) {
	both(t, func(t *testing.T, http2 bool) {
		s := startTLS(t, func(f *fixture) {
			f.plan.Grants = f.table(t, []grants.Grant{{Caller: certCaller, Upstream: "app", Operations: []string{"*"}}})
		})
		send := func(target string) *reply {
			r := request(t, "GET", target, nil)
			r.Header.Set("Authorization", "Bearer app-token")
			return do(t, s.client(t, http2, must(s.ca.Client("", certURI))), r)
		}
		if got := send("/app/x"); got.status != 200 {
			t.Fatalf("answer %d %s", got.status, got.body)
		}
		if a := s.origin.only(t); a.value("Authorization") != "Bearer app-token" {
			t.Errorf("upstream got %q", a)
		}
		send("/echo/x").wantCode(t, "TG.2003")
	})
}

// It is no identity, does not count towards a signed upstream, and is not taken for the app's where it may be a signature.
func TestAuthorizationThatIsNotForTheApp(t *testing.T) {
	unsettled := func(*fixture) {}
	for _, tt := range []struct {
		what, target string
		who          adjustment
		values       []string
		code         string
	}{
		{"towards the provider", readTarget, fixed, []string{"Bearer x"}, "TG.2003"},
		{"towards a declared endpoint", "/echo/x", fixed, []string{"bare-token"}, "TG.2003"},
		{"empty, towards the provider", readTarget, fixed, []string{""}, "TG.2003"},
		{"no caller", "/app/x", unsettled, []string{"Bearer x"}, "TG.2003"},
		{"derived scheme", "/app/x", fixed, []string{"V11-HMAC-SHA256 Credential=x"}, "TG.2003"},
		{"another hash", "/app/x", fixed, []string{"SDK-HMAC-SM3 Access=x"}, "TG.2003"},
		{"unknown signature", "/app/x", fixed, []string{"sdk-new x"}, "TG.2003"},
		{"signature without a blank", "/app/x", fixed, []string{"SDK-HMAC-SHA256\tAccess=x"}, "TG.2003"},
		{"malformed signature", "/app/x", fixed, []string{"SDK-HMAC-SHA256 Access=x"}, "TG.2002"},
		{"AWS", "/app/x", fixed, []string{"AWS4-HMAC-SHA256 Credential=x"}, "TG.2003"},
		{"two", "/app/x", fixed, []string{"Bearer x", "Bearer x"}, "TG.2002"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			f := start(t, tt.who)
			var lines []string
			for _, value := range tt.values {
				lines = append(lines, "Authorization: "+value)
			}
			f.send(t, plain("GET", tt.target, "", lines...)).wantCode(t, tt.code)
			f.origin.none(t)
		})
	}
}

// A signature of a caller that is known without it is consumed, as everywhere.
func TestConsumedAuthorizationIsNotForwarded(t *testing.T) {
	f := start(t, func(f *fixture) { f.listener.Caller = partnerCaller })
	if got := f.call(t, signed{caller: partnerCaller, method: "GET", target: "/app/x"}); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	if a := f.origin.only(t); a.values("Authorization") != nil {
		t.Errorf("upstream got %q", a)
	}
}

// What the app's Authorization says is not written, though the app quotes it, answers nonsense, or is not reached at all.
func TestAuthorizationOfTheAppIsNotWritten(t *testing.T) {
	for name, tt := range map[string]struct {
		target, answer string
		status         int
	}{
		"success":          {"/app/x", okAnswer, 200},
		"quoted":           {"/app/x", jsonAnswer(401, `{"error_code":"A.1","error_msg":"not valid: Bearer `+ownToken+`"}`), 401},
		"quoted, a change": {"/change/x", jsonAnswer(401, `{"error_code":"A.1","error_msg":"not valid: `+ownToken+`"}`), 401},
		"nonsense":         {"/app/x", ownToken + "\r\n\r\n", 502},
		"drop":             {"/app/x", "", 502},
		"refused":          {readTarget, okAnswer, 401},
		"unknown":          {"/none", okAnswer, 404},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, answering(tt.answer))
			if tt.answer == "" {
				f.origin.answer = func(net.Conn, *arrival) bool { return false }
			}
			got := f.send(t, plain("GET", tt.target, "", "Authorization: Bearer "+ownToken))
			if got.status != tt.status {
				t.Fatalf("answer %d %s, want %d", got.status, got.body, tt.status)
			}
			f.config.Logger.Info("something, so that the log is not empty")
			f.wantNone(t, nil, ownToken)
			for _, r := range f.log.of(logfile.KindIntent) {
				if r.Caller != localCaller || r.IdentifiedBy != "listener" || r.Identity != "" || r.SignatureHash != "" {
					t.Errorf("intent %+v", r)
				}
			}
		})
	}
}
