package audit

import (
	"errors"
	"fmt"
	"time"
)

// closingChunk bounds how many bytes of closing outcomes are written at once.
const closingChunk = 256 << 10

// Open opens a log for writing, or begins one. It recovers what a crash left: it cuts off what had never been
// acknowledged, gives each intent without an outcome the outcome [Unknown], and writes a start record; all of that is
// durable when it returns. Any other fault in what it reads is an error that names the file and the byte, and changes
// nothing. The error wraps [ErrLocked] when another process has the log open.
//
// The caller must call Close.
func Open(cfg Config) (*Log, Recovery, error) {
	if err := cfg.complete(); err != nil {
		return nil, Recovery{}, err
	}
	lock, err := cfg.disk.Lock()
	if err != nil {
		return nil, Recovery{}, err
	}
	l := &Log{
		cfg: cfg, disk: cfg.disk, lock: lock,
		wake: make(chan struct{}, 1), closing: make(chan struct{}), abort: make(chan struct{}), done: make(chan struct{}),
	}
	l.bodies.New = func() any { return new([]byte) }
	found, err := l.recover()
	if err != nil {
		return nil, Recovery{}, errors.Join(advise(err), l.release())
	}
	l.linger = time.AfterFunc(lingerTime, l.rouse)
	go l.run()
	return l, found, nil
}

// advise says what to do about a fault. Nothing is repaired that may have been acknowledged: a person has to decide.
func advise(err error) error {
	var f *faultError
	if !errors.As(err, &f) {
		return err
	}
	return fmt.Errorf("%w; nothing was changed: restore the file from a copy, or move the whole directory away to begin a new log", err)
}

func (l *Log) release() error {
	if l.live == nil {
		return l.lock.Close()
	}
	return errors.Join(l.live.file.Close(), l.lock.Close())
}

func (l *Log) recover() (Recovery, error) {
	r := recovery{
		disk: l.disk, cutoff: l.cfg.Now().Add(-ReplayWindow),
		answered: map[string]struct{}{},
	}
	names, err := l.disk.List()
	if err != nil {
		return r.found, fmt.Errorf("listing the audit directory: %w", err)
	}
	if err := checkNames(names); err != nil {
		return r.found, err
	}
	segments := segmentNames(names)
	s, err := r.scan(segments)
	if err != nil {
		return r.found, err
	}
	if err := l.begin(segments, s, &r.found); err != nil {
		return r.found, err
	}
	l.status.LastSeq, l.status.DurableSeq = r.found.LastSeq, r.found.LastSeq
	if err := l.closeOpen(&r); err != nil {
		return r.found, err
	}
	return r.found, l.upkeep()
}

// begin makes the live segment ready for writing, which is a new one in a new log.
func (l *Log) begin(segments []string, s scanned, found *Recovery) error {
	if err := removeNext(l.disk); err != nil {
		return err
	}
	var err error
	if len(segments) > 0 {
		// The name of the last segment may be known to the kernel only, if the log ended before it was synced.
		if err := l.disk.Sync(); err != nil {
			return fmt.Errorf("syncing the audit directory: %w", err)
		}
		l.live, found.Cut, err = mend(l.disk, segments[len(segments)-1], s)
		return err
	}
	if l.live, err = newSegment(l.disk, l.initialSize()); err != nil {
		return err
	}
	return l.live.publish(1)
}

// closeOpen writes the closing outcomes and the start record. Should it fail half-way, the next start finds the rest of
// the intents still open.
func (l *Log) closeOpen(r *recovery) error {
	b := l.newBatch()
	for i := range r.open {
		r.found.Closed = append(r.found.Closed, r.open[i].Call)
		l.put(b, closing(&r.open[i]))
		if len(b.buf) < closingChunk {
			continue
		}
		if err := l.write(b); err != nil {
			return err
		}
		b = l.newBatch()
	}
	l.put(b, &Record{Kind: KindStart, Version: l.cfg.Version})
	return l.write(b)
}

func (l *Log) newBatch() *batch {
	return &batch{first: l.status.LastSeq + 1, done: make(chan struct{})}
}

func (l *Log) put(b *batch, r *Record) {
	l.status.LastSeq++
	r.Seq, r.Commit, r.Time = l.status.LastSeq, b.first, l.cfg.Now().UTC()
	b.last = r.Seq
	b.buf = append(r.Append(b.buf), '\n')
}

// write is commit without repeats: at start the operator is told at once.
func (l *Log) write(b *batch) error {
	if err := l.live.write(b.buf); err != nil {
		return err
	}
	if err := l.live.commit(len(b.buf)); err != nil {
		return err
	}
	l.status.DurableSeq = b.last
	return nil
}

// complete fills in the defaults and checks the rest.
func (c *Config) complete() error {
	if c.Dir == "" && c.disk == nil {
		return errors.New("audit: no directory given")
	}
	for _, size := range []struct {
		name          string
		value         *int64
		usual, lowest int64
	}{
		{"segment size", &c.SegmentSize, 256 << 20, MaxLine},
		{"preallocation", &c.Preallocate, 4 << 20, 2 * MaxLine},
		{"reserve", &c.Reserve, 4 << 20, 2 * MaxLine},
		{"bound of pending records", &c.MaxPending, 4 << 20, 4 * MaxLine},
	} {
		if *size.value == 0 {
			*size.value = size.usual
		}
		if *size.value < size.lowest && (c.disk == nil || *size.value < 0) {
			return fmt.Errorf("audit: the %s is %d bytes; the least is %d", size.name, *size.value, size.lowest)
		}
	}
	if c.StallAfter == 0 {
		c.StallAfter = 5 * time.Second
	}
	if c.StallAfter < 0 {
		return fmt.Errorf("audit: the time until the log counts as stalled is %v; it must be positive", c.StallAfter)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.disk == nil {
		c.disk = osDisk{c.Dir}
	}
	return nil
}
