package callstest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

// start is about when the calls of a test are.
var start = testlog.Start

// writer writes a log of random calls, by a clock that steps forwards and back.
type writer struct {
	*testlog.Log
	rng       *rand.Rand
	dir, name string
	update    func()
	now       time.Time
	open      []string // ids of calls
	unknown   []string // the same, of those whose outcome is unknown
	calls     int
}

func newWriter(rng *rand.Rand, name, dir string) *writer {
	return &writer{Log: testlog.New(dir, nil), rng: rng, dir: dir, name: name, now: start.Add(time.Duration(rng.IntN(60)-30) * time.Second)}
}

// write writes some records, so that readers see them.
func (w *writer) write(n int) {
	for range n {
		steps := []time.Duration{0, 0, 1, time.Microsecond, time.Second, time.Minute, -time.Second, -time.Hour}
		w.now = w.now.Add(steps[w.rng.IntN(len(steps))])
		w.record()
	}
	w.Flush()
}

func (w *writer) record() {
	switch n := w.rng.IntN(100); {
	case n < 45:
		w.begin(w.newID())
	case n < 75 && len(w.open) > 0:
		w.end()
	case n < 85:
		w.Add(&logfile.Record{Kind: logfile.KindRefusal, Call: w.newID(), Time: w.now, Caller: "shop", Decision: logfile.Refused, Reason: "over_limit", Status: 429})
	case n < 88 && len(w.open) > 0: // no gateway does that: the one before is lost
		w.begin(w.take(&w.open))
	case n < 89:
		w.Add(&logfile.Record{Kind: logfile.KindStart, Time: w.now, Version: "test"})
		w.open = nil
	case n < 95 && len(w.unknown) > 0:
		w.Add(&logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventResolved, Time: w.now, Subject: w.take(&w.unknown),
			Data: map[string]string{"outcome": w.pick(logfile.Succeeded, logfile.Failed)}})
	case n < 97:
		w.Rotate()
	default:
		w.Checkpoint()
	}
}

func (w *writer) begin(id string) {
	w.open = append(w.open, id)
	w.Add(&logfile.Record{Kind: logfile.KindIntent, Call: id, Time: w.now, Caller: w.pick("shop", "report"), Site: "cn", Operation: w.pick("PayOrders", "ListOrders"),
		Effect: w.pick("spend", "read"), Credential: "main", Decision: logfile.Allowed})
}

func (w *writer) end() {
	id := w.take(&w.open)
	outcome := w.pick(logfile.Succeeded, logfile.Failed, logfile.Unknown)
	if outcome == logfile.Unknown {
		w.unknown = append(w.unknown, id)
	}
	w.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: id, Time: w.now, Outcome: outcome})
}

func (w *writer) newID() string {
	w.calls++
	return fmt.Sprintf("%s-%d", w.name, w.calls)
}

func (w *writer) pick(list ...string) string { return list[w.rng.IntN(len(list))] }

// take removes an element of a list and returns it.
func (w *writer) take(list *[]string) string {
	i := w.rng.IntN(len(*list))
	id := (*list)[i]
	*list = append((*list)[:i], (*list)[i+1:]...)
	return id
}
