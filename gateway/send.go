package gateway

import (
	"bytes"
	"io"
	"iter"
	"net/http"

	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/credential"
	"tollgate/signing"
	"tollgate/upstream"
)

// answer is what came back.
type answer struct {
	response *upstream.Response
	held     []byte    // the body, or its beginning
	whole    bool      // held is all of it
	stream   io.Reader // all of it where it is not whole
	coded    bool      // it is in a content coding that was not undone
	broken   bool      // it is a 401 whose body cannot be read, and is taken for empty
	result   bss.Outcome
	outcome  string         // of the audit package
	rejected *bss.Rejection // what a server before the billing system says of the signature, if anything
}

// send is step 12: one attempt.
func (c *call) send() (*answer, *Refusal) {
	c.sentAt, c.stage = c.Now(), logfile.StageConnect
	c.reached(&c.steps.Durable, c.sentAt)
	c.scratch.out.Deadline = c.mustEnd()
	if refusal := c.connect(); refusal != nil {
		return nil, refusal
	}
	c.prepare()
	if !c.upstream.Signed {
		return c.attempt()
	}
	c.stage = logfile.StageSign
	lease, err := c.permit.Lease(c.ending.calls, c.identity.Caller, c.sentAt, c.scratch.out.Deadline)
	if err != nil {
		return nil, c.paused(err)
	}
	c.accessKey = lease.AccessKey()
	verdict, reason := credential.NoVerdict, ""
	defer func() { c.closeLease(lease, verdict, reason) }()
	if c.givenUp() { // since another call has returned its lease
		return nil, c.stopped()
	}
	if err := c.sign(lease); err != nil {
		c.warn("signing failed; the call is not sent", err.Error())
		return nil, refusal(internalFault, "error.now.unsigned")
	}
	a, refused := c.attempt()
	verdict, reason = c.signatureVerdict(a, refused)
	c.compareClocks(a, refused)
	c.slowDown(a)
	return a, refused
}

// attempt sends and reads the answer, whole if it is not larger than what is held.
func (c *call) attempt() (*answer, *Refusal) {
	c.stage = logfile.StageConnect
	response, err := c.upstream.Transport.Send(c.ending.calls, &c.scratch.out.Request)
	if err != nil {
		return nil, c.failed(err)
	}
	c.stage = logfile.StageAnswer
	c.reached(&c.steps.FirstByte, c.Now())
	c.received, c.tlsOut = response.Body, c.evidence.of(response.TLS)
	a, err := c.hold(response)
	if err != nil {
		return nil, c.failed(&upstream.Error{Err: err, MaybeSent: true, TLS: response.TLS})
	}
	hidden := c.hideTokens(a)
	refusal := c.judge(a)
	if refusal == nil && hidden && a.coded && len(a.held) > 0 {
		refusal = c.withheld(a)
	}
	return a, refusal
}

// hideTokens hides the tokens that were sent, and reports whether there were any. Nothing is hidden in answers of internal apps: there the
// headers are the caller's, which must not choose what is missing in the answer and its record.
func (c *call) hideTokens(a *answer) (hidden bool) {
	if !c.upstream.Signed {
		return false
	}
	for token := range c.sentTokens() {
		a.hide(token)
		hidden = true
	}
	return hidden
}

// sentTokens yields the security tokens that are sent. They are secrets.
func (c *call) sentTokens() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range c.Callers.Schemes().Headers(signing.Token) {
			if token := c.scratch.out.Header.Get(name); token != "" && !yield(token) {
				return
			}
		}
	}
}

// hold reads an answer as far as it is held.
func (c *call) hold(response *upstream.Response) (*answer, error) {
	a := &c.scratch.came
	a.response = response
	body, held := io.Reader(response.Body), int64(c.Bounds.HeldAnswer)
	if c.upstream.Signed {
		body = a.decode(held)
	}
	var err error
	a.held, err = c.readHeld(body, response.ContentLength, held+1)
	if err != nil && c.upstream.Signed && response.Status == http.StatusUnauthorized {
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
	a.response.Header = bss.HideTokenInHeader(a.response.Header, token)
}

// readHeld reads an answer's body, or its first bytes up to limit. length is -1 if it is not known.
func (c *call) readHeld(body io.Reader, length, limit int64) (held []byte, err error) {
	room := nextRoom(0, limit)
	if length >= 0 {
		room = min(length, limit-1) + 1 // to see its end; a length may be the largest number there is
	}
	for int64(len(held)) < limit {
		if len(held) == cap(held) {
			held = c.scratch.answer.grow(held, int(room))
			room = nextRoom(room, limit)
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
