package service

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// spareHeap is how much garbage there may be besides what is usual, as much as is in use. A gateway has little in use, so
	// that under load the collector would otherwise run all the time.
	spareHeap = 32 << 20
	// leastUsed stands for what is in use where that is less, or not known yet. It bounds what is spent before the next adjustment.
	leastUsed = 4 << 20
	// quietTime is after what time in which next to nothing was allocated memory is given back: a burst of handshakes is over then. The
	// runtime itself collects after two minutes.
	quietTime  = 100 * time.Millisecond
	quietBytes = 256 << 10
	// worthReturning is how much more than after the last time must be in use for that, or a quarter more where that is more. What is
	// collected grows with it, and so it costs little, however bursts and quiet times alternate.
	worthReturning = 16 << 20
	// newGoroutines is after how many more than at the last time garbage is collected at once, or after an eighth more where that is more:
	// connections that come in a burst stay, and what they hold would lie scattered over all the garbage of their handshakes.
	newGoroutines = 100
	// returnEvery is the least time between two times.
	returnEvery = 2 * time.Second
)

// manageMemory makes garbage collection rarer while there is little in use, and returns memory that a peak has left, until it is
// undone with the returned function. An operator who sets GOGC has decided otherwise about the first.
func manageMemory() (undo func()) {
	done := make(chan struct{})
	ticker := time.NewTicker(quietTime)
	go returnMemory(ticker.C, done)
	restore := func() {}
	if os.Getenv("GOGC") == "" {
		restore = spareCollections()
	}
	return func() {
		ticker.Stop()
		close(done)
		restore()
	}
}

// spareCollections sets after each collection when the next one is due.
func spareCollections() (undo func()) {
	var ended atomic.Bool
	var adjust func(struct{})
	adjust = func(struct{}) {
		if ended.Load() {
			return
		}
		debug.SetGCPercent(gcPercent(used()))
		runtime.AddCleanup(new([32]byte), adjust, struct{}{}) // runs after the next collection
	}
	before := debug.SetGCPercent(100)
	adjust(struct{}{})
	return func() {
		ended.Store(true)
		debug.SetGCPercent(before)
	}
}

// gcPercent is the GOGC with which garbage may be as much as is in use, and spareHeap besides.
func gcPercent(inUse uint64) int { return 100 + int(spareHeap*100/max(inUse, leastUsed)) }

// used returns what GOGC counts from: what was live at the last collection, stacks and globals.
func used() (bytes uint64) {
	return sum("/gc/heap/live:bytes", "/gc/scan/stack:bytes", "/gc/scan/globals:bytes")
}

func sum(names ...string) (total uint64) {
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	for _, sample := range samples {
		if sample.Value.Kind() == metrics.KindUint64 {
			total += sample.Value.Uint64()
		}
	}
	return total
}

// returnMemory returns memory to the system after a peak: where calls are few the collector hardly runs, and what it would find stays taken.
// While connections come it collects more often.
func returnMemory(ticks <-chan time.Time, done <-chan struct{}) {
	var state memoryState
	for {
		select {
		case now := <-ticks:
			if state.grows(sum("/sched/goroutines:goroutines")) {
				runtime.GC()
			}
			if state.returns(now, allocated(), resident()) {
				runtime.GC() // what pools keep, and connections with their finalizers, goes with the second collection only
				debug.FreeOSMemory()
				state.returned(now, allocated(), resident())
			}
		case <-done:
			return
		}
	}
}

// allocated is what was allocated so far.
func allocated() uint64 { return sum("/gc/heap/allocs:bytes") }

// resident is what the runtime has of the system's memory.
func resident() uint64 {
	return sum("/memory/classes/total:bytes") - sum("/memory/classes/heap/released:bytes")
}

// memoryState is what was found the last time, and when memory was given back last, with the least that was resident since.
type memoryState struct {
	allocated, least uint64
	at               time.Time
	goroutines       uint64 // when garbage was collected for their number, or the least since
}

// grows reports whether there are many more goroutines than before.
func (m *memoryState) grows(goroutines uint64) bool {
	if m.goroutines = min(m.goroutines, goroutines); goroutines < m.goroutines+max(newGoroutines, m.goroutines/8) {
		return false
	}
	m.goroutines = goroutines
	return true
}

// returns reports whether memory is to be given back: little was allocated since the last look, and there is enough of it.
func (m *memoryState) returns(now time.Time, allocated, resident uint64) bool {
	quiet := allocated-m.allocated < quietBytes
	m.allocated, m.least = allocated, min(m.least, resident)
	return quiet && resident >= m.least+max(worthReturning, m.least/4) && now.Sub(m.at) >= returnEvery
}

func (m *memoryState) returned(now time.Time, allocated, resident uint64) {
	m.at, m.allocated, m.least = now, allocated, resident
}
