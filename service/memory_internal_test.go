package service

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// Garbage may be as much as is in use and spareHeap besides, whatever is in use; and little before that is known.
func TestGCPercent(t *testing.T) {
	for _, c := range []struct{ used, garbage uint64 }{
		{8 << 20, 8<<20 + spareHeap}, {32 << 20, 2 * spareHeap}, {1 << 30, 1<<30 + spareHeap}, {0, leastUsed + spareHeap}, {1, leastUsed + spareHeap},
	} {
		garbage := max(c.used, leastUsed) / 100 * uint64(gcPercent(c.used))
		if off := int64(garbage) - int64(c.garbage); off > 1<<20 || off < -11<<20 { // whole percents
			t.Errorf("%d MiB in use: garbage may be %d MiB, want %d", c.used>>20, garbage>>20, c.garbage>>20)
		}
	}
}

// Memory is given back where next to nothing is allocated for a while, there is more of it than after the last time, and that was not just now.
func TestWhenMemoryIsReturned(t *testing.T) {
	var m memoryState
	now := time.Now()
	for i, step := range []struct {
		passed              time.Duration
		allocated, resident uint64
		want                bool
	}{
		{quietTime, 100 << 20, 200 << 20, false}, // calls come
		{quietTime, 200 << 20, 200 << 20, false},
		{quietTime, 200<<20 + quietBytes, 200 << 20, false},
		{quietTime, 200<<20 + 2*quietBytes - 1, 200 << 20, true}, // none since the last look
		{returnEvery, 201 << 20, 50 << 20, false},
		{quietTime, 201 << 20, 50 << 20, false},                    // nothing more than after that
		{quietTime, 201 << 20, 20 << 20, false},                    // the runtime returned some
		{quietTime, 201 << 20, 20<<20 + worthReturning - 1, false}, // not worth it
		{quietTime, 201 << 20, 20<<20 + worthReturning, true},
		{quietTime, 201 << 20, 50<<20 + worthReturning, false}, // just now
		{returnEvery - quietTime, 201 << 20, 50<<20 + worthReturning, true},
	} {
		now = now.Add(step.passed)
		got := m.returns(now, step.allocated, step.resident)
		if got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
		if got {
			m.returned(now, step.allocated, 50<<20)
		}
	}
}

// While connections come garbage is collected, and the more there are the fewer times.
func TestCollectWhileConnectionsCome(t *testing.T) {
	var m memoryState
	for i, step := range []struct {
		goroutines uint64
		want       bool
	}{
		{20, false}, {99, false}, {100, true}, {100, false}, {199, false}, {200, true}, {150, false}, {249, false}, {250, true}, // 150 were the least
		{4000, true}, {4499, false}, {4500, true}, {30, false}, {129, false}, {130, true},
	} {
		if got := m.grows(step.goroutines); got != step.want {
			t.Errorf("step %d: with %d goroutines %v, want %v", i, step.goroutines, got, step.want)
		}
	}
}

// Of much memory a quarter more is worth a collection, which takes the longer the more there is.
func TestWorthReturning(t *testing.T) {
	for _, c := range []struct {
		least, resident uint64
		want            bool
	}{{1 << 30, 1<<30 + 1<<28 - 1, false}, {1 << 30, 1<<30 + 1<<28, true}, {10 << 20, 10<<20 + worthReturning, true}} {
		m := memoryState{least: c.least}
		if got := m.returns(time.Now(), 0, c.resident); got != c.want {
			t.Errorf("%d bytes after %d: %v, want %v", c.resident, c.least, got, c.want)
		}
	}
}

// What a peak has left goes back to the system, though nothing else asks for a collection.
func TestReturnMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // so that no collection comes in between
	const peak = 128 << 20
	block := make([]byte, peak)
	for i := 0; i < peak; i += 4096 {
		block[i] = 1
	}
	before := resident()
	runtime.KeepAlive(block)
	ticks, done, ended := make(chan time.Time), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		returnMemory(ticks, done)
	}()
	for range 3 { // the first learns how much was allocated
		ticks <- time.Now()
	}
	close(done)
	<-ended
	if after := resident(); after > before-peak/2 {
		t.Errorf("%d MiB are resident, %d before", after>>20, before>>20)
	}
}
