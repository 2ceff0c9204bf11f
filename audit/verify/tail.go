package verify

import (
	"cmp"
	"fmt"
	"time"

	"tollgate/internal/text"
)

// What a healthy writer can leave unsigned, beyond its settings. A checkpoint follows the batch with which it falls due, and a batch has at
// most as many records as the writer's memory holds: 8 MiB, of at least 128 bytes each. It waits for up to five writes (of the batch before,
// its own, and the checkpoints behind each), and with one of more than two seconds, the default of audit.deadline, the log counts as stalled;
// thrice that is allowed.
const (
	tailRecords = 8 << 20 / 128
	tailAge     = 30 * time.Second
)

// Default settings of checkpoints.
const (
	DefaultCheckpointEvery   = 10 * time.Second
	DefaultCheckpointRecords = 10_000
)

// tailBound returns how many records can stand behind the last checkpoint of a log that a process writes, and for how long.
func (o *Options) tailBound() (records uint64, age time.Duration) {
	return cmp.Or(o.CheckpointRecords, DefaultCheckpointRecords) + tailRecords, cmp.Or(o.CheckpointEvery, DefaultCheckpointEvery) + tailAge
}

// span is the earliest and the latest of some times.
type span struct {
	from, to time.Time
	some     bool // there is a time
}

func (s *span) add(t time.Time) {
	if !s.some || t.Before(s.from) {
		s.from = t
	}
	if !s.some || t.After(s.to) {
		s.to = t
	}
	s.some = true
}

// inUse checks the records behind the last checkpoint of a log that a process writes. That a process holds the log's lock is no proof: any
// process can.
func (v *verifier) inUse() {
	records, _ := v.options.tailBound()
	if v.report.Unsigned > records {
		v.tailFault("there can be no more than %d where a checkpoint follows %s (--checkpoint-records): they were added, or checkpoints removed",
			records, text.Count(records-tailRecords, "record"))
	} else if v.report.Unsigned > 0 && v.options.Now != nil {
		v.inTime(v.options.Now())
	}
}

// inTime compares the times of the records behind the last checkpoint with the current time.
func (v *verifier) inTime(now time.Time) {
	_, age := v.options.tailBound()
	if now.Sub(v.tail.from) <= age && v.tail.to.Sub(now) <= age {
		return
	}
	v.tailFault("it would have signed those of %s to %s by now, %s, where a checkpoint follows after %v (--checkpoint-every): they were added, or checkpoints "+
		"removed; or the gateway's disk is full or fails, its clock was set, or it is starting after a crash: see its readiness, and verify again",
		clock(v.tail.from), clock(v.tail.to), clock(now), age-tailAge)
}

func (v *verifier) tailFault(format string, args ...any) {
	v.faultAmong(FaultTail, v.signed+1, v.report.Last, v.behind, "%s signed by nothing, behind the last checkpoint. Although a process has the log open, %s",
		text.Are(v.report.Unsigned, "record"), fmt.Sprintf(format, args...))
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
