package logfile

import (
	"time"

	"tollgate/freeze"
)

// Kind says what a record states.
type Kind string

const (
	KindStart    Kind = "start"    // the log was opened for writing; calls without an outcome before it are closed
	KindIntent   Kind = "intent"   // a call was allowed and is about to be sent
	KindOutcome  Kind = "outcome"  // the result of an intent
	KindRefusal  Kind = "refusal"  // a call, or a handshake, that was refused
	KindRefusals Kind = "refusals" // a summary of refusals that got no record of their own
	KindStop     Kind = "stop"     // the log was closed orderly
	KindEvent    Kind = "event"    // neither of a call nor of the log itself: see EventCode

	KindCheckpoint Kind = "checkpoint" // a signed statement of all records before it
	KindKey        Kind = "key"        // from here on another key signs checkpoints
	KindPrune      Kind = "prune"      // segments whose records are old are removed; their hashes stay
)

// Kinds are all of them.
var Kinds = []string{
	string(KindStart), string(KindIntent), string(KindOutcome), string(KindRefusal), string(KindRefusals), string(KindStop), string(KindEvent),
	string(KindCheckpoint), string(KindKey), string(KindPrune),
}

// PlanDigits is how many of the hexadecimal digits of a plan's hash records have.
const PlanDigits = 16

// Values of [Record.Decision].
const (
	Allowed = "allowed"
	Refused = "refused"
)

// Values of [Record.Outcome].
const (
	Succeeded = "succeeded" // the provider did what was asked
	Failed    = "failed"    // the provider said that it did not
	Partial   = "partial"   // the provider did a part of it
	NotSent   = "not_sent"  // certainly no byte of the request was written, or an alert about our certificate refused it: see upstream.Error
	Unknown   = "unknown"   // it may have acted: no answer, or one that does not say
)

// Outcomes lists the values of [Record.Outcome].
func Outcomes() []string { return []string{Succeeded, Failed, Partial, NotSent, Unknown} }

// Limited is what limits did to a call.
type Limited struct {
	// Limit is the one that refused the call, that it waited for, or against whose share it was counted; empty: none did.
	Limit string `json:"limit,omitempty"`
	// LimitFrom is where the calls of Limit were counted: see ratelimit.Verdict.
	LimitFrom string `json:"limit_from,omitempty"`
	// WouldRefuse are limits in shadow mode that would have refused the call.
	WouldRefuse []string `json:"would_refuse,omitempty"`
}

// Record is one line of the log. One type serves all kinds; members that a kind does not have stay empty and are left
// out of the line. Text that is not valid UTF-8 is written with U+FFFD in the place of each bad byte.
type Record struct {
	// Seq is the record's place in the log, from 1 without gaps. It alone is the order. Set by the log.
	Seq uint64 `json:"seq"`
	// Commit is the Seq of the first record that was written together with this one. Recovery uses it to find the lines
	// that a crash can have cut. Set by the log.
	Commit uint64 `json:"commit"`
	// Time is when the record was added to the log, in UTC. It may step back when the clock is set. Set by the log.
	Time time.Time `json:"time"`
	Kind Kind      `json:"kind"`
	// Call is the id (UUIDv7) that the intent, the outcome or the refusal of one call have in common.
	Call string `json:"call,omitempty"`

	Listener      string `json:"listener,omitempty"`       // address or name of the listener that took the call
	Caller        string `json:"caller,omitempty"`         // the proven caller, by its name in the config
	ClaimedCaller string `json:"claimed_caller,omitempty"` // named by an access key whose signature was not (yet) proven
	IdentifiedBy  string `json:"identified_by,omitempty"`  // "listener", "certificate" or "access_key"
	Identity      string `json:"identity,omitempty"`       // the access key id, or the certificate's SAN or subject CN
	Source        string `json:"source,omitempty"`         // IP address of the peer
	SourcePort    uint16 `json:"source_port,omitempty"`
	// Deprecated reports whether the operation was deprecated when it was called, Cut whether members were truncated or left out to keep the
	// line within [MaxLine], KeyLost, in a key record, whether the previous key is lost, so that it does not sign for its successor. Here
	// they enlarge no record.
	Deprecated bool `json:"deprecated,omitempty"`
	Cut        bool `json:"cut,omitempty"`
	KeyLost    bool `json:"key_lost,omitempty"`

	Upstream  string `json:"upstream,omitempty"`
	Site      string `json:"site,omitempty"`
	Currency  string `json:"currency,omitempty"` // of amounts where the call does not say, if it is not that of the site
	Operation string `json:"operation,omitempty"`
	Effect    string `json:"effect,omitempty"` // "read", "write" or "spend"
	Method    string `json:"method,omitempty"`
	Path      string `json:"path,omitempty"`
	Query     string `json:"query,omitempty"` // canonical query, as sent
	// QueryBytes is the query's length where its text is left out, in whole or in part, or truncated, PathBytes the path's. Where Path and
	// Query are truncated, the hashes are lower-case hex SHA-256 of the whole. For that [Record.Append] sets all
	// four, but no hash for a declared endpoint (an operation without a site): whether its texts hold secrets is not known.
	QueryBytes int64  `json:"query_bytes,omitempty"`
	QueryHash  string `json:"query_hash,omitempty"`
	PathBytes  int64  `json:"path_bytes,omitempty"`
	PathHash   string `json:"path_hash,omitempty"`
	// QueryWithheld has the parts that are left out of Query on purpose, since they may be secret.
	QueryWithheld []Withheld `json:"query_withheld,omitempty"`

	Credential string `json:"credential,omitempty"` // the credential's name in the config
	Class      string `json:"class,omitempty"`      // the credential's class
	AccessKey  string `json:"access_key,omitempty"` // the credential's AK; never the SK
	Account    string `json:"account,omitempty"`    // of the credential, which pays: its domain_id in the config

	// Plan is the id of the plan that decided the call, or was in force: the first [PlanDigits] of the SHA-256 of its text.
	Plan     string `json:"plan,omitempty"`
	Decision string `json:"decision,omitempty"` // Allowed or Refused
	Reason   string `json:"reason,omitempty"`   // a short code
	Detail   string `json:"detail,omitempty"`   // the same for a person; no program reads it
	// Stage says at which stage a connection or a call was refused, or failed: see [Stages].
	Stage string `json:"stage,omitempty"`
	// TLSFailure is why a TLS handshake failed, that of a refused connection or of an outcome's with the upstream: one of
	// [TLSFailures], or TLSAlert and the alert's name.
	TLSFailure string `json:"tls_failure,omitempty"`

	Event   EventCode `json:"event,omitempty"`   // of an event; Identity is of the one who caused it, if anyone did
	Subject string    `json:"subject,omitempty"` // what an event is about, such as the name of a credential
	// Data has further members of an event for programs. At most 32 entries are written, with names of lower-case
	// letters, digits and underscores and values of 1 KiB.
	Data map[string]string `json:"data,omitempty"`
	// Freezes are all that are in force behind a start, or behind an event of a freeze: see [Record.StatesFreezes].
	Freezes []freeze.Freeze `json:"freezes,omitempty"`

	// MACKey names the key of the members whose names end in MAC: keyed hashes of what may be secret, see package mac. A text has a
	// plain hash or a keyed one, or none.
	MACKey    string `json:"mac_key,omitempty"`
	PathMAC   string `json:"path_mac,omitempty"`
	QueryMAC  string `json:"query_mac,omitempty"`
	BodyMAC   string `json:"body_mac,omitempty"`
	AnswerMAC string `json:"answer_mac,omitempty"`

	BodyHash  string  `json:"body_hash,omitempty"` // lower-case hex SHA-256; left out for sensitive operations and declared endpoints
	BodyBytes int64   `json:"body_bytes,omitempty"`
	Fields    []Field `json:"fields,omitempty"` // of the request in an intent, of the answer in an outcome

	TLSIn  *TLS `json:"tls_in,omitempty"`  // the caller's connection; nil when plain
	TLSOut *TLS `json:"tls_out,omitempty"` // the connection to the upstream; nil when plain or never made

	// SignatureHash (lower-case hex SHA-256) and SignatureDate are of the inbound signature: they refill the memory
	// against replays after a restart.
	SignatureHash string    `json:"signature_hash,omitempty"`
	SignatureDate time.Time `json:"signature_date,omitzero"`

	Outcome      string `json:"outcome,omitempty"`    // Succeeded, Failed, Partial, NotSent or Unknown
	Status       int    `json:"status,omitempty"`     // of the upstream's answer; of the gateway's own in a refusal
	RequestID    string `json:"request_id,omitempty"` // the provider's
	Result       string `json:"result,omitempty"`
	ResultFrom   string `json:"result_from,omitempty"` // "body" or "status"
	ErrorCode    string `json:"error_code,omitempty"`
	ErrorMessage string `json:"error_message,omitempty"`
	AnswerHash   string `json:"answer_hash,omitempty"` // lower-case hex SHA-256; left out as BodyHash is
	AnswerBytes  int64  `json:"answer_bytes,omitempty"`

	WaitedMicros   int64 `json:"waited_us,omitempty"`   // waited for limits, microseconds
	UpstreamMicros int64 `json:"upstream_us,omitempty"` // from sending to the answer's end, microseconds
	TotalMicros    int64 `json:"total_us,omitempty"`    // whole call, microseconds
	// Steps are of the outcome or the refusal of a call. Nil: of none it is known when.
	Steps *Steps `json:"steps_us,omitempty"`

	*Limited // what limits did to a call; nil: they let it go at once. Apart, since that is most of them

	*Spending // what a call that spends holds, and what it costs; nil: nothing. Apart, since most calls read

	Counts []Count   `json:"counts,omitempty"` // of a refusals summary
	Since  time.Time `json:"since,omitzero"`   // from when a refusals summary counts

	Key         string   `json:"key,omitempty"`          // public key: of a checkpoint, or that a key record brings in
	PreviousKey string   `json:"previous_key,omitempty"` // public key that signed until this key record; empty in the first
	Checkpoint  string   `json:"checkpoint,omitempty"`   // the signed note, see package checkpoint
	Peaks       []string `json:"peaks,omitempty"`        // of a checkpoint's tree, the largest first, base64

	*OfBefore // of a checkpoint, what a start needs of the records before it: nil, or see [State]. Apart, for records of calls to be small

	First    uint64 `json:"first,omitempty"`    // of a prune record: the first record that is removed
	Last     uint64 `json:"last,omitempty"`     // and the last
	Unsigned uint64 `json:"unsigned,omitempty"` // of a start record: how many records were behind the last checkpoint when the log was opened

	parts *Parts // see Share

	Version string `json:"version,omitempty"` // of the program, in start records
	Note    string `json:"note,omitempty"`
}

// Steps say when a call had come how far, in whole microseconds since it was received. 0 is a step that it did not come to, or of which
// that is not known; what comes sooner than the first microsecond is 1.
type Steps struct {
	Decided   int64 `json:"decided,omitempty"`    // its credential and its act were found, and no freeze stopped it
	Limited   int64 `json:"limited,omitempty"`    // its limits let it go
	Durable   int64 `json:"durable,omitempty"`    // its intent was durable; it waits for a connection, or makes one
	Sent      int64 `json:"sent,omitempty"`       // it had a connection; its first byte was written next
	FirstByte int64 `json:"first_byte,omitempty"` // the header of the answer was read
	Answered  int64 `json:"answered,omitempty"`   // the answer was read, as far as it is held, and judged
}

// Spending is what a call holds that spends: in its intent, in the event that states it once more, and in part in others.
type Spending struct {
	Act  string    `json:"act,omitempty"`      // the business act, such as "pay"
	Keys []ActKeys `json:"act_keys,omitempty"` // what identifies it
	// Price is what the act costs at the most, as far as it was known before it was sent.
	Price *Price      `json:"price,omitempty"`
	Caps  []CapCharge `json:"caps,omitempty"` // how much of caps it uses
	// Repeats is the call that this one repeats on purpose.
	Repeats string `json:"repeats,omitempty"`
	// For is the call for which the gateway itself made this one.
	For string `json:"for,omitempty"`
	// Released are the positions of the keys that an outcome "partial" releases, counted through all of the intent's from 0.
	Released []int `json:"act_released,omitempty"`
	// HeldBy is the call that holds a key of one that is refused, or would be in shadow mode.
	HeldBy string `json:"held_by,omitempty"`
	// CapsFull are the caps that refused the call, or would have in soft mode.
	CapsFull []string `json:"caps_full,omitempty"`
}

// ActKeys are keys of an act that are held for the same time after success.
type ActKeys struct {
	Window int64    `json:"window_s,omitempty"` // seconds; 0: not at all
	MACs   []string `json:"macs"`               // keyed hashes, base64url of 16 bytes; the record's mac_key names their key
}

// Price is what an act costs at the most.
type Price struct {
	Amount   string `json:"amount"` // decimal, in the currency's main unit
	Currency string `json:"currency"`
	From     string `json:"from"`           // "request", "order" or "renewal"
	Call     string `json:"call,omitempty"` // the gateway's own call that read it
}

// CapCharge is what a call adds to a count of a cap.
type CapCharge struct {
	Cap        string `json:"cap"`
	Definition string `json:"definition"`        // fingerprint of what it counts by, its period, zone and currencies
	Counted    string `json:"counted,omitempty"` // whose count
	Period     string `json:"period,omitempty"`  // label
	Amount     string `json:"amount"`            // decimal; of a cap that counts calls their number
	Currency   string `json:"currency,omitempty"`
	Unpriced   bool   `json:"unpriced,omitempty"` // Amount is assumed
}

// Place is the place of a record in front of another.
type Place struct {
	Seq  uint64 `json:"seq"`
	Back int64  `json:"back"`           // bytes of lines from the beginning of its line to that of the other's
	Hash string `json:"hash,omitempty"` // of its leaf, base64; of an intent there is none
}

// Signature is an inbound signature that was accepted: Record.SignatureHash and Record.SignatureDate of its intent.
type Signature struct {
	Hash string    `json:"hash"`
	Date time.Time `json:"date,omitzero"`
}

// Withheld is a pair of a query of which the record has no more than this. One entry without a name stands for all pairs whose names
// may be secret themselves, or that are too many.
type Withheld struct {
	Name  string `json:"name,omitempty"`
	Bytes int64  `json:"bytes,omitempty"` // of the value, decoded; without a name, of names and values
	Pairs int    `json:"pairs,omitempty"` // without a name: how many
}

// MaxWithheld is how many entries of [Record.QueryWithheld], with names of up to 64 printable ASCII characters each, always have room.
const MaxWithheld = 33

// Field is one extracted member of a request or answer.
type Field struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"`
	// Values are texts exactly as received; numbers keep their spelling.
	Values []string `json:"values,omitempty"`
	// Omitted is how many values there were beyond these.
	Omitted int `json:"omitted,omitempty"`
	// Unsummed is how many of all values of an amount, omitted ones included, are no decimal number, and so in no sum.
	Unsummed int `json:"unsummed,omitempty"`
	// AllBytes and AllHash are of all values together, where some are omitted or truncated: their length in bytes, and the
	// lower-case hex SHA-256 of what package digest makes of the list. [Record.Append] sets them for what it omits itself.
	AllBytes int64  `json:"all_bytes,omitempty"`
	AllHash  string `json:"all_hash,omitempty"`
}

// TLS is the evidence of one connection. That of a refused handshake has what is known, and Offer. PeerNotAfter and Offer
// are in the first record of a connection only.
type TLS struct {
	Version         string    `json:"version,omitempty"`
	Suite           string    `json:"suite,omitempty"`
	Group           string    `json:"group,omitempty"`
	ALPN            string    `json:"alpn,omitempty"`
	Resumed         bool      `json:"resumed,omitempty"`
	ServerName      string    `json:"server_name,omitempty"`
	Peer            string    `json:"peer,omitempty"`             // subject or SAN of the peer's certificate
	PeerFingerprint string    `json:"peer_fingerprint,omitempty"` // lower-case hex SHA-256 of the peer's certificate
	PeerNotAfter    time.Time `json:"peer_not_after,omitzero"`    // until when the peer's certificate is valid
	Offer           *Offer    `json:"offer,omitempty"`

	encoded string // what it is in a line, behind its key; see Encode
}

// Offer is what a peer proposed in its ClientHello.
type Offer struct {
	Versions   []string `json:"versions,omitempty"`
	Suites     []string `json:"suites,omitempty"`
	Groups     []string `json:"groups,omitempty"`
	ServerName string   `json:"server_name,omitempty"`
}

// Count is one line of a refusals summary.
type Count struct {
	Reason     string `json:"reason"`
	Stage      string `json:"stage,omitempty"`
	TLSFailure string `json:"tls_failure,omitempty"`
	Source     string `json:"source,omitempty"` // an address, an IPv6 /64, or "other"
	Caller     string `json:"caller,omitempty"`
	Count      uint64 `json:"count"`
}

// Other stands in a summary for the sources and the reasons beyond its bounds.
const Other = "other"
