package spend

import (
	"fmt"
	"time"
)

// caps are the counts of all caps, of those that were removed too, as long as their period lasts.
type caps struct {
	all    map[capID]*capCounts
	number int // of counts
	room   int
}

func newCaps(room int) caps { return caps{all: map[capID]*capCounts{}, room: room} }

type capID struct{ name, definition string }

// capCounts are the counts of one cap, in the period that began last and the one before. A period that was begun stays the newest when the clock
// is set back: what was counted in a former one would not be known any more.
type capCounts struct {
	id          capID
	hard        bool
	followed    bool // rules in force have it
	since       time.Time
	now, before periodCounts
	ends        time.Time // of now; zero: not known
}

// periodCounts are those of one period.
type periodCounts struct {
	label  string
	counts map[counted]*count
}

type counted struct{ by, currency string }

// count is one count of a cap.
type count struct {
	cap      *capCounts
	period   string
	id       counted
	used     Money
	calls    int64
	unpriced int64
	last     string
}

// charged is what a call has added to a count.
type charged struct {
	*count
	amount   Money
	unpriced bool
}

// of returns the counts of a cap, which begin now if there are none.
func (all *caps) of(c *Cap, now time.Time) *capCounts {
	id := capID{c.Name, c.Definition}
	cc := all.all[id]
	if cc == nil {
		cc = &capCounts{id: id, hard: c.Hard, since: now}
		all.all[id] = cc
	}
	return cc
}

// reserve takes all charges of a claim, and fills in their periods. After an error some may be taken.
func (all *caps) reserve(e *entry, c *Claim) (full []*FullError, err error) {
	for i := range c.Charges {
		ch := &c.Charges[i]
		var n *count
		if ch.Cap.Each != EachCall {
			cc := all.of(ch.Cap, c.At)
			ch.Period = all.turn(cc, ch.Cap, c.At)
			if all.number >= all.room && cc.now.counts[ch.countedBy()] == nil {
				return nil, fmt.Errorf("%w: there are %d counts of caps, and no room for more", ErrUnavailable, all.number)
			}
			n = all.count(cc, &cc.now, ch)
		}
		if over := n.over(i, ch); over != nil && ch.Cap.Hard {
			n.dropEmpty(all)
			return nil, over
		} else if over != nil {
			full = append(full, over)
		}
		e.charge(n, ch)
	}
	e.sign(c.Call)
	return full, nil
}

// turn begins the period of a time, if that is later than the newest, and returns the label of the newest.
func (all *caps) turn(cc *capCounts, c *Cap, now time.Time) string {
	if now.Before(cc.ends) {
		return cc.now.label
	}
	p := c.period(now)
	if p.label > cc.now.label {
		all.begin(cc, p.label)
	}
	if p.label == cc.now.label {
		cc.ends = p.ends
	}
	return cc.now.label
}

// begin begins a period. The one before stays, for what is returned in it and for people; those before that are dropped.
func (all *caps) begin(cc *capCounts, label string) {
	all.number -= len(cc.before.counts)
	cc.before, cc.now, cc.ends = cc.now, periodCounts{label: label}, time.Time{}
}

func (ch *Charge) countedBy() counted { return counted{ch.Counted, ch.Currency} }

// count returns the count of a charge, made if it is not there.
func (all *caps) count(cc *capCounts, p *periodCounts, ch *Charge) *count {
	n := p.counts[ch.countedBy()]
	if n != nil {
		return n
	}
	if p.counts == nil {
		p.counts = map[counted]*count{}
	}
	n = &count{cap: cc, period: p.label, id: ch.countedBy()}
	p.counts[n.id] = n
	all.number++
	return n
}

// over returns why a cap has no room for a charge; nil: it has. A cap of each call has no count.
func (n *count) over(i int, ch *Charge) *FullError {
	var used Money
	if n != nil {
		used = n.used
	}
	limit := ch.Cap.Limit(ch.Currency)
	if ch.Amount >= 0 && ch.Amount <= limit-used {
		return nil
	}
	return &FullError{Charge: i, Cap: ch.Cap.Name, Used: used, Limit: limit}
}

// charge adds a charge to a count, where there is one.
func (e *entry) charge(n *count, ch *Charge) {
	if n == nil {
		return
	}
	added := charged{n, max(0, ch.Amount), ch.Unpriced}
	n.add(added)
	e.charges = append(e.charges, added)
}

func (n *count) add(c charged) {
	n.used = n.used.Plus(c.amount)
	n.calls++
	if c.unpriced {
		n.unpriced++
	}
}

// sign makes a call that has all its charges the last of their counts.
func (e *entry) sign(call string) {
	for _, c := range e.charges {
		c.last = call
	}
}

// giveBack takes back all that a call has charged.
func (all *caps) giveBack(e *entry) {
	for _, ch := range e.charges {
		ch.used = ch.used.minus(ch.amount)
		ch.calls--
		if ch.last == e.call {
			ch.last = "" // which was the last before is not known
		}
		if ch.unpriced {
			ch.count.unpriced--
		}
		ch.dropEmpty(all)
	}
	e.charges = e.charges[:0]
}

// dropEmpty drops a count that no call has charged.
func (n *count) dropEmpty(all *caps) {
	if n == nil || n.calls > 0 {
		return
	}
	for _, p := range []*periodCounts{&n.cap.now, &n.cap.before} {
		if p.counts[n.id] == n {
			delete(p.counts, n.id)
			all.number--
		}
	}
}

// record takes the charges of a claim that is on record, with their periods.
func (all *caps) record(e *entry, c *Claim) {
	for i := range c.Charges {
		ch := &c.Charges[i]
		if ch.Period != "" {
			e.charge(all.recorded(all.ofRecord(ch.Cap, c.At), ch), ch)
		}
	}
	e.sign(c.Call)
}

// ofRecord is of, for a cap of a record, which does not say whether it is hard: so it is.
func (all *caps) ofRecord(c *Cap, at time.Time) *capCounts {
	hard := *c
	hard.Hard = true
	return all.of(&hard, at)
}

// recorded returns the count of a charge in a period that is named, also where there is no room for it. That of a period that was dropped is
// not among the others.
func (all *caps) recorded(cc *capCounts, ch *Charge) *count {
	switch {
	case ch.Period > cc.now.label:
		all.begin(cc, ch.Period)
	case ch.Period == cc.now.label:
	case ch.Period < cc.before.label:
		return &count{cap: cc, period: ch.Period, id: ch.countedBy()}
	default:
		if ch.Period > cc.before.label {
			all.number -= len(cc.before.counts)
			cc.before = periodCounts{label: ch.Period}
		}
		return all.count(cc, &cc.before, ch)
	}
	return all.count(cc, &cc.now, ch)
}
