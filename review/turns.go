package review

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// turns bound how many pages are made at a time. Nil: any number.
type turns struct {
	places chan struct{} // of pages that are made, and of those that wait
	free   chan struct{} // of pages that are made
}

// Bounds of pages that wait for their turn.
const (
	waitingPages = 16
	waitingTime  = 5 * time.Second
)

var errBusy = &failure{http.StatusServiceUnavailable, "failed.busy", nil}

func newTurns(atOnce int) *turns {
	if atOnce == 0 {
		return nil
	}
	return &turns{make(chan struct{}, atOnce+waitingPages), make(chan struct{}, atOnce)}
}

// take waits for a turn, which ends with the first release. The error is errBusy where too many wait, or one has waited for too long.
func (t *turns) take(ctx context.Context) (release func(), err error) {
	if t == nil {
		return func() {}, nil
	}
	select {
	case t.places <- struct{}{}:
	default:
		return func() {}, errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, waitingTime)
	defer cancel()
	select {
	case t.free <- struct{}{}:
		return sync.OnceFunc(func() { <-t.free; <-t.places }), nil
	case <-ctx.Done():
		<-t.places
		return func() {}, errBusy
	}
}
