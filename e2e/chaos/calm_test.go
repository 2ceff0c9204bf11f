package chaos

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
)

// calm repairs what is left, has all gateways be the version under test, and each of them serve each caller.
func (w *world) calm() {
	w.t.Helper()
	if w.t.Failed() { // something may be broken still
		return
	}
	for _, r := range w.replicas {
		if r.current().binary != binary {
			if err := r.while(r.upgrade); err != nil {
				w.t.Error(err)
			}
		}
	}
	w.whole()
	for i, r := range w.replicas {
		for _, k := range kinds {
			w.served(r, k, 1_000_000_000+i)
		}
	}
	w.callers.close()
	w.happened("calm")
}

// served waits until a gateway serves a kind of call. The cap of the lone one may be full.
func (w *world) served(r *replica, k *kind, n int) {
	w.t.Helper()
	if w.t.Failed() || k.name == "purse" || k.refused != "" || k.where == pinned && r.name == lone {
		return
	}
	w.eventually("gateway "+r.name+" serves "+k.name, func() error {
		n += 10
		got := w.call(k, k.act(n), r.current(), rand.New(noRepeats{}))
		if got == nil || got.err != nil || got.status >= 300 {
			return fmt.Errorf("the answer is %+v", got)
		}
		return nil
	})
}

// noRepeats is a source of which [world.call] makes one request only.
type noRepeats struct{}

func (noRepeats) Uint64() uint64 { return math.MaxUint64 }

// resources are what a process holds.
type resources struct{ goroutines, files, heap, resident int }

func (l *life) resources() (r resources, err error) {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", l.cmd.Process.Pid))
	if err != nil {
		return r, err
	}
	_, metrics, err := l.admin("/metrics")
	r.files = len(files)
	for name, value := range map[string]*int{
		"go_goroutines": &r.goroutines, "go_memstats_heap_inuse_bytes": &r.heap, "process_resident_memory_bytes": &r.resident,
	} {
		if err == nil {
			*value, err = metric(metrics, name)
		}
	}
	return r, err
}

// metric reads a value without labels.
func metric(text []byte, name string) (int, error) {
	for line := range bytes.Lines(text) {
		if value, found := bytes.CutPrefix(line, []byte(name+" ")); found {
			number, err := strconv.ParseFloat(string(bytes.TrimSpace(value)), 64)
			return int(number), err
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}
