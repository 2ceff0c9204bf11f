package config

import (
	"net/http"
	"strings"
	"testing"

	"tollgate/catalog"
	"tollgate/internal/secret"
	"tollgate/signing"
)

// madeUp is a scheme of which only the headers matter here.
type madeUp struct{}

func (madeUp) Name() string { return "MADE-UP" }
func (madeUp) Owned() []signing.Owned {
	return []signing.Owned{{Name: "X-Made-Pass", Use: signing.Token}, {Name: "X-Made-When", Use: signing.Date}}
}
func (madeUp) ParseClaim(http.Header) (signing.Claim, error) {
	return signing.Claim{}, &signing.AuthorizationError{}
}
func (madeUp) NewKey(string, secret.String) signing.Key { return nil }

// TestHeadersOfSignaturesAreNotDeclared: whatever a scheme owns cannot be listed, nor what authenticates among the headers of answers.
func TestHeadersOfSignaturesAreNotDeclared(t *testing.T) {
	both := signing.NewSchemes(signing.SDK, madeUp{})
	for _, c := range []struct {
		name, forward, answer string
		schemes               *signing.Schemes
	}{
		{"Authorization", "it authenticates", "it authenticates", signing.Known()},
		{"authorization", "it authenticates", "it authenticates", signing.Known()},
		{"X-Security-Token", "it authenticates", "it authenticates", signing.Known()},
		{"X-Domain-Id", "it chooses the account, which the credential does", "", signing.Known()},
		{"X-Sdk-Date", "it belongs to the signature", "", signing.Known()},
		{"x-sdk-content-sha256", "it belongs to the signature", "", signing.Known()},
		{"X-SDK-Other", "it belongs to the signature", "", signing.Known()},
		{"X-Trace", "", "", signing.Known()},
		{"X-Made-Pass", "", "", signing.Known()},
		{"x-made-pass", "it authenticates", "it authenticates", both},
		{"X-Made-When", "it belongs to the signature", "", both},
		{"X-Security-Token", "it authenticates", "it authenticates", both},
	} {
		for kind, want := range map[string]string{"": c.forward, " of answers": c.answer} {
			s := &catalog.Declaration{ForwardHeaders: []string{"X-Fine", c.name}}
			if kind != "" {
				s = &catalog.Declaration{AnswerHeaders: []string{"X-Fine", c.name}}
			}
			err := checkSigned(c.schemes, s)
			switch {
			case want == "" && err != nil:
				t.Errorf("%s: %v", c.name, err)
			case want != "" && (err == nil || !strings.HasSuffix(err.Error(), `header "`+c.name+`"`+kind+" cannot be passed on: "+want)):
				t.Errorf("%s%s: %v, want %q", c.name, kind, err, want)
			}
		}
	}
}
