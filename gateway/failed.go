package gateway

import (
	"errors"
	"io"
	"strings"
	"syscall"

	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/internal/words"
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
		return c.unknownSince("error.upstream.stopping")
	case !failure.MaybeSent && c.givenUp():
		return c.stopped()
	case failure.MaybeSent && failure.Timeout():
		return c.unknown(unknownInTime)
	case failure.MaybeSent && alerted:
		return c.unknownSince("error.upstream.late_alert", "Upstream", c.upstream.Name, "Alert", alert)
	case failure.MaybeSent:
		return c.unknown(outcomeUnknown)
	case failure.Timeout():
		r := refusal(notSentInTime, "error.upstream.in_time", "Upstream", c.upstream.Name)
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
		return refusal(code, "error.upstream.no_answer")
	}
	return refusal(code, "error.upstream.may_have", "Operation", c.operation.Name)
}

// unknownSince is unknown with what is known of the cause.
func (c *call) unknownSince(id string, args ...any) *Refusal {
	r := c.unknown(outcomeUnknown)
	r.say(words.Say("error.upstream.since", "Cause", words.Say(id, args...), "Then", r.message))
	return r
}

// notTaken returns why an upstream took nothing of a call.
func (c *call) notTaken(err error) *Refusal {
	kind := tlspolicy.KindOf(err)
	if kind == "" && !inHandshake(err) {
		return refusal(notSent, outOfReach(err), "Upstream", c.upstream.Name)
	}
	r := c.withoutTLS(kind, err)
	r.TLSFailure = TLSFailure(err)
	return r
}

// outOfReach returns the message that says why there is no connection. Addresses stay in the gateway's log.
func outOfReach(err error) string {
	if _, forbidden := errors.AsType[*upstream.AddressError](err); forbidden {
		return "error.upstream.address"
	}
	if _, behind := errors.AsType[*upstream.ProxyError](err); behind {
		return "error.upstream.proxy"
	}
	return "error.upstream.unreachable"
}

// withoutTLS is a call for which there is no TLS connection.
func (c *call) withoutTLS(kind tlspolicy.Kind, err error) *Refusal {
	alert, alerted := tlspolicy.AlertOf(err)
	switch {
	case alerted && inHandshake(err):
		return refusal(notSent, "error.upstream.tls_alert", "Upstream", c.upstream.Name, "Why", kindText(kind), "Alert", alert)
	case alerted: // an upstream of TLS 1.3 refuses our certificate when the handshake has ended for us
		return refusal(notSent, "error.upstream.early_alert", "Upstream", c.upstream.Name, "Alert", alert)
	case kind != "":
		return refusal(notSent, "error.upstream.tls", "Upstream", c.upstream.Name, "Why", kindText(kind))
	}
	return refusal(notSent, "error.upstream.tls", "Upstream", c.upstream.Name, "Why", words.Say(brokenBy(err)))
}

// kindText returns a kind of failure for people, in English the kind itself.
func kindText(kind tlspolicy.Kind) words.Message {
	if kind == "" {
		return words.Message{}
	}
	return words.Say("error.tls." + strings.ReplaceAll(string(kind), " ", "_"))
}

func inHandshake(err error) bool {
	_, is := errors.AsType[*upstream.HandshakeError](err)
	return is
}

// brokenBy returns the message that says how a handshake ended that TLS itself found nothing wrong with.
func brokenBy(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "error.upstream.hung_up"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "error.upstream.reset"
	}
	return "error.upstream.handshake"
}
