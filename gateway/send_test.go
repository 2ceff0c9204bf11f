package gateway_test

import (
	"context"
	"testing"

	"tollgate/upstream"
)

// Calls that spend take connections that have rested, whomever they are for; others need not.
func TestSpendingCallsWantRest(t *testing.T) {
	wants := make(chan bool, 1)
	f := start(t, fixed, func(f *fixture) {
		for _, u := range f.upstream {
			inner := u.Transport
			u.Transport = transportFunc(func(ctx context.Context, r *upstream.Request) (*upstream.Response, error) {
				wants <- r.Rested
				return inner.Send(ctx, r)
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
