package spend

import (
	"fmt"
	"slices"
	"time"

	"tollgate/audit/logfile"
)

// model is a ledger that keeps every call and looks all up by going over them.
type model struct {
	calls  []*modelCall
	byID   map[string]*modelCall
	newest map[string]string // period of each cap
}

type modelCall struct {
	Claim
	outcome    string
	gone       []bool // of each key: it holds it no more
	until      []time.Time
	givenBack  bool
	repeatedBy string
	allowed    bool
}

func newModel() *model { return &model{byID: map[string]*modelCall{}, newest: map[string]string{}} }

func (c *modelCall) settled() bool { return c.outcome != "" && c.outcome != logfile.Unknown }

// holder returns the newest call that holds a key, or the newest of those whose outcome is not known.
func (m *model) holder(d Digest, undecided bool) (*modelCall, int) {
	for _, c := range slices.Backward(m.calls) {
		for i, k := range c.Keys {
			if k.Digest == d && !c.gone[i] && (!undecided || !c.settled()) {
				return c, i
			}
		}
	}
	return nil, 0
}

func (m *model) expire(now time.Time) {
	for _, c := range m.calls {
		for i := range c.Keys {
			c.gone[i] = c.gone[i] || c.settled() && !c.until[i].After(now)
		}
	}
}

// reserve returns what the ledger says: the words of its error, and whom the claim repeats.
func (m *model) reserve(c *Claim) (says, repeats string) {
	m.expire(c.At)
	says, repeated := m.blocked(c)
	if says != "" && !c.Shadow {
		return says, ""
	}
	taken := &modelCall{Claim: *c, gone: make([]bool, len(c.Keys)), until: make([]time.Time, len(c.Keys))}
	taken.Charges = slices.Clone(c.Charges)
	for i := range taken.Charges {
		full := m.charge(taken, i)
		if full != "" && taken.Charges[i].Cap.Hard {
			return full, ""
		} else if full != "" {
			says += full
		}
	}
	if repeated != nil {
		repeats, repeated.repeatedBy = repeated.Call, c.Call
	}
	taken.Repeats = repeats
	m.calls, m.byID[c.Call] = append(m.calls, taken), taken
	return says, repeats
}

func (m *model) blocked(c *Claim) (says string, repeated *modelCall) {
	for i, k := range c.Keys {
		h, at := m.holder(k.Digest, false)
		if h == nil {
			continue
		}
		may := h.settled() && h.repeatedBy == "" && (c.Repeats == h.Call || c.Repeats == "" && h.allowed)
		if !may || repeated != nil && repeated != h {
			return heldWords(i, h.Call, h.outcome, h.until[at], c.Repeats == h.Call && !may), nil
		}
		if below, at := m.holder(k.Digest, true); below != nil {
			return heldWords(i, below.Call, below.outcome, below.until[at], c.Repeats == below.Call), nil
		}
		repeated = h
	}
	return "", repeated
}

func heldWords(key int, call, outcome string, until time.Time, repeated bool) string {
	return fmt.Sprintln("held", key, call, outcome, until.UnixNano(), repeated)
}

// charge returns why there is no room for a charge of a call that is not of the model yet.
func (m *model) charge(c *modelCall, i int) string {
	ch := &c.Charges[i]
	var used Money
	if ch.Cap.Each != EachCall {
		ch.Period = max(ch.Cap.period(c.At).label, m.newest[ch.Cap.Name])
		m.newest[ch.Cap.Name] = ch.Period
		used = m.used(ch)
		for _, same := range c.Charges[:i] {
			if same.of() == ch.of() {
				used += same.Amount
			}
		}
	}
	if used+ch.Amount > ch.Cap.Limit(ch.Currency) {
		return fmt.Sprintln("full", i, ch.Cap.Name, used)
	}
	return ""
}

// of is the count that a charge is of.
func (ch *Charge) of() CountID {
	return CountID{ch.Cap.Name, ch.Cap.Definition, ch.Counted, ch.Period, ch.Currency}
}

func (m *model) used(ch *Charge) (sum Money) {
	for _, c := range m.calls {
		for _, other := range c.Charges {
			if !c.givenBack && other.of() == ch.of() {
				sum += other.Amount
			}
		}
	}
	return sum
}

func (m *model) settle(call string, s Settlement) {
	c := m.byID[call]
	if c == nil || c.settled() {
		return
	}
	c.outcome = s.Outcome
	for i, k := range c.Keys {
		released := s.Outcome == logfile.Partial && slices.Contains(s.Released, i)
		c.until[i] = s.At.Add(k.Window)
		c.gone[i] = released || k.Window == 0 || s.Outcome == logfile.Failed || s.Outcome == logfile.NotSent
	}
	switch s.Outcome {
	case logfile.Failed, logfile.NotSent:
		c.givenBack = true
		if r := m.byID[c.Repeats]; r != nil && r.repeatedBy == call {
			r.repeatedBy = ""
		}
	case logfile.Unknown:
		clear(c.gone)
		clear(c.until)
	}
}

// allow reports whether the call may be repeated.
func (m *model) allow(call string) bool {
	c := m.byID[call]
	if c == nil || !c.settled() {
		return false
	}
	for i, k := range c.Keys {
		if h, _ := m.holder(k.Digest, false); !c.gone[i] && h == c {
			c.allowed, c.repeatedBy = true, ""
			return true
		}
	}
	return false
}
