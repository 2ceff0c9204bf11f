package gateway

import (
	"context"
	"sync"
)

// inFlight counts the calls under way. Unlike with a sync.WaitGroup, calls may begin while somebody waits, and a wait that
// is given up leaves nothing behind.
type inFlight struct {
	mutex   sync.Mutex
	calls   int
	drained chan struct{} // closed when calls becomes 0; nil if nobody waits
}

// begin counts a call.
func (f *inFlight) begin() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.calls++
}

func (f *inFlight) end() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.calls--
	if f.calls == 0 && f.drained != nil {
		close(f.drained)
		f.drained = nil
	}
}

// wait returns when no call is under way, or with the context's error.
func (f *inFlight) wait(ctx context.Context) error {
	f.mutex.Lock()
	if f.calls == 0 {
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
