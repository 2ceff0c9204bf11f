package gateway

import (
	"context"
	"errors"
	"time"
)

// errStopping ends the calls for which a stop does not wait any longer.
var errStopping = errors.New("the gateway is stopping")

// shutdown is how far the end of a gateway has come.
type shutdown struct {
	// calls ends when calls are abandoned. It is the base of the contexts of requests, which end all waiting before the intent. What a call
	// waits for on its way out is waited for under calls itself: package context cancels what is made of a context one by one, and a call that
	// is cancelled late would take the lease or the connection of one that has ended already, and be sent.
	calls  context.Context
	cancel context.CancelCauseFunc
}

func newShutdown() shutdown {
	calls, cancel := context.WithCancelCause(context.Background())
	return shutdown{calls, cancel}
}

// Abandon ends the calls under way and returns how many there are: those of which nothing was sent as refused or not sent,
// the others as unknown. Each is answered. Servers are to have announced the end before. [Gateway.Wait] returns when that is done.
func (g *Gateway) Abandon() (calls int) {
	return g.inFlight.each(func() { g.ending.cancel(errStopping) }, (*call).endBody)
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// connectionClose ends a connection after its answer; net/http makes GOAWAY of it in HTTP/2. It is never written to.
var connectionClose = []string{"close"}

// endBody ends the reading of a body for which a stop does not wait any longer.
func (c *call) endBody() { _ = c.control.SetReadDeadline(past) }

// givenUp reports whether a stop does not wait for calls any longer.
func (c *call) givenUp() bool { return c.ending.calls.Err() != nil }

// stopped refuses a call that is abandoned, of which nothing was sent.
func (c *call) stopped() *Refusal {
	return later(stopping, "error.now.stopping")
}

// gone refuses a call whose request's context has ended.
func (c *call) gone(id string) *Refusal {
	if c.givenUp() {
		return c.stopped()
	}
	return refusal(callerLeft, id)
}
