package store

import (
	"context"
	"math"
	"testing"
	"time"
)

// restless returns a pacer that never sleeps.
func restless() *pacer {
	p := newPacer(func() uint64 { return 0 })
	p.sleep = func(context.Context, time.Duration) bool { return true }
	return p
}

// machine is a clock, and processors of which calls use a part.
type machine struct {
	clock  time.Time
	cpu    time.Duration
	load   float64 // of one processor
	cores  int
	lag    uint64
	rested time.Duration
}

// pacer returns a pacer of the machine's, which knows its load.
func (m *machine) pacer() *pacer {
	p := &pacer{
		now: func() time.Time { return m.clock }, used: func() time.Duration { return m.cpu },
		sleep: func(_ context.Context, d time.Duration) bool {
			m.clock, m.cpu, m.rested = m.clock.Add(d), m.cpu+time.Duration(m.load*float64(d)), m.rested+d
			return true
		},
		cores: m.cores, lag: func() uint64 { return m.lag }, woke: m.clock, load: 1,
	}
	for range 100 {
		p.rest(context.Background(), time.Millisecond)
	}
	m.rested = 0
	return p
}

// share works for a second, a bit at a time, and returns what part of the time was work.
func (m *machine) share(t *testing.T, bit time.Duration) float64 {
	p := m.pacer()
	var worked, atOnce time.Duration
	for worked < time.Second {
		rested := m.rested
		m.clock, m.cpu, worked, atOnce = m.clock.Add(bit), m.cpu+bit, worked+bit, atOnce+bit
		p.step(t.Context())
		if m.rested > rested {
			if atOnce >= stretch+bit {
				t.Errorf("worked for %v at once", atOnce)
			}
			atOnce = 0
		}
	}
	return float64(worked) / float64(worked+m.rested)
}

// TestShare: what part of the time the index works depends on what calls use of the processors, and on how far it is behind.
func TestShare(t *testing.T) {
	for _, test := range []struct {
		name string
		machine
		want float64
	}{
		{"no calls", machine{cores: 1}, 1. / 4},
		{"no calls, far behind", machine{cores: 1, lag: mostBehind + 1}, 1. / 4},
		{"a quarter of a processor", machine{cores: 1, load: 0.25}, 1 / 14.5},
		{"a quarter of two", machine{cores: 2, load: 0.5}, 1 / 14.5},
		{"half", machine{cores: 1, load: 0.5}, 1. / 25},
		{"all of it", machine{cores: 1, load: 1}, 1. / 25},
		{"all of four", machine{cores: 4, load: 4}, 1. / 25},
		{"one of four", machine{cores: 4, load: 1}, 1 / 14.5},
		{"all of it, as far behind as may be", machine{cores: 1, load: 1, lag: mostBehind}, 1. / 25},
		{"all of it, far behind", machine{cores: 1, load: 1, lag: mostBehind + 1}, 1. / 5},
	} {
		if got := test.share(t, 40*time.Microsecond); math.Abs(got-test.want) > 0.02*test.want {
			t.Errorf("%s: the index works %.4f of the time, want %.4f", test.name, got, test.want)
		}
	}
}

// TestLoadBegins: until the load is known the processors are taken for busy, and a load that changes is known soon.
func TestLoadBegins(t *testing.T) {
	if p := newPacer(nil); p.load != 1 {
		t.Errorf("begins with a load of %v", p.load)
	}
	m := &machine{cores: 1}
	p := m.pacer()
	if p.load > 0.01 {
		t.Errorf("a load of %v without calls", p.load)
	}
	m.load = 1
	p.rest(t.Context(), 3*loadTime)
	if p.load < 0.99 {
		t.Errorf("a load of %v with one processor in use", p.load)
	}
}

// TestLongWork: one command that took long is rested for like many, unless it must have waited for something.
func TestLongWork(t *testing.T) {
	m := &machine{cores: 1, load: 1}
	p := m.pacer()
	for took, want := range map[time.Duration]time.Duration{mostWork: busyRest * mostWork, time.Minute: busyRest * mostWork} {
		m.rested = 0
		m.clock = m.clock.Add(took)
		p.step(t.Context())
		if m.rested != want {
			t.Errorf("after %v of work it rested for %v, want %v", took, m.rested, want)
		}
	}
}
