package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/text"
)

const (
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second
	// maxSpare is the largest buffer that is kept between commits, of which two are at work in turn.
	maxSpare  = 1 << 20
	maxSpares = 2
	// maxSpareEntries is as many entries as records fill such a buffer.
	maxSpareEntries = 4 << 10
)

// Close takes no further records, writes what is pending, a stop record and its checkpoint, unlocks the directory, and returns
// when Published has the last checkpoint. When ctx ends first, Close abandons writes that keep failing and returns; a system
// call that hangs is not waited for, and what it holds is released when it ends. Close may be called again: it waits again, and
// returns the same.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
	l.mu.Unlock()
	select {
	case <-l.done:
		return l.closeErr
	case <-ctx.Done():
	}
	select {
	case <-l.done: // both at once: it has ended
		return l.closeErr
	default:
	}
	l.mu.Lock()
	if !l.aborted {
		l.aborted = true
		close(l.abort)
	}
	l.mu.Unlock()
	return fmt.Errorf("closing the audit log: %w", context.Cause(ctx))
}

// run is the committer.
func (l *Log) run() {
	defer close(l.done)
	defer l.published.close()
	err := l.commitAll()
	if err == nil {
		err = l.stop()
	}
	if err != nil {
		l.fail(err)
	}
	l.pruning <- struct{}{}
	l.closeErr = errors.Join(err, l.release())
	<-l.pruning
}

// commitAll commits batches until the log is closed and nothing is pending.
func (l *Log) commitAll() error {
	for {
		b, err := l.next()
		if b == nil || err != nil {
			return err
		}
		if len(b.buf) > 0 {
			if err := l.commit(b); err != nil {
				return err
			}
		}
		if b.checkpointSeq > 0 {
			err := l.writeCheckpoint(b.checkpointSeq, l.commit)
			b.finishCheckpoint(err)
			if err != nil {
				return err
			}
		}
	}
}

// next waits for a batch. It returns nil when the log is closed. Before each batch it preallocates what the batch needs.
func (l *Log) next() (*batch, error) {
	for {
		if err := l.preallocate(); err != nil {
			return nil, err
		}
		if b := l.take(); b != nil {
			return b, nil
		}
		if l.allocating() {
			continue
		}
		select {
		case <-l.wake:
			runtime.Gosched() // calls that are about to add a record share this commit
		case <-l.closing:
			return l.take(), nil // nothing is added after closing was closed
		case <-l.retry:
			l.retry = nil
		case <-l.starting:
			l.starting = nil
		case <-l.expiry:
			l.expiry, l.late = nil, true
		case <-l.trial():
			if err := l.try(); err != nil {
				return nil, err
			}
		}
	}
}

// take returns the batch to be committed next, or nil, and settles whether a checkpoint follows it: as other records may get
// the seqs behind the batch at once, the checkpoint's is reserved in the same step.
func (l *Log) take() *batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch()
	if len(l.full) > 0 {
		return l.takeFull()
	}
	b, due := l.filling, l.checkpointDue()
	if b != nil && b.checkpointed != nil {
		due = true
	}
	if b == nil {
		if !due {
			return nil
		}
		b = l.newBatch()
	}
	if due {
		b.checkpointSeq = l.reserve()
	}
	l.filling = nil
	l.inFlight = int64(len(b.buf))
	l.busySince = l.cfg.Now()
	return b
}

// takeFull returns the first batch whose checkpoint is reserved already. mu is held.
func (l *Log) takeFull() *batch {
	b := l.full[0]
	l.full[0] = nil
	l.full, l.fullBytes = l.full[1:], l.fullBytes-int64(len(b.buf))-logfile.MaxLine
	l.inFlight = int64(len(b.buf)) + logfile.MaxLine
	l.busySince = l.cfg.Now()
	return b
}

// commit makes a batch durable and wakes those who wait for it. A write that fails is repeated, with the same bytes at
// the same place, until it works: that is how later records keep their order. A failed sync is never repeated.
func (l *Log) commit(b *batch) error {
	start := l.cfg.Now()
	attempt := start
	for wait := minBackoff; ; wait = min(2*wait, maxBackoff) {
		err := l.live.append(b.buf)
		if err == nil {
			break
		}
		if isFatal(err) || !l.pause(err, wait) {
			l.fail(err) // first, so that a caller that sees it finds it in Status
			l.finish(b, err)
			return err
		}
		attempt = l.cfg.Now()
	}
	durable := l.cfg.Now()
	l.mu.Lock()
	l.writeErr = nil
	l.inFlight = 0
	l.status.Commits++
	l.status.Written += uint64(len(b.buf))
	l.status.LastCommit = durable.Sub(start)
	l.took(l.status.LastCommit)
	l.status.DurableSeq = b.last
	l.note() // in one step with inFlight, or the same bytes would count as space twice
	idle := l.filling == nil
	l.mu.Unlock()
	l.finish(b, nil)
	if idle {
		runtime.Gosched() // a caller that was alone goes on at once; the books can wait
	}
	if l.cfg.Fsynced != nil {
		l.cfg.Fsynced(durable.Sub(attempt))
	}
	l.appendToTree(b)
	l.recycle(b)
	return nil
}

// appendToTree adds a durable batch to the tree.
func (l *Log) appendToTree(b *batch) {
	if l.live.begun.IsZero() {
		l.live.begun = b.at
	}
	l.newest = b.at
	for line := range bytes.Lines(b.buf) {
		l.tree.AddLine(line[:len(line)-1])
	}
	l.ledger.Add(b.entries, b.buf)
}

// note publishes what Status reports of the live segment. mu is held.
func (l *Log) note() {
	l.status.Segment = l.live.name
	l.status.SegmentBytes = l.live.offset
	l.status.Preallocated = l.live.space()
}

func isFatal(err error) bool {
	var f *fatalError
	return errors.As(err, &f)
}

// pause waits before a write is repeated, and reports whether it is to be: not when the time of Close is over.
func (l *Log) pause(err error, wait time.Duration) bool {
	l.mu.Lock()
	l.writeErr = err
	l.mu.Unlock()
	select {
	case <-time.After(wait):
		return true
	case <-l.abort:
		return false
	}
}

// finish wakes those who wait for a batch.
func (l *Log) finish(b *batch, err error) {
	if err != nil {
		b.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	close(b.done)
	if err != nil {
		b.finishCheckpoint(b.err)
	}
}

func (b *batch) finishCheckpoint(err error) {
	if b.checkpointed != nil {
		b.checkpointErr = err
		close(b.checkpointed)
	}
}

// recycle keeps a batch's buffers for later ones.
func (l *Log) recycle(b *batch) {
	clear(b.entries) // they hold texts of records
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = l.ledger.Open()
	if cap(b.buf) <= maxSpare && len(l.spare) < maxSpares {
		l.spare = append(l.spare, b.buf[:0])
	}
	if n := cap(b.entries); n > 0 && n <= maxSpareEntries && len(l.spareEntries) < maxSpares {
		l.spareEntries = append(l.spareEntries, b.entries[:0])
	}
}

// fail refuses all records from now on, those that wait included.
func (l *Log) fail(err error) {
	l.mu.Lock()
	l.fault = err
	pending := l.full
	if l.filling != nil {
		pending = append(pending, l.filling)
	}
	l.filling, l.full, l.fullBytes = nil, nil, 0
	l.mu.Unlock()
	for _, b := range pending {
		l.finish(b, err)
	}
}

// setBusySince says since when the committer is busy with the disk; the zero time says that it is not.
func (l *Log) setBusySince(since time.Time) {
	l.mu.Lock()
	l.busySince = since
	l.mu.Unlock()
}

// stop ends the log in good order, with a checkpoint even if only the reserve is left for it. The live segment keeps its space, which
// a start needs on a disk that is full by then.
func (l *Log) stop() error {
	r := logfile.Record{Kind: logfile.KindStop}
	l.mu.Lock()
	l.busySince = l.cfg.Now()
	if n := l.open; n > 0 {
		r.Note = text.Are(n, "call") + " without an outcome; the next start ends each as unknown"
	}
	b := l.newBatch()
	l.put(b, &r)
	checkpointSeq := l.reserve()
	l.mu.Unlock()
	if err := l.commit(b); err != nil {
		return err
	}
	return l.sign(checkpointSeq, l.commit)
}
