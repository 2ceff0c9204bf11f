package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate/ratelimit"
)

// TestSlowedMetric: a quota shows while it is slowed, and not before.
func TestSlowedMetric(t *testing.T) {
	limiter, registry := ratelimit.NewLimiter(), prometheus.NewRegistry()
	registry.MustRegister(slowed{limiter})
	text := func() string {
		return get((&Server{Registry: registry}).Handler(Loopback), "http://localhost/metrics").Body.String()
	}
	if got := text(); strings.Contains(got, "tollgate_limit_slowed") {
		t.Error(got)
	}
	rules, err := ratelimit.NewRules(ratelimit.Config{Published: true})
	if err != nil {
		t.Fatal(err)
	}
	limiter.Follow(rules)
	limiter.Throttled(rules.Of(ratelimit.Subject{Caller: "a", Operation: "PayOrders", Credential: "main", Upstream: "bss", Quota: 10}), 30*time.Second)
	if got := text(); !strings.Contains(got, `tollgate_limit_slowed{credential="main",operation="PayOrders",upstream="bss"} 0`) {
		t.Error(got)
	}
}
