package gateway

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/words"
	"tollgate/spend"
	"tollgate/spend/journal"
)

// reservation is how far what a call reserves has come. It leaves each state but the first once: what was reserved is released or settled,
// and never both.
type reservation uint8

const (
	notReserved reservation = iota // or no longer
	reserved                       // to be released if no intent follows
	intended                       // the intent may be on record, so the outcome settles it
)

// reserve is step 9: all keys and charges of the call, or none.
func (c *call) reserve() *Refusal {
	s := c.spending
	if s == nil {
		return nil
	}
	s.claim.Charges, s.claim.Uncountable = c.Gateway.Plan().Spend.Charges(nil, &s.subject) // a cap that is new counts all that reserve from then on
	s.claim.Call, s.claim.Caller, s.claim.At = c.id, c.identity.Caller, c.Now()
	c.reached(&c.steps.Limited, s.claim.At)
	report, err := c.Ledger.Reserve(c.request.Context(), &s.claim)
	if err != nil {
		return c.notReserved(err)
	}
	s.state = reserved
	journal.Describe(&s.record, &s.claim)
	s.note(&report)
	return nil
}

// note keeps for the record what was, or would have been, in the way of a reservation.
func (s *spending) note(r *spend.Report) {
	if r.Held != nil {
		s.record.HeldBy = r.Held.Call
	}
	for _, full := range r.Full {
		if !slices.Contains(s.record.CapsFull, full.Cap) { // it may be full for several customers
			s.record.CapsFull = append(s.record.CapsFull, full.Cap)
		}
	}
}

// notReserved refuses a call of which nothing was reserved.
func (c *call) notReserved(err error) *Refusal {
	if held, ok := errors.AsType[*spend.HeldError](err); ok {
		c.spending.note(&spend.Report{Held: held})
		return c.heldBy(held)
	}
	if full, ok := errors.AsType[*spend.FullError](err); ok {
		c.spending.note(&spend.Report{Full: []*spend.FullError{full}})
		return c.overCap(full)
	}
	if u, ok := errors.AsType[*spend.UncountableError](err); ok {
		return c.uncountable(u)
	}
	if !errors.Is(err, spend.ErrUnavailable) && c.request.Context().Err() != nil {
		return c.gone("error.now.left")
	}
	return c.spendingUnknown(err)
}

// uncountable refuses a call that a hard cap cannot count.
func (c *call) uncountable(u *spend.UncountableError) *Refusal {
	c.spending.record.CapsFull = []string{u.Cap}
	r := refuse(unpriced, u.Message())
	if code := c.spending.priceError; code != "" && u.Reason == spend.NoPrice {
		r.say(words.Say("error.cap.no_price_as", "Cap", strconv.Quote(u.Cap), "Code", code))
	}
	r.Inside = c.spending.unpriced
	return r
}

// spendingUnknown refuses a call of which it is not known what others hold and have used.
func (c *call) spendingUnknown(err error) *Refusal {
	c.warn("what was spent cannot be looked up; the call is not sent", err.Error())
	r := later(spendingUnknown, "error.now.spending")
	r.Inside = err.Error()
	return r
}

// release returns what the call has reserved, unless its intent may be on record.
func (c *call) release() {
	if s := c.spending; s != nil && s.state == reserved {
		s.state = notReserved
		c.Ledger.Release(c.id)
	}
}

// handOver makes the call's outcome settle what it has reserved, from before the log may take its intent.
func (c *call) handOver() {
	if s := c.spending; s != nil && s.state == reserved {
		s.state = intended
	}
}

// rollBack undoes handOver: the log did not take the intent.
func (c *call) rollBack() {
	if s := c.spending; s != nil && s.state == intended {
		s.state = reserved
	}
}

// settleSpending reports the outcome of the call to the ledger, by the record of it.
func (c *call) settleSpending(r *logfile.Record) {
	if s := c.spending; s != nil && s.state == intended {
		s.state = notReserved
		c.Ledger.Settle(c.id, c.settlement(r))
	}
}

// settlement is dated as the record is: a start that reads the record comes to the same.
func (c *call) settlement(r *logfile.Record) spend.Settlement {
	s := spend.Settlement{Outcome: r.Outcome, At: r.Time}
	if s.At.IsZero() { // the log did not take it
		s.At = c.Now()
	}
	if r.Spending != nil {
		s.Released = r.Released
	}
	return s
}

// endReservation is for calls that a fault has ended: nothing of them stays under way. The outcome is unknown where the intent may be
// on record.
func (c *call) endReservation() {
	c.release()
	c.settleSpending(&logfile.Record{Outcome: logfile.Unknown})
}

// withdraw says of an intent that may still reach the disk that nothing came of it. Until that is durable too, what the call has reserved
// stays held: were it not, a start that finds the intent alone would hold it for a second call besides.
func (c *call) withdraw() {
	r := c.outcome(logfile.NotSent, refusal(logUnavailable, "error.now.intent"))
	if c.spending == nil {
		_ = c.Log.Queue(r)
		return
	}
	s, id, ledger, now := c.settlement(r), c.id, c.Ledger, c.Now
	err := c.Log.QueueOutcome(r, func(err error) {
		if err != nil {
			s.Outcome = logfile.Unknown
		}
		s.At = now()
		ledger.Settle(id, s)
	})
	if err == nil {
		c.spending.state = notReserved
	}
}

// heldBy refuses a call by the call that holds a key of its act. It never names that call's caller.
func (c *call) heldBy(h *spend.HeldError) *Refusal {
	key := words.Say("error.held.act", "Act", c.spending.claim.Act)
	if h.Key >= 0 {
		key = words.Plain(c.spending.act.Names()[h.Key])
	}
	switch {
	case h.Key < 0:
		return refusal(actHeld, "error.held.all", "Key", key, "Call", h.Call)
	case h.Outcome == "":
		return refusal(actHeld, "error.held.running", "Key", key, "Call", h.Call)
	case h.Outcome == logfile.Unknown:
		return refusal(actHeld, "error.held.unknown", "Key", key, "Call", h.Call)
	case h.Repeated:
		return refusal(actHeld, "error.held.repeated", "Key", key, "Call", h.Call, "Outcome", h.Outcome, "Until", until(h.Until))
	}
	return refusal(actHeld, "error.held.ended",
		"Key", key, "Call", h.Call, "Outcome", h.Outcome, "Until", until(h.Until), "Header", repeatHeader)
}

func until(t time.Time) words.Message {
	return words.Say("error.until", "Time", t.UTC().Format(time.RFC3339))
}

// overCap refuses a call for which a cap has no room. What others have used of it is for the record.
func (c *call) overCap(f *spend.FullError) *Refusal {
	charge := &c.spending.claim.Charges[f.Charge]
	r := refusal(capFull, "error.cap.full", "Cap", strconv.Quote(f.Cap), "Limit", amountOf(charge, f.Limit),
		"Each", words.Say("error.cap.each_"+string(charge.Cap.Each)), "Amount", amountOf(charge, charge.Amount))
	r.Inside = "used " + amountOf(charge, f.Used).String()
	return r
}

// amountOf returns an amount of what a charge is counted in, for people.
func amountOf(c *spend.Charge, m spend.Money) words.Message {
	if c.Cap.OfMoney() {
		return words.Plain(m.String() + " " + c.Currency)
	}
	return words.Say("error.cap.calls", "Count", int(m))
}
