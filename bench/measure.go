package main

import (
	"errors"
	"fmt"
	"time"
)

// sample is what one turn of one proxy at one case gave.
type sample struct {
	cpu  time.Duration // of the proxy, for each call
	rate float64       // calls in a second
	busy float64       // part of the time in which the proxy's core was busy with it
}

// turn measures a proxy at a case: connections that call one after the other, as fast as they are answered.
func (w *world) turn(p *process, t task, s settings) (sample, error) {
	l, err := w.start(p.address, t, s.connections)
	if err != nil {
		return sample{}, err
	}
	time.Sleep(s.warm)
	before, err := observe(p, l)
	time.Sleep(s.duration)
	after, err2 := observe(p, l)
	if failed := l.end(); failed != nil {
		return sample{}, failed
	}
	if err != nil || err2 != nil {
		return sample{}, errors.Join(err, err2)
	}
	return before.until(after)
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
