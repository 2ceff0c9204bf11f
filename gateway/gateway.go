// Package gateway is the way of a call through Tollgate. [call.run] reads like this list:
//
//  1. admit: the listener is spoken to by one of its names, in plain HTTP without tricks
//  2. identify: who calls; an access key signature is only a claim as yet
//  3. match: method and path to exactly one operation
//  4. read: the body, once, bounded, hashed
//  5. verify: the claim, over what was received
//  6. decide: which credential, or why none; which business act the call is; and that no freeze stops it
//  7. price: what the act costs, where a cap counts it
//  8. limit: within the rates, waiting a little if need be
//  9. reserve: the keys of the act, so that no other call does it meanwhile, and its part of each cap
//  10. intend: no freeze came while the call waited; remember the signature, write the intent down durably
//  11. sign and
//  12. send: once; right before the first byte the last check for freezes
//  13. settle: what came of it, durable before the answer where money may have moved
//  14. answer
//
// Whatever happens before step 10 refuses the call: nothing was sent, what was reserved is released, and one refusal is recorded. From
// step 10 on the call ends with an outcome, whether or not its caller is still there, which settles what was reserved.
//
// A [Plan] is what is configured of calls. It does not change: a call follows, from its first step to its last, the plan that was in force
// when it began. State outlives plans. It stands in the [Gateway] (such as the counts of limits), or a plan points to it (the keys of
// credentials, the transports and clocks of upstreams). Where steps 3, 4, 6, 8 and 9 depend on message and plan alone they are functions
// without effects, by which [Plan.Explain] answers too.
package gateway

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/audit/mac"
	"tollgate/freeze"
	"tollgate/ratelimit"
	"tollgate/replay"
	"tollgate/spend"
	"tollgate/spend/acts"
)

// Log is the part of the audit log that calls write to; see [audit.Log] for what each promises.
type Log interface {
	Intent(ctx context.Context, r *logfile.Record) error
	Outcome(ctx context.Context, r *logfile.Record) error
	Queue(r *logfile.Record) error
	QueueOutcome(r *logfile.Record, ended func(error)) error
}

// Limiter counts calls by their rates: see [ratelimit.Limiter].
type Limiter interface {
	// Follow makes calls be counted by these rules from now on. Calls that began under the former rules may still come.
	Follow(rules *ratelimit.Rules)
	// Take returns an error that wraps [ratelimit.ErrUnavailable] when the calls so far cannot be looked up, and otherwise the
	// context's. Each call that it allows is followed by one Sent.
	Take(ctx context.Context, d *ratelimit.Demand) (ratelimit.Verdict, error)
	// Sent says that an allowed call has been sent just now, or has ended without that.
	Sent(d *ratelimit.Demand, v *ratelimit.Verdict)
	// Throttled says that the provider has refused a call since there were too many, and after what time it may be tried again; 0: it
	// did not say.
	Throttled(d *ratelimit.Demand, retryAfter time.Duration)
}

// ReplayMemory remembers the signatures of calls that may change something: see [replay.Memory.Mark].
type ReplayMemory interface {
	// Mark returns an error that wraps [replay.ErrUnavailable] when the signatures so far cannot be looked up.
	Mark(ctx context.Context, k replay.Key, date, now time.Time) error
}

// Config joins the parts of a gateway that outlive its plans. All members but MAC, Freezes, Ledger and MemoryBusy are required.
type Config struct {
	Limiter  Limiter
	Sources  *ratelimit.Sources // limits failed authentication by source
	Replay   ReplayMemory
	Log      Log
	MAC      *mac.Key     // of keyed hashes in records; nil: one that ends with the process
	Freezes  *freeze.Gate // of the kill switch; nil: nothing is ever frozen
	Ledger   spend.Ledger // of what calls that spend hold and use; nil: one that ends with the process
	Refusals *audit.Refusals
	Observer Observer
	// MemoryBusy is true while so little memory is free that no call may begin. Nil: it never is.
	MemoryBusy *atomic.Bool
	Logger     *zap.Logger
	Now        func() time.Time
}

// Gateway takes calls. Create it with [New].
type Gateway struct {
	Config
	publishing  sync.Mutex
	plan        atomic.Pointer[Plan] // for calls that begin
	inFlight    inFlight             // calls under way
	ending      shutdown
	ledger      *ledger
	connections connections
	cutOffs     cutOffLog
	evidence    evidence
	recording   sharedDeadline // how long records may take
	hash        acts.Hash      // of keys
}

// New returns a gateway that follows a plan. It starts nothing.
func New(config Config, plan *Plan) *Gateway {
	if config.MAC == nil {
		config.MAC = mac.New()
	}
	if config.Freezes == nil {
		config.Freezes = new(freeze.Gate)
	}
	if config.Ledger == nil {
		config.Ledger = spend.NewMemory()
	}
	if config.MemoryBusy == nil {
		config.MemoryBusy = new(atomic.Bool)
	}
	g := &Gateway{Config: config, ending: newShutdown(), ledger: new(ledger), hash: config.MAC.Short}
	g.Publish(plan)
	return g
}

// Plan returns the plan that is in force, for calls that begin.
func (g *Gateway) Plan() *Plan { return g.plan.Load() }

// Publish puts a plan in force, for calls that begin from now on. Calls under way go on by the plan that they began with, except that
// the bounds on what all calls share, the rates of limits, and caps, hold for them at once: a holder that has more than its new share keeps it,
// and gets no more until enough was released.
func (g *Gateway) Publish(plan *Plan) {
	g.publishing.Lock()
	defer g.publishing.Unlock()
	g.ledger.share(plan.Bounds, plan.alone())
	g.Limiter.Follow(plan.Limits)
	g.plan.Store(plan)
}

// RecordID returns the id of the plan in force, as records have it.
func (g *Gateway) RecordID() string { return g.plan.Load().recordID() }

// handler returns the handler of a server of [Gateway.Server], by its id. Each call is served as its plan has the server's listener; if that
// has none, nothing is served.
func (g *Gateway) handler(server string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := newCall(g, server, w, r)
		g.serve(c)
		c.leaveScratch() // not after a panic: something of the call may go on
	})
}

func (g *Gateway) serve(c *call) {
	g.inFlight.begin(c)
	defer g.inFlight.end(c)
	c.serve()
}

// Wait returns when no call is under way, or the context ends.
func (g *Gateway) Wait(ctx context.Context) error { return g.inFlight.wait(ctx) }

func (c *call) serve() {
	defer c.end()
	defer c.recoverPanic()
	if refusal := c.run(); refusal != nil {
		c.refuse(refusal)
	}
}

// end releases what the call has taken of what all share.
func (c *call) end() {
	c.sent()
	c.endReservation()
	c.dropRequest()
	c.ledger.close(&c.account)
	c.endTurn()
}

// recoverPanic answers for a fault of our own. The panic's value is not logged: it may hold anything that a call carried.
func (c *call) recoverPanic() {
	switch fault := recover(); {
	case fault == nil:
	case fault == http.ErrAbortHandler:
		panic(fault)
	default:
		c.keepsScratch = true
		c.Logger.Error("panic in a call", append(callFields(c), zap.String("type", fmt.Sprintf("%T", fault)), zap.Stack("stack"))...)
		switch {
		case c.answering: // the rest of the answer is missing: the caller must not take it for whole
			panic(http.ErrAbortHandler)
		case c.intended: // its outcome is on record
			c.answerRefusal(c.unknown(outcomeUnknown), c.language())
		default:
			c.refuse(refusal(internalFault, "error.now.fault"))
		}
	}
}

// steps are those in which a call may be refused, by the stage that records have of each.
var steps = [...]struct {
	stage string
	take  func(*call) *Refusal
}{
	{logfile.StageAdmit, (*call).admit},
	{logfile.StageIdentify, (*call).identify},
	{logfile.StageMatch, (*call).match},
	{logfile.StageRead, (*call).read},
	{logfile.StageVerify, (*call).verify},
	{logfile.StageDecide, (*call).decide},
	{logfile.StagePrice, (*call).price},
	{logfile.StageLimit, (*call).limit},
	{logfile.StageReserve, (*call).reserve},
	{logfile.StageIntend, (*call).intend},
}

// run takes the call through all steps. A non-nil refusal means that nothing was sent.
func (c *call) run() *Refusal {
	for i := range steps {
		c.stage = steps[i].stage
		if refusal := steps[i].take(c); refusal != nil {
			return refusal
		}
	}
	c.dispatch()
	return nil
}

// dispatch takes an intended call to its end: sign, send, settle, answer. It no longer depends on the caller.
func (c *call) dispatch() {
	defer c.disconnect()
	a, refusal := c.exchange()
	if refusal != nil {
		c.answerRefusal(refusal, c.language())
		return
	}
	c.answer(a)
}

// exchange sends an intended call and settles it. Either there is an answer, or why there is none that can be used.
func (c *call) exchange() (*answer, *Refusal) {
	settled := false
	defer func() {
		if !settled { // only by panic: the call may have gone out
			c.disconnect() // its connection must not stay taken
			c.settle(c.outcome(logfile.Unknown, &Refusal{Code: internalFault}))
		}
	}()
	c.recordRepeat()
	a, refusal := c.send()
	over := refusal != nil || a.whole
	if over {
		c.disconnect() // neither the log nor the caller is waited for with a connection in hand
	}
	c.releaseBody(over)
	settled = true
	if refusal != nil {
		c.settle(c.outcome(outcomeOf(refusal), refusal))
		return nil, refusal
	}
	c.settle(c.answered(a))
	return a, nil
}

// releaseBody returns what the body took: a caller that is slow to read its answer must not hold it. Before the exchange is over its
// memory may be in use, so that no other call gets it.
func (c *call) releaseBody(over bool) {
	c.ledger.release(&c.account, firstBytes, bodyBytes)
	if over {
		c.scratch.body.release()
	}
	c.body, c.scratch.body, c.scratch.out.Body = nil, buffer{}, nil
}
