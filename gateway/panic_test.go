package gateway_test

import (
	"bytes"
	"testing"

	"tollgate/upstream"
)

// TestNothingIsHandedOnAfterAPanic: what was under way when a call met a fault may still be, such as the writing of its body.
func TestNothingIsHandedOnAfterAPanic(t *testing.T) {
	var body []byte
	f := start(t, fixed, transport(func(r *upstream.Request) (*upstream.Response, error) {
		body = r.Body
		panic("fault")
	}))
	f.send(t, pay()).wantCode(t, "TG.7002")
	f.waitForCalls(t)
	if !bytes.Contains(body, []byte("CS-1001")) {
		t.Errorf("the body that is being sent has become %q", body)
	}
}
