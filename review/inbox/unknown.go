package inbox

import (
	"context"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/catalog"
)

// unknown finds calls of which it is not known whether they were done: those with an unknown outcome that nothing settled, and those without
// an outcome that cannot be under way any more.
func (f *finder) unknown(ctx context.Context) {
	reached, err := f.pages(ctx, &calls.Filter{State: logfile.Unknown}, func(c calls.Placed) bool {
		f.add(f.doubtful(Unknown, c.Call, c.Outcome))
		return true
	})
	if err != nil {
		f.miss(PartUnknown, reached, err)
	}
	reached, err = f.pages(ctx, &calls.Filter{State: calls.Open}, func(c calls.Placed) bool {
		if c.Lost != 0 || c.Seq() < f.lastStart || f.scope.Now.Sub(c.Time()) > OpenAfter {
			f.add(f.doubtful(Open, c.Call, c.Intent))
		}
		return true
	})
	if err != nil {
		f.miss(PartOpen, reached, err)
	}
}

// doubtful returns an exception about a call, which a record of it shows.
func (f *finder) doubtful(kind Kind, c *calls.Call, by *logfile.Record) *Exception {
	e := f.ofCall(kind, c, by)
	if c.Effect() == catalog.Read.String() {
		e.Weight = Hygiene
	}
	if !c.MovesMoney() {
		return e
	}
	if figure, known := c.Money(); known {
		e.Held = &Money{figure.Value, figure.Currency}
	} else {
		e.Unpriced = true
	}
	return e
}

// ofCall returns an exception about a call, without what it retains of the call.
func (f *finder) ofCall(kind Kind, c *calls.Call, by *logfile.Record) *Exception {
	return &Exception{
		ID: ID{Kind: kind, Log: short(f.Name), Seq: by.Seq}, Time: by.Time, Call: c.ID(),
		Subject: Subject{Caller: c.CallerText(), Operation: c.Operation(), Effect: c.Effect()},
	}
}

// settledBy returns by which record a call is no exception of a kind any more; nil: it still is one.
func settledBy(kind Kind, c *calls.Call) *logfile.Record {
	if kind == Open && c.Outcome != nil {
		return c.Outcome
	}
	return c.Settled
}
