package gateway

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/signing"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// failed returns the refusal for an attempt without a usable answer.
func (c *call) failed(err error) *Refusal {
	if stopped, ok := errors.AsType[*frozenError](err); ok {
		return c.frozenBy(stopped.freeze)
	}
	c.warn("upstream gave no usable answer", c.withoutSecrets(err.Error()))
	var failure *upstream.Error
	if !errors.As(err, &failure) { // a transport that does not say may have sent it
		failure = &upstream.Error{Err: err, MaybeSent: true}
	}
	if failure.TLS != nil {
		c.tlsOut = c.evidence.of(failure.TLS)
	}
	if failure.MaybeSent && c.stage == logfile.StageConnect {
		c.stage = logfile.StageSend
	}
	alert, alerted := tlspolicy.AlertOf(err)
	switch {
	case failure.MaybeSent && errors.Is(err, errStopping):
		return c.unknownSince("the gateway is stopping and has not waited for the answer")
	case !failure.MaybeSent && c.givenUp():
		return c.stopped()
	case failure.MaybeSent && failure.Timeout():
		return c.unknown(unknownInTime)
	case failure.MaybeSent && alerted:
		return c.unknownSince("upstream %s ended the TLS connection with the alert %s", c.upstream.Name, alert)
	case failure.MaybeSent:
		return c.unknown(outcomeUnknown)
	case failure.Timeout():
		r := refusal(notSentInTime, "upstream %s was not reached in time; no byte of the call was sent", c.upstream.Name)
		if inHandshake(err) {
			r.TLSFailure = TLSFailure(err)
		}
		return r
	}
	return c.notTaken(err)
}

// withoutSecrets hides in an error what it may quote of the request that was sent.
func (c *call) withoutSecrets(text string) string {
	authorization := c.scratch.out.Header.Get(signing.AuthorizationHeader) // an internal app's own, or that of the signature
	credentials := strings.TrimLeft(authorization[strings.IndexByte(authorization, ' ')+1:], " \t")
	hidden := []byte(text)
	for token := range c.sentTokens() {
		hidden = bss.HideToken(hidden, token)
	}
	return string(bss.HideToken(hidden, credentials))
}

func (c *call) unknown(code Code) *Refusal {
	if !c.changes() {
		return refusal(code, "the answer did not arrive, or not whole")
	}
	return refusal(code, "%s may have had its effect: do not repeat it, look the order up first", c.operation.Name)
}

// unknownSince is unknown with what is known of the cause.
func (c *call) unknownSince(format string, args ...any) *Refusal {
	r := c.unknown(outcomeUnknown)
	r.Detail = fmt.Sprintf(format, args...) + "; " + r.Detail
	return r
}

// notTaken returns why an upstream took nothing of a call.
func (c *call) notTaken(err error) *Refusal {
	kind := tlspolicy.KindOf(err)
	if kind == "" && !inHandshake(err) {
		return refusal(notSent, "upstream %s %s; no byte of the call was sent", c.upstream.Name, outOfReach(err))
	}
	r := c.withoutTLS(kind, err)
	r.TLSFailure = TLSFailure(err)
	return r
}

// outOfReach returns why there is no connection. Addresses stay in the gateway's log.
func outOfReach(err error) string {
	if _, forbidden := errors.AsType[*upstream.AddressError](err); forbidden {
		return "is at an address that the gateway must not connect to"
	}
	if _, behind := errors.AsType[*upstream.ProxyError](err); behind {
		return "cannot be reached through its proxy"
	}
	return "cannot be reached"
}

// withoutTLS is a call for which there is no TLS connection.
func (c *call) withoutTLS(kind tlspolicy.Kind, err error) *Refusal {
	alert, alerted := tlspolicy.AlertOf(err)
	switch {
	case alerted && inHandshake(err):
		return refusal(notSent, "no TLS connection with upstream %s (%s: %s); no byte of the call was sent", c.upstream.Name, kind, alert)
	case alerted: // an upstream of TLS 1.3 refuses our certificate when the handshake has ended for us
		return refusal(notSent, "upstream %s ended the TLS connection with the alert %s before it took anything of the call", c.upstream.Name, alert)
	case kind != "":
		return refusal(notSent, "no TLS connection with upstream %s (%s); no byte of the call was sent", c.upstream.Name, kind)
	}
	return refusal(notSent, "no TLS connection with upstream %s (%s); no byte of the call was sent", c.upstream.Name, brokenBy(err))
}

func inHandshake(err error) bool {
	_, is := errors.AsType[*upstream.HandshakeError](err)
	return is
}

// brokenBy returns how a handshake ended that TLS itself found nothing wrong with.
func brokenBy(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it hung up in the handshake"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "it reset the connection in the handshake"
	}
	return "the handshake failed"
}
