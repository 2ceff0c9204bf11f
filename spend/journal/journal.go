package journal

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/audit"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/private"
	"tollgate/ratelimit"
	"tollgate/spend"
)

// SaveEvery is how often the file is best replaced: what is behind it is read at a start.
const SaveEvery = 10 * time.Second

// Log is the part of the audit log that the journal needs; see [audit.Log].
type Log interface {
	Status() audit.Status
	Queue(r *logfile.Record) error
	Event(ctx context.Context, r *logfile.Record) error
}

// Options say what a journal is of. Report and Limits may be nil.
type Options struct {
	Dir     string             // of the log
	Log     Log                // open for writing
	MAC     hash.Hash          // of the log's key, for [Purpose]; used by the journal alone
	MACKey  string             // the id of the hash key
	Ledger  *spend.Memory      // of the gateway, which knows nothing yet
	Limits  *ratelimit.Limiter // whose counts by day and month are kept
	Longest time.Duration      // window or period: how far back a rebuild reads
	Report  private.Report     // of the file
	Now     func() time.Time
}

// Journal keeps what is derived of a log. Its methods may be called concurrently, but for Open, Run and Close, which follow each other.
type Journal struct {
	o      Options
	before uint64 // records of calls that this process has counted itself stand behind it

	needed   atomic.Uint64
	read     atomic.Int64
	total    atomic.Int64
	follower *logfile.Follower
	fold     *fold // nil: it is not known yet

	mu      sync.Mutex
	state   State
	settled map[string]bool // unknown calls whose resolution may stand behind what is folded
	unknown []Unknown       // that are folded
	round   time.Time       // when calls were to be stated again the last time, in a new segment
}

// State is how far a journal is.
type State struct {
	Ready   bool   // the ledger knows what is held and used
	Rebuilt string // why the file was not used; empty: it was
	// Read and Total are how many bytes of the log a rebuild has read, and of how many.
	Read, Total int64
	Err         error     // why the ledger is not ready, or the file was not replaced; nil: nothing failed
	Seq         uint64    // of the last record that the file holds; 0: there is no file
	Saved       time.Time // when it was replaced
}

// New returns a journal of a log that was opened. It suspends the ledger until [Journal.Open] returns.
func New(o Options) *Journal {
	o.Ledger.Suspend()
	j := &Journal{o: o, before: o.Log.Status().LastSeq, settled: map[string]bool{}}
	j.needed.Store(1)
	return j
}

// NeededFrom returns the first record that the journal needs still: see [audit.Options].
func (j *Journal) NeededFrom() uint64 { return j.needed.Load() }

// State returns how far it is.
func (j *Journal) State() State {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.state
	s.Read, s.Total = j.read.Load(), j.total.Load()
	return s
}

// Open brings the ledger up to what is on record: by the file and the records behind it, or by the records alone, which may take minutes. It
// calls ready then, and makes the ledger available if that has no objection.
func (j *Journal) Open(ctx context.Context, ready func() error) error {
	f, err := j.load(ctx)
	if err == nil {
		err = j.restore(f)
	}
	if err == nil {
		err = ready()
	}
	if err == nil {
		j.fold = f
		j.restate()
		j.o.Ledger.Resume()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.Ready, j.state.Err = err == nil, err
	return err
}

// load makes a fold of the file, or of the log.
func (j *Journal) load(ctx context.Context) (*fold, error) {
	f, err := j.fromFile(ctx)
	if err == nil {
		return f, nil
	}
	j.mu.Lock()
	j.state.Rebuilt = fmt.Sprintf("%s: %v", j.file(), err)
	j.mu.Unlock()
	if err := errors.Join(j.close(), ctx.Err()); err != nil {
		return nil, err
	}
	return j.rebuild(ctx)
}

func (j *Journal) fromFile(ctx context.Context) (*fold, error) {
	s, err := j.stored()
	if err != nil {
		return nil, err
	}
	f, err := s.restore(j.o.MACKey)
	if err != nil {
		return nil, err
	}
	j.follower = logfile.NewFollowerBehind(j.o.Dir, f.seq, f.at)
	f.recall = j.recall()
	if err := j.follow(ctx, f, j.o.Log.Status().DurableSeq); err != nil {
		return nil, err
	}
	if j.o.Limits != nil {
		j.o.Limits.Restore(s.Limits)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.Seq = s.Seq
	return f, nil
}

// restore brings the ledger up to what is folded. Acts of which it is not known what is held are held as a whole.
func (j *Journal) restore(f *fold) error {
	f.recall = nil          // from here on the limiter has counted all calls itself
	f.resolved = j.o.Ledger // where a resolution became durable too late for the wait
	held := f.ledger.Snapshot()
	acts := f.acts(&held, j.o.Now())
	if err := j.o.Ledger.Restore(held); err != nil {
		return fmt.Errorf("what is held and used: %w", err)
	}
	for act, call := range acts {
		j.o.Ledger.HoldAct(act, call)
	}
	return nil
}

// recall returns what counts a call on record by day and month; nil: nothing is counted so. Calls behind before were counted when they were
// made.
func (j *Journal) recall() func(*logfile.Record) {
	if j.o.Limits == nil || !j.o.Limits.Calendars() {
		return nil
	}
	return func(r *logfile.Record) {
		if r.Seq <= j.before {
			j.o.Limits.Recall(subject(r), r.Time)
		}
	}
}

// errEnough ends the reading of what is not durable.
var errEnough = errors.New("enough")

// follow folds the further records up to one.
func (j *Journal) follow(ctx context.Context, f *fold, last uint64) error {
	err := j.follower.Lines(func(l *logfile.Line) error {
		if l.Seq > last {
			return errEnough
		}
		j.read.Add(int64(len(l.Text)) + 1)
		if err := f.line(l); err != nil {
			return err
		}
		return ctx.Err()
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (j *Journal) close() (err error) {
	if j.follower != nil {
		err = j.follower.Close()
	}
	j.follower = nil
	return err
}

// lineHash returns the hash of a record's line, as the tree of the log has it.
func (j *Journal) lineHash(seq uint64, at logfile.Position) (_ string, err error) {
	lines := logfile.LineReader{Files: os.DirFS(j.o.Dir)}
	defer func() { err = errors.Join(err, lines.Close()) }()
	text, err := lines.Line(at)
	if err != nil {
		return "", err
	}
	if h, err := logfile.ParseHead(logfile.SegmentName(at.Segment), at.Offset, text); err != nil || h.Seq != seq {
		return "", errors.Join(err, fmt.Errorf("record %d does not stand at %v", seq, at))
	}
	return checkpoint.LeafHash(text).String(), nil
}

// Run follows the log with each tick, until ctx ends: it states unknown calls again and replaces the file. It calls failed with each new cause
// of a failure; the attempt is repeated.
func (j *Journal) Run(ctx context.Context, ticks <-chan time.Time, failed func(error)) {
	for {
		select {
		case <-ticks:
		case <-ctx.Done():
			return
		}
		before := j.State().Err
		if err := j.save(ctx); err != nil && ctx.Err() == nil && (before == nil || before.Error() != err.Error()) {
			failed(err)
		}
	}
}

// Close replaces the file a last time, if the journal was opened. The log is to be closed next.
func (j *Journal) Close(ctx context.Context) (err error) {
	if j.fold != nil {
		err = j.save(ctx)
	}
	return errors.Join(err, j.close())
}

func (j *Journal) save(ctx context.Context) error {
	s, err := j.catchUp(ctx)
	if err == nil && s != nil {
		err = j.write(s)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state.Err = err; err == nil && s != nil {
		j.state.Seq, j.state.Saved = s.Seq, j.o.Now()
	}
	return err
}

// catchUp folds what has become durable, and returns it for the file; nil: nothing has.
func (j *Journal) catchUp(ctx context.Context) (*state, error) {
	last := j.o.Log.Status().DurableSeq // before the counts of limits are read
	if err := j.follow(ctx, j.fold, last); err != nil {
		return nil, err
	}
	j.restate()
	if j.fold.seq == j.State().Seq {
		return nil, nil
	}
	return j.stateOf(j.fold), nil
}

// restate states unknown calls once more that were last stated in another segment, or before the last start. What the log does not take now
// comes with the next tick.
func (j *Journal) restate() {
	j.mu.Lock()
	defer j.mu.Unlock()
	maps.DeleteFunc(j.settled, func(call string, _ bool) bool { return j.fold.open[call] == nil })
	j.beginRound(j.o.Now())
	for _, s := range j.fold.due() {
		if !j.settled[s.Record.Call] && j.o.Log.Queue(s.restatement()) != nil {
			break
		}
	}
	j.needed.Store(j.fold.needed())
	j.unknown = j.fold.unknown()
}

// longRound is how long after a round of restatements the next one begins if they were most of what was written since: they filled the segment
// themselves, and the next ones would too.
const longRound = time.Hour

// beginRound states unknown calls once more if a segment has begun.
func (j *Journal) beginRound(now time.Time) {
	f, since := j.fold, now.Sub(j.round)
	if f.at.Segment > f.from && (2*f.again < f.written || since < 0 || since >= longRound) {
		f.nextRound(f.at.Segment)
		j.round = now
	}
}
