package upstream

import (
	"context"
	"sync"
)

// watches interrupt exchanges when their contexts end: with one registration for all exchanges of a context, not one for each. Calls of a
// gateway have one context, so there is one watch in all, and no exchange pays for it.
type watches struct {
	mutex  sync.Mutex
	all    map[<-chan struct{}]*watch // by what ends the context
	latest *watch                     // stays registered while it has no exchange
}

// watch knows the exchanges of one context.
type watch struct {
	done  <-chan struct{}
	stop  func() bool // ends the registration
	conns map[*conn]struct{}
	over  bool // the exchanges were interrupted
}

// enter makes an exchange be interrupted when ctx ends. That may have ended already: ctx is to be asked afterwards.
func (w *watches) enter(ctx context.Context, c *conn) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	of := w.latest
	if of == nil || of.done != ctx.Done() {
		of = w.of(ctx)
	}
	of.conns[c] = struct{}{}
	c.watch = of
}

// of returns the watch of a context, which is the latest from then on.
func (w *watches) of(ctx context.Context) *watch {
	of := w.all[ctx.Done()]
	if of == nil {
		of = &watch{done: ctx.Done(), conns: map[*conn]struct{}{}}
		of.stop = context.AfterFunc(ctx, func() { w.interrupt(of) })
		if w.all == nil {
			w.all = map[<-chan struct{}]*watch{}
		}
		w.all[of.done] = of
	}
	former := w.latest
	w.latest = of
	w.release(former)
	return of
}

func (w *watches) interrupt(of *watch) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	of.over = true
	for c := range of.conns {
		_ = c.raw.SetDeadline(past)
	}
}

// leave ends the hold of the context on an exchange. It reports whether the connection was left alone.
func (w *watches) leave(c *conn) (untouched bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	of := c.watch
	c.watch = nil
	delete(of.conns, c)
	w.release(of)
	return !of.over
}

// release ends the registration of a watch that is not needed any more.
func (w *watches) release(of *watch) {
	if of != nil && of != w.latest && len(of.conns) == 0 {
		of.stop()
		delete(w.all, of.done)
	}
}

// close ends the registration that was kept for further exchanges. Others end with their last exchange.
func (w *watches) close() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	former := w.latest
	w.latest = nil
	w.release(former)
}
