package gateway_test

import "testing"

// Refusals that keep a neighbour, a page or an odd header from harming a caller.
func TestOddHeadersAreRefused(t *testing.T) {
	for _, c := range []struct{ header, code string }{
		{"Accept: application/json\u00a0", "TG.1001"},
		{"X-Language: caf\u00e9", "TG.1001"},
		{"Accept: application/json", ""},
	} {
		f := start(t, fixed)
		if got := f.send(t, plain("POST", payTarget, payBody, c.header)); got.code() != c.code {
			t.Errorf("%s: code %q, want %q", c.header, got.code(), c.code)
		}
	}
}

func TestUnauthorizedNamesTheScheme(t *testing.T) {
	if got := start(t).send(t, look()); got.status != 401 || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("answer %d %v", got.status, got.header)
	}
}

func TestGivingUpOnTheWayIsUnknown(t *testing.T) {
	for _, status := range []int{408, 499} {
		f := start(t, fixed, answering(jsonAnswer(status, `{}`)))
		if got := f.send(t, pay()); got.header.Get("Tollgate-Outcome") != "unknown" {
			t.Errorf("%d: outcome %q", status, got.header.Get("Tollgate-Outcome"))
		}
	}
}
