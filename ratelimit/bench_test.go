package ratelimit

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"tollgate/internal/setting"
)

func threeLimits(t testing.TB) ruled {
	return mustNew(t, Config{MaxWait: setting.Duration(time.Second), Published: true, Rules: []Rule{
		{Name: "app", Per: []Dimension{ByCaller}, Rate: MaxPerSecond, Burst: MaxBurst},
		{Name: "app-op", Per: []Dimension{ByCaller, ByOperation}, Rate: MaxPerSecond, Burst: MaxBurst},
	}})
}

func subjectNumber(i int) Subject {
	return Subject{Caller: fmt.Sprint("caller-", i), Operation: "ListOrders", Credential: "partner", Upstream: "bss", Quota: MaxPerSecond}
}

func TestDecisionDoesNotAllocate(t *testing.T) {
	l, s, ctx := threeLimits(t), subjectNumber(1), context.Background()
	if n := testing.AllocsPerRun(1000, func() { _, _ = l.take(ctx, s) }); n > 0 {
		t.Errorf("an admitted call allocates %v times, want 0", n)
	}
	refusing := mustNew(t, perCaller(MinPerSecond, 1, 0))
	if n := testing.AllocsPerRun(1000, func() { _, _ = refusing.take(ctx, s) }); n > 0 {
		t.Errorf("a refused call allocates %v times, want 0", n)
	}
}

// unlimited lets a benchmark run faster than any rate that a configuration can set.
func unlimited(l ruled, s Subject) Subject {
	for _, m := range l.meters(s) {
		switch c := m.count.(type) {
		case *tokens:
			c.bucket = rate.NewLimiter(1e15, 1<<40)
		case *window:
			c.terms = &Terms{Kind: Window, Calls: 1 << 40, Window: c.terms.Window}
		}
	}
	return s
}

// BenchmarkTake is one decision over two buckets and a window, which all callers share: finding the demand of the subject, three locks, three
// looks, three takes and one reading of the clock; and that the call was sent, with one more of each. Nothing waits. Run with -cpu 1,2:
// the parallel form has a caller for each goroutine, so what remains contended is the shared bucket.
func BenchmarkTake(b *testing.B) {
	b.Run("serial", func(b *testing.B) {
		l, ctx := threeLimits(b), context.Background()
		s := unlimited(l, subjectNumber(1))
		b.ReportAllocs()
		for b.Loop() {
			_, _ = l.take(ctx, s)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		l, ctx := threeLimits(b), context.Background()
		for i := range 64 {
			unlimited(l, subjectNumber(i))
		}
		var callers atomic.Int64
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			s := subjectNumber(int(callers.Add(1)) % 64)
			for pb.Next() {
				_, _ = l.take(ctx, s)
			}
		})
	})
}

// BenchmarkSources is what one failed authentication costs among 10,000 known sources: asking, then counting.
func BenchmarkSources(b *testing.B) {
	s := mustSources(b, Flow{1, 5}, 20_000)
	now := time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			from := peer(i % 10_000)
			s.Allowed(from, now)
			s.Failed(from, now)
		}
	})
}
