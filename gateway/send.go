package gateway

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net/http"
	"slices"

	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/signing"
	"tollgate/upstream"
)

// answer is what came back.
type answer struct {
	response    *http.Response
	held        []byte    // the body, or its beginning
	whole       bool      // held is all of it
	stream      io.Reader // all of it where it is not whole
	coded       bool      // it is in a content coding that was not undone
	broken      bool      // it is a 401 whose body cannot be read, and is taken for empty
	endsByClose bool      // of its connection, which cannot be told from a cut
	result      bss.Outcome
	outcome     string         // of the audit package
	rejected    *bss.Rejection // what a server before the billing system says of the signature, if anything
}

// send is step 10: one attempt.
func (c *call) send(ctx context.Context) (*answer, *Refusal) {
	c.sentAt, c.stage = c.Now(), logfile.StageConnect
	if refusal := c.connect(ctx); refusal != nil {
		return nil, refusal
	}
	request := c.outbound(ctx)
	if !c.upstream.Signed {
		return c.attempt(request)
	}
	c.stage = logfile.StageSign
	lease, err := c.permit.Lease(ctx, c.identity.Caller, c.Now())
	if err != nil {
		return nil, c.paused(err)
	}
	c.accessKey = lease.AccessKey()
	verdict, reason := credential.Unheard, ""
	defer func() { c.closeLease(lease, verdict, reason) }()
	if c.givenUp() { // since another call has returned its lease
		return nil, c.stopped()
	}
	if err := c.sign(request, lease); err != nil {
		c.warn("signing failed; the call is not sent", err.Error())
		return nil, refusal(internalFault, "the call could not be signed, so it was not sent")
	}
	a, refused := c.attempt(request)
	verdict, reason = c.signatureVerdict(a, refused)
	c.compareClocks(a, refused)
	c.slowDown(a)
	return a, refused
}

// attempt sends and reads the answer, whole if it is not larger than what is held.
func (c *call) attempt(request *http.Request) (*answer, *Refusal) {
	c.stage = logfile.StageConnect
	response, err := c.upstream.Transport.RoundTrip(request)
	if err != nil {
		return nil, c.failed(request, err)
	}
	c.stage = logfile.StageAnswer
	c.received, c.tlsOut = response.Body, c.evidence.of(response.TLS)
	a, err := c.hold(response)
	if err != nil {
		return nil, c.failed(request, &upstream.Error{Err: err, MaybeSent: true, TLS: response.TLS})
	}
	hidden := c.hideTokens(a, request.Header)
	refusal := c.judge(a)
	if refusal == nil && hidden && a.coded && len(a.held) > 0 {
		refusal = c.withheld(a)
	}
	return a, refusal
}

// hideTokens hides the tokens that were sent, and reports whether there were any. Nothing is hidden in answers of internal apps: there the
// headers are the caller's, which must not choose what is missing in the answer and its record.
func (c *call) hideTokens(a *answer, sent http.Header) (hidden bool) {
	if !c.upstream.Signed {
		return false
	}
	for token := range c.tokensIn(sent) {
		a.hide(token)
		hidden = true
	}
	return hidden
}

// tokensIn yields the security tokens in a header that is sent. They are secrets.
func (c *call) tokensIn(sent http.Header) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range c.Callers.Schemes().Headers(signing.Token) {
			if token := sent.Get(name); token != "" && !yield(token) {
				return
			}
		}
	}
}

// hold reads an answer as far as it is held.
func (c *call) hold(response *http.Response) (*answer, error) {
	a := &answer{response: response}
	a.endsByClose = response.ContentLength < 0 && len(response.TransferEncoding) == 0 && response.Close
	body, held := io.Reader(response.Body), int64(c.Bounds.HeldAnswer)
	if c.upstream.Signed {
		body = a.decode(held)
	}
	var err error
	a.held, err = readHeld(body, response.ContentLength, held+1)
	if err != nil && c.upstream.Signed && response.StatusCode == http.StatusUnauthorized {
		a.broken, err = true, nil // what the status says of the key must not be lost with it
	}
	if a.whole = int64(len(a.held)) <= held; !a.whole {
		a.stream = io.MultiReader(bytes.NewReader(a.held), body)
	}
	return a, err
}

// hide keeps the credential's security token from the caller and from the log, for every status: failures inside a 200
// quote what was sent, too. What is held of an answer that streams is not recorded, so hiding it in the stream is enough.
func (a *answer) hide(token string) {
	if a.whole {
		a.held = bss.HideToken(a.held, token)
	} else {
		a.stream = bss.HideTokenIn(a.stream, token)
	}
	bss.HideTokenInHeader(a.response.Header, token)
}

// minHeld is the room for an answer of unknown length, to begin with.
const minHeld = 2 << 10

// readHeld reads an answer's body, or its first bytes up to limit. length is -1 if it is not known.
func readHeld(body io.Reader, length, limit int64) ([]byte, error) {
	room := min(minHeld, limit)
	if length >= 0 {
		room = min(length, limit-1) + 1 // to see its end; a length may be the largest number there is
	}
	held := make([]byte, 0, room)
	for int64(len(held)) < limit {
		if len(held) == cap(held) {
			held = slices.Grow(held, len(held))
		}
		n, err := body.Read(held[len(held):min(int64(cap(held)), limit)])
		held = held[:len(held)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return held, nil
}

// sending returns the context that a call is sent in, as yet without its deadline.
func (c *call) sending() context.Context {
	if c.operation.Effect == catalog.Spend {
		return c.ending.rested
	}
	return c.ending.calls
}
