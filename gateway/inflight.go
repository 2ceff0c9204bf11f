package gateway

import (
	"context"
	"sync"
)

// flight counts the calls under way. Unlike with a sync.WaitGroup, calls may begin while somebody waits, and a wait that
// is given up leaves nothing behind.
type flight struct {
	mutex  sync.Mutex
	calls  int
	landed chan struct{} // closed when calls becomes 0; nil if nobody waits
}

// begin counts a call.
func (f *flight) begin() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.calls++
}

func (f *flight) end() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.calls--
	if f.calls == 0 && f.landed != nil {
		close(f.landed)
		f.landed = nil
	}
}

// wait returns when no call is under way, or with the context's error.
func (f *flight) wait(ctx context.Context) error {
	f.mutex.Lock()
	if f.calls == 0 {
		f.mutex.Unlock()
		return nil
	}
	if f.landed == nil {
		f.landed = make(chan struct{})
	}
	landed := f.landed
	f.mutex.Unlock()
	select {
	case <-landed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
