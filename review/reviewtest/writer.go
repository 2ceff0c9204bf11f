package reviewtest

import (
	"container/heap"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"tollgate/audit/blobs"
	"tollgate/audit/logfile"
	"tollgate/config/snapshot"
	"tollgate/freeze"
	"tollgate/internal/testlog"
)

// signEvery is how long a record waits for a checkpoint. A gateway signs sooner, which would make the logs larger and no richer.
const signEvery = 5 * time.Minute

// writer lets what is to happen happen in the order of time, and writes the log as it goes.
type writer struct {
	log      *testlog.Log
	rng      *rand.Rand
	now      time.Time
	todo     happenings
	name     string
	dir      string
	rekeys   byte
	made     Made
	orders   int      // how many happenings there were
	segments []uint64 // the first record of each

	plan    string
	keys    map[string]string // access keys of credentials, by name
	spent   map[charged]int64 // of caps, in cents
	known   map[string]bool   // connections whose first record is written
	open    []*logfile.Record // intents without outcome, in order
	unknown []*logfile.Record // intents of acts whose outcome is unknown, in order
	frozen  []freeze.Freeze
	signing bool // a checkpoint is due
	stopped bool // the gateway is down
	timed   bool // the version is one that records steps
}

// happening is something that is to happen.
type happening struct {
	at    time.Time
	order int // of those at the same time
	do    func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].order < h[j].order
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func newWriter(dir, name string, seed uint64) *writer {
	check(os.MkdirAll(dir, 0o700))
	w := &writer{
		dir: dir, name: name, rng: rand.New(rand.NewPCG(seed, 2026)), now: Begin,
		keys: map[string]string{}, spent: map[charged]int64{}, known: map[string]bool{}, made: Made{Calls: map[string]string{}},
	}
	w.segments = []uint64{1}
	w.log = testlog.NewAt(dir, key(dir, name, w.rekeys), func() time.Time { return w.now }, firstVersion)
	w.rotateDaily()
	return w
}

// at makes something happen at a time, which is not past.
func (w *writer) at(at time.Time, do func()) {
	w.orders++
	heap.Push(&w.todo, happening{at, w.orders, do})
}

// after makes something happen later.
func (w *writer) after(d time.Duration, do func()) { w.at(w.now.Add(d), do) }

// run lets all happen up to [Now].
func (w *writer) run() Made {
	for len(w.todo) > 0 && w.todo[0].at.Before(Now) {
		next := heap.Pop(&w.todo).(happening)
		w.now = next.at
		next.do()
	}
	w.now = Now.Add(-2 * time.Second)
	w.checkpoint()
	w.log.Leave()
	for _, r := range w.unknown {
		w.made.Unknown = append(w.made.Unknown, r.Call)
	}
	w.made.Key, w.made.Last = w.log.Key(), w.log.Seq
	return w.made
}

// add writes a record, and has it signed soon.
func (w *writer) add(r *logfile.Record) {
	if r.SignatureHash != "" && w.log.Full() {
		w.checkpoint()
	}
	r.Time = w.now.UTC()
	w.log.Add(r)
	if !w.signing {
		w.signing = true
		w.after(signEvery, w.sign)
	}
}

// sign is due for the oldest record that no checkpoint covers; a rotation or a start may have come before it.
func (w *writer) sign() {
	if w.signing && !w.stopped {
		w.checkpoint()
	}
}

func (w *writer) checkpoint() {
	w.log.Checkpoint()
	w.signing = false
}

// rotateDaily begins a segment with each day (UTC), as a gateway does.
func (w *writer) rotateDaily() {
	for day := Begin.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1); day.Before(Now); day = day.AddDate(0, 0, 1) {
		w.at(day.Add(time.Duration(20+w.rng.IntN(600))*time.Second), func() {
			w.segments = append(w.segments, w.log.Seq+1)
			w.log.Rotate()
			w.signing = false
			w.restate()
		})
	}
}

// restate states again what is frozen and what is unknown.
func (w *writer) restate() {
	if len(w.frozen) > 0 {
		w.add(&logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventFreezes, Freezes: w.frozen})
	}
	for _, intent := range w.unknown {
		w.add(&logfile.Record{
			Kind: logfile.KindEvent, Event: logfile.EventUnresolved, Subject: intent.Call, Caller: intent.Caller, Upstream: intent.Upstream, Site: intent.Site,
			Operation: intent.Operation, Effect: intent.Effect, Credential: intent.Credential, Class: intent.Class, Account: intent.Account,
			Fields: intent.Fields, MACKey: intent.MACKey, Spending: intent.Spending, Data: map[string]string{"intended": stamp(intent.Time)},
		})
	}
}

// event writes one. Data are pairs of names and values.
func (w *writer) event(code logfile.EventCode, identity, subject, detail string, data ...string) {
	r := &logfile.Record{Kind: logfile.KindEvent, Event: code, Identity: identity, Subject: subject, Detail: detail, Data: map[string]string{}}
	for i := 0; i+1 < len(data); i += 2 {
		r.Data[data[i]] = data[i+1]
	}
	if r.StatesFreezes() {
		r.Freezes = w.frozen
	}
	w.add(r)
}

// load puts a configuration in force, by its text.
func (w *writer) load(text string) (before string) {
	generations := map[string]snapshot.Generation{}
	for name, key := range w.keys {
		generations[name] = snapshot.Generation{AccessKey: key, Number: 1}
	}
	plan := snapshot.Of(parsed(text), generations)
	name := blobs.NameOf(plan)
	folder := filepath.Join(w.dir, blobs.Folder)
	check(os.MkdirAll(folder, 0o700))
	check(os.WriteFile(filepath.Join(folder, name), plan, 0o600)) // a blobs.Store waits for the disk
	before, w.plan = w.plan, name[:logfile.PlanDigits]
	return before
}

// stop ends the gateway in good order.
func (w *writer) stop() {
	w.log.Add(&logfile.Record{Kind: logfile.KindStop, Time: w.now.UTC()})
	w.checkpoint()
	w.stopped = true
}

// start begins again, behind a stop or a crash, and closes what a crash left open.
func (w *writer) start(rekey bool) {
	w.stopped, w.signing, w.timed = false, false, true
	for _, r := range w.open {
		w.log.Add(&logfile.Record{
			Kind: logfile.KindOutcome, Call: r.Call, Caller: r.Caller, Upstream: r.Upstream, Site: r.Site, Operation: r.Operation, Effect: r.Effect,
			Deprecated: r.Deprecated, Credential: r.Credential, Class: r.Class, Account: r.Account, Plan: r.Plan, Outcome: logfile.Unknown,
			Note: "closed at start: the gateway stopped before an outcome was recorded", Time: w.now.UTC(),
		})
		if r.Spending != nil && r.Act != "" {
			w.unknown = append(w.unknown, r)
		}
	}
	w.open = nil
	clear(w.known)
	w.log.Add(&logfile.Record{Kind: logfile.KindStart, Version: version, Freezes: w.frozen, Time: w.now.UTC()})
	if rekey {
		w.rekeys++
		w.log.Rekey(key(w.dir, w.name, w.rekeys), false)
	} else {
		w.log.Checkpoint()
	}
	w.restate()
	w.event(logfile.EventConfigLoaded, "", "", "", "plan", w.plan)
}

// id returns the id of a call that arrives now, as a gateway makes it.
func (w *writer) id() string {
	milliseconds := w.now.UnixMilli()
	return fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", milliseconds>>16, milliseconds&0xffff, w.rng.IntN(1<<12), 0x8000|w.rng.IntN(1<<14), w.rng.Int64N(1<<48))
}

// hash returns so many hexadecimal digits.
func (w *writer) hash(digits int) string {
	b := make([]byte, (digits+1)/2)
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	return hex.EncodeToString(b)[:digits]
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
