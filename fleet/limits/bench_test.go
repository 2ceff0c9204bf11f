package limits

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/fleet/redistest"
	"tollgate/ratelimit"
)

// BenchmarkTake is one decision over Redis, uncontended, and how many decisions shared a round trip. The parallel form has 64 callers.
func BenchmarkTake(b *testing.B) {
	s := redistest.Start(b, redistest.Options{})
	for _, limits := range []int{1, 3} {
		var rules []ratelimit.Rule
		for i := range limits {
			per := []ratelimit.Dimension{ratelimit.ByCaller, ratelimit.ByOperation}[:i%3]
			rules = append(rules, ratelimit.Rule{Name: fmt.Sprint("rule-", i), Per: per, Rate: ratelimit.MaxPerSecond, Burst: ratelimit.MaxBurst})
		}
		b.Run(fmt.Sprintf("%d limits", limits), func(b *testing.B) {
			m := joinAll(b, s.Address(), fmt.Sprint("serial-", limits), 1, time.Second)[0]
			d := follow(b, []*member{m}, 0, rules...).Of(ratelimit.Subject{Caller: "c", Operation: "o"})
			b.ReportAllocs()
			for b.Loop() {
				m.go1(b, d)
			}
		})
		b.Run(fmt.Sprintf("%d limits, 64 callers", limits), func(b *testing.B) {
			m := joinAll(b, s.Address(), fmt.Sprint("parallel-", limits), 1, time.Second)[0]
			made := follow(b, []*member{m}, 0, rules...)
			var callers atomic.Int64
			before := m.client.State()
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				d := made.Of(ratelimit.Subject{Caller: fmt.Sprint(callers.Add(1)), Operation: "o"})
				for pb.Next() {
					if v, err := m.Take(context.Background(), d); err != nil || !v.Allowed {
						b.Error(v, err)
						return
					}
				}
			})
			after := m.client.State()
			b.ReportMetric(float64(after.Questions-before.Questions)/float64(after.Trips-before.Trips), "questions/trip")
		})
	}
}

// BenchmarkWithoutRedis is a decision of a member that has no Redis.
func BenchmarkWithoutRedis(b *testing.B) {
	m := &member{Limiter: New(away{}, ratelimit.NewLimiter(), 4)}
	d := follow(b, []*member{m}, 0, ratelimit.Rule{Name: "r", Rate: ratelimit.MaxPerSecond, Burst: ratelimit.MaxBurst}).Of(ratelimit.Subject{Caller: "c"})
	b.ReportAllocs()
	for b.Loop() {
		m.go1(b, d)
	}
}
