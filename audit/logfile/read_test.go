package logfile

import (
	"testing"
	"time"
)

func TestFilter(t *testing.T) {
	at := time.Unix(1000, 0)
	r := &Record{
		Kind: KindIntent, Time: at, Call: "c", Caller: "app", Site: "cn", Operation: "PayOrders", Effect: "spend",
		Credential: "acme", Class: "customer", Account: "c-17", Decision: Allowed, Outcome: Failed, Event: "e",
	}
	for _, c := range []struct {
		name string
		f    Filter
		want bool
	}{
		{"empty", Filter{}, true},
		{"all", Filter{"c", "app", "cn", "PayOrders", "spend", "acme", "customer", "c-17", Allowed, Failed, KindIntent, "e", at, at.Add(1)}, true},
		{"call", Filter{Call: "x"}, false},
		{"caller", Filter{Caller: "x"}, false},
		{"site", Filter{Site: "x"}, false},
		{"operation", Filter{Operation: "x"}, false},
		{"effect", Filter{Effect: "x"}, false},
		{"credential", Filter{Credential: "x"}, false},
		{"class", Filter{Class: "x"}, false},
		{"account", Filter{Account: "x"}, false},
		{"decision", Filter{Decision: "x"}, false},
		{"outcome", Filter{Outcome: "x"}, false},
		{"kind", Filter{Kind: "x"}, false},
		{"event", Filter{Event: "x"}, false},
		{"since", Filter{Since: at.Add(1)}, false},
		{"until", Filter{Until: at}, false},
	} {
		if got := c.f.Match(r); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
