package e2e

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/audit/verify"
	"tollgate/internal/bsssim"
)

// soaking reports whether the long forms of the random tests are wanted.
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

// answered is what the callers of a round learned: statuses by order id.
type answered struct {
	mu       sync.Mutex
	statuses map[string]int // 0: the connection broke
}

func (a *answered) set(order string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.statuses[order] = status
}

// crashConfig has short segments and many checkpoints, so that crashes fall into what begins and signs them, and keeps
// copies of the checkpoints outside the log.
const crashConfig = "{dir: audit, segment_size: 1MiB, checkpoints: {every: 1s, records: 20, copies: [{file: kept.jsonl}]}}"

// TestKillUnderLoad kills the gateway (SIGKILL) again and again over one audit log: in the midst of calls, of beginning new
// segments and of signing, while it recovers, and while it stops. After each kill the log verifies as far as it is signed, and
// holds every checkpoint that was copied elsewhere; after the next start it verifies as a whole. In the end every call that
// reached the provider is in the log once, with its outcome, and none reached it twice.
func TestKillUnderLoad(t *testing.T) {
	t.Parallel()
	worlds := 1
	if soaking() {
		worlds = 40
	}
	random := rand.New(rand.NewPCG(seed(t), 1))
	var all crashCounts
	for range worlds {
		w := newWorld(t, bsssim.Config{Unthrottled: true}).configure(replaceOnce(t, standard+unlimited, "{dir: audit}", crashConfig))
		answers := &answered{statuses: map[string]int{}}
		for round, crash := range crashes {
			crash(w, round, random, answers)
			w.tear(random)
			all.add(w.verified("--allow-unsigned", "--since-checkpoint", w.file("kept.jsonl")))
		}
		w.start().stop()
		w.checkCrashes(answers)
		all.segments += w.verified("--since-checkpoint", w.file("kept.jsonl")).Segments
	}
	t.Logf("%d worlds: %+v", worlds, all)
	all.check(t, worlds)
}

// crashCounts say what the kills of a test left: in how many cases records behind the last checkpoint, or a part of one;
// and how many copied checkpoints were found in the log.
type crashCounts struct{ kills, unsigned, partial, kept, segments int }

// add counts what one kill left.
func (c *crashCounts) add(r *verify.Report) {
	c.kills++
	c.kept += r.Witnessed
	if r.Unsigned > 0 {
		c.unsigned++
	}
	if r.Partial > 0 {
		c.partial++
	}
}

// check wants kills that fell into something.
func (c *crashCounts) check(t *testing.T, worlds int) {
	t.Helper()
	if c.segments <= worlds {
		t.Error("no log has a second segment, so no crash came between two: the test says little")
	}
	if c.kept == 0 || soaking() && (c.unsigned == 0 || c.partial == 0) { // a short form may be spared the latter by chance
		t.Errorf("nothing was copied, unsigned or cut off: the test says little: %+v", *c)
	}
}

// crashes are the kills of one world. There are few: the simulator keeps the newest 10,000 calls only.
var crashes = []func(*world, int, *rand.Rand, *answered){
	(*world).crash, (*world).crashAtStart, (*world).crashAtStart, (*world).crashAtStop, (*world).crash, (*world).crashAtStart,
}

const loadWorkers = 8

// crash kills the gateway after a number of calls that is random.
func (w *world) crash(round int, random *rand.Rand, answers *answered) {
	w.underLoad(round, random, answers, (*process).kill)
}

// crashAtStop kills it a moment after SIGTERM.
func (w *world) crashAtStop(round int, random *rand.Rand, answers *answered) {
	w.underLoad(round, random, answers, func(p *process) {
		p.terminate()
		time.Sleep(anyPart(random, 30*time.Millisecond))
		p.kill()
	})
}

// crashAtStart kills it a moment after its start, while it recovers what an earlier crash left, or is just done with it.
func (w *world) crashAtStart(_ int, random *rand.Rand, _ *answered) {
	p := launch(w.t, w.config, w.env)
	time.Sleep(anyPart(random, 400*time.Millisecond))
	p.kill()
}

// anyPart is a time up to a bound. Nothing is concluded from it but when a signal is sent.
func anyPart(random *rand.Rand, bound time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(bound)))
}

// underLoad has callers call until the gateway is gone.
func (w *world) underLoad(round int, random *rand.Rand, answers *answered, end func(*process)) {
	w.t.Helper()
	p := w.start()
	w.verified("--since-checkpoint", w.file("kept.jsonl"))
	limit := len(w.simulator.Calls()) + 1 + random.IntN(250)
	var working sync.WaitGroup
	for worker := range loadWorkers {
		kinds := rand.New(rand.NewPCG(random.Uint64(), 2))
		working.Go(func() { w.load(p, []int{round, worker}, kinds, answers) })
	}
	eventually(w.t, "enough calls have arrived", func() bool { return len(w.simulator.Calls()) >= limit })
	end(p)
	working.Wait()
}

// tear leaves behind the last record, now and then, what a crash of the machine leaves of one that was never acknowledged.
func (w *world) tear(random *rand.Rand) {
	w.t.Helper()
	segments := w.segments()
	if len(segments) == 0 || random.IntN(2) == 0 {
		return
	}
	live := segments[len(segments)-1]
	text, err := os.ReadFile(live)
	if err != nil {
		w.t.Fatal(err)
	}
	end := bytes.IndexByte(text, 0)
	if end < 0 || end == 0 {
		return // it was trimmed, or is new
	}
	begun := text[bytes.LastIndexByte(text[:end-1], '\n')+1 : end-1]
	file, err := os.OpenFile(live, os.O_RDWR, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(begun[:1+random.IntN(len(begun)-1)], int64(end)); err != nil {
		w.t.Fatal(err)
	}
}

// segments are the files of the log, the live one last.
func (w *world) segments() []string {
	w.t.Helper()
	segments, err := filepath.Glob(w.file("audit/*.jsonl"))
	if err != nil {
		w.t.Fatal(err)
	}
	return segments
}

// padding makes records large, so that a crash often finds the log between two segments.
var padding = strings.Repeat("x", 12<<10)

// load calls without pause until the gateway is gone. Each call has an order id of its own, which shows in the log.
func (w *world) load(p *process, number []int, kinds *rand.Rand, answers *answered) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: patience}
	for i := 0; ; i++ {
		order := orderName(append(number, i)...)
		answers.set(order, 0)
		r := p.orderRequest(kinds.IntN(len(orderKinds)), order)
		if r.Method == "GET" {
			r.URL.RawQuery += "&resource_name=" + padding
		}
		response, err := client.Do(r)
		if err != nil {
			return
		}
		answers.set(order, response.StatusCode)
		_ = response.Body.Close()
	}
}

// checkCrashes holds what arrived against what is on record and what callers learned.
func (w *world) checkCrashes(answers *answered) {
	w.t.Helper()
	arrived, recorded := w.ordersThatArrived(), w.ordersOnRecord()
	checkOnce(w.t, arrived, recorded)
	unknown := 0
	for order, h := range recorded {
		w.checkAnswered(order, h, answers.statuses[order])
		if h.outcome != nil && h.outcome.Outcome == logfile.Unknown {
			unknown++
		}
	}
	w.t.Logf("%d calls arrived, %d are on record, of which %d as unknown", len(arrived), len(recorded), unknown)
	if len(arrived) == 0 || unknown == 0 {
		w.t.Error("no crash fell into a call: the test says nothing")
	}
}

// checkAnswered has the log say no less than the caller learned.
func (w *world) checkAnswered(order string, h *history, status int) {
	w.t.Helper()
	if h.outcome == nil {
		return // reported by consistent
	}
	changes := h.intent.Effect != "read" // a read's outcome may be lost with the crash; it is closed as unknown then
	if changes && status != 0 && h.outcome.Status != status {
		w.t.Errorf("the caller of order %s got %d, the log says %s %d", order, status, h.outcome.Outcome, h.outcome.Status)
	}
}
