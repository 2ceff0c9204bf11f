package gateway

import (
	"context"
	"sync/atomic"
	"time"
)

// sharedDeadline makes contexts that end after a time and that many calls share, so that a call needs neither a context nor a timer for
// what it waits for seldom.
type sharedDeadline struct{ newest atomic.Pointer[deadline] }

// deadline is a context for all calls that begin to wait while so much of it is left.
type deadline struct {
	context.Context
	cancel context.CancelFunc // not called: it ends by itself, and calls may wait under it until then
	least  time.Duration
	ends   time.Time
}

// lateness is the part of its time by which a shared deadline may come late.
const lateness = 16

// in returns a context that ends when this time is over, or a sixteenth of it later, and never before.
func (s *sharedDeadline) in(d time.Duration) context.Context {
	now := time.Now()
	if newest := s.newest.Load(); newest != nil && newest.least == d && newest.ends.Sub(now) >= d {
		return newest
	}
	made := &deadline{least: d, ends: now.Add(d + d/lateness)}
	made.Context, made.cancel = context.WithDeadline(context.Background(), made.ends)
	s.newest.Store(made)
	return made
}
