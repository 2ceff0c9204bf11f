// Package inbox finds in logs what a reviewer has to look at: exceptions. It has no texts for people: an exception has a kind, and the names
// and values that sentences about it need.
//
// # What is open, and what belongs to a period
//
// An outcome that is unknown, a freeze, a pause, records that no checkpoint covers and certificates near their end are exceptions until they are
// dealt with, however old they are. What happened and is over is an exception of the period in which it happened: bursts of refusals, repeats that were
// refused, full caps, stalls of the log, starts behind a crash, use of deprecated operations.
//
// # From records alone
//
// Each exception follows from the records of the logs and the time now, but for the certificates and keys that a running gateway knows of
// ([Expiry]), and faults that a verification found ([Verified]). Calls are found by the index of their log and read from its lines. A log is read
// once; what is counted while it is read is bounded, and [Found] says what was left out.
package inbox

import (
	"time"

	"tollgate/audit/logfile"
	"tollgate/freeze"
	"tollgate/internal/decimal"
)

// Kind is what is exceptional.
type Kind string

// The kinds, those that matter most first.
const (
	Fault      Kind = "fault"      // a verification found it, or the log cannot be read to its end
	Gap        Kind = "gap"        // records are missing, or there are only their hashes and nothing says that they were pruned
	Loss       Kind = "loss"       // an operator accepted that records are lost
	Unknown    Kind = "unknown"    // a call whose outcome is unknown, and not settled
	Open       Kind = "open"       // a call that has no outcome and cannot be under way any more
	KeyLost    Kind = "key_lost"   // another key signs, and the one before did not sign for it
	Uncovered  Kind = "uncovered"  // records that no checkpoint covers
	Unsigned   Kind = "unsigned"   // a start found records that no checkpoint covered
	Stalled    Kind = "stalled"    // the log took no intents for a while
	CopyFails  Kind = "copy"       // checkpoints do not reach a place that keeps copies
	Freeze     Kind = "freeze"     // an operator has stopped calls
	Paused     Kind = "paused"     // a credential signs nothing, or nothing of one caller
	Repeat     Kind = "repeat"     // a call was refused, since another does or did the same
	CapFull    Kind = "cap"        // a call was refused, since a cap is full
	Burst      Kind = "burst"      // many refusals of one caller or source and reason within an hour
	Expires    Kind = "expiry"     // a certificate or a key ends soon, or has ended
	Deprecated Kind = "deprecated" // an operation that ends is in use
)

// Kinds lists all of them, in that order.
func Kinds() []Kind {
	return []Kind{
		Fault, Gap, Loss, Unknown, Open, KeyLost, Uncovered, Unsigned, Stalled, CopyFails, Freeze, Paused, Repeat, CapFull, Burst, Expires, Deprecated,
	}
}

// Weight is what an exception puts at risk.
type Weight int

// The weights, the heaviest first.
const (
	AtRisk  Weight = iota // money or evidence
	Access                // who can call what
	Hygiene               // nothing yet
)

// Weights lists them.
func Weights() []Weight { return []Weight{AtRisk, Access, Hygiene} }

// String returns the weight's name.
func (w Weight) String() string { return [...]string{"at_risk", "access", "hygiene"}[w] }

// weights are those of kinds; of unknown and open calls that read, and of stalls that are over, it is [Hygiene].
var weights = map[Kind]Weight{
	Freeze: Access, Paused: Access, Repeat: Access, CapFull: Access, Burst: Access, Expires: Hygiene, Deprecated: Hygiene, // others: AtRisk
}

// Subject is what an exception is about. Exceptions of equal subjects are one row of the inbox.
type Subject struct {
	Kind      Kind
	Weight    Weight
	Log       string // its name; empty: the exception is of several, or of none
	Caller    string // as [calls.Call.CallerText]
	Operation string
	Effect    string
	Source    string // of refused peers that proved no identity: a network as summaries have it
	Reason    string // of refusals
	// Of is a kind within the kind: what a freeze stops ([freeze.Kind]), whose certificate or key it is ([Holder]).
	Of   string
	Name string // of a credential, a cap, a place of copies, what is frozen, what expires, what is wrong with a log
}

// Money is an amount in a currency.
type Money struct {
	Value    decimal.Decimal
	Currency string
}

// Exception is one of them.
type Exception struct {
	ID ID
	Subject
	Time  time.Time // when it happened or began; of a burst its hour, of [Deprecated] its month, of [Expires] the zero time
	Until time.Time // a freeze or a pause ends by itself; a certificate or key ends; zero: no time is known
	Count uint64    // refusals of a burst, records, calls; 0: there is nothing to count
	// Recorded is how many of Count are calls with records of their own; the others are connections, or counted in summaries.
	Recorded uint64
	Call     string // id of the call, of exceptions that are about one
	Held     *Money // that the call holds
	// Unpriced reports whether the call moves money and how much is not known.
	Unpriced bool
	Frozen   *freeze.Freeze // of [Freeze]
	Expiry   *Expiry        // of [Expires]
	// Record is the event, start or key that shows it; nil: calls or files do.
	Record *logfile.Record
	// Over is the record by which it is over; nil: none is.
	Over *logfile.Record
}

// Expiry is a certificate or a key with an end.
type Expiry struct {
	What     Holder
	Name     string // the certificate's name, or the key's id and caller
	Caller   string // that shows it, or the upstream; empty: neither
	ID       string // the certificate's SHA-256 in hexadecimal digits, or the key's id
	NotAfter time.Time
	Seen     time.Time // when the newest record showed it; zero: the running gateway knows it
}

// Holder is whose certificate or key it is.
type Holder string

// The holders.
const (
	OwnCertificate    Holder = "own"      // the gateway shows it to callers or upstreams
	CallerCertificate Holder = "caller"   // a caller shows it
	UpstreamCert      Holder = "upstream" // an upstream shows it
	VirtualKey        Holder = "key"      // a caller signs with it
)

// Verified is what the last verification of a log in this process found.
type Verified struct {
	At     time.Time // when it ended
	To     uint64    // the last record that a verified checkpoint covers
	Time   time.Time // of that record's checkpoint
	Faults []LogFault
}

// LogFault is what is wrong with a log at a record.
type LogFault struct {
	Seq  uint64
	Text string
}

// Limits of what is an exception.
const (
	BurstSize = 20                  // refusals in an hour
	OpenAfter = time.Hour           // a call without an outcome is not under way any more
	NearEnd   = 30 * 24 * time.Hour // of a certificate or a key
)
