package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tollgate/accept"
	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/freeze"
	"tollgate/internal/words"
	"tollgate/ratelimit"
	"tollgate/signing"
	"tollgate/spend/acts"
	"tollgate/upstream"
)

// A call of the gateway's own is one read of the provider's, made for a call: before it, of what it costs, or after it, of its outcome.
// It goes the way of any call from the last check for freezes on, and has records of its own, which name the call that it is for. It
// is signed by that call's credential, counts for the same caller where callers take turns, stops by the same freezes and pauses, and
// needs no grant.

// own is what a call of the gateway's own has besides.
type own struct {
	of   string    // the call that it is for
	ends time.Time // when it is abandoned
}

// ownTime is how long a call of the gateway's own may take in all.
var ownTime = 3 * time.Second

// ownCaller stands in metrics and logs where callers stand. No caller has such a name.
const ownCaller = "(gateway)"

// lookup is what a call of the gateway's own is made of.
type lookup struct {
	of       string // the call that it is for
	identity caller.Identity
	upstream *Upstream
	granted  *credential.Facts
	query    *acts.Query
}

// Found is the answer to a call of the gateway's own.
type Found struct {
	Call   string // its id
	Result bss.Outcome
	Body   []byte // as far as answers are held
}

// ask makes a call of the gateway's own.
func (g *Gateway) ask(ctx context.Context, plan *Plan, l *lookup) (Found, *Refusal) {
	ctx, cancel := context.WithTimeout(ctx, ownTime)
	defer cancel()
	c := newOwnCall(ctx, g, plan, l)
	found, refused := c.ask(l)
	c.leaveScratch() // not after a panic: something of the call may go on
	return found, refused
}

func (c *call) ask(l *lookup) (Found, *Refusal) {
	c.inFlight.begin(c)
	defer c.inFlight.end(c)
	defer c.end()
	return c.look(l)
}

func newOwnCall(ctx context.Context, g *Gateway, plan *Plan, l *lookup) *call {
	request := (&http.Request{Method: l.query.Operation.Method, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}).WithContext(ctx)
	c := &call{
		Gateway: g, Plan: plan, connection: &connection{Connection: new(accept.Connection)}, listener: new(Listener), request: request,
		started: g.Now(), scratch: scratches.Get().(*scratch), passage: new(freeze.Passage), identity: l.identity,
	}
	c.id, c.own = newID(c.started), &own{l.of, c.started.Add(ownTime)}
	c.pace.call = c
	return c
}

// look takes the call through its steps. It ends with an outcome or a refusal, of which there are records.
func (c *call) look(l *lookup) (Found, *Refusal) {
	for _, step := range [...]struct {
		stage string
		take  func() *Refusal
	}{
		{logfile.StageDecide, func() *Refusal { return c.decideOwn(l) }},
		{logfile.StageLimit, c.limit},
		{logfile.StageIntend, c.intend},
	} {
		c.stage = step.stage
		if refused := step.take(); refused != nil {
			c.noteRefusal(refused)
			return Found{Call: c.id}, refused
		}
	}
	defer c.disconnect()
	a, refused := c.exchange()
	if refused != nil {
		return Found{Call: c.id}, refused
	}
	return Found{c.id, a.result, bytes.Clone(a.held)}, nil
}

// decideOwn fills in what the steps of a caller's call find out before limits.
func (c *call) decideOwn(l *lookup) *Refusal {
	operation := l.query.Operation
	router, err := catalog.NewRouter([]*catalog.Operation{operation})
	if err != nil {
		return refuse(internalFault, words.Of(err))
	}
	route := &Route{Router: router, Upstreams: map[*catalog.Operation]*Upstream{operation: l.upstream}}
	if refused := c.asked.match(route, operation.Method, l.query.Path, l.query.Query); refused != nil {
		return refused
	}
	c.body, c.bodyHash = l.query.Body, signing.HashHex(l.query.Body)
	c.bodyType.JSON = true
	if len(c.body) > 0 {
		c.bodyType.Sent = "application/json"
	}
	var refused *Refusal
	if c.facts, refused = c.readFacts(""); refused != nil {
		return refused
	}
	c.decision.Credential = l.granted
	c.demand = c.Limits.Of(ratelimit.Subject{
		Own: true, Caller: c.identity.Caller, Operation: operation.Name, Upstream: l.upstream.Name,
		Credential: l.granted.Name, Quota: operation.Quota,
	})
	if refused = c.permitSigning(); refused != nil {
		return refused
	}
	if refused = c.checkFrozen(); refused != nil {
		return refused
	}
	c.reached(&c.steps.Decided, c.Now())
	return nil
}

// mustEnd returns when the exchange with the upstream is abandoned.
func (c *call) mustEnd() time.Time {
	ends := c.sentAt.Add(c.upstream.Timeout)
	if c.own == nil {
		return ends
	}
	if within := upstream.DeadlineWithin(c.own.ends, c.sentAt); within.Before(ends) {
		return within
	}
	return ends
}

// describe makes a record show whose call it is.
func (o *own) describe(r *logfile.Record) {
	r.Caller, r.IdentifiedBy, r.Identity = "", "", ""
	r.Spending = &logfile.Spending{For: o.of}
}

// callerText is who calls, for metrics and logs.
func (c *call) callerText() string {
	if c.own != nil {
		return ownCaller
	}
	return c.identity.Caller
}

// Lookup is something to be read of the provider's about a call that was made before.
type Lookup struct {
	Call       string // that it is about
	Caller     string // of that call, and so what it was sent with
	Upstream   string
	Credential string
	Account    string // of the credential; empty: not known
	Query      *acts.Query
}

// Errors of [Gateway.Look]: what is configured is no longer what the call was made with.
var (
	errNoUpstream   = errors.New("the upstream of the call is not configured any more, or is of another site")
	errNoCredential = errors.New("the credential of the call is not configured any more, or has another account")
)

// Look makes a call of the gateway's own, with the credential that signed the call that it is about. The error says why there is no answer.
func (g *Gateway) Look(ctx context.Context, l *Lookup) (Found, error) {
	plan := g.plan.Load()
	of := lookup{of: l.Call, identity: caller.Identity{Caller: l.Caller}, upstream: plan.upstreamOf(l.Upstream), query: l.Query}
	if of.upstream == nil || !of.upstream.Signed || of.upstream.Site != l.Query.Operation.Site {
		return Found{}, errNoUpstream
	}
	signer := plan.Credentials[l.Credential]
	if signer == nil || string(signer.Facts().DomainID) != l.Account {
		return Found{}, errNoCredential
	}
	of.granted = signer.Facts()
	found, refused := g.ask(ctx, plan, &of)
	if refused != nil {
		return found, fmt.Errorf("%s: %s", refused.Code.Title(), refused.recorded())
	}
	return found, nil
}

// Site returns the site of an upstream of the plan; "" if it has none.
func (p *Plan) Site(upstream string) string {
	if u := p.upstreamOf(upstream); u != nil {
		return u.Site
	}
	return ""
}

// upstreamOf returns the upstream of a name; nil if no listener leads there.
func (p *Plan) upstreamOf(name string) *Upstream {
	for _, l := range p.Listeners {
		for i := range l.Routes {
			for _, u := range l.Routes[i].Upstreams {
				if u.Name == name {
					return u
				}
			}
		}
	}
	return nil
}
