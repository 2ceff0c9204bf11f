package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/freeze"
)

var (
	// ErrUnavailable is wrapped by every error that says that a record was not taken, or did not become durable in time.
	ErrUnavailable = errors.New("audit log unavailable")
	// ErrLocked is wrapped by the error of Open when another process writes the log.
	ErrLocked = errors.New("audit directory is in use")
	// ErrClosed is wrapped, beside ErrUnavailable, by errors of records that come after Close.
	ErrClosed = errors.New("audit log is closed")
)

// Log is an audit log that is open for writing. Its methods may be called concurrently.
type Log struct {
	cfg     Options
	disk    disk
	lock    io.Closer
	bodies  sync.Pool     // of *[]byte: records are encoded before mu is taken
	wake    chan struct{} // holds one token when the committer has work
	linger  *time.Timer   // wakes the committer for a batch that no caller waits for
	closing chan struct{} // closed by Close
	abort   chan struct{} // closed when Close will wait no longer
	done    chan struct{} // closed when the committer has ended

	// Of the committer, while it runs.
	live        *segment
	running     bool              // it is open
	starting    <-chan time.Time  // when the space that the start did not wait for is due; nil since then
	filled      bool              // the live segment has had all of its space once
	nextSegment *segment          // has its space, and takes over at the next checkpoint; nil when none is due
	newest      time.Time         // of the last durable record
	tree        *checkpoint.Tree  // over all durable records
	ledger      *logfile.Ledger   // of all durable records since some checkpoint
	signers     []*checkpoint.Key // of the next checkpoint
	expiry      <-chan time.Time  // when a record has waited for a checkpoint for too long; nil when none waits
	late        bool              // it has
	retry       <-chan time.Time  // when to try again to allocate; nil when nothing failed
	retryWait   time.Duration
	freeSeen    time.Time // when the free space was looked up last
	closeErr    error     // read after done

	key       checkpoint.PublicKey // of the last of signers
	published *publisher
	pruning   chan struct{} // holds a token while segments are removed: the directory is not released meanwhile

	mu             sync.Mutex
	filling        *batch       // records that no commit has taken yet; nil when there are none
	full           []*batch     // before it: with as many signatures as a checkpoint can state, each with its checkpoint behind it
	fullBytes      int64        // of them and these checkpoints
	signatures     logfile.Room // of the signatures since the last checkpoint
	spare          [][]byte     // empty buffers for the next batches
	spareEntries   [][]logfile.Entry
	lastCheckpoint uint64 // seq of the last checkpoint, which may not be written yet
	inFlight       int64  // bytes that the committer has in hand
	closed         bool
	aborted        bool
	fault          error           // for good: records are refused until a restart
	writeErr       error           // of the write that is being repeated
	spaceErr       error           // of the last allocation
	opening        bool            // the space that the start did not wait for is still to come, and nothing says that it will not
	busySince      time.Time       // when the committer turned to the disk; zero when it waits
	slowAt         time.Time       // when something last took longer than the deadline; zero if nothing ever did
	frozen         []freeze.Freeze // in force, by the last record taken that states them
	lastStated     *batch          // with what [Log.Freezes] recorded last; nil before
	open           int             // durable intents without a durable outcome
	readFrom       uint64          // the first record that the next start reads, see [logfile.Ledger.ReadFrom]
	status         Status          // what the committer last knew; LastSeq and counts of refused records are kept up by add
}

// batch is what one commit makes durable.
type batch struct {
	buf           []byte // empty when only a checkpoint is due
	entries       []logfile.Entry
	first, last   uint64
	at            time.Time // of the last record
	checkpointSeq uint64    // seq of the checkpoint that follows; 0 when none does
	done          chan struct{}
	err           error         // set before done is closed
	checkpointed  chan struct{} // closed when that checkpoint is durable, or never will be; nil when it is not waited for
	checkpointErr error         // set before checkpointed is closed
}

// lingerTime is how long a record that no caller waits for may wait for others, so that it seldom costs an fsync of its own.
// What a crash takes of it are outcomes of reads, which the next start closes as unknown, and refusals.
const lingerTime = 50 * time.Millisecond

// mostOpen bounds the calls without outcome, so that with those that are pending verifiers follow all of them.
const mostOpen = logfile.MaxOpen / 2

// use is what a record's space is for.
type use int

const (
	forIntent use = iota
	forRefusal
	forUnauthenticated // a refusal of a peer that proved no identity, or a summary of refusals
	forEvent           // in the space of refusals of known callers
	forOutcome
	forFreeze // in the space of outcomes
)

// Intent records that a call is about to be sent and returns when that is durable. After an error the caller must not
// send. The error wraps [ErrUnavailable]; it comes at once when the log takes no intents, and otherwise no later than
// ctx ends, even when the disk hangs. In that case the intent may still be written later, in its place: the caller then
// queues an outcome [logfile.NotSent].
//
// An intent of the effects write and spend is taken whole or not at all: otherwise the error is [ErrCut].
//
// Intent sets Kind, Seq, Commit and Time of r. After an error, Seq is 0 when the log did not take the record at all: then
// it will not be written, and no outcome is due. r must have a Call.
func (l *Log) Intent(ctx context.Context, r *logfile.Record) error {
	r.Seq = 0
	if r.Call == "" {
		return errors.New("audit: an intent needs a call id")
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
	r.Kind = logfile.KindIntent
	return l.durable(ctx, r, forIntent)
}

// Outcome records the outcome of a call and returns when that is durable. It may use the reserve on disk and in memory.
// When ctx ends first, or had ended before, the record is still written as soon as the disk lets it; the error then
// only says that it is not durable yet. Any other error that is not the end of ctx says that the record is lost.
//
// Outcome sets Kind, Seq, Commit and Time of r. r must have a Call.
func (l *Log) Outcome(ctx context.Context, r *logfile.Record) error {
	if r.Call == "" {
		return errors.New("audit: an outcome needs a call id")
	}
	r.Kind = logfile.KindOutcome
	return l.durable(ctx, r, forOutcome)
}

// Queue takes a record without waiting until it is durable: an outcome, a refusal, a summary or an event, by its Kind. It never waits for
// the disk. The record is written with the next one that a caller waits for, or after lingerTime. An error says that the record was not
// taken: too much is pending, the space on disk is kept for outcomes, or the log takes nothing any more.
func (l *Log) Queue(r *logfile.Record) error {
	u := forRefusal
	switch r.Kind {
	case logfile.KindOutcome:
		if r.Call == "" {
			return errors.New("audit: an outcome needs a call id")
		}
		u = forOutcome
	case logfile.KindRefusal:
		if r.Caller == "" {
			u = forUnauthenticated
		}
	case logfile.KindRefusals:
		u = forUnauthenticated
	case logfile.KindEvent:
		if r.Event == "" {
			return errors.New("audit: an event needs a code")
		}
		u = forEvent
	default:
		return fmt.Errorf("audit: a record of kind %q cannot be queued", r.Kind)
	}
	_, err := l.queue(r, u)
	return err
}

// QueueOutcome is Queue of an outcome. It calls ended once when the record is durable, or with an error when it is lost, which is no later than
// the log's end. After an error of its own it does not.
func (l *Log) QueueOutcome(r *logfile.Record, ended func(error)) error {
	if r.Call == "" {
		return errors.New("audit: an outcome needs a call id")
	}
	r.Kind = logfile.KindOutcome
	b, err := l.queue(r, forOutcome)
	if err != nil {
		return err
	}
	go func() {
		<-b.done
		ended(b.err)
	}()
	return nil
}

// Event records an event that states no freezes, and returns when that is durable. After an error that wraps that of ctx, it may be written
// later. What a call holds is taken whole or not at all: otherwise the error is [ErrCut].
func (l *Log) Event(ctx context.Context, r *logfile.Record) error {
	r.Kind = logfile.KindEvent
	if r.Event == "" || r.StatesFreezes() {
		return fmt.Errorf("audit: an event %q cannot be recorded so", r.Event)
	}
	return l.durable(ctx, r, forEvent)
}

// Freezes records which freezes are in force from now on, and why ([logfile.Record.StatesFreezes]), and returns when that is durable. It
// may use the reserve on disk and in memory. After an error that wraps that of ctx, it may be written later.
//
// From then on each new segment states them as well, and so does the next start, which returns them as [Recovery.Freezes].
func (l *Log) Freezes(ctx context.Context, r *logfile.Record) error {
	r.Kind = logfile.KindEvent
	if !r.StatesFreezes() {
		return fmt.Errorf("audit: an event %q states no freezes", r.Event)
	}
	if b := l.stating(r); b != nil {
		return b.wait(ctx, b.last)
	}
	return l.durable(ctx, r, forFreeze)
}

// stating returns the batch that is not durable yet and has what r states again, or nil: while the disk hangs it is stated every second, and
// the space is for outcomes.
func (l *Log) stating(r *logfile.Record) *batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.lastStated; r.Event == logfile.EventFreezes && b != nil && !b.ended() && slices.Equal(r.Freezes, l.frozen) {
		return b
	}
	return nil
}

func (l *Log) queue(r *logfile.Record, u use) (*batch, error) {
	b, begun, err := l.add(r, u)
	if begun {
		l.linger.Reset(lingerTime)
	}
	return b, err
}

// QueueLast is Queue for what is written when nothing is sent any more: the record may use the space on disk that is kept
// for outcomes. There may be few of these.
func (l *Log) QueueLast(r *logfile.Record) error {
	if r.Kind != logfile.KindRefusals {
		return fmt.Errorf("audit: a record of kind %q cannot be the last", r.Kind)
	}
	_, err := l.queue(r, forOutcome)
	return err
}

func (l *Log) durable(ctx context.Context, r *logfile.Record, u use) error {
	b, _, err := l.add(r, u)
	if err != nil {
		return err
	}
	l.wakeCommitter()
	err = b.wait(ctx, r.Seq)
	if u == forIntent && !b.ended() && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		l.waitedInVain(r.Time)
	}
	return err
}

// wait returns when the batch, which has record seq, is durable or lost, or ctx ends.
func (b *batch) wait(ctx context.Context, seq uint64) error {
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
	}
	if b.ended() { // both at once: what is durable is durable
		return b.err
	}
	return fmt.Errorf("%w: record %d is not durable yet: %w", ErrUnavailable, seq, context.Cause(ctx))
}

// ended reports whether the batch is durable or lost.
func (b *batch) ended() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// wakeCommitter makes the committer take the batch that is filling.
func (l *Log) wakeCommitter() {
	select {
	case l.wake <- struct{}{}:
	default: // a token is there already
	}
}

// add assigns the record its place and puts it into the batch that the committer takes next; begun reports whether it is the
// first one there.
func (l *Log) add(r *logfile.Record, u use) (b *batch, begun bool, err error) {
	body := l.bodies.Get().(*[]byte)
	defer l.bodies.Put(body)
	var cut bool
	if *body, cut = r.AppendBody((*body)[:0]); mustBeWhole(r, u) && (cut || r.Omits()) {
		return nil, false, ErrCut
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	if err := l.admit(int64(len(*body)+logfile.MaxHead), u, now); err != nil {
		l.countRefused(u)
		return nil, false, err
	}
	b, begun = l.fillable()
	l.status.LastSeq++
	r.Seq, r.Commit, r.Time = l.status.LastSeq, b.first, now.UTC()
	b.last, b.at = r.Seq, r.Time
	if r.Kind == logfile.KindPrune && b.checkpointed == nil { // a checkpoint has to cover it before anything is removed
		b.checkpointed = make(chan struct{})
	}
	full := l.enter(b, r)
	if u == forFreeze {
		l.lastStated = b
	}
	b.buf = append(append(logfile.AppendHead(b.buf, r.Seq, r.Commit, r.Time), *body...), '\n')
	if full {
		l.closeBatch()
	}
	return b, begun, nil
}

// mustBeWhole reports whether a record is of no use in part.
func mustBeWhole(r *logfile.Record, u use) bool {
	switch u {
	case forIntent:
		return r.MustBeWhole()
	case forEvent:
		return r.Spending != nil
	}
	return u == forFreeze
}

// fillable returns the batch that the committer takes next; begun reports that it has no record yet. mu is held.
func (l *Log) fillable() (b *batch, begun bool) {
	if l.filling != nil {
		return l.filling, false
	}
	b = l.newBatch()
	b.buf = l.buffer()
	if n := len(l.spareEntries); n > 0 {
		b.entries, l.spareEntries = l.spareEntries[n-1], l.spareEntries[:n-1]
	}
	l.filling = b
	return b, true
}

// restate states the freezes in force in a new segment, so that no earlier one is needed for them.
func (l *Log) restate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.frozen) > 0 {
		b, _ := l.fillable()
		l.put(b, &logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventFreezes, Detail: "stated once more in a new segment", Freezes: l.frozen})
	}
}

// buffer returns an empty buffer, one that was used before if there is one. mu is held.
func (l *Log) buffer() (b []byte) {
	if n := len(l.spare); n > 0 {
		b, l.spare = l.spare[n-1], l.spare[:n-1]
	}
	return b
}

// enter notes what the ledger needs of a record that is added next, and reports whether a checkpoint has to follow it. mu is
// held, while the committer runs.
func (l *Log) enter(b *batch, r *logfile.Record) (full bool) {
	states := r.StatesFreezes()
	switch r.Kind {
	case logfile.KindStart, logfile.KindIntent, logfile.KindOutcome:
	default:
		if !states {
			return false
		}
	}
	e := logfile.Entry{Kind: r.Kind, Seq: r.Seq, Call: r.Call, Offset: len(b.buf), States: states, Freezes: len(r.Freezes)}
	if states {
		l.frozen = r.Freezes
	}
	if s, ok := logfile.SignatureOf(r); ok {
		e.Signature, full = s, l.signatures.Add(s)
	}
	b.entries = append(b.entries, e)
	return full
}

// closeBatch ends the batch that is filling, and reserves its checkpoint. mu is held.
func (l *Log) closeBatch() {
	b := l.filling
	b.checkpointSeq = l.reserve()
	l.filling, l.full, l.fullBytes = nil, append(l.full, b), l.fullBytes+int64(len(b.buf))+logfile.MaxLine
}

// admit returns an error if a record of n bytes is not taken now. mu is held.
func (l *Log) admit(n int64, u use, now time.Time) error {
	switch {
	case l.fault != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, l.fault)
	case l.closed:
		return fmt.Errorf("%w: %w", ErrUnavailable, ErrClosed)
	}
	pending := l.pending() + n
	if pending > l.allowance(u) {
		return fmt.Errorf("%w: too many records wait to be written", ErrUnavailable)
	}
	if u == forOutcome || u == forFreeze {
		return nil
	}
	if l.writeErr != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, l.writeErr)
	}
	if u == forIntent && l.open >= mostOpen {
		return fmt.Errorf("%w: %d calls have no outcome", ErrUnavailable, l.open)
	}
	if l.stalled(now) {
		return fmt.Errorf("%w: the disk has not answered for over %v", ErrUnavailable, l.deadline())
	}
	if l.status.Preallocated-pending >= l.reserveFor(u) {
		return nil
	}
	if l.spaceErr != nil {
		return fmt.Errorf("%w: the rest of the room is kept for outcomes: %w", ErrUnavailable, l.spaceErr)
	}
	return fmt.Errorf("%w: records come faster than room for them is made", ErrUnavailable)
}

// reserveFor returns how much space on disk is not for a use, but for what matters more. mu is held.
func (l *Log) reserveFor(u use) int64 {
	reserve := int64(l.cfg.Reserve)
	switch {
	case u != forUnauthenticated:
		return reserve
	case l.opening: // the half of what calls have, until the rest is there
		return min(2*reserve, reserve+startStep/2)
	}
	return 2 * reserve
}

func (l *Log) allowance(u use) int64 {
	switch u {
	case forOutcome, forFreeze:
		return 2 * l.cfg.MaxPending
	case forRefusal, forUnauthenticated, forEvent:
		return l.cfg.MaxPending / 2
	}
	return l.cfg.MaxPending
}

func (l *Log) pending() int64 {
	n := l.inFlight + l.fullBytes
	if l.filling != nil {
		n += int64(len(l.filling.buf))
	}
	return n
}

// countRefused counts a record that is not taken; an event comes again.
func (l *Log) countRefused(u use) {
	switch u {
	case forRefusal, forUnauthenticated:
		l.status.Dropped++
	case forOutcome:
		l.status.LostOutcomes++
	}
}

// ErrCut is returned by [Log.Intent] for a call that may change something and whose record would not be whole: nothing may be
// sent of which the log holds a part only. It is a fault of the program, which looks with [logfile.Record.Overlong] before. So is
// that of [Log.Freezes], since [freeze.Max] freezes fit.
var ErrCut = errors.New("audit: it does not fit into a record")
