package audit

import (
	"errors"
	"time"
)

// upkeep begins the next segment when it is time and allocates room ahead. That these fail is no error as long as the
// room lasts; they are tried again later. The errors given are fatal ones.
func (l *Log) upkeep() error {
	defer l.turnTo(time.Time{})
	if !l.retryDue() {
		return nil
	}
	l.turnTo(l.cfg.Now())
	err := l.rotate()
	if err == nil {
		err = l.grow()
	}
	l.lookAtFree()
	l.mu.Lock()
	l.spaceErr = err
	l.note()
	l.mu.Unlock()
	if isFatal(err) {
		return err
	}
	l.schedule(err)
	return nil
}

// freeEvery is how often the free room of the file system is looked up: for Status only, nothing is decided by it.
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

// retryDue is false while a failed allocation is not to be tried again yet.
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

// grow keeps room for the reserve and more behind the records.
func (l *Log) grow() error {
	if l.live.room() >= l.cfg.Reserve+l.cfg.Preallocate {
		return nil
	}
	return l.live.grow(l.live.offset + l.initialSize())
}

// initialSize is how much a segment is allocated: enough that growing, which begins when one step of it is used, leaves
// a whole step for the records that come meanwhile.
func (l *Log) initialSize() int64 { return l.cfg.Reserve + 2*l.cfg.Preallocate }

// rotate begins the next segment when the live one is full. The new one has its room before the old one gives up its
// own, so on a full disk the old one goes on. The old one is trimmed before the new one gets its name: whoever finds a
// later segment may expect the one before it to be whole.
func (l *Log) rotate() error {
	if l.live.offset < l.cfg.SegmentSize {
		return nil
	}
	next, err := newSegment(l.disk, l.initialSize())
	if err != nil {
		return err
	}
	if err := l.live.trim(); err != nil {
		return errors.Join(err, next.discard())
	}
	if err := next.publish(l.status.DurableSeq + 1); err != nil {
		return errors.Join(err, next.file.Close())
	}
	old := l.live
	l.live = next
	return old.file.Close() // synced: an error here is told, but loses nothing
}
