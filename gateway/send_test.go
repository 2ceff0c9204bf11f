package gateway_test

import (
	"net/http"
	"testing"

	"tollgate/upstream"
)

// Calls that spend take connections that have rested, whomever they are for; others need not.
func TestSpendingCallsWantRest(t *testing.T) {
	wants := make(chan bool, 1)
	f := start(t, fixed, func(f *fixture) {
		for _, u := range f.upstream {
			inner := u.Transport
			u.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				wants <- upstream.WantsRested(r.Context())
				return inner.RoundTrip(r)
			})
		}
	})
	for _, tt := range effects {
		f.send(t, tt.request)
		if got, want := <-wants, tt.effect == "spend"; got != want {
			t.Errorf("a %s wants a rested connection: %t, want %t", tt.effect, got, want)
		}
	}
}
