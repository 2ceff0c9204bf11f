package e2e

import (
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"

	"tollgate/audit"
	"tollgate/internal/bsssim"
)

// soaking tells whether the long forms of the random tests are wanted.
func soaking() bool { return os.Getenv("TOLLGATE_SOAK") != "" }

// seed is fixed, unless TOLLGATE_SEED or a soak says otherwise; it is logged.
func seed(t testing.TB) uint64 {
	t.Helper()
	s := uint64(20260304)
	if soaking() {
		s = rand.Uint64()
	}
	if text := os.Getenv("TOLLGATE_SEED"); text != "" {
		var err error
		if s, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TOLLGATE_SEED: %v", err)
		}
	}
	t.Logf("TOLLGATE_SEED=%d", s)
	return s
}

// told is what the callers of a round learned: statuses by order id.
type told struct {
	mu       sync.Mutex
	statuses map[string]int // 0: the connection broke
}

func (a *told) set(order string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.statuses[order] = status
}

// TestKillUnderLoad kills the gateway (SIGKILL) in the midst of calls, again and again over one audit log. Afterwards
// every call that reached the provider is in the log once, with what became of it, and none reached it twice.
func TestKillUnderLoad(t *testing.T) {
	worlds := 1
	if soaking() {
		worlds = 50
	}
	random := rand.New(rand.NewPCG(seed(t), 1))
	for range worlds {
		w := newWorld(t, bsssim.Config{Unthrottled: true}).configure(standard + unlimited)
		answers := &told{statuses: map[string]int{}}
		for round := range crashRounds {
			w.crash(round, random, answers)
		}
		w.start().stop()
		w.checkCrashes(answers)
	}
}

const crashRounds = 4 // in one world: the simulator keeps the newest 10,000 calls only

const loadWorkers = 8

// crash runs one round: workers call until the gateway is killed, after a number of calls that chance gives.
func (w *world) crash(round int, random *rand.Rand, answers *told) {
	w.t.Helper()
	p := w.start()
	limit := len(w.simulator.Calls()) + 1 + random.IntN(200)
	var working sync.WaitGroup
	for worker := range loadWorkers {
		kinds := rand.New(rand.NewPCG(random.Uint64(), 2))
		working.Go(func() { w.load(p, []int{round, worker}, kinds, answers) })
	}
	eventually(w.t, "enough calls have arrived", func() bool { return len(w.simulator.Calls()) >= limit })
	p.kill()
	working.Wait()
}

// load calls without pause until the gateway is gone. Each call has an order id of its own, which shows in the log.
func (w *world) load(p *process, number []int, kinds *rand.Rand, answers *told) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: patience}
	for i := 0; ; i++ {
		order := orderName(append(number, i)...)
		answers.set(order, 0)
		response, err := client.Do(p.orderRequest(kinds.IntN(len(orderKinds)), order))
		if err != nil {
			return
		}
		answers.set(order, response.StatusCode)
		_ = response.Body.Close()
	}
}

// checkCrashes holds what arrived against what is on record and what callers were told.
func (w *world) checkCrashes(answers *told) {
	w.t.Helper()
	arrived, recorded := w.ordersThatArrived(), w.ordersOnRecord()
	checkOnce(w.t, arrived, recorded)
	unknown := 0
	for order, h := range recorded {
		w.checkTold(order, h, answers.statuses[order])
		if h.outcome != nil && h.outcome.Outcome == audit.Unknown {
			unknown++
		}
	}
	w.t.Logf("%d calls arrived, %d are on record, of which %d as unknown", len(arrived), len(recorded), unknown)
	if len(arrived) == 0 || unknown == 0 {
		w.t.Error("no crash fell into a call: the test says nothing")
	}
}

// checkTold has the log say no less than the caller was told.
func (w *world) checkTold(order string, h *history, status int) {
	w.t.Helper()
	if h.outcome == nil {
		return // reported by consistent
	}
	changes := h.intent.Effect != "read" // a read's outcome may be lost with the crash; it is closed as unknown then
	if changes && status != 0 && h.outcome.Status != status {
		w.t.Errorf("the caller of order %s was told %d, the log says %s %d", order, status, h.outcome.Outcome, h.outcome.Status)
	}
}
