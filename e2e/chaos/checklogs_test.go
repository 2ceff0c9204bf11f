package chaos

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
)

// checkLogs verifies each log, with the copies of its checkpoints as witnesses, and one of them by the verifier in Python too.
func (w *world) checkLogs() {
	w.t.Helper()
	for i, r := range w.replicas {
		w.command(binary, "audit", "verify", "--dir", r.dir(), "--since-checkpoint", r.witness())
		if i == int(w.seed%uint64(len(w.replicas))) {
			w.command("python3", "../../audit/export/verify.py", r.dir(), "--since-checkpoint", r.witness())
		}
		if info, err := os.Stat(r.witness()); err != nil || info.Size() == 0 {
			w.t.Errorf("the log of %s has no witnesses: %v", r.name, err)
		}
	}
}

func (w *world) command(name string, arguments ...string) {
	w.t.Helper()
	if out, err := exec.Command(name, arguments...).CombinedOutput(); err != nil {
		w.t.Errorf("%s %q: %v\n%s", name, arguments, err, out)
	}
}

// What a gateway may hold more than when it had just come up. Goroutines and descriptors: connections that stay open for the next call, to
// the provider and to Redis, and the files of the index. Heap: what the collector has not freed yet, which is up to 32 MiB (the
// gateway lets so much garbage be), and the tables for signatures and acts that are remembered. Resident memory: the race
// detector keeps up to four bytes for each of the heap, and returns none.
const (
	moreGoroutines = 40
	moreFiles      = 30
	moreHeap       = 48 << 20
	moreResident   = 5 * moreHeap
)

// leftovers waits until no gateway holds much more than when it came up.
func (w *world) leftovers() {
	w.t.Helper()
	if w.t.Failed() { // calls may be under way still
		return
	}
	for _, r := range w.replicas {
		l := r.current()
		var now resources
		w.eventually("gateway "+r.name+" holds no more than before", func() (err error) {
			if now, err = l.resources(); err != nil {
				return err
			}
			if now.goroutines > l.before.goroutines+moreGoroutines || now.files > l.before.files+moreFiles ||
				now.heap > l.before.heap+moreHeap || now.resident > l.before.resident+moreResident {
				return fmt.Errorf("before: %+v; after: %+v", l.before, now)
			}
			return nil
		})
		w.t.Logf("%s: before %+v, after %+v", r.name, l.before, now)
	}
}

// stopAll stops all gateways in good order. None may have ended before by itself, or have a data race.
func (w *world) stopAll() {
	w.t.Helper()
	for _, r := range w.replicas {
		if err := r.while(func() error { return r.current().end(stopped) }); err != nil {
			w.t.Error(err)
		}
		for _, l := range r.lives {
			if l.how == "" {
				w.t.Errorf("gateway %s ended by itself", r.name)
			}
		}
		if text, err := os.ReadFile(r.file("log")); err != nil || bytes.Contains(text, []byte("DATA RACE")) {
			w.t.Errorf("gateway %s has a data race, or no log: %v", r.name, err)
		}
	}
}
