package e2e

import (
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/internal/bsssim"
)

// TestSlowProviderAtAStart: a gateway that was killed sends all calls to a slow provider that accepted its keys before. Without the
// memory of that three of one caller go out, and the others learn in seconds that they were not sent.
func TestSlowProviderAtAStart(t *testing.T) {
	t.Parallel() // it mostly waits
	const calls = 12
	w := newWorld(t, bsssim.Config{})
	var arrived atomic.Int32
	var answering atomic.Pointer[chan struct{}] // closed when the provider answers
	slow := func() chan struct{} {
		c := make(chan struct{})
		answering.Store(&c)
		return c
	}
	w.values.Upstream = w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		select {
		case <-*answering.Load():
		case <-r.Context().Done():
		}
		w.simulator.ServeHTTP(rw, r)
	}))
	w.configure(standard + unlimited)
	file := w.file("audit/accepted.keys")

	// together makes the calls at once, has the provider answer when so many have arrived and so many are refused, and counts the codes.
	together := func(p *process, sent, refused int32) map[string]int {
		t.Helper()
		answer, codes := slow(), map[string]int{}
		var mutex sync.Mutex
		var calling sync.WaitGroup
		var early atomic.Int32
		arrived.Store(0)
		for range calls {
			calling.Go(func() {
				got := send(t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(0, "CS-1001"))
				if got.code != "" {
					early.Add(1)
				}
				mutex.Lock()
				defer mutex.Unlock()
				codes[got.code]++
			})
		}
		eventually(t, "the calls are sent or refused", func() bool { return arrived.Load() == sent && early.Load() == refused })
		close(answer)
		calling.Wait()
		if arrived.Load() != sent {
			t.Errorf("%d calls arrived, want %d", arrived.Load(), sent)
		}
		return codes
	}

	p := w.start()
	if got := together(p, 3, calls-3); !maps.Equal(got, map[string]int{"": 3, "TG.6010": calls - 3}) {
		t.Errorf("keys that were never accepted: answers %v", got)
	}
	eventually(t, "the key is remembered", func() bool { text, _ := os.ReadFile(file); return len(text) > 0 })
	p.kill()
	p = w.start()
	if !strings.Contains(p.log(), "the provider accepted the keys of these credentials before") {
		t.Errorf("the log does not say that keys are not on trial: %s", p.log())
	}
	if got := together(p, calls, 0); !maps.Equal(got, map[string]int{"": calls}) {
		t.Errorf("keys that were accepted: answers %v", got)
	}
	p.stop()
}
