package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/private"
)

// closingChunk bounds how many bytes of closing outcomes are written at once.
const closingChunk = 256 << 10

// Open opens a log for writing, or begins one. It recovers what a crash left: it cuts off what had never been
// acknowledged, closes each intent without an outcome with the outcome [logfile.Unknown], and writes a start record and a checkpoint; all
// of that is durable when it returns. Any other fault in what it reads is an error that names the file and the byte, and
// changes nothing. So is a signing key that is not the log's. A log that has no key yet gets one. The error wraps
// [ErrLocked] when another process has the log open.
//
// The caller must call Close.
func Open(o Options) (*Log, Recovery, error) { return OpenContext(context.Background(), o) }

// OpenContext is Open, which ends when ctx ends while the log is read: then nothing is written, and the error wraps that of ctx.
func OpenContext(ctx context.Context, o Options) (*Log, Recovery, error) {
	if err := o.complete(); err != nil {
		return nil, Recovery{}, err
	}
	lock, err := o.disk.Lock()
	if err != nil {
		return nil, Recovery{}, err
	}
	private.TightenDir(o.Dir, o.Report)
	l := &Log{
		cfg: o, disk: o.disk, lock: lock,
		wake: make(chan struct{}, 1), closing: make(chan struct{}), abort: make(chan struct{}), done: make(chan struct{}),
		published: newPublisher(), pruning: make(chan struct{}, 1),
	}
	l.bodies.New = func() any { return new([]byte) }
	found, err := l.recover(ctx)
	if err != nil {
		return nil, Recovery{}, errors.Join(advise(err), l.release())
	}
	l.linger = time.AfterFunc(lingerTime, l.wakeCommitter)
	go l.published.run(o.Published)
	l.running, l.starting, l.opening = true, time.After(startPause), l.spaceErr == nil
	go l.run()
	return l, found, nil
}

// advise returns what to do about a fault. Nothing is repaired that may have been acknowledged: a person has to decide.
func advise(err error) error {
	var f *logfile.FaultError
	if !errors.As(err, &f) {
		return err
	}
	if errors.Is(err, logfile.ErrUnknownKind) {
		return fmt.Errorf("%w; nothing was changed: start the version that wrote it, which `tollgate audit records --kind start` shows; or restore the file from a copy", err)
	}
	return fmt.Errorf("%w; nothing was changed: restore the file from a copy, or move the whole directory away to begin a new log", err)
}

// release closes what is open.
func (l *Log) release() error {
	var err error
	for _, s := range []*segment{l.live, l.nextSegment} {
		if s != nil {
			err = errors.Join(err, s.file.Close())
		}
	}
	return errors.Join(err, l.lock.Close())
}

// examine reads the log, up to where its records end, and compares it with what is known of it elsewhere. It writes nothing.
func (l *Log) examine(ctx context.Context) (*recovery, scanned, error) {
	names, err := l.disk.List()
	if err != nil {
		return nil, scanned{}, fmt.Errorf("listing the audit directory: %w", err)
	}
	if err := checkNames(names); err != nil {
		return nil, scanned{}, err
	}
	r := &recovery{
		disk: newReadingDisk(ctx, l.disk, logfile.SegmentNames(names), l.cfg.Progress),
		now:  l.cfg.Now(), answered: map[string]struct{}{}, names: names,
	}
	s, err := r.scan()
	if err != nil {
		return nil, s, err
	}
	if err := l.lost(ctx, r); err != nil {
		return nil, s, err
	}
	return r, s, ctx.Err()
}

func (l *Log) recover(ctx context.Context) (Recovery, error) {
	r, s, err := l.examine(ctx)
	if err != nil {
		return Recovery{}, err
	}
	keys, err := chooseKeys(l.cfg.keys, &r.chain, string(l.cfg.Name))
	if err != nil {
		return r.found, err
	}
	r.stepBack()
	if err := l.begin(r, s); err != nil {
		return r.found, err
	}
	l.status.LastSeq, l.status.DurableSeq = r.found.LastSeq, r.found.LastSeq
	l.status.PrunedRecords = prunedRecords(r.names)
	l.tree, l.ledger, l.lastCheckpoint, l.newest = r.chain.Tree, s.ledger, r.chain.Signed, s.last.Time
	if err := l.closeOpen(r, keys.record); err != nil {
		return r.found, err
	}
	return r.found, l.firstCheckpoint(keys)
}

// begin makes the live segment ready for writing, which is a new one in a new log.
func (l *Log) begin(r *recovery, s scanned) error {
	if err := removeUnfinished(l.disk, nextName, pruningName, r.unbegun); err != nil {
		return err
	}
	err := l.cfg.keys.Tidy()
	if err != nil {
		return err
	}
	if r.live != "" {
		// The name of the last segment may be known to the kernel only, if the log ended before it was synced.
		if err := l.disk.Sync(); err != nil {
			return fmt.Errorf("syncing the audit directory: %w", err)
		}
		var cut int64
		l.live, cut, err = repair(l.disk, r.live, s)
		r.found.Cut += cut
		return err
	}
	if l.live, err = newSegment(l.disk, l.segmentSize()); err != nil {
		return fmt.Errorf("beginning the first audit segment: %w", err)
	}
	return l.live.publish(1)
}

// firstCheckpoint states the log as it was found, what closeOpen added, and by that the key that came in.
func (l *Log) firstCheckpoint(keys signers) error {
	l.signers = keys.keys
	l.key = l.signers[len(l.signers)-1].Public()
	if err := l.preallocate(); err != nil {
		return err
	}
	if err := l.writeCheckpoint(l.reserve(), l.write); err != nil {
		return err
	}
	if keys.replace {
		if err := l.cfg.keys.Replace(); err != nil {
			return fmt.Errorf("putting the new audit key in the place of %s: %w", l.cfg.keys.Path(), err)
		}
	}
	return l.preallocate()
}

// closeOpen writes the closing outcomes, the start record, the key record if there is one, and the losses that are accepted.
// Should it fail half-way, the next start finds the rest of the intents still open.
func (l *Log) closeOpen(r *recovery, key *logfile.Record) error {
	b := l.newBatch()
	for i := range r.open {
		r.found.Closed = append(r.found.Closed, ClosedCall{r.open[i].Call, r.open[i].Effect})
		l.put(b, closing(&r.open[i]))
		if len(b.buf) < closingChunk {
			continue
		}
		if err := l.write(b); err != nil {
			return err
		}
		b = l.newBatch()
	}
	l.put(b, &logfile.Record{Kind: logfile.KindStart, Version: l.cfg.Version, Unsigned: r.found.Unsigned, Freezes: r.found.Freezes})
	if key != nil {
		l.put(b, key)
	}
	for i := range r.found.Accepted {
		l.put(b, r.found.Accepted[i].record())
	}
	return l.write(b)
}

// newBatch begins a batch behind all records taken. mu is held, while the committer runs.
func (l *Log) newBatch() *batch {
	return &batch{first: l.status.LastSeq + 1, done: make(chan struct{})}
}

// put adds a record to a batch. mu is held, while the committer runs.
func (l *Log) put(b *batch, r *logfile.Record) {
	l.status.LastSeq++
	r.Seq, r.Commit, r.Time = l.status.LastSeq, b.first, l.cfg.Now().UTC()
	b.last, b.at = r.Seq, r.Time
	l.enter(b, r)
	b.buf = append(r.Append(b.buf), '\n')
}

// write is commit without repeats: at a start the operator learns of an error at once.
func (l *Log) write(b *batch) error {
	if err := l.live.append(b.buf); err != nil {
		return err
	}
	l.status.DurableSeq = b.last
	l.appendToTree(b)
	return nil
}
