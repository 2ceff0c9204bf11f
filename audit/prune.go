package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

const (
	// pruningName is the file that becomes the hashes of a segment. Recovery removes one left by a crash.
	pruningName = "pruning"
	// leastKeep is far more than recovery needs of signatures.
	leastKeep = time.Hour
	// trustedAfter is how long a clock must have run, by the records that the log wrote by it, until it is trusted.
	trustedAfter = 24 * time.Hour
)

// Prune removes the oldest segments whose records are older than Config.Keep, and leaves the hashes of their records, from
// which the rest of the log still verifies. It removes one after the other, each when its hashes and a prune record are
// durable, and goes on after a crash where it ended. It never touches what a start reads: the live segment, those from the last
// checkpoint but one on, or from the intent that had been open longest there, and records of the last hour.
//
// A segment that does not verify is not removed; the error says where. Nor is anything by a clock that was just set ahead:
// records count as old by the time at which the newest segment began that is a day old. A wrong clock has to run for a day
// and have records written by it, over restarts or not, before anything is removed by it; only one that is set ahead twice,
// by more than a day the second time, deceives this. So records are kept for a day or two longer than Config.Keep.
//
// Prune reads what it removes, which takes seconds, and should be called every hour or so, also after an error. It may be
// called concurrently. It ends early, with an error, when ctx does or the log is closed.
func (l *Log) Prune(ctx context.Context) error {
	if l.cfg.Keep == 0 {
		return nil
	}
	l.pruning <- struct{}{}
	defer func() { <-l.pruning }()
	removed, err := l.pruneSegments(ctx)
	if removed {
		err = errors.Join(err, l.pruneBlobs(ctx))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.PruneErr = err
	return err
}

// pruneSegments reports whether it removed any.
func (l *Log) pruneSegments(ctx context.Context) (removed bool, err error) {
	live, err := l.liveName() // before the list, so that what stands in front of it there is closed
	if err != nil {
		return false, err
	}
	names, err := l.disk.List()
	if err != nil {
		return false, fmt.Errorf("listing the audit directory: %w", err)
	}
	segments := logfile.SegmentNames(names)
	now, err := l.trustedTime(segments)
	if err != nil {
		return false, err
	}
	for i, name := range segments {
		if name >= live || i+1 == len(segments) { // the live one may have been deleted from outside
			return removed, nil
		}
		if due, err := l.due(name, segments[i+1], now.Add(-time.Duration(l.cfg.Keep))); err != nil || !due {
			return removed, err
		}
		if err := l.pruneSegment(ctx, name, segments[i+1]); err != nil {
			return removed, fmt.Errorf("pruning audit segment %s: %w", name, err)
		}
		removed = true
	}
	return removed, nil
}

// pruneBlobs removes the texts that no record names any more. A segment is known by its length too, for a log may have been put back to what
// it was, and have gone on otherwise.
func (l *Log) pruneBlobs(ctx context.Context) error {
	if l.cfg.Blobs == nil {
		return nil
	}
	names, err := l.disk.List()
	var segments []string
	for _, name := range logfile.SegmentNames(names) {
		id, problem := l.disk.Stat(name)
		err = errors.Join(err, problem)
		segments = append(segments, fmt.Sprint(name, " ", id.size))
	}
	if err == nil {
		err = l.cfg.Blobs.Prune(ctx, l.cfg.Now(), segments, l.plansIn)
	}
	if err != nil {
		return fmt.Errorf("pruning texts of plans: %w", err)
	}
	return nil
}

// plansIn returns the ids of the plans that records of a segment name, which stands with its length.
func (l *Log) plansIn(segment string) (ids []string, err error) {
	name, _, _ := strings.Cut(segment, " ")
	err = withReader(l.disk, name, func(in *logfile.Reader) error {
		for line, err := range in.Lines() {
			if err != nil {
				return err
			}
			for id := range logfile.PlansNamed(line.Text) {
				if !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
		return nil
	})
	return ids, err
}

// prunedRecords counts the records in front of the first segment.
func prunedRecords(names []string) uint64 {
	segments := logfile.SegmentNames(names)
	if len(segments) == 0 {
		return 0
	}
	first, _ := logfile.ParseSegmentName(segments[0])
	return first - 1
}

func (l *Log) liveName() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return "", ErrClosed
	}
	return l.status.Segment, nil
}

// trustedTime returns a time that has passed by any clock that is right now and then: when the newest segment began that is a
// day old, or the zero time if none is.
func (l *Log) trustedTime(segments []string) (time.Time, error) {
	now := l.cfg.Now()
	for _, name := range slices.Backward(segments) {
		begin, err := firstRecord(l.disk, name)
		if errors.Is(err, io.EOF) { // of the live segment, before its first commit
			continue
		}
		if err != nil || now.Sub(begin.Time) >= trustedAfter {
			return begin.Time, err
		}
	}
	return time.Time{}, nil
}

// firstRecord returns io.EOF when there is none.
func firstRecord(d disk, name string) (h logfile.Head, err error) {
	err = withReader(d, name, func(in *logfile.Reader) error {
		if line, err := in.Line(0); err == nil { // reads less than Lines
			if h, err = logfile.ParseHead(name, 0, line); err == nil && h.Seq == in.First {
				return nil
			}
		}
		for line, err := range in.Lines() {
			if err == nil {
				h, err = line.Head()
			}
			return err
		}
		return io.EOF
	})
	return h, err
}

// due reports whether the last record of a closed segment, which next follows, was written before a time, and no start needs the
// segment any more: all its calls have outcomes below the last checkpoint but one, and nothing else needs its records.
func (l *Log) due(name, next string, before time.Time) (bool, error) {
	l.mu.Lock()
	read := logfile.SegmentName(l.readFrom)
	l.mu.Unlock()
	if read < next || l.cfg.NeededFrom != nil && logfile.SegmentName(l.cfg.NeededFrom()) < next {
		return false, nil
	}
	_, end, err := (&recovery{disk: l.disk}).ends(name)
	return err == nil && end.Time.Before(before), err
}

// pruneSegment removes a segment, which next follows. A crash leaves it whole, perhaps with its hashes and a prune record
// beside it; then all of this is done once more.
func (l *Log) pruneSegment(ctx context.Context, name, next string) error {
	first, _ := logfile.ParseSegmentName(name)
	last, err := l.keepHashes(ctx, name, next)
	if err != nil {
		return err
	}
	if err := l.state(ctx, &logfile.Record{Kind: logfile.KindPrune, First: first, Last: last}); err != nil {
		return err
	}
	if err := l.disk.Remove(name); err != nil {
		return err
	}
	if err := l.disk.Sync(); err != nil {
		return fmt.Errorf("syncing the audit directory: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.PrunedRecords = last
	return nil
}

// state writes a prune record and returns when a checkpoint that covers it is durable: from then on no one without the key
// can pass hashes off as what is left of a segment. Both may use the reserve, since pruning makes space.
func (l *Log) state(ctx context.Context, r *logfile.Record) error {
	b, _, err := l.add(r, forOutcome)
	if err != nil {
		return err
	}
	l.wakeCommitter()
	select {
	case <-b.checkpointed:
		return b.checkpointErr
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// keepHashes verifies a segment and makes the hashes of its records durable. It returns the last record's number.
func (l *Log) keepHashes(ctx context.Context, name, next string) (last uint64, err error) {
	out, err := l.disk.Open(pruningName, os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return 0, fmt.Errorf("creating the file of its hashes: %w", err)
	}
	s, err := l.writeHashes(ctx, name, out)
	if err = errors.Join(err, out.Close()); err != nil {
		return 0, err
	}
	if err := l.goesOn(&s, name, next); err != nil {
		return 0, err
	}
	first, _ := logfile.ParseSegmentName(name)
	if err := l.disk.Rename(pruningName, logfile.HashesName(first)); err != nil {
		return 0, fmt.Errorf("naming the file of its hashes: %w", err)
	}
	return s.last.Seq, l.disk.Sync()
}

// writeHashes reads a segment and writes the hash of each record, durably.
func (l *Log) writeHashes(ctx context.Context, name string, out file) (s scanned, err error) {
	w := bufio.NewWriterSize(io.NewOffsetWriter(out, 0), 1<<16)
	err = withReader(l.disk, name, func(in *logfile.Reader) error {
		s = scanned{chain: logfile.ChainAt(in.First), last: logfile.Head{Seq: in.First - 1}}
		return s.scan(in, func(_ *logfile.Head, line []byte) error {
			hash := checkpoint.LeafHash(line)
			_, _ = w.Write(hash[:]) // it keeps its error for Flush
			return context.Cause(ctx)
		})
	})
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = out.Sync()
	}
	return s, err
}

// goesOn checks that the segment that follows was written behind this one as it stands: its first record is a checkpoint of
// all records before it, unless a version before checkpoints wrote it.
func (l *Log) goesOn(s *scanned, name, next string) error {
	if want := logfile.SegmentName(s.last.Seq + 1); want != next {
		return logfile.FaultAt(name, s.end, "the segment %s should follow, not %s", want, next)
	}
	h, err := firstRecord(l.disk, next)
	if err != nil {
		return err
	}
	var c logfile.Chain
	if err := c.Begin(&h); err != nil {
		return logfile.FaultAt(next, 0, "%w", err)
	}
	if end, begin := s.chain.Link(), c.Link(); end.Known && begin.Known && end != begin {
		return logfile.FaultAt(next, 0, "the segment does not go on from the records before it")
	}
	return nil
}
