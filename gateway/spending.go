package gateway

import (
	"cmp"
	"net/http"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/words"
	"tollgate/spend"
	"tollgate/spend/acts"
)

// spending is what a call is as a business act, and what it reserves. Calls that reserve nothing have none.
type spending struct {
	act     *acts.Act // nil: none that is known
	subject spend.Subject
	claim   spend.Claim
	asked   bool // its caller has named the call that it repeats
	// unpriced is why its price could not be read; empty: it was, or was not needed.
	unpriced string
	// priceError is the provider's code where it answered the reading of the price with an error, as for an order that it does not have.
	priceError string
	state      reservation
	record     logfile.Spending // as records of the call have it
}

// readSpending finds out which act the call is, and what it reserves.
func (c *call) readSpending() (refused *Refusal) {
	if !c.changes() {
		return nil
	}
	if err := c.Ledger.Available(); err != nil {
		return c.spendingUnknown(err)
	}
	c.spending, refused = c.spendingOf(c.identity.Caller, &c.asked, &c.ruling, c.request.Header, c.hash)
	return refused
}

// spendingOf returns what a call of an operation that changes something reserves, by what was decided on it; nil if nothing. Without a hash
// its keys have no digests.
func (p *Plan) spendingOf(caller string, a *asked, r *ruling, header http.Header, hash acts.Hash) (*spending, *Refusal) {
	act, err := acts.Read(a.operation, a.upstream.Name, &r.facts.Request, hash)
	if err != nil {
		return nil, refuse(badAct, words.Of(err))
	}
	repeats, refused := readRepeat(header, act, r.decision.MayRepeat)
	if refused != nil {
		return nil, refused
	}
	if act == nil && !p.Spend.Counts(a.operation.Effect.String()) {
		return nil, nil
	}
	s := &spending{act: act, asked: repeats != "", claim: spend.Claim{Shadow: p.Spend.Shadow(), Repeats: repeats}}
	s.subject = spend.Subject{Caller: caller, Operation: a.operation.Name, Effect: a.operation.Effect.String()}
	if granted := r.decision.Credential; granted != nil {
		s.subject.Credential, s.subject.Account = granted.Name, string(granted.DomainID)
	}
	if act != nil {
		s.setAct(act, a.upstream)
		s.setWindows(p.Spend)
	}
	return s, nil
}

// setAct fills in what the act says of keys and money.
func (s *spending) setAct(act *acts.Act, u *Upstream) {
	s.claim.Act, s.claim.Keys, s.record.Act = act.Name, act.Keys, act.Name
	to := &s.subject
	to.Direction, to.Unit, to.Free = spend.Direction(act.Direction), spend.Unit(act.Unit), !act.Pays
	for _, part := range act.Customers {
		to.Customers = append(to.Customers, spend.Part{Customer: part.Customer, Amount: part.Amount})
	}
	if act.Amount != nil {
		to.Divided = len(act.Customers) > 0
		s.setPrice(spend.Price{Amount: *act.Amount, Currency: u.currencyOf(act.Currency)}, string(catalog.PriceRequest), "")
	}
}

// setPrice says what the act costs, and by what call of the gateway's own that was read, if by any.
func (s *spending) setPrice(p spend.Price, from, call string) {
	s.subject.Priced, s.subject.Price = true, p
	s.record.Price = &logfile.Price{Amount: p.Amount.String(), Currency: p.Currency, From: from, Call: call}
}

// setWindows makes the keys be held as long as the rules say.
func (s *spending) setWindows(rules *spend.Rules) {
	for i := range s.claim.Keys {
		key := &s.claim.Keys[i]
		key.Window = rules.Window(s.claim.Act, key.Window)
	}
}

// currencyOf returns what the amount of a call is in, which says so or not.
func (u *Upstream) currencyOf(said string) string {
	return cmp.Or(said, u.Currency, catalog.Currency(u.Site))
}

// repeatHeader names the call that holds what a call does once more on purpose.
const repeatHeader = "Tollgate-Repeat"

// readRepeat returns the call that a call repeats on purpose; empty if none.
func readRepeat(header http.Header, act *acts.Act, allowed bool) (string, *Refusal) {
	values := header[repeatHeader]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1 || !isCallID(values[0]):
		return "", refusal(badAct, "error.repeat.once", "Header", repeatHeader)
	case act == nil:
		return "", refusal(badAct, "error.repeat.no_act", "Header", repeatHeader)
	case !allowed:
		return "", refusal(repeatNotAllowed, "error.repeat.not_allowed", "Header", repeatHeader)
	}
	return values[0], nil
}

// isCallID reports whether a text has the form of ids of calls, as newID writes them.
func isCallID(text string) bool {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(text) != len(form) {
		return false
	}
	for i := range len(form) {
		hexadecimal := '0' <= text[i] && text[i] <= '9' || 'a' <= text[i] && text[i] <= 'f'
		if form[i] == '-' && text[i] != '-' || form[i] == 'x' && !hexadecimal {
			return false
		}
	}
	return true
}

// describeSpending adds what the call is as an act, what it has reserved, and what was in its way.
func (c *call) describeSpending(r *logfile.Record) {
	s := c.spending
	if s == nil {
		return
	}
	r.Spending = &s.record
	if len(s.record.Keys) > 0 {
		r.MACKey = c.MAC.ID()
	}
}

// describeReleased adds which keys are released by an answer that says that a part failed. Of an answer that does not say of which things
// that is, none are.
func (c *call) describeReleased(r *logfile.Record, a *answer) {
	if c.spending == nil || c.spending.act == nil || a.outcome != logfile.Partial {
		return
	}
	if failed, ok := c.spending.act.Failed(a.result.Failed); ok {
		r.Spending = &logfile.Spending{Released: failed}
	}
}

// recordRepeat records apart from the intent that the call repeats another on purpose, by its caller's word or an operator's.
func (c *call) recordRepeat() {
	s := c.spending
	if s == nil || s.claim.Repeats == "" {
		return
	}
	r := &logfile.Record{
		Kind: logfile.KindEvent, Event: logfile.EventRepeated, Caller: c.identity.Caller, Subject: s.claim.Repeats, Data: map[string]string{"call": c.id},
	}
	if !s.asked {
		r.Data["allowed_by"] = "operator"
	}
	if err := c.Log.Queue(r); err != nil { // the intent says so too
		c.warn("an event was not recorded", err.Error())
	}
}
