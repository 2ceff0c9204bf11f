package chaos

import (
	"maps"
	"slices"
	"time"

	"tollgate/audit/logfile"
)

// evidence is what the three sides say: the logs, the provider, the callers.
type evidence struct {
	w         *world
	broken    *faults // of records that do not fit together
	calls     map[string]*history
	about     map[subject][]*history // calls with an intent
	times     map[*replica][]time.Time
	summed    map[refused]int // refusals that summaries count
	summaries map[*replica][]time.Time
	arrivals  []arrival
	arrived   map[subject][]arrival
	notes     []*note
}

// subject is what a call is about. By it requests at the provider are found on record, since they do not carry the call's id.
type subject struct{ operation, act string }

// refused is what summaries count refusals by.
type refused struct {
	replica        *replica
	caller, reason string
}

// history is what the log says of one call.
type history struct {
	replica                  *replica
	intent, outcome, refusal *entry
}

// entry is what is of interest in a record.
type entry struct {
	time                      time.Time
	operation, act, outcome   string
	caller, account, key, why string
	status                    int
}

// collect reads the logs of the gateways, which have ended.
func (w *world) collect() *evidence {
	w.t.Helper()
	c := &evidence{
		w: w, calls: map[string]*history{}, about: map[subject][]*history{}, times: map[*replica][]time.Time{},
		summed: map[refused]int{}, summaries: map[*replica][]time.Time{},
		arrivals: w.provider.arrivals, arrived: map[subject][]arrival{}, notes: w.notes,
	}
	c.broken = &faults{c: c, name: "records fit together"}
	for _, r := range w.replicas {
		if err := logfile.Read(r.dir(), func(record *logfile.Record, _ []byte) error { c.add(r, record); return nil }); err != nil {
			w.t.Errorf("the log of %s: %v", r.name, err)
		}
	}
	c.join()
	return c
}

// join sorts requests and calls by what they are about.
func (c *evidence) join() {
	for _, a := range c.arrivals {
		at := subject{a.operation, a.act}
		c.arrived[at] = append(c.arrived[at], a)
	}
	for id, h := range c.calls {
		if h.intent == nil {
			continue
		}
		if h.outcome == nil {
			c.broken.add("call %s has no outcome", id)
			h.outcome = &entry{}
		}
		at := subject{h.intent.operation, h.intent.act}
		c.about[at] = append(c.about[at], h)
	}
}

func (c *evidence) add(r *replica, record *logfile.Record) {
	c.times[r] = append(c.times[r], record.Time)
	if record.Kind == logfile.KindRefusals {
		c.summaries[r] = append(c.summaries[r], record.Time)
		for _, count := range record.Counts {
			c.summed[refused{r, count.Caller, count.Reason}] += int(count.Count)
		}
	}
	if record.Call != "" {
		c.addToCall(r, record)
	}
}

func (c *evidence) addToCall(r *replica, record *logfile.Record) {
	h := c.calls[record.Call]
	if h == nil {
		h = &history{replica: r}
		c.calls[record.Call] = h
	}
	place := map[logfile.Kind]**entry{logfile.KindIntent: &h.intent, logfile.KindOutcome: &h.outcome, logfile.KindRefusal: &h.refusal}[record.Kind]
	switch {
	case place == nil:
		return
	case *place != nil || h.replica != r:
		c.broken.add("call %s has two records of kind %s", record.Call, record.Kind)
	case record.Kind == logfile.KindOutcome && h.intent == nil:
		c.broken.add("call %s has an outcome and no intent before it", record.Call)
	}
	*place = newEntry(record)
}

func newEntry(r *logfile.Record) *entry {
	text := r.Path + " " + r.Query
	for _, f := range r.Fields {
		for _, value := range f.Values {
			text += " " + value
		}
	}
	return &entry{
		time: r.Time, operation: r.Operation, act: actPattern.FindString(text), outcome: r.Outcome, status: r.Status,
		caller: r.Caller, account: r.Account, key: r.AccessKey, why: r.Reason,
	}
}

// report says what happened, so that a run that says little can be seen.
func (c *evidence) report() {
	c.w.t.Helper()
	answers, outcomes, processes := map[string]int{}, map[string]int{}, 0
	for _, n := range c.notes {
		answers[n.summary()]++
	}
	for _, h := range c.calls {
		if h.outcome != nil {
			outcomes[h.outcome.outcome]++
		}
	}
	for _, r := range c.w.replicas {
		processes += len(r.lives)
	}
	c.w.t.Logf("%d requests of callers, %d calls on record, %d arrivals, %d processes", len(c.notes), len(c.calls), len(c.arrivals), processes)
	for _, counts := range []map[string]int{answers, outcomes} {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			c.w.t.Logf("  %-26s %d", name, counts[name])
		}
	}
}

// summary is what came of a request, in a word.
func (n *note) summary() string {
	switch {
	case n.err != nil && n.leaves > 0:
		return "not waited for"
	case n.err != nil:
		return "lost"
	case n.code != "":
		return n.code
	}
	return "answered by the provider"
}
