package calls

import (
	"context"
	"time"
)

// Cursor is a place between two calls in the order of pages. The zero cursor stands before the first call.
type Cursor struct {
	Merged time.Time // Placed.Merged of the call before it, in whole microseconds
	Log    string    // the name of that call's log
	Order  uint64    // and its Call.Order
	Seq    uint64    // and its Call.Seq, by which calls of one order are told apart
}

// Placed is a call with its place among those of several logs.
type Placed struct {
	*Call
	Log string // the name of its log, as the source was made with
	// Merged is the running maximum, over the log up to this call, of the times at which calls ended, cut to microseconds. It never decreases
	// along a log, so that logs can be merged by it although clocks step. It is the zero time for open calls.
	Merged time.Time
}

// Pager answers with pages of calls, the newest end first: open calls, the newest intent first, and then those that ended, by Merged, by
// the log's name and by Call.Order, all descending.
type Pager interface {
	// Page returns up to n calls that the filter chooses and that stand behind a cursor, and the cursor behind the last of them. Fewer than n
	// means that there are no more. Filter.Last is ignored.
	Page(ctx context.Context, f *Filter, after Cursor, n int) ([]Placed, Cursor, error)
}
