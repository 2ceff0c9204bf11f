package service

import (
	"strings"
	"testing"
	"time"

	"tollgate/ratelimit"
)

// TestSlowedQuotasWarn: readiness names quotas that are slowed after the provider's 429, a few of them, and goes on taking calls.
func TestSlowedQuotasWarn(t *testing.T) {
	g := run(t)
	rules, err := ratelimit.NewRules(ratelimit.Config{Published: true})
	if err != nil {
		t.Fatal(err)
	}
	warnings := func() string { return strings.Join(g.readiness().Warnings, "\n") }
	if strings.Contains(warnings(), "429") {
		t.Error(warnings())
	}
	for _, operation := range []string{"A", "B", "C", "D", "E", "F", "G"} {
		g.limiter.Throttled(rules.Of(ratelimit.Subject{Operation: operation, Credential: "main", Quota: 10}), 30*time.Second)
	}
	got := warnings()
	for _, want := range []string{"refused calls of A with credential main", "nothing goes for now", "2 more quotas are slowed"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if n := strings.Count(got, "with credential main"); n != mostSlowed || !g.readiness().Ready {
		t.Errorf("%d quotas are named, ready %v", n, g.readiness().Ready)
	}
}
