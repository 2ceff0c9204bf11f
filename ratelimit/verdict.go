package ratelimit

import (
	"strconv"
	"time"
)

// Verdict is the answer of [Limiter.Take].
type Verdict struct {
	Allowed bool
	// QueueFull says of a refused call that it might have waited, but too many calls wait already.
	QueueFull bool
	From      From          // where the calls of the limit were counted
	Waited    time.Duration // how long the call stood in a queue
	// Limit names the limit that decided: of a refused call the one that would hold it back longest, of an allowed one
	// that with the fewest tokens left. Empty when no limit applies.
	Limit     string
	Terms     *Terms // of that limit, as it is held to; must not be changed
	Remaining int    // calls left there after this one, not counting those that others wait for
	// RetryAfter is for a refused call: the time until a call could go at once if no others came in between. It is exact,
	// for limits below one a second too; RetryAfterSeconds returns the header's whole seconds.
	RetryAfter time.Duration
	// Reset is how long until the limit is full again if no others come; of a refused call it is RetryAfter.
	Reset  time.Duration
	Shadow []string // limits in shadow mode that would have refused an allowed call; must not be changed
	Ticket int64    // what the limiter makes of it
}

// From is where calls were counted.
type From uint8

const (
	FromHere  From = iota // on this machine, which shares its limits with no other
	FromFleet             // among the calls of all members
	FromShare             // against this member's share, since the calls of others could not be looked up
)

// String returns the word of records; empty for FromHere.
func (f From) String() string { return [...]string{"", "fleet", "share"}[f] }

// decidedBy names the limit that decided.
func (v *Verdict) decidedBy(m *meter) { v.Limit, v.Terms = m.name, m.terms }

// Fields returns the RateLimit-Policy and RateLimit fields of draft-ietf-httpapi-ratelimit-headers (version 10), which
// callers can read to slow down in time:
//
//	RateLimit-Policy: "per-app";q=10;w=2
//	RateLimit: "per-app";r=3;t=1
//
// That is: the limit named per-app lets through q calls in w seconds; r more are there now, and t seconds from now it is
// full again, or lets a refused call through. The window w is the least number of whole seconds in which the burst comes
// back, so q/w is the rate and r never exceeds q. Both are empty when no limit applies.
func (v *Verdict) Fields() (policy, left string) {
	if v.Limit == "" {
		return "", ""
	}
	if policy = v.Terms.field; policy == "" {
		policy = v.Terms.makeField(v.Limit)
	}
	return policy, field(v.Limit, "r", int64(v.Remaining), "t", wholeSeconds(v.Reset))
}

// field is a structured field item (RFC 9651): a string with two integer parameters. Names of limits hold no character
// that would need escaping.
func field(name, first string, a int64, second string, b int64) string {
	var room [96]byte // for most
	text := append(append(append(room[:0], '"'), name...), '"')
	text = strconv.AppendInt(append(append(append(text, ';'), first...), '='), a, 10)
	text = strconv.AppendInt(append(append(append(text, ';'), second...), '='), b, 10)
	return string(text)
}

func wholeSeconds(d time.Duration) int64 {
	seconds := int64(d / time.Second)
	if d%time.Second > 0 {
		seconds++
	}
	return seconds
}

// RetryAfterSeconds returns the value of a Retry-After field (RFC 9110, section 10.2.3): d in whole seconds, rounded up so
// that who obeys it is not refused again for being early, and at least 1.
func RetryAfterSeconds(d time.Duration) int { return int(max(1, wholeSeconds(d))) }
