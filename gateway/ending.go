package gateway

import (
	"cmp"
	"context"
	"errors"
	"time"

	"tollgate/upstream"
)

// errStopping ends the calls for which a stop does not wait any longer.
var errStopping = errors.New("the gateway is stopping")

// ending is how far the end of a gateway has come.
type ending struct {
	calls  context.Context // ends when calls are given up; base of the contexts of requests, which end all waiting before the intent
	rested context.Context // the same, for calls that spend, which must not take the answer to another call for theirs
	giveUp context.CancelCauseFunc
}

func newEnding() ending {
	calls, giveUp := context.WithCancelCause(context.Background())
	return ending{calls: calls, rested: upstream.Rested(calls), giveUp: giveUp}
}

// sendContext is the context that one call is sent in, and has the call's last check for package upstream. It has ended as soon as calls are
// given up: package context cancels the contexts made of that one by one, and a call that is cancelled late would take the lease or the
// connection of one that has ended already, and be sent.
type sendContext struct {
	context.Context
	call *call
}

// Err returns why the context has ended, if it has.
func (s sendContext) Err() error { return cmp.Or(s.call.ending.calls.Err(), s.Context.Err()) }

// Value returns the call's gate, or a value of the context that s is made of.
func (s sendContext) Value(key any) any {
	if key == (upstream.GateKey{}) {
		return gate{s.call}
	}
	return s.Context.Value(key)
}

// GiveUp ends the calls under way and returns how many there are: those of which nothing was sent as refused or not sent,
// the others as unknown. Each is answered. Servers are to have announced the end before. [Gateway.Wait] returns when that is done.
func (g *Gateway) GiveUp() (calls int) {
	return g.inFlight.each(func() { g.ending.giveUp(errStopping) }, (*call).endBody)
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// connectionClose ends a connection after its answer; net/http makes GOAWAY of it in HTTP/2. Nobody writes to it.
var connectionClose = []string{"close"}

// endBody ends the reading of a body for which a stop does not wait any longer.
func (c *call) endBody() { _ = c.control.SetReadDeadline(past) }

// givenUp reports whether a stop does not wait for calls any longer.
func (c *call) givenUp() bool { return c.ending.calls.Err() != nil }

// stopped refuses a call that is given up, of which nothing was sent.
func (c *call) stopped() *Refusal {
	return later(stopping, "the gateway is stopping; no byte of the call was sent")
}

// gone refuses a call whose request's context has ended.
func (c *call) gone(text string) *Refusal {
	if c.givenUp() {
		return c.stopped()
	}
	return refusal(callerLeft, "%s", text)
}
