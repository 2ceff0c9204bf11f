package gateway_test

import (
	"testing"

	"tollgate/audit"
	"tollgate/internal/secret"
)

// Five rejected signatures lock an access key at the provider. The first one stops the credential.
func TestFirstRejectedSignaturePausesTheCredential(t *testing.T) {
	tests := []struct {
		name   string
		answer string
		pauses bool
	}{
		{"wrong signature", jsonAnswer(401, `{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information: verify aksk signature fail"}`), true},
		{"unknown key", jsonAnswer(401, `{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information: AK not exist"}`), true},
		{"arrears", jsonAnswer(401, `{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information: account is in arrears"}`), false},
		{"bad token", jsonAnswer(401, `{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information: decrypt token fail"}`), false},
		{"limit", jsonAnswer(429, `{"error_code":"APIG.0308","error_msg":"The throttling threshold has been reached"}`), false},
		{"text in a success", jsonAnswer(200, `{"error_code":"APIG.0301","error_msg":"verify aksk signature fail"}`), false},
		{"denied by the billing system", jsonAnswer(403, `{"error_code":"CBC.0151","error_msg":"verify aksk signature fail"}`), false},
		{"server error", jsonAnswer(500, `{}`), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, fixed, answering(tt.answer))
			if first := f.send(t, look()); first.code() != "" {
				t.Fatalf("the first answer is not the upstream's: %s", first.body)
			}
			for range 6 {
				got := f.send(t, pay())
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
			outcomes := f.log.of(audit.KindOutcome)
			if last := outcomes[len(outcomes)-1]; tt.pauses && (last.Outcome != audit.NotSent || last.Reason != "credential_paused") {
				t.Errorf("outcome %q for %q", last.Outcome, last.Reason)
			}
			if got := f.send(t, plain("GET", "/echo/x", "")); got.code() != "" {
				t.Errorf("another credential is paused, too: %s", got.body)
			}
		})
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
