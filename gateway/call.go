package gateway

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"tollgate/audit/logfile"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/freeze"
	"tollgate/ratelimit"
)

// call is one request on its way. Each step fills in what it finds.
type call struct {
	*Gateway
	*Plan       // that was published when the call began
	*connection // that carries the call
	listener    *Listener
	writer      http.ResponseWriter
	control     http.ResponseController
	request     *http.Request

	newer, older *call // in flight
	own          *own  // the gateway itself makes the call; nil: a caller does
	scratch      *scratch
	keepsScratch bool // no other call gets it: after a fault, something of this one may go on

	started    time.Time
	id         string
	rawPath    string // of the request target, as received
	rawQuery   string
	account    account    // what the call has taken of what all share
	pace       bodyPace   // admit
	recognized recognized // admit

	route    *Route          // admit
	identity caller.Identity // identify; from a claim only after verify
	claim    *caller.Claim   // identify

	asked                            // match, read
	ruling                           // decide
	bodyHash  string                 // read
	permit    credential.Permit      // decide: to sign the call; none for an unsigned upstream
	signer    *credential.Credential // decide: that signs; nil for an unsigned upstream
	spending  *spending              // decide: what the call reserves; nil: nothing
	verdict   ratelimit.Verdict      // limit
	signature replaySignature        // intend
	intended  bool                   // intend: the intent is in the log
	answering bool                   // an answer of either kind was begun
	turn      bool                   // admit: taken of connection
	unsent    atomic.Bool            // limit: it was allowed, and its limits do not know it to be sent yet
	passage   *freeze.Passage        // send: through the gate of the kill switch, which may look at it when the call is over
	accessKey string                 // send: of the keys that sign
	steps     logfile.Steps          // decide to settle: when, for its outcome or refusal
	sentAt    time.Time              // send
	endedAt   time.Time              // send: see ended
	settledAt time.Time              // settle
	tlsOut    *logfile.TLS           // send
	received  io.Closer              // send: the body of the upstream's answer
	connected chan struct{}          // send: the caller's connections to the upstream, of which this call has one; nil: it has none
	stage     string                 // of package logfile: which step is at work
}

// replaySignature is what the log keeps of an inbound signature.
type replaySignature struct {
	hash string
	date time.Time
}

func newCall(g *Gateway, server string, w http.ResponseWriter, r *http.Request) *call {
	plan := g.plan.Load()
	s := scratches.Get().(*scratch)
	c := &s.call
	*c = call{
		Gateway: g, Plan: plan, connection: connectionOf(r.Context()), listener: plan.listener(server),
		writer: w, control: *http.NewResponseController(w), request: r,
		started: g.Now(), scratch: s, passage: new(freeze.Passage),
	}
	c.id = newID(c.started)
	c.pace.call = c
	c.rawPath, c.rawQuery, _ = strings.Cut(r.RequestURI, "?")
	return c
}

// newID returns a UUIDv7 (RFC 9562) of a moment: ids sort by time, to the quarter of a microsecond (section 6.2, method 3).
func newID(at time.Time) string {
	var id [16]byte
	milliseconds, rest := at.UnixMilli(), at.Nanosecond()%1e6
	binary.BigEndian.PutUint64(id[:], uint64(milliseconds)<<16|7<<12|uint64(rest)<<12/1e6)
	_, _ = rand.Read(id[8:]) // never fails
	id[8] = id[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:8], id[:4])
	for to, from := 8, 4; from < 10; to, from = to+5, from+2 {
		text[to] = '-'
		hex.Encode(text[to+1:to+5], id[from:from+2])
	}
	text[23] = '-'
	hex.Encode(text[24:], id[10:])
	return string(text[:])
}

// reached notes when the call came to a step.
func (c *call) reached(step *int64, at time.Time) { *step = max(at.Sub(c.started).Microseconds(), 1) }

// changes reports whether the operation does more than read.
func (c *call) changes() bool { return c.operation.Effect != catalog.Read }
