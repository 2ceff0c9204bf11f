package gateway_test

import "testing"

// A body that changes something is read in UTF-8 only: in another charset the log could show one amount and the provider
// read another.
func TestOtherCharsetsAreRefused(t *testing.T) {
	for _, c := range []struct {
		header []string
		code   string
	}{
		{nil, ""},
		{[]string{"Content-Type: application/json"}, ""},
		{[]string{"Content-Type: application/json;charset=UTF-8"}, ""},
		{[]string{`Content-Type: application/json; charset="utf-8"`}, ""},
		{[]string{"Content-Type: application/json; charset=utf-7"}, "TG.4005"},
		{[]string{"Content-Type: application/json; charset=utf-16"}, "TG.4005"},
		{[]string{"Content-Type: application/json; charset="}, "TG.4005"},
		{[]string{"Content-Type: application/json", "Content-Type: application/json; charset=utf-16"}, "TG.4005"},
	} {
		f := start(t, fixed)
		got := f.send(t, plain("POST", payTarget, payBody, c.header...))
		if got.code() != c.code {
			t.Errorf("%v: code %q, want %q", c.header, got.code(), c.code)
		}
		if sent := len(f.origin.all()); (sent == 0) != (c.code != "") {
			t.Errorf("%v: %d requests went upstream", c.header, sent)
		}
	}
}
