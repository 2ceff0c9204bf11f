// Package calls reads the audit log as calls: the records of each call joined to one, filtered, and summed up.
//
// The log is the truth, this package holds none of its own. What an index answers must be what [Scan] answers: both use
// [Joiner] and [Filter].
package calls

import (
	"cmp"
	"math"
	"slices"
	"time"

	"tollgate/audit/logfile"
	"tollgate/catalog"
)

// Call is one call, joined from its records: an intent and its outcome, or one refusal. What the log does not have (yet) is
// nil; an outcome alone is of a call whose intent was pruned.
type Call struct {
	Intent, Outcome, Refusal *logfile.Record

	// Settled is the event that settles the outcome, which is unknown; nil: none does.
	Settled *logfile.Record

	// Lost is the seq of the start record, or of a second intent with the same id, that shows that no outcome will come. 0 in
	// each call of a log that the gateway wrote: it closes what was open before it writes a start record.
	Lost uint64
}

// What became of a call, beside the outcomes of package audit.
const (
	Refused = "refused" // nothing was sent
	Open    = "open"    // no outcome is on record
)

func (c *Call) records() [3]*logfile.Record {
	return [...]*logfile.Record{c.Intent, c.Refusal, c.Outcome}
}

// first is the record that says who called and what: all calls have one.
func (c *Call) first() *logfile.Record { return cmp.Or(c.Intent, c.Refusal, c.Outcome) }

// noRecord stands for what a call does not have. Nothing writes to it.
var noRecord logfile.Record

// outcome is the outcome; empty without one.
func (c *Call) outcome() *logfile.Record { return cmp.Or(c.Outcome, &noRecord) }

// last is the record that ended the call; empty if there is none.
func (c *Call) last() *logfile.Record { return cmp.Or(c.Outcome, c.Refusal, &noRecord) }

// text gives a member of the first record, or of the outcome where the first one has none.
func (c *Call) text(member func(*logfile.Record) string) string {
	return cmp.Or(member(c.first()), member(c.outcome()))
}

// Order is where the call stands among others: calls are given in the order in which they ended, so that what was read
// once never moves when the log grows. It is the seq of the outcome or refusal, else Lost; open calls, the greatest number,
// come last, in the order of [Call.Seq].
func (c *Call) Order() uint64 {
	switch {
	case c.Outcome != nil:
		return c.Outcome.Seq
	case c.Refusal != nil:
		return c.Refusal.Seq
	case c.Lost != 0:
		return c.Lost
	}
	return math.MaxUint64
}

// Seq is the number of the call's first record.
func (c *Call) Seq() uint64 { return c.first().Seq }

// ID is the call's id.
func (c *Call) ID() string { return c.first().Call }

// Time is when the call was allowed or refused: the time of its first record.
func (c *Call) Time() time.Time { return c.first().Time }

// Ended is the time of the outcome or refusal; zero without one.
func (c *Call) Ended() time.Time { return c.last().Time }

// For is the call for which the gateway itself made this one; empty for those of callers.
func (c *Call) For() string {
	return c.text(func(r *logfile.Record) string { return spendingOf(r).For })
}

// noSpending stands for what a record does not say. Nothing writes to it.
var noSpending logfile.Spending

// spendingOf is what a record says of spending.
func spendingOf(r *logfile.Record) *logfile.Spending { return cmp.Or(r.Spending, &noSpending) }

// Caller is the proven caller; empty if none was proven, and for the gateway's own calls.
func (c *Call) Caller() string {
	if c.For() != "" {
		return ""
	}
	return c.text(func(r *logfile.Record) string { return r.Caller })
}

// Claimed is the caller that an access key named without proof; empty where one is proven.
func (c *Call) Claimed() string {
	if c.Caller() != "" {
		return ""
	}
	return c.first().ClaimedCaller
}

// CallerText is the caller for people: "shop", for a claimed one "(shop?)", for the gateway itself "(gateway)".
func (c *Call) CallerText() string {
	if c.For() != "" {
		return "(gateway)"
	}
	if claimed := c.Claimed(); claimed != "" {
		return "(" + claimed + "?)"
	}
	return c.Caller()
}

// Operation is the operation's name; empty if the call matched none.
func (c *Call) Operation() string {
	return c.text(func(r *logfile.Record) string { return r.Operation })
}

// Site is "cn" or "intl"; empty for endpoints that the operator declared.
func (c *Call) Site() string { return c.text(func(r *logfile.Record) string { return r.Site }) }

// Effect is "read", "write" or "spend"; empty if the call matched no operation.
func (c *Call) Effect() string { return c.text(func(r *logfile.Record) string { return r.Effect }) }

// Credential is the name of the credential that signed or would have signed.
func (c *Call) Credential() string {
	return c.text(func(r *logfile.Record) string { return r.Credential })
}

// Class is the class of the credential.
func (c *Call) Class() string { return c.text(func(r *logfile.Record) string { return r.Class }) }

// Account is the account of that credential, and so who pays; empty where the configuration, or an old log, does not tell.
func (c *Call) Account() string { return c.text(func(r *logfile.Record) string { return r.Account }) }

// Plan is the id of the plan that decided the call; empty in logs of older versions.
func (c *Call) Plan() string { return c.text(func(r *logfile.Record) string { return r.Plan }) }

// Deprecated reports whether the operation was deprecated when it was called.
func (c *Call) Deprecated() bool { return c.first().Deprecated || c.outcome().Deprecated }

// Decision is "allowed" or "refused".
func (c *Call) Decision() string {
	if c.Refusal != nil {
		return logfile.Refused
	}
	return logfile.Allowed
}

// State says what became of the call in a word: an outcome ("succeeded", "failed", "partial", "not_sent", "unknown"), [Refused] or [Open].
// What was unknown is what it was settled as later.
func (c *Call) State() string {
	switch {
	case c.Settled != nil:
		return c.Settled.Data["outcome"]
	case c.Outcome != nil:
		return c.Outcome.Outcome
	case c.Refusal != nil:
		return Refused
	}
	return Open
}

// Status is the HTTP status of the provider's answer, of a refusal the gateway's own; 0 without an answer.
func (c *Call) Status() int { return c.last().Status }

// Result is the business result that was read from the answer; see the member result of docs/audit-format.md.
func (c *Call) Result() string { return c.outcome().Result }

// ErrorCode is the provider's error code.
func (c *Call) ErrorCode() string { return c.outcome().ErrorCode }

// RequestID is the provider's id of the request.
func (c *Call) RequestID() string { return c.outcome().RequestID }

// Reason is the short code of a refusal, or of an outcome without an answer.
func (c *Call) Reason() string { return c.last().Reason }

// Detail says the reason for people.
func (c *Call) Detail() string { return c.last().Detail }

// Fields gives the values of all fields of a kind, of the request first, each once.
func (c *Call) Fields(kind catalog.FieldKind) []string {
	var values []string
	for _, r := range c.records() {
		for field := range fieldsOf(r, kind) {
			for _, value := range field.Values {
				if !slices.Contains(values, value) {
					values = append(values, value)
				}
			}
		}
	}
	return values
}
