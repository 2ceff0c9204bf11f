package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// sample is the result of one turn of one proxy at one case.
type sample struct {
	usage                    // for each call
	rate       float64       // calls in a second
	busy       float64       // part of the time in which the proxy's core was busy with it
	half, slow time.Duration // p50 and p99 of a call
}

// usage is CPU time.
type usage struct {
	own    time.Duration // of the proxy's processes
	kernel time.Duration // of the kernel's threads, see kernelThreads
}

func (u usage) sum() time.Duration { return u.own + u.kernel }

func (u usage) per(calls int64) usage {
	return usage{u.own / time.Duration(calls), u.kernel / time.Duration(calls)}
}

// turn measures a proxy at a case: connections that call one after the other, as fast as they are answered. The clocks are
// read while no call is under way and the proxy is at rest, so that the calls counted are exactly those paid for, with what was put
// off until after them.
func (w *world) turn(p *process, t task, s settings) (sample, error) {
	l, err := w.connect(p.address, t, connectionsFor(t, s))
	if err != nil {
		return sample{}, err
	}
	defer l.close()
	if err := errors.Join(l.run(s.warm), p.rest()); err != nil {
		return sample{}, err
	}
	before, err := w.observe(p)
	if err != nil {
		return sample{}, err
	}
	endReading := p.reading()
	begin := time.Now()
	if err := l.run(s.duration); err != nil {
		return sample{}, err
	}
	took := time.Since(begin)
	if err := errors.Join(endReading(), p.rest()); err != nil {
		return sample{}, err
	}
	after, err := w.observe(p)
	if err != nil {
		return sample{}, err
	}
	return sampleOf(after.since(before), took, l.times())
}

// connectionsFor is less for large bodies: so many of them at once would measure the caches.
func connectionsFor(t task, s settings) int {
	if t.size > 64<<10 {
		return max(s.connections/4, 1)
	}
	return s.connections
}

// observation is the state of the clocks at a moment.
type observation struct {
	own    time.Duration
	kernel clocks
}

func (w *world) observe(p *process) (observation, error) {
	own, err := p.cpu()
	if err != nil {
		return observation{}, err
	}
	kernel, err := kernelThreads(w.cores.proxy)
	return observation{own, kernel}, err
}

func (o observation) since(before observation) usage {
	return usage{o.own - before.own, o.kernel.since(before.kernel)}
}

// sampleOf makes a sample of what calls that took so long each have used, and how long all took together.
func sampleOf(used usage, took time.Duration, times []time.Duration) (sample, error) {
	calls := int64(len(times))
	if calls == 0 {
		return sample{}, fmt.Errorf("no call ended within %s", took)
	}
	slices.Sort(times)
	return sample{
		usage: used.per(calls), rate: float64(calls) / took.Seconds(), busy: float64(used.sum()) / float64(took),
		half: quantile(times, 0.5), slow: quantile(times, 0.99),
	}, nil
}
