package gateway

import (
	"context"
	"sync"
)

// inFlight holds the calls under way. Unlike with a sync.WaitGroup, calls may begin during a wait, and a wait that
// is abandoned leaves nothing behind.
type inFlight struct {
	mutex   sync.Mutex
	newest  *call // the first of a list
	count   int
	drained chan struct{} // closed when there are no calls any more; nil if there is no wait
}

// begin adds a call.
func (f *inFlight) begin(c *call) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if c.older = f.newest; c.older != nil {
		c.older.newer = c
	}
	f.newest = c
	f.count++
}

func (f *inFlight) end(c *call) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if c.newer == nil {
		f.newest = c.older
	} else {
		c.newer.older = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	}
	if f.count--; f.count == 0 && f.drained != nil {
		close(f.drained)
		f.drained = nil
	}
}

// wait returns when no call is under way, or with the context's error.
func (f *inFlight) wait(ctx context.Context) error {
	f.mutex.Lock()
	if f.count == 0 {
		f.mutex.Unlock()
		return nil
	}
	if f.drained == nil {
		f.drained = make(chan struct{})
	}
	drained := f.drained
	f.mutex.Unlock()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// each calls first, and then do for each call under way, and returns how many there are. None of them ends meanwhile.
func (f *inFlight) each(first func(), do func(*call)) (calls int) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	first()
	for c := f.newest; c != nil; c = c.older {
		do(c)
	}
	return f.count
}
