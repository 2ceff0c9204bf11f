package gateway

import (
	"cmp"
	"net/http"
	"time"

	"go.uber.org/zap"

	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/ratelimit"
	"tollgate/signing"
)

// maxPath bounds a path in the record of a refused call; it may be anything. maxRefusedPairs does so for the names of a query.
const maxPath, maxRefusedPairs = 1024, 8

// record is what all records of the call have in common, as far as the call has come. The one before it is no longer valid.
func (c *call) record(kind logfile.Kind) *logfile.Record {
	r := &c.scratch.record
	*r = logfile.Record{
		Kind: kind, Call: c.id, Plan: c.recordID(), Listener: c.listener.Name,
		Caller: c.identity.Caller, IdentifiedBy: c.identity.By, Identity: c.identity.Detail,
		Source: c.source, SourcePort: c.sourcePort,
		Method: c.request.Method,
	}
	if c.own != nil {
		c.own.describe(r)
	}
	if c.operation != nil {
		r.Upstream, r.Site, r.Operation, r.Effect = c.upstream.Name, c.operation.Site, c.operation.Name, c.operation.Effect.String()
		r.Currency = c.upstream.Currency
		r.Deprecated = c.operation.Deprecated
	}
	if c.signer != nil {
		facts := c.signer.Facts()
		r.Credential, r.Class, r.AccessKey, r.Account = facts.Name, facts.Class.String(), cmp.Or(c.accessKey, c.signer.AccessKey()), string(facts.DomainID)
	}
	return r
}

// describe adds what was asked for.
func (c *call) describe(r *logfile.Record) {
	r.TLSIn = c.tlsIn()
	r.WaitedMicros = c.verdict.Waited.Microseconds()
	if c.operation == nil { // it is unknown what is in such a query; a target that is no path may hold a password
		c.describeUnmatched(r)
		return
	}
	r.Path = recordedPath(c.operation, c.path)
	r.BodyBytes = int64(len(c.body))
	r.Fields = c.facts.recorded
	setQuery(r, c.operation, c.query)
	c.setMACs(r)
	r.BodyHash, r.BodyMAC = c.hashOf(r, c.bodyHash)
}

// intent returns the record that says that the call is about to be sent.
func (c *call) intent() *logfile.Record {
	r := c.record(logfile.KindIntent)
	r.Share(c.connection.partsOf(c, r))
	c.describe(r)
	r.Decision = logfile.Allowed
	c.describeSpending(r)
	r.SignatureHash, r.SignatureDate = c.signature.hash, c.signature.date
	return r
}

// outcome returns the outcome record of an intent without an answer.
func (c *call) outcome(outcome string, why *Refusal) *logfile.Record {
	r := c.record(logfile.KindOutcome)
	r.Share(c.connection.partsOf(c, r))
	r.Outcome, r.Reason, r.Detail = outcome, why.Code.Reason, why.Detail
	r.Stage, r.TLSFailure = c.stage, why.TLSFailure
	if a := why.Answer; a != nil {
		c.describeAnswer(r, a)
	}
	c.closing(r)
	return r
}

// answered returns the outcome record of an intent that was answered.
func (c *call) answered(a *answer) *logfile.Record {
	r := c.record(logfile.KindOutcome)
	r.Share(c.connection.partsOf(c, r))
	r.Outcome = a.outcome
	c.describeAnswer(r, a)
	c.describeReleased(r, a)
	c.closing(r)
	return r
}

// describeAnswer adds what came back.
func (c *call) describeAnswer(r *logfile.Record, a *answer) {
	r.Status, r.RequestID = a.response.Status, bss.RequestID(a.response.Header, &a.result)
	r.Result, r.ResultFrom = a.result.Result, a.result.From
	r.ErrorCode = a.result.ErrorCode
	if !c.withholds() { // a message may quote what is withheld
		r.ErrorMessage = a.result.Message
	}
	r.Fields = fields(a.result.Fields)
	if a.whole {
		r.AnswerBytes = int64(len(a.held))
		if !c.operation.Sensitive {
			r.AnswerHash, r.AnswerMAC = c.hashOf(r, signing.HashHex(a.held))
		}
	} else {
		r.AnswerBytes = max(a.response.ContentLength, 0)
	}
}

// ended returns when the exchange with the upstream ended: that is the first time that it is asked for.
func (c *call) ended() time.Time {
	if c.endedAt.IsZero() {
		c.endedAt = c.Now()
	}
	return c.endedAt
}

func (c *call) closing(r *logfile.Record) {
	now := c.ended()
	if r.Steps = &c.steps; r.ResultFrom != "" {
		c.reached(&c.steps.Answered, now)
	}
	c.limited(r)
	r.TLSOut = c.tlsOut
	r.TotalMicros = now.Sub(c.started).Microseconds()
	if !c.sentAt.IsZero() {
		r.UpstreamMicros = now.Sub(c.sentAt).Microseconds()
	}
}

// limited adds what limits did to the call. Of one that they let through at once they say nothing, unless they did so without knowing all.
func (c *call) limited(r *logfile.Record) {
	v := &c.verdict
	decided := v.Waited > 0 || v.From == ratelimit.FromShare || v.Limit != "" && !v.Allowed
	if !decided && v.Shadow == nil {
		return
	}
	r.Limited = &logfile.Limited{WouldRefuse: v.Shadow}
	if decided {
		r.Limit, r.LimitFrom = v.Limit, v.From.String()
	}
}

// refuse records a refusal and answers it.
func (c *call) refuse(refusal *Refusal) {
	c.noteRefusal(refusal)
	c.release() // before the answer: its caller may try again at once
	lang := c.language()
	c.dropRequest()
	c.answerRefusal(refusal, lang)
}

// noteRefusal records a refusal. Known callers' refusals are recorded each, those of unauthenticated peers are bounded.
func (c *call) noteRefusal(refusal *Refusal) {
	now, written := c.Now(), false
	var r *logfile.Record // nil: there is no room for one
	full := func() *logfile.Record {
		r = c.record(logfile.KindRefusal)
		c.describe(r)
		r.Decision, r.Reason, r.Detail, r.Status = logfile.Refused, refusal.Code.Reason, refusal.recorded(), refusal.Code.Status
		r.Stage = c.stage
		c.limited(r)
		c.describeSpending(r)
		r.ClaimedCaller = refusal.Claimed
		if c.claim != nil && c.identity.Caller == "" { // not proven: a peer may claim any
			r.ClaimedCaller, r.Identity = c.claim.Caller, c.claim.AccessKey
		}
		truncate(r)
		r.TotalMicros = now.Sub(c.started).Microseconds()
		c.refusedAfter(r, now)
		return r
	}
	if c.identity.Caller != "" {
		written = c.Refusals.Known(now, full())
	} else {
		if refusal.Code.Status == http.StatusUnauthorized { // other mistakes are no attempt at another's identity
			c.Sources.Failed(c.from, c.started)
		}
		written = c.Refusals.Unknown(now, c.from, logfile.Count{Reason: refusal.Code.Reason, Stage: c.stage}, full)
	}
	if !written && r != nil {
		c.connection.unrecorded(r)
	}
	c.Observer.Refused(c.result(now, refusal.Code.Reason, refusal.Code.Status))
	c.Logger.Debug("call refused", callFields(c, "reason", refusal.Code.Reason, "detail", refusal.Detail)...)
}

// refusedAfter adds to a refusal how far the call had come.
func (c *call) refusedAfter(r *logfile.Record, now time.Time) {
	if c.stage == logfile.StageIntend && c.steps.Limited == 0 {
		c.reached(&c.steps.Limited, now)
	}
	if c.steps != (logfile.Steps{}) {
		r.Steps = &c.steps
	}
}

// truncate keeps the record of a refusal short: nothing was sent, so nothing need be proven, and peers that are refused must
// not fill the disk.
func truncate(r *logfile.Record) {
	r.Method, r.Path = r.Method[:min(len(r.Method), 32)], r.Path[:min(len(r.Path), maxPath)]
	if len(r.Query) > maxPath {
		r.Query, r.QueryBytes = "", max(r.QueryBytes, int64(len(r.Query)))
	}
	if len(r.QueryWithheld) > maxRefusedPairs {
		r.QueryWithheld = []logfile.Withheld{allOf(r.QueryWithheld)}
	}
	if len(r.Fields) > 0 && fieldBytes(r.Fields) > maxPath {
		r.Fields = nil
	}
}

func fieldBytes(fields []logfile.Field) (bytes int) {
	for _, field := range fields {
		for _, value := range field.Values {
			bytes += len(value)
		}
	}
	return bytes
}

// fields turns extracted values into record fields.
func fields(values []bss.Value) []logfile.Field {
	if len(values) == 0 {
		return nil
	}
	out := make([]logfile.Field, len(values))
	for i, v := range values {
		out[i] = logfile.Field{
			Name: v.Name, Kind: string(v.Kind), Values: v.Values,
			Omitted: v.Omitted, Unsummed: v.Unsummed, AllBytes: v.AllBytes, AllHash: v.AllHash,
		}
	}
	return out
}

// callFields are the fields of an operational log line about a call. They hold no body, query or secret.
func callFields(c *call, pairs ...string) []zap.Field {
	out := []zap.Field{zap.String("call", c.id), zap.String("listener", c.listener.Name), zap.String("caller", c.callerText())}
	if c.own != nil {
		out = append(out, zap.String("for", c.own.of))
	}
	if c.operation != nil {
		out = append(out, zap.String("upstream", c.upstream.Name), zap.String("operation", c.operation.Name))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, zap.String(pairs[i], pairs[i+1]))
	}
	return out
}

// maxErrorText bounds an error in the operational log; some quote what the other side sent.
const maxErrorText = 512

func (c *call) warn(message, cause string) {
	c.Logger.Warn(message, callFields(c, "error", cause[:min(len(cause), maxErrorText)])...)
}

// Result is what metrics learn of a call. All texts come from the configuration, the catalog or small fixed sets.
type Result struct {
	Listener, Caller, Upstream, Operation, Effect string

	Reason       string // of a refusal
	Outcome      string // of a call that was intended
	Status       int
	Total        time.Duration
	Waited       time.Duration
	UpstreamTime time.Duration // from Steps.Durable to the end of the exchange
	Steps        logfile.Steps
	WouldRefuse  []string // limits in shadow mode that would have refused the call; must not be changed

	Act      string   // that the call is; empty: none that is known
	Held     bool     // another call holds a key of it; of a call that was sent: the guard is in shadow mode
	CapsFull []string // caps that refused the call, or count only and have no room for it; must not be changed
}

// Observer is called at the end of each call. Its methods are called concurrently.
type Observer interface {
	Refused(Result) // see Codes
	Observe(Result) // see Outcomes
	CutOff(CutOff)  // see CutOffs
}

// Outcome is how a call ended that was intended, and the effect of its operation.
type Outcome struct{ Effect, Outcome string }

// Outcomes lists all that [Observer].Observe is called with.
func Outcomes() (all []Outcome) {
	for effect := catalog.Read; effect.Valid(); effect++ {
		for _, outcome := range logfile.Outcomes() {
			all = append(all, Outcome{effect.String(), outcome})
		}
	}
	return all
}

func (c *call) result(ended time.Time, reason string, status int) Result {
	r := Result{
		Listener: c.listener.Name, Caller: c.callerText(), Reason: reason, Status: status,
		Total: ended.Sub(c.started), Waited: c.verdict.Waited, WouldRefuse: c.verdict.Shadow,
	}
	if c.operation != nil {
		r.Upstream, r.Operation, r.Effect = c.upstream.Name, c.operation.Name, c.operation.Effect.String()
	}
	if s := c.spending; s != nil {
		r.Act, r.Held, r.CapsFull = s.record.Act, s.record.HeldBy != "", s.record.CapsFull
	}
	return r
}

func (c *call) observe(r *logfile.Record) {
	if c.settledAt = c.ended(); c.changes() { // its outcome was waited for
		c.settledAt = c.Now()
	}
	result := c.result(c.settledAt, r.Reason, r.Status)
	result.Outcome = r.Outcome
	result.UpstreamTime, result.Steps = time.Duration(r.UpstreamMicros)*time.Microsecond, c.steps
	c.Observer.Observe(result)
}
