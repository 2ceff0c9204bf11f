package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
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
		working.Go(func() { w.load(p, fmt.Sprintf("CS-%d-%d-", round, worker), kinds, answers) })
	}
	eventually(w.t, "enough calls have arrived", func() bool { return len(w.simulator.Calls()) >= limit })
	p.kill()
	working.Wait()
}

// load calls without pause until the gateway is gone. Each call has an order id of its own, which shows in the log.
func (w *world) load(p *process, prefix string, kinds *rand.Rand, answers *told) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: patience}
	base := "http://" + p.address("plain")
	for i := 0; ; i++ {
		order := prefix + strconv.Itoa(i)
		body := `{"order_id":"` + order + `","use_coupon":"NO","use_discount":"NO"}`
		method, url := "POST", base+"/v3/orders/customer-orders/pay"
		switch kinds.IntN(3) {
		case 0:
			method, url, body = "GET", base+"/v2/orders/customer-orders?order_id="+order, ""
		case 1:
			method, url = "PUT", base+"/v2/orders/customer-orders/cancel"
		}
		r, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			w.t.Error(err)
			return
		}
		answers.set(order, 0)
		response, err := client.Do(r)
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
	arrived := w.ordersThatArrived()
	recorded := map[string]*history{}
	for _, h := range w.consistent() {
		if h.intent == nil {
			continue
		}
		order := orderOf(h.intent)
		if recorded[order] != nil {
			w.t.Errorf("order %s is on record twice", order)
		}
		recorded[order] = h
	}
	for order, times := range arrived {
		if times != 1 {
			w.t.Errorf("order %s arrived %d times", order, times)
		}
		if recorded[order] == nil {
			w.t.Errorf("order %s arrived and is not on record", order)
		}
	}
	unknown := 0
	for order, h := range recorded {
		w.checkTold(order, h, answers.statuses[order], arrived[order])
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
func (w *world) checkTold(order string, h *history, status, arrived int) {
	w.t.Helper()
	if h.outcome == nil {
		return // reported by consistent
	}
	changes := h.intent.Effect != "read" // a read's outcome may be lost with the crash; it is closed as unknown then
	if changes && status != 0 && h.outcome.Status != status {
		w.t.Errorf("the caller of order %s was told %d, the log says %s %d", order, status, h.outcome.Outcome, h.outcome.Status)
	}
	if h.outcome.Outcome == audit.NotSent && arrived != 0 {
		w.t.Errorf("order %s arrived, the log says that it was not sent", order)
	}
}

func (w *world) ordersThatArrived() map[string]int {
	orders := map[string]int{}
	for _, c := range w.simulator.Calls() {
		text := c.Query + string(c.Body)
		start := strings.Index(text, "CS-")
		if start < 0 {
			w.t.Errorf("a call without an order arrived: %s %s", c.Method, c.Path)
			continue
		}
		end := strings.IndexAny(text[start:], `"&`)
		if end < 0 {
			end = len(text) - start
		}
		orders[text[start:start+end]]++
	}
	return orders
}

// orderOf is the order that an intent is about: in its fields, or in its query.
func orderOf(r *audit.Record) string {
	for _, f := range r.Fields {
		if f.Name == "order_id" {
			return strings.Join(f.Values, ",")
		}
	}
	pairs := strings.Split(r.Query, "&")
	if i := slices.IndexFunc(pairs, func(p string) bool { return strings.HasPrefix(p, "order_id=") }); i >= 0 {
		return strings.TrimPrefix(pairs[i], "order_id=")
	}
	return ""
}
