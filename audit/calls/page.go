package calls

import (
	"cmp"
	"context"
	"math"
	"strings"
	"time"
)

// Pager returns pages of calls, the newest end first: open calls by the log's name and by [Call.Seq], and then those that ended, by Merged,
// by the log's name and by [Call.Order], all descending.
//
// Each page shows the logs as they are when it is read. No call is left out: one that is open before the first page and matches the filter until
// the last one is on one of them. A call that was shown as open, and ended before a later page was read, may be shown once more, as ended.
type Pager interface {
	// Page returns up to n calls that the filter chooses and that stand behind a cursor, and the cursor behind the last of them. Fewer than n
	// means that there are no more. Filter.Last is ignored. When a log has a fault, the calls before it are returned with the error.
	//
	// When the deadline of the context passes, Page returns the calls found until then, the cursor behind the last call that it examined, and an
	// error that wraps [context.DeadlineExceeded]: the page behind that cursor goes on with the search, also where nothing was found. A Pager that
	// has to read the whole log for a page returns none and the cursor as it was.
	Page(ctx context.Context, f *Filter, after Cursor, n int) ([]Placed, Cursor, error)
}

// Placed is a call with its place among those of several logs.
type Placed struct {
	*Call
	Log string // the name of its log, as the source was made with
	// Merged is the running maximum of the times at which the calls of the log ended, in the order of [Call.Order] and up to this call, cut to
	// microseconds; see [Merged]. It never decreases along a log, so that logs can be merged by it although clocks step. It is the zero
	// time for open calls.
	Merged time.Time
}

// Merged returns Placed.Merged of a call, where before is that of the call before it in the order of [Call.Order], and the zero time for
// the first. A call that is lost (see Call.Lost) has no end and takes that of the call before it.
func Merged(before time.Time, c *Call) time.Time {
	if c.open() {
		return time.Time{}
	}
	if ended := c.Ended().UTC().Truncate(time.Microsecond); ended.After(before) {
		return ended
	}
	return before
}

// Cursor is a place between two calls in the order of pages. The zero cursor stands before the first call.
type Cursor struct {
	Merged time.Time // Placed.Merged of the call before it
	Log    string    // the name of that call's log
	Order  uint64    // its Call.Order
	Seq    uint64    // its Call.Seq; 0: the cursor stands before the first call
}

// Before reports whether a call stands behind the cursor.
func (c *Cursor) Before(p *Placed) bool {
	return c.Seq == 0 || comparePlaces(*c, p.place()) < 0
}

// Reached reports whether the cursor stands at another one or behind it.
func (c *Cursor) Reached(other Cursor) bool {
	return other.Seq == 0 || c.Seq != 0 && comparePlaces(*c, other) >= 0
}

// Next returns the cursor behind a page that begins at c.
func (c Cursor) Next(page []Placed) Cursor {
	if len(page) > 0 {
		return page[len(page)-1].place()
	}
	return c
}

func (p *Placed) place() Cursor {
	return Cursor{Merged: p.Merged, Log: p.Log, Order: p.Order(), Seq: p.Seq()}
}

// open reports whether the call is among those that come last by [Call.Order].
func (c *Call) open() bool { return c.Order() == math.MaxUint64 }

// open reports whether the cursor stands behind an open call.
func (c *Cursor) open() bool { return c.Order == math.MaxUint64 }

// comparePlaces compares two places in the order of pages. Within a log it does not need Merged, which may be less than it was once the log
// was pruned.
func comparePlaces(a, b Cursor) int {
	switch {
	case a.open() != b.open():
		return cmp.Compare(b.Order, a.Order)
	case a.Log != b.Log:
		return cmp.Or(b.Merged.Compare(a.Merged), strings.Compare(b.Log, a.Log))
	}
	return cmp.Or(cmp.Compare(b.Order, a.Order), cmp.Compare(b.Seq, a.Seq))
}
