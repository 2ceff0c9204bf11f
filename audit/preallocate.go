package audit

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// preallocate allocates space ahead: for the next segment when one is due, or else of the live one. That this fails is no error
// as long as the space lasts; it is tried again later. The errors returned are fatal ones.
func (l *Log) preallocate() error {
	defer l.setBusySince(time.Time{})
	if !l.retryDue() {
		return nil
	}
	begun := l.cfg.Now()
	l.setBusySince(begun)
	err := l.allocate()
	l.tookSince(begun)
	l.lookAtFree()
	if isFatal(err) {
		return err
	}
	l.notePreallocated(err)
	return nil
}

// notePreallocated records the result of preallocation for Status; after an error it is tried again later.
func (l *Log) notePreallocated(err error) {
	l.mu.Lock()
	l.spaceErr = err
	l.opening = l.opening && err == nil && !l.filled
	l.note()
	l.mu.Unlock()
	l.schedule(err)
}

func (l *Log) allocate() error {
	if !l.rotationDue() {
		return l.grow()
	}
	if l.nextSegment != nil {
		return nil
	}
	next, err := newSegment(l.disk, l.segmentSize())
	if err == nil {
		l.nextSegment = next
		return nil
	}
	err = fmt.Errorf("beginning the segment after %s: %w", l.live.name, err)
	if lacksDescriptors(err) { // but not space: the live segment may become longer meanwhile
		return cmp.Or(l.grow(), err)
	}
	return err
}

// freeEvery is how often the free space of the file system is looked up: for Status only, nothing is decided by it.
const freeEvery = time.Second

func (l *Log) lookAtFree() {
	now := l.cfg.Now()
	if since := now.Sub(l.freeSeen); !l.freeSeen.IsZero() && since >= 0 && since < freeEvery {
		return
	}
	free := l.disk.Free()
	l.freeSeen = now
	l.mu.Lock()
	l.status.Free = free
	l.mu.Unlock()
}

// retryDue reports whether a failed allocation may be tried again.
func (l *Log) retryDue() bool {
	if l.retry == nil {
		return true
	}
	select {
	case <-l.retry:
		l.retry = nil
		return true
	default:
		return false
	}
}

func (l *Log) schedule(err error) {
	if err == nil {
		l.retryWait = 0
		return
	}
	l.retryWait = min(max(2*l.retryWait, minBackoff), maxBackoff)
	l.retry = time.After(l.retryWait)
}

const (
	// startStep is how much space calls have when a log has just been opened, and by how much it grows from there: a call that comes
	// meanwhile waits for one step at most.
	startStep = 1 << 20
	// startPause is how long after that it grows, unless calls use half of a step before: until then the process has listeners to open.
	startPause = 50 * time.Millisecond
)

// grow keeps space for both reserves and more behind the records.
func (l *Log) grow() error {
	room, step := l.live.space(), l.cfg.Preallocate
	switch {
	case room >= 2*int64(l.cfg.Reserve)+l.cfg.Preallocate:
		l.filled = true
		return nil
	case !l.running && room >= l.startSize():
		return nil
	case !l.running:
		return l.live.grow(l.live.offset + l.startSize())
	case l.starting != nil && room >= int64(l.cfg.Reserve)+startStep/2:
		return nil
	case !l.filled:
		step = startStep
	}
	return l.live.grow(l.live.offset + min(room+step, l.initialSize()))
}

// startSize is how much a segment is allocated before the log is open: what calls need. The rest is allocated beside them.
func (l *Log) startSize() int64 { return min(int64(l.cfg.Reserve)+startStep, l.initialSize()) }

// allocating reports whether there is more to allocate at once: the space that a start did not wait for.
func (l *Log) allocating() bool {
	select {
	case <-l.closing:
		return false
	default:
		return !l.filled && l.starting == nil && l.retry == nil && l.nextSegment == nil
	}
}

// segmentSize is how much a new segment is allocated.
func (l *Log) segmentSize() int64 {
	if l.running {
		return l.initialSize()
	}
	return l.startSize()
}

// initialSize is how much a segment is allocated: enough that growing, which begins when one step of it is used, leaves
// a whole step for the records that come meanwhile.
func (l *Log) initialSize() int64 { return 2 * (int64(l.cfg.Reserve) + l.cfg.Preallocate) }

// rotationDue reports whether the batch that comes next fills the live segment, or begins another day. A segment goes on as
// long as nothing but its last checkpoint is behind that, and until two keys have signed together: the first record of a
// segment is a checkpoint that one key signs.
func (l *Log) rotationDue() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.full) == 0 && l.status.LastSeq == l.lastCheckpoint || len(l.signers) > 1 {
		return false
	}
	size, at := l.live.offset+l.fullBytes, l.newest
	if b := l.filling; b != nil {
		size, at = size+int64(len(b.buf)), b.at
	}
	return size >= int64(l.cfg.SegmentSize) || !l.live.begun.IsZero() && !sameDay(at, l.live.begun)
}

func sameDay(a, b time.Time) bool {
	const day = 24 * time.Hour // Truncate counts in UTC
	return a.Truncate(day).Equal(b.Truncate(day))
}

// rotate begins the next segment, whose first record will be seq. It has its space before the old one frees its own, so
// on a full disk the old one goes on. The old one is trimmed before the new one gets its name: a reader that finds a later
// segment may expect the one before it to be whole.
func (l *Log) rotate(seq uint64) error {
	next := l.nextSegment
	l.nextSegment = nil
	if err := l.live.trim(); err != nil {
		return errors.Join(err, next.discard())
	}
	if err := next.publish(seq); err != nil {
		return errors.Join(err, next.file.Close())
	}
	old := l.live
	l.live = next
	return old.file.Close() // synced: an error here is reported, but loses nothing
}
