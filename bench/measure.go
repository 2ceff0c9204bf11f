package main

import (
	"fmt"
	"time"
)

// sample is what one turn of one proxy at one case gave.
type sample struct {
	cpu  time.Duration // of the proxy, for each call
	rate float64       // calls in a second
	busy float64       // part of the time in which the proxy's core was busy with it
}

// turn measures a proxy at a case: connections that call one after the other, as fast as they are answered. The clock is
// read while no call is under way, so that the calls counted are exactly those paid for.
func (w *world) turn(p *process, t task, s settings) (sample, error) {
	l, err := w.connect(p.address, t, connectionsFor(t, s))
	if err != nil {
		return sample{}, err
	}
	defer l.close()
	if err := l.run(s.warm); err != nil {
		return sample{}, err
	}
	before, err := observe(p, l)
	if err != nil {
		return sample{}, err
	}
	if err := l.run(s.duration); err != nil {
		return sample{}, err
	}
	after, err := observe(p, l)
	if err != nil {
		return sample{}, err
	}
	return before.until(after)
}

// connectionsFor is less for large bodies: so many of them at once would measure the caches.
func connectionsFor(t task, s settings) int {
	if t.size > 64<<10 {
		return max(s.connections/4, 1)
	}
	return s.connections
}

// observation is the state at a moment.
type observation struct {
	at    time.Time
	cpu   time.Duration
	calls int64
}

func observe(p *process, l *load) (observation, error) {
	cpu, err := p.cpu()
	return observation{time.Now(), cpu, l.calls.Load()}, err
}

func (o observation) until(later observation) (sample, error) {
	calls, took, cpu := later.calls-o.calls, later.at.Sub(o.at), later.cpu-o.cpu
	if calls == 0 {
		return sample{}, fmt.Errorf("no call ended within %s", took)
	}
	return sample{cpu / time.Duration(calls), float64(calls) / took.Seconds(), float64(cpu) / float64(took)}, nil
}
