package tlspolicy

import (
	"context"
	"sync/atomic"
)

// Offered holds what the peer of one connection offered until somebody writes it down. A nil one holds nothing.
type Offered struct{ offer atomic.Pointer[Offer] }

// NewOffered holds an offer.
func NewOffered(offer Offer) *Offered {
	o := new(Offered)
	o.offer.Store(&offer)
	return o
}

// Take gives the offer to the first that asks, and nil to all others. It may be called concurrently.
func (o *Offered) Take() *Offer {
	if o == nil {
		return nil
	}
	return o.offer.Swap(nil)
}

type offeredKey struct{}

// WithOffered gives the context of a connection, from which its requests have theirs.
func WithOffered(ctx context.Context, o *Offered) context.Context {
	return context.WithValue(ctx, offeredKey{}, o)
}

// OfferedIn gives what [WithOffered] put in, or nil.
func OfferedIn(ctx context.Context) *Offered {
	o, _ := ctx.Value(offeredKey{}).(*Offered)
	return o
}
