package gateway_test

import (
	"context"
	"testing"
	"time"

	"tollgate/bss"
	"tollgate/caller"
	"tollgate/grants"
	"tollgate/internal/testpki"
	"tollgate/ratelimit"
)

// BenchmarkDecision is what the gateway's own parts need to decide on a call: who calls, which operation, which grant, and
// the limits. Unlike BenchmarkDecide it has no request around it: nothing is parsed, read or verified.
func BenchmarkDecision(b *testing.B) {
	f := benchFixture(b, func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{
			{Name: "app", Per: []ratelimit.Dimension{ratelimit.ByCaller}, Rate: ratelimit.MaxPerSecond, Burst: ratelimit.MaxBurst},
			{Name: "app-op", Per: []ratelimit.Dimension{ratelimit.ByCaller, ratelimit.ByOperation}, Rate: ratelimit.MaxPerSecond, Burst: ratelimit.MaxBurst},
		}}))
	})
	leaf := must(must(testpki.New()).Client("", certURI)).Leaf
	b.ReportAllocs()
	for b.Loop() {
		f.decision(b, caller.Evidence{Certificate: leaf}, "POST", "/v2/partners/sub-customers/query")
	}
}

func (f *fixture) decision(b *testing.B, evidence caller.Evidence, method, path string) {
	identity, _, err := f.plan.Callers.Identify(evidence, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	route := &f.listener.Routes[0]
	operation, params, ok := route.Router.Match(method, path)
	if !ok {
		b.Fatalf("nothing has the path %s", path)
	}
	upstream := route.Upstreams[operation]
	decision, err := f.plan.Grants.Decide(&grants.Call{
		Caller: identity.Caller, Upstream: upstream.Name, Operation: operation, Param: params.Get, Accounts: bss.Accounts{},
	})
	if err != nil {
		b.Fatal(err)
	}
	verdict, err := f.config.Limiter.Take(context.Background(), f.plan.Limits.Of(ratelimit.Subject{
		Caller: identity.Caller, Operation: operation.Name, Upstream: upstream.Name, Credential: decision.Credential.Name, Quota: operation.Quota,
	}))
	if err != nil || !verdict.Allowed {
		b.Fatalf("%+v, %v", verdict, err)
	}
}
