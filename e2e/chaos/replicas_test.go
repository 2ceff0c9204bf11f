package chaos

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

// replicaEvents end gateways and start them again, and fill their disks.
func replicaEvents() []event {
	return []event{
		{"one is killed", killOne}, {"one is killed", killOne}, {"one is killed as it starts", killStarting}, {"two are killed", killTwo},
		{"one is killed as it stops", killStopping}, {"one is stopped", stopOne}, {"one is upgraded", upgradeOne}, {"another is upgraded", upgradeOne},
		{"one is suspended", suspendOne}, {"a disk is full", fillDisk}, {"a disk has room for outcomes only", fillSegment},
		{"one is killed with a full disk", fillAndKill},
	}
}

func (w *world) any(random *rand.Rand) *replica { return w.replicas[random.IntN(len(w.replicas))] }

func killOne(w *world, random *rand.Rand) error { return w.any(random).restart(random, killed) }

func stopOne(w *world, random *rand.Rand) error { return w.any(random).restart(random, stopped) }

// restart ends the gateway, and starts it again after a while with the binary that it had.
func (r *replica) restart(random *rand.Rand, how string) error {
	return r.while(func() error {
		r.w.happened("  %s is %s", r.name, how)
		if err := r.current().end(how); err != nil {
			return err
		}
		pause(random, 2*time.Second)
		return r.start(r.current().binary)
	})
}

func killTwo(w *world, random *rand.Rand) error {
	both := random.Perm(len(w.replicas))[:2]
	ended := make(chan error)
	for _, i := range both {
		own := rand.New(rand.NewPCG(random.Uint64(), 0))
		go func() { ended <- w.replicas[i].restart(own, killed) }()
	}
	first, second := <-ended, <-ended
	if first != nil {
		return first
	}
	return second
}

// suspendOne has a gateway do nothing for a while, as on a machine that stands still.
func suspendOne(w *world, random *rand.Rand) error {
	l := w.any(random).current()
	l.stalled = true // a commit that is under way takes longer than its deadline
	w.happened("  %s is suspended", l.name)
	if err := l.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pause(random, 3*time.Second)
	return l.cmd.Process.Signal(syscall.SIGCONT)
}

// killStarting kills a gateway again and again while it recovers what the last kill left.
func killStarting(w *world, random *rand.Rand) error {
	r := w.any(random)
	return r.while(func() error {
		old := r.current()
		if err := old.end(killed); err != nil {
			return err
		}
		for range 3 {
			if err := r.startAndKill(old.binary, random); err != nil {
				return err
			}
		}
		return r.start(old.binary)
	})
}

// killStopping kills a gateway a moment after it was asked to stop.
func killStopping(w *world, random *rand.Rand) error {
	r := w.any(random)
	return r.while(func() error {
		l := r.current()
		w.happened("  %s is killed as it stops", r.name)
		if err := l.interrupt(random); err != nil {
			return err
		}
		return r.start(l.binary)
	})
}

// upgradeOne stops a gateway of the first version, and starts the one under test on its log. Where none is left it restarts any.
func upgradeOne(w *world, random *rand.Rand) error {
	r := w.any(random)
	for _, other := range w.replicas {
		if other.current().binary != binary {
			r = other
		}
	}
	return r.while(r.upgrade)
}

func (r *replica) upgrade() error {
	r.w.happened("  %s is upgraded", r.name)
	if err := r.current().end(stopped); err != nil {
		return err
	}
	if err := r.start(binary); err != nil {
		return fmt.Errorf("after an upgrade: %w", err)
	}
	return nil
}
