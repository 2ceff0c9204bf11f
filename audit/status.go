package audit

import (
	"time"

	"tollgate/audit/logfile"
)

// Status is the state of a log, for readiness and metrics.
type Status struct {
	Err          error         // why intents are not admitted; nil when they are
	LastSeq      uint64        // of the last record taken
	DurableSeq   uint64        // of the last durable record
	Signed       uint64        // how many records the last checkpoint covers
	Pending      int64         // bytes taken and not durable yet
	Segment      string        // file name of the live segment
	SegmentBytes int64         // bytes of records in it
	Preallocated int64         // bytes allocated behind them, the reserve included
	Free         int64         // free bytes of the file system, a second old at most while records come; -1 when not known
	Commits      uint64        // writes that became durable since Open, one fsync each
	LastCommit   time.Duration // how long the last of them took
	Slow         time.Duration // how long a record had to wait of late, or a commit took, that is too long; 0 when none did
	Dropped      uint64        // refusals and summaries that were not taken
	LostOutcomes uint64        // outcomes that were not taken
	Written      uint64        // bytes of records that became durable since Open

	PrunedRecords uint64 // records of which only the hashes are left
	PruneErr      error  // of the last Prune; nil when it removed all that is due
}

// Status never waits for the disk.
func (l *Log) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.status
	s.Pending = l.pending()
	if !l.slow() {
		s.Slow = 0
	}
	s.Err = l.admit(logfile.MaxLine, forIntent, l.cfg.Now())
	return s
}
