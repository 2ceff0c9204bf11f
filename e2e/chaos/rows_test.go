package chaos

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// event is something that befalls the world. It returns when that is over, and everything it broke works again; its error fails the
// test, and ends its row.
type event struct {
	name string
	do   func(*world, *rand.Rand) error
}

// row has its events happen one after the other: all of them in a random order, and again.
type row struct {
	name   string
	events []event
	pause  time.Duration // between events, at most
}

func (w *world) rows() []row {
	return []row{
		{"replicas", replicaEvents(), 800 * time.Millisecond},
		{"redis", redisEvents(), 3 * time.Second},
		{"upstream", upstreamEvents(), 2 * time.Second},
		{"reloads", reloadEvents(), time.Second},
		{"secrets", secretEvents(), time.Second},
	}
}

// run has events happen until the end, and at least each of them once.
func (r *row) run(w *world, part uint64, end time.Time) {
	random := w.random(part)
	for first := true; first || time.Now().Before(end); first = false {
		for _, i := range random.Perm(len(r.events)) {
			if !first && time.Now().After(end) {
				return
			}
			e := r.events[i]
			w.happened("%s: %s", r.name, e.name)
			if err := e.do(w, random); err != nil {
				w.t.Errorf("%s: %s: %v", r.name, e.name, err)
				return
			}
			pause(random, r.pause)
		}
	}
}

// pause lets a random part of a time pass: how long a fault lasts, or until the next.
func pause(random *rand.Rand, bound time.Duration) {
	time.Sleep(time.Duration(random.Int64N(int64(bound))))
}

// onEach does something with each gateway that runs, while it is neither ended nor reloaded.
func (w *world) onEach(do func(*replica) error) error {
	for _, r := range w.replicas {
		if err := r.while(func() error { return do(r) }); err != nil {
			return fmt.Errorf("gateway %s: %w", r.name, err)
		}
	}
	return nil
}

// while does something while the replica is changed by no other. A replica is always up then.
func (r *replica) while(do func() error) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	return do()
}
