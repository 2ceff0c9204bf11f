package audit

import "time"

// A log is stalled while the committer is busy with the disk for longer than callers wait: it takes no intents then. When the disk
// has answered, it takes some, and they may wait in vain again. So a log counts as slow until the disk has been fast enough for a
// while, which it finds out by itself, since no calls may come meanwhile.

// calmFactor is how many times the deadline a log is slow after the last slow commit.
const calmFactor = 5

// deadline is how long writing, syncing or allocating may take. A log that takes longer is stalled and refuses new intents until the disk
// answers; then it counts as slow for a while: see [Status]. Callers of [Log.Intent] wait for this long too.
func (l *Log) deadline() time.Duration { return time.Duration(l.cfg.Deadline) }

// stalled reports whether the disk has not answered for too long by now. mu is held.
func (l *Log) stalled(now time.Time) bool {
	return !l.busySince.IsZero() && now.Sub(l.busySince) > l.deadline()
}

// slow reports whether the disk was too slow of late. mu is held.
func (l *Log) slow() bool {
	if l.slowAt.IsZero() {
		return false
	}
	since := l.cfg.Now().Sub(l.slowAt)
	return since >= 0 && since < calmFactor*l.deadline()
}

// tookSince notes how long the disk took for what is no commit and began at a time.
func (l *Log) tookSince(begun time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took(l.cfg.Now().Sub(begun))
}

// took notes how long the disk took. While it is slow, it has to take no longer than half of what it may otherwise. mu is held.
func (l *Log) took(d time.Duration) {
	limit := l.deadline()
	if l.slow() {
		limit /= 2
	}
	if d > limit {
		l.slowAt, l.status.Slow = l.cfg.Now(), d
	}
}

// waitedInVain notes that an intent which came at a time was not durable when its caller stopped waiting: it may have waited for the commit
// before its own, neither of which took too long for itself.
func (l *Log) waitedInVain(since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	l.slowAt, l.status.Slow = now, now.Sub(since)
}

// trial is when the disk is to be tried; nil while the log is not slow.
func (l *Log) trial() <-chan time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.slow() {
		return nil
	}
	return time.After(l.deadline())
}

// try makes the disk sync something that is no record, and notes how long it takes.
func (l *Log) try() error {
	start := l.cfg.Now()
	l.setBusySince(start)
	err := l.live.try()
	l.tookSince(start)
	return err
}
