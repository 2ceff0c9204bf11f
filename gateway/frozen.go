package gateway

import (
	"context"
	"slices"
	"time"

	"tollgate/catalog"
	"tollgate/freeze"
	"tollgate/upstream"
)

// checkFrozen refuses a call that a freeze stops, before anything is taken or recorded for it. The check that counts is that of [gate.Enter].
func (c *call) checkFrozen() *Refusal {
	if set := c.Freezes.Set(); !set.Empty() {
		return c.frozenBy(set.Match(c.asFrozen()))
	}
	return nil
}

// frozenBy returns the refusal of a call that a freeze stops, nil for none. Operators lift a freeze by hand, so a caller is not asked to try
// again.
func (c *call) frozenBy(f *freeze.Freeze) *Refusal {
	if f == nil {
		return nil
	}
	return refusal(frozen, "error.frozen", "Freeze", f.Message())
}

// asFrozen returns what freezes need to know of a call that was decided on: whose accounts it concerns, those of headers and credential
// included. Whose a customer's credential without an account is, is unknown.
func (c *call) asFrozen() *freeze.Call {
	accounts := &c.facts.Accounts
	f := &freeze.Call{
		Caller: c.identity.Caller, Customers: slices.Concat(accounts.Customers, accounts.Partners), Unclear: !accounts.Ambiguous.IsZero(),
		Spends: c.operation.Effect == catalog.Spend,
	}
	if c.facts.Account != "" {
		f.Customers = append(f.Customers, c.facts.Account)
	}
	if c.signer != nil {
		facts := c.signer.Facts()
		f.Credential, f.Customers = facts.Name, append(f.Customers, string(facts.DomainID), string(facts.Partner()))
		f.Unclear = f.Unclear || facts.Class == catalog.ClassCustomer && facts.DomainID == ""
	}
	return f
}

// gate is the last check of a call: package upstream calls it right before the first byte.
type gate struct{ *call }

var _ upstream.Gate = gate{}

// Enter returns an error when a freeze stops the call.
func (g gate) Enter(now time.Time) error {
	g.reached(&g.steps.Sent, now)
	set := g.passage.Enter(g.Freezes)
	if set.Empty() {
		return nil
	}
	f := set.Match(g.asFrozen())
	if f == nil {
		return nil
	}
	g.passage.TurnBack(g.Freezes)
	return &frozenError{f}
}

// Leave says that the first byte is written.
func (g gate) Leave() {
	g.passage.Leave(g.Freezes)
	g.sent()
}

// frozenError is why a call that was about to be sent was not.
type frozenError struct{ freeze *freeze.Freeze }

func (e *frozenError) Error() string { return e.freeze.String() }

// Sent is a call that was sent before a freeze, and of which no outcome is recorded yet.
type Sent struct {
	Call      string // its id
	Caller    string
	Upstream  string
	Operation string
	Since     time.Time
}

// Stopped returns when no call that a freeze stops, which is in force, is between its last check and its first byte: from then on no such
// call begins to go out. It returns those that are out, the oldest first. If ctx ends first the error is its cause, and calls that may
// begin to go out yet are among them.
func (g *Gateway) Stopped(ctx context.Context, f *freeze.Freeze) ([]Sent, error) {
	only, err := freeze.NewSet([]freeze.Freeze{*f})
	if err != nil {
		return nil, err
	}
	var passing []*freeze.Passage
	g.inFlight.each(func() {}, func(c *call) {
		if c.passage.Passing() && only.Match(c.asFrozen()) != nil {
			passing = append(passing, c.passage)
		}
	})
	err = g.Freezes.Await(ctx, passing)
	var out []Sent
	g.inFlight.each(func() {}, func(c *call) {
		if (c.passage.Out() || err != nil && c.passage.Passing()) && only.Match(c.asFrozen()) != nil {
			out = append(out, Sent{c.id, c.identity.Caller, c.upstream.Name, c.operation.Name, c.sentAt})
		}
	})
	slices.SortFunc(out, func(a, b Sent) int { return a.Since.Compare(b.Since) })
	return out, err
}
