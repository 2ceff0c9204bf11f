package store

import (
	"context"
	"runtime"
	"time"
)

const (
	// stretch is how long Run works at once: less than what a call takes, and more than what falling asleep costs.
	stretch = 250 * time.Microsecond
	// idleRest, busyRest and behindRest are how many times as long as it worked Run rests: while there are no calls, so that it takes a
	// quarter of a core at most, when half of the processors or more are used for calls, and at most when it is far behind. A query reads
	// what the index does not have yet from the log itself, so an index that is behind costs its readers something, and one that
	// keeps up at any price costs the calls.
	idleRest, busyRest, behindRest = 3, 24, 4
	busyLoad                       = 0.5
	// mostBehind is how many records behind counts as far: what a query reads of the log in some seconds.
	mostBehind = 1 << 20
	// mostWork is what counts as work at once: what took longer waited for a disk or for other processes.
	mostWork = 20 * time.Millisecond
	// loadTime is over what time the load is averaged.
	loadTime = 20 * time.Millisecond
)

// pacer leaves the processors to the calls: Run works in short stretches and rests after each, the longer the more the process does
// meanwhile. Work is measured as time that passes: when others take the processor as well, the rests grow with it.
type pacer struct {
	now   func() time.Time
	used  func() time.Duration // CPU time of the process so far
	sleep func(context.Context, time.Duration) bool
	cores int
	lag   func() uint64 // records that the index does not have

	woke time.Time
	load float64 // part of the processors that the rest of the process uses
}

func newPacer(lag func() uint64) *pacer {
	return &pacer{
		now: time.Now, used: processTime, sleep: sleep, cores: min(runtime.NumCPU(), runtime.GOMAXPROCS(0)), lag: lag,
		woke: time.Now(), load: 1, // until it is known
	}
}

// step rests if a stretch of work is over.
func (p *pacer) step(ctx context.Context) {
	if p.now().Sub(p.woke) >= stretch {
		p.rest(ctx, 0) // when it is false, the next look at ctx ends the work
	}
}

// rest rests for what the work before is worth, and for least in any case. It is false when ctx has ended.
func (p *pacer) rest(ctx context.Context, least time.Duration) bool {
	began, used := p.now(), p.used()
	ok := p.sleep(ctx, max(least, p.pause(began.Sub(p.woke))))
	p.woke = p.now()
	p.observe(p.used()-used, p.woke.Sub(began))
	return ok
}

// pause returns how long to rest after work that took a time.
func (p *pacer) pause(worked time.Duration) time.Duration {
	times := idleRest + (busyRest-idleRest)*min(p.load/busyLoad, 1)
	if p.lag() > mostBehind {
		times = min(times, behindRest)
	}
	return time.Duration(times * float64(min(worked, mostWork)))
}

// observe takes CPU time that the process used while Run rested for a time into the load.
func (p *pacer) observe(used, rested time.Duration) {
	if rested <= 0 {
		return
	}
	load := float64(used) / float64(rested) / float64(p.cores)
	p.load += (load - p.load) * min(1, float64(rested)/float64(loadTime))
}
