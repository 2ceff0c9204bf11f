package fleet

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"tollgate/fleet/redistest"
)

// BenchmarkAsk is what a question costs where so many ask at a time: microseconds until the answer for each of them, and how many
// questions share a round trip.
func BenchmarkAsk(b *testing.B) {
	for _, askers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("askers=%d", askers), func(b *testing.B) { benchmarkAsk(b, askers) })
	}
}

func benchmarkAsk(b *testing.B, askers int) {
	s := redistest.Start(b, redistest.Options{})
	c := New(options("a", s.Address(), "a"))
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	defer running.Wait()
	defer cancel()
	for !c.State().Up {
	}
	before := c.State()
	b.ReportAllocs()
	b.ResetTimer()
	var asking sync.WaitGroup
	for n := range askers {
		asking.Go(func() {
			for range b.N/askers + (b.N%askers+askers-1-n)/askers {
				if _, err := c.Ask(ctx, add("x")); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	asking.Wait()
	b.StopTimer()
	after := c.State()
	questions := float64(after.Questions - before.Questions)
	b.ReportMetric(questions/float64(after.Trips-before.Trips), "questions/trip")
	b.ReportMetric(b.Elapsed().Seconds()*1e6*float64(askers)/questions, "µs/question")
}
