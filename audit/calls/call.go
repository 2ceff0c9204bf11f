// Package calls reads the audit log as calls: the records of each call joined to one, filtered, and summed up.
//
// The log is the truth. An index must return what [Scan] returns: both use [Joiner] and [Filter].
package calls

import (
	"cmp"
	"math"
	"slices"
	"time"

	"tollgate/audit/logfile"
	"tollgate/catalog"
)

// Call is one call, joined from its records: an intent and its outcome, or one refusal. A record that the log does not have, or
// not yet, is nil; an outcome without an intent is of a call whose intent was pruned.
type Call struct {
	Intent, Outcome, Refusal *logfile.Record

	// Settled is the event that settles the outcome, which is unknown; nil if none does.
	Settled *logfile.Record

	// Lost is the seq of the start record, or of the second intent with the same id, behind which no outcome can follow. It is
	// 0 in all calls of a log that the gateway wrote: it closes open calls before it writes a start record. A lost call is in the
	// state [Open], but has a place among those that ended: see [Call.Order] and [Merged].
	Lost uint64
}

// States of calls, besides the outcomes of package audit/logfile.
const (
	Refused = "refused" // nothing was sent
	Open    = "open"    // the log has no outcome
)

func (c *Call) records() [3]*logfile.Record {
	return [...]*logfile.Record{c.Intent, c.Refusal, c.Outcome}
}

// first returns the call's first record. All calls have one.
func (c *Call) first() *logfile.Record { return cmp.Or(c.Intent, c.Refusal, c.Outcome) }

// noRecord stands for a missing record. It is never written to.
var noRecord logfile.Record

// outcome returns the outcome record, which is empty if there is none.
func (c *Call) outcome() *logfile.Record { return cmp.Or(c.Outcome, &noRecord) }

// last returns the record that ended the call, which is empty if there is none.
func (c *Call) last() *logfile.Record { return cmp.Or(c.Outcome, c.Refusal, &noRecord) }

// text returns a member of the first record, or of the outcome where the first has none.
func (c *Call) text(member func(*logfile.Record) string) string {
	return cmp.Or(member(c.first()), member(c.outcome()))
}

// Order returns the place of the call among others: calls are sorted by their ends, so that a growing log does not move
// those that ended. It is the seq of the outcome or refusal, or else Lost. Open calls have the greatest number and come last, sorted
// by [Call.Seq].
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

// Seq returns the seq of the call's first record.
func (c *Call) Seq() uint64 { return c.first().Seq }

// ID returns the call's id.
func (c *Call) ID() string { return c.first().Call }

// Time returns when the call was allowed or refused: the time of its first record.
func (c *Call) Time() time.Time { return c.first().Time }

// Ended returns the time of the outcome or refusal, or the zero time.
func (c *Call) Ended() time.Time { return c.last().Time }

// For returns the id of the call for which the gateway itself made this one; it is empty for calls of callers.
func (c *Call) For() string {
	return c.text(func(r *logfile.Record) string { return spendingOf(r).For })
}

// noSpending stands for a missing member. It is never written to.
var noSpending logfile.Spending

func spendingOf(r *logfile.Record) *logfile.Spending { return cmp.Or(r.Spending, &noSpending) }

// Caller returns the proven caller; it is empty if none was proven, and for the gateway's own calls.
func (c *Call) Caller() string {
	if c.For() != "" {
		return ""
	}
	return c.text(func(r *logfile.Record) string { return r.Caller })
}

// Claimed returns the caller that an access key named without proof; it is empty where a caller is proven.
func (c *Call) Claimed() string {
	if c.Caller() != "" {
		return ""
	}
	return c.first().ClaimedCaller
}

// CallerText returns the caller for people: "shop", "(shop?)" for a claimed one, "(gateway)" for the gateway itself.
func (c *Call) CallerText() string {
	if c.For() != "" {
		return "(gateway)"
	}
	if claimed := c.Claimed(); claimed != "" {
		return "(" + claimed + "?)"
	}
	return c.Caller()
}

// Operation returns the operation's name; it is empty if the call matched none.
func (c *Call) Operation() string {
	return c.text(func(r *logfile.Record) string { return r.Operation })
}

// Site returns "cn" or "intl"; it is empty for endpoints that the operator declared.
func (c *Call) Site() string { return c.text(func(r *logfile.Record) string { return r.Site }) }

// Effect returns "read", "write" or "spend"; it is empty if the call matched no operation.
func (c *Call) Effect() string { return c.text(func(r *logfile.Record) string { return r.Effect }) }

// Credential returns the name of the credential that signed or would have signed.
func (c *Call) Credential() string {
	return c.text(func(r *logfile.Record) string { return r.Credential })
}

// Class returns the class of the credential.
func (c *Call) Class() string { return c.text(func(r *logfile.Record) string { return r.Class }) }

// Account returns the account of that credential, which pays; it is empty where the configuration does not name one, and in old logs.
func (c *Call) Account() string { return c.text(func(r *logfile.Record) string { return r.Account }) }

// Plan returns the id of the plan that decided the call; it is empty in logs of older versions.
func (c *Call) Plan() string { return c.text(func(r *logfile.Record) string { return r.Plan }) }

// Deprecated reports whether the operation was deprecated when it was called.
func (c *Call) Deprecated() bool { return c.first().Deprecated || c.outcome().Deprecated }

// Decision returns "allowed" or "refused".
func (c *Call) Decision() string {
	if c.Refusal != nil {
		return logfile.Refused
	}
	return logfile.Allowed
}

// State returns an outcome ("succeeded", "failed", "partial", "not_sent", "unknown"), [Refused] or [Open]. For an unknown outcome that was
// settled later it returns that outcome.
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

// Status returns the HTTP status of the provider's answer, or of the gateway's refusal; 0 without an answer.
func (c *Call) Status() int { return c.last().Status }

// Result returns the business result that was read from the answer; see the member result in docs/audit-format.md.
func (c *Call) Result() string { return c.outcome().Result }

// ErrorCode returns the provider's error code.
func (c *Call) ErrorCode() string { return c.outcome().ErrorCode }

// RequestID returns the provider's id of the request.
func (c *Call) RequestID() string { return c.outcome().RequestID }

// Reason returns the code of a refusal, or of an outcome without an answer.
func (c *Call) Reason() string { return c.last().Reason }

// Detail returns the reason as a text for people.
func (c *Call) Detail() string { return c.last().Detail }

// Fields returns the distinct values of all fields of a kind, those of the request first.
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
