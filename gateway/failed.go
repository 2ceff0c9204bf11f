package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"tollgate/catalog"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// rested is for calls that spend, which must not take the answer to another call for theirs.
var rested = upstream.Rested(context.Background())

// sending returns the context that a call is sent in, as yet without its deadline.
func (c *call) sending() context.Context {
	if c.operation.Effect == catalog.Spend {
		return rested
	}
	return context.Background()
}

// unknownSince is unknown with what is known of the cause.
func (c *call) unknownSince(format string, args ...any) *Refusal {
	r := c.unknown(outcomeUnknown)
	r.Detail = fmt.Sprintf(format, args...) + "; " + r.Detail
	return r
}

// notTaken says why an upstream took nothing of a call.
func (c *call) notTaken(err error) *Refusal {
	alert, alerted := tlspolicy.AlertOf(err)
	_, inHandshake := errors.AsType[*upstream.HandshakeError](err)
	kind := tlspolicy.KindOf(err)
	switch {
	case alerted && inHandshake:
		return refusal(notSent, "no TLS connection with upstream %s (%s: %s); no byte of the call was sent", c.upstream.Name, kind, alert)
	case alerted:
		return refusal(notSent, "upstream %s ended the TLS connection with the alert %s before it took anything of the call", c.upstream.Name, alert)
	case kind != "":
		return refusal(notSent, "no TLS connection with upstream %s (%s); no byte of the call was sent", c.upstream.Name, kind)
	case inHandshake:
		return refusal(notSent, "no TLS connection with upstream %s (%s); no byte of the call was sent", c.upstream.Name, brokenBy(err))
	}
	return refusal(notSent, "upstream %s cannot be reached; no byte of the call was sent", c.upstream.Name)
}

// brokenBy says how a handshake ended that TLS itself found nothing wrong with.
func brokenBy(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it hung up in the handshake"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "it reset the connection in the handshake"
	}
	return "the handshake failed"
}
