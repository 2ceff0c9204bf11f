package store

import (
	"context"
	"crypto/sha256"
	"errors"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// Sink takes up the calls of one log, such as the database of an [Index]. What it holds is in the order of the log: a sink that holds
// several logs orders by the log's name and [calls.Call.Order]. A sink is used by one goroutine.
type Sink interface {
	// Standing returns how far the sink has come.
	Standing(ctx context.Context) (Standing, error)
	// StepBack removes what is behind one of the sink's marks. Calls that ended there are open again if they began before.
	StepBack(ctx context.Context, to Mark) error
	// Apply takes a batch up, all of it or nothing. It fails with [ErrNotNext] if the batch does not follow the sink's last mark: another
	// process has written meanwhile.
	Apply(ctx context.Context, b *Batch) error
	// Prune removes what is of records before first, which the log no longer has. A call that began there is an outcome without an intent.
	Prune(ctx context.Context, first uint64) error
}

// ErrNotNext is wrapped by errors of [Sink.Apply].
var ErrNotNext = errors.New("another process writes it")

// Standing is how far a sink has come.
type Standing struct {
	First uint64             // the log's first record when the sink was made or last pruned
	Marks []Mark             // the ends of its last batches, the newest first; none: it holds no record that the log has
	Open  []logfile.Position // intents without an outcome so far, in the order of the log
}

// Mark is how far a log was taken up. By the hash of the last line one sees whether it is still the same log.
type Mark struct {
	Seq  uint64
	At   logfile.Position
	Hash [32]byte // SHA-256
}

// holds reports whether the log still has the line of a mark.
func (m *Mark) holds(lines *logfile.LineReader) bool {
	line, err := lines.Line(m.At)
	if err != nil || sha256.Sum256(line) != m.Hash {
		return false
	}
	var r logfile.Record
	return logfile.ParseLine(line, &r) == nil && r.Seq == m.Seq
}

// Ended is a call that ended, or that got lost ([calls.Call.Lost]), and where its lines stand: zero for one that it does not have.
type Ended struct {
	*calls.Call
	Intent, End logfile.Position
}

// Event is a record of an event, or of the log itself (see [EventFilter]), and where its line stands.
type Event struct {
	*logfile.Record
	At logfile.Position
}

// Batch is what a sink takes up at once. Its records are brief, see [logfile.Line.Brief].
type Batch struct {
	After  uint64 // the record that it follows
	Last   Mark   // of its last record
	Calls  []Ended
	Events []Event
	Open   []logfile.Position // intents without an outcome up to the batch's last record, in the order of the log
	// Lines are those of all its records, if the runner was asked for them.
	Lines [][]byte
}

// records returns how many records the batch has.
func (b *Batch) records() int { return int(b.Last.Seq - b.After) }
