package chaos

import (
	"slices"
	"strings"
	"time"

	"tollgate/audit/logfile"
)

// maxFaults is how many faults of one kind a failure shows.
const maxFaults = 20

// faults reports the faults of one check.
type faults struct {
	c    *evidence
	name string
	n    int
}

func (f *faults) add(format string, arguments ...any) {
	if f.n++; f.n <= maxFaults {
		f.c.w.t.Errorf(f.name+": "+format, arguments...)
	}
}

// checkRecords: each request that arrived has an intent from before, and none of those that the log says were not sent arrived. Each call
// that a caller knows of is on record.
func (c *evidence) checkRecords() {
	f := &faults{c: c, name: "no call without a record"}
	for at, arrived := range c.arrived {
		c.recorded(f, at, arrived)
	}
	c.checkKnown(f)
}

// checkKnown: each call id that a caller got is on record. Refusals that the log could not take one by one, since a disk was full, are
// counted in its summaries.
func (c *evidence) checkKnown(f *faults) {
	missing, example := map[refused]int{}, map[refused]*note{}
	for _, n := range c.notes {
		switch {
		case n.call == "" || c.calls[n.call] != nil || c.lostInKill(n):
		case n.code == "" || strings.HasPrefix(n.code, "TG.7"):
			f.add("call %s of %s, answered %d %s by %s at %v, is not on record", n.call, n.act, n.status, n.code, n.life.name, n.ended)
		default:
			at := refused{n.life.replica, n.kind.caller, reasons[n.code]}
			missing[at]++
			example[at] = n
		}
	}
	for at, n := range missing {
		if n > c.summed[at] {
			one := example[at]
			f.add("%d refusals by %s for %s of %s are not on record, and summaries count %d; the last is %s of %s by process %d (%s) at %v", n, at.replica.name,
				at.reason, at.caller, c.summed[at], one.call, one.act, one.life.number, one.life.how, one.ended)
		}
	}
}

// recorded holds the requests about one subject against the calls that say that they were sent.
func (c *evidence) recorded(f *faults, at subject, arrived []arrival) {
	if at.operation == "" || at.act == "" {
		f.add("%d requests arrived that no caller made: %+v", len(arrived), arrived[0])
		return
	}
	sent := 0
	for _, h := range c.about[at] {
		if h.outcome.outcome != logfile.NotSent {
			sent++
		}
	}
	if len(arrived) > sent {
		f.add("%d requests about %+v arrived, and %d are on record as sent", len(arrived), at, sent)
	}
	for i, a := range arrived {
		if c.intendedBefore(at, a.at) <= i {
			f.add("request %d about %+v arrived at %v, before its intent", i+1, at, a.at)
		}
	}
}

// intendedBefore is how many calls about a subject had an intent by then.
func (c *evidence) intendedBefore(at subject, then time.Time) (n int) {
	for _, h := range c.about[at] {
		if !h.intent.time.After(then) {
			n++
		}
	}
	return n
}

// lostInKill reports whether the record of a refusal was lost with the gateway: it was killed before the log had the next record, or before the
// summary that would have counted it. The log of a gateway whose disk is full or slow takes no refusals for a while: those counts are in
// memory only.
func (c *evidence) lostInKill(n *note) bool {
	if n.code == "" || strings.HasPrefix(n.code, "TG.7") || n.life.how != killed {
		return false
	}
	later := func(at time.Time) bool { return at.After(n.ended) && at.Before(n.life.ended) }
	return !slices.ContainsFunc(c.times[n.life.replica], later) || !slices.ContainsFunc(c.summaries[n.life.replica], later) && c.hadTrouble(n.life)
}

// hadTrouble reports whether the log of a process took nothing for a while, by what was done to it or by an answer.
func (c *evidence) hadTrouble(l *life) bool {
	return l.stalled || slices.ContainsFunc(c.notes, func(n *note) bool { return n.life == l && n.code == "TG.6001" })
}

// checkCredentials: each request is signed with a current key of the account that its kind of call is granted, and what no grant allows
// did not arrive. The log names the same key.
func (c *evidence) checkCredentials() {
	f := &faults{c: c, name: "no credential crossed"}
	for _, a := range c.arrivals {
		k := kindOf(a.act)
		if k == nil {
			continue // reported by checkRecords
		}
		if own := accountOf(a.accessKey); own != k.account || k.refused != "" {
			f.add("a request about %s arrived with a key of %q, not of %q", a.act, own, k.account)
		}
		if a.status == 401 || a.status == 403 {
			f.add("the provider answered %d to %s: %s", a.status, a.act, a.refusal)
		}
	}
	for id, h := range c.calls {
		if k := kindOf(entryOf(h).act); h.intent != nil && k != nil && (h.intent.account != k.account || accountOf(h.intent.key) != k.account) {
			f.add("call %s about %s is on record with the account %q and the key %q", id, h.intent.act, h.intent.account, h.intent.key)
		}
	}
}

// entryOf is the record that says what a call is about.
func entryOf(h *history) *entry {
	if h.intent != nil {
		return h.intent
	}
	return h.refusal
}

// checkOnce: of copies of a signed request, and of attempts of an act, one was done.
func (c *evidence) checkOnce() {
	f := &faults{c: c, name: "nothing twice"}
	copied := map[string]bool{}
	for _, n := range c.notes {
		copied[n.act] = copied[n.act] || n.copied
	}
	for at, arrived := range c.arrived {
		k := kindOf(at.act)
		if k == nil || !k.changes || at.operation == priceRead {
			continue
		}
		acted := 0
		for _, a := range arrived {
			if a.status/100 == 2 {
				acted++
			}
		}
		if acted > 1 || len(arrived) > 1 && (copied[at.act] || !k.mayRepeat) {
			f.add("%d requests about %s arrived, and %d were acted upon; sent as copies: %v", len(arrived), at.act, acted, copied[at.act])
		}
	}
}

// checkCap: the lone gateway had no more orders of 1 CNY paid than its cap, which counts by the day.
func (c *evidence) checkCap() {
	paid, days := 0, map[string]bool{}
	for _, a := range c.arrivals {
		if k := kindOf(a.act); k != nil && k.where == alone && a.operation == k.operation && a.status/100 == 2 {
			paid++
			days[a.at.UTC().Format(time.DateOnly)] = true
		}
	}
	if paid > c.w.cap*len(days) {
		c.w.t.Errorf("the cap of %d was passed: %d orders were paid on %d days", c.w.cap, paid, len(days))
	}
	if paid == 0 {
		c.w.t.Error("no order was paid under the cap: the test says nothing")
	}
}
