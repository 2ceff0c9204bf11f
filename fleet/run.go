package fleet

import (
	"context"
	"errors"
	"sync"
)

// connection is one connection from its making to its end. It reports whether questions were asked on it.
func (c *Client) connection(ctx context.Context) (wasUp bool, err error) {
	dialCtx, cancel := context.WithTimeout(ctx, dialLimit)
	w, at, err := c.connect(dialCtx)
	cancel()
	if err != nil {
		return false, err
	}
	l := newLink(c, w, at)
	var running sync.WaitGroup
	running.Go(l.pump)
	defer func() {
		l.fail(errors.New("the connection is not used any more"))
		c.retreat(away, err)
		running.Wait()
		c.retreat(away, err) // a last round trip may have put questions back
		l.close()
	}()
	return c.serve(ctx, l, &running)
}

// serve enters and joins epochs, and keeps the member's row, until the connection or the context ends.
func (c *Client) serve(ctx context.Context, l *link, running *sync.WaitGroup) (wasUp bool, err error) {
	working, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(l.ctx, stop)()
	beating := false
	defer func() {
		if beating && ctx.Err() != nil {
			c.signOff(l)
		}
	}()
	for {
		l.fresh()
		c.retreat(joining, ErrJoining)
		if err := c.enter(working, l); err != nil {
			return wasUp, l.reason(err)
		}
		if !beating {
			beating = true
			c.watch(working, l, running)
		}
		err := c.join(working, l)
		wasUp = wasUp || err == nil
		if err != nil && (len(l.again) == 0 || working.Err() != nil) {
			return wasUp, l.reason(err)
		}
		select {
		case <-l.again:
		case <-l.ctx.Done():
			return wasUp, l.reason(nil)
		case <-ctx.Done():
			return wasUp, errStopped
		}
	}
}

// watch starts what looks after a connection until the context ends.
func (c *Client) watch(ctx context.Context, l *link, running *sync.WaitGroup) {
	running.Go(func() { c.beats(ctx, l) })
	if c.o.Master != "" {
		running.Go(func() { c.followMaster(ctx, l) })
	}
}

// fresh takes back that the epoch has to be entered again, before it is.
func (l *link) fresh() {
	select {
	case <-l.again:
	default:
	}
}

// reason returns why the connection has ended, which says more than the error that followed from it.
func (l *link) reason(err error) error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	return err
}

// signOff says that the member stops in good order.
func (c *Client) signOff(l *link) {
	c.retreat(joining, errStopped)
	_, _ = l.ask(l.ctx, &Question{Script: signOffScript}, tripLimit) // else its lease ends by itself
}
