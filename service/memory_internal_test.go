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

// Memory is given back where nothing is collected for a while and there is more of it than after the last time.
func TestWhenMemoryIsReturned(t *testing.T) {
	var m memoryState
	for i, step := range []struct {
		cycles, resident uint64
		want             bool
	}{
		{3, 200 << 20, false}, // calls come, and the collector runs
		{9, 200 << 20, false},
		{9, 200 << 20, true}, // nothing since the last look
		{11, 50 << 20, false},
		{11, 50 << 20, false}, // nothing more than after that
		{12, 20 << 20, false}, // the runtime gave some back
		{12, 20<<20 + worthReturning, true},
	} {
		got := m.returns(step.cycles, step.resident)
		if got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
		if got {
			m.returned(step.cycles+2, 50<<20)
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
	for range 3 { // the first learns how many collections there were
		ticks <- time.Now()
	}
	close(done)
	<-ended
	if after := resident(); after > before-peak/2 {
		t.Errorf("%d MiB are resident, %d before", after>>20, before>>20)
	}
}
