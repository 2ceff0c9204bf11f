package verify

import (
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

// TestTail forges records behind the last checkpoint of a log whose lock a process holds: only as many, as old and as late ones pass as a
// gateway can leave there.
func TestTail(t *testing.T) {
	key := testKey(t, logName)
	// Records are a second apart, the first forged one is record 6.
	tail := func(n int) files {
		f, _ := written(t, key, func(l *testlog.Log) {
			fill(l)
			for range n {
				l.Add(plain("refusal"))
			}
		})
		return f
	}
	short, long := tail(3), tail(60)
	const form = "2006-01-02T15:04:05.000000000Z"
	at := func(seq int) time.Time { return testlog.Start.Add(time.Duration(seq) * time.Second) }
	name, ancient := logfile.SegmentName(1), tail(2)
	ancient = ancient.with(name, strings.Replace(ancient[name], at(6).Format(form), time.Time{}.Format(form), 1))
	for _, c := range []struct {
		name  string
		files files
		now   time.Time
		o     Options
		want  string
	}{
		{"none, long ago", tail(0), at(99999), Options{}, ""},
		{"just written", short, at(8), Options{}, ""},
		{"as old as they can be", short, at(46), Options{}, ""},
		{"older", short, at(47), Options{}, "tail@6"},
		{"as far ahead as a clock that differs", short, at(8 - 40), Options{}, ""},
		{"further ahead", short, at(8 - 41), Options{}, "tail@6"},
		{"one of the year 1, and a new one", ancient, at(8), Options{}, "tail@6"},
		{"old ones and new ones", long, at(65), Options{}, "tail@6"},
		{"old, where checkpoints are rare", short, at(6 + 90), Options{CheckpointEvery: time.Minute}, ""},
		{"too old for that", short, at(6 + 91), Options{CheckpointEvery: time.Minute}, "tail@6"},
		{"old, and allowed", short, at(99999), Options{AllowUnsigned: true}, ""},
	} {
		c.o.InUse, c.o.Now = used, func() time.Time { return c.now }
		if got := kinds(verified(t, c.files, c.o)); got != c.want {
			t.Errorf("%s: faults %q, want %q", c.name, got, c.want)
		}
	}
}

// TestLongTail forges so many that a gateway would have signed some.
func TestLongTail(t *testing.T) {
	for _, c := range []struct {
		records  int
		settings uint64
		want     string
	}{
		{DefaultCheckpointRecords + tailRecords, 0, ""},
		{DefaultCheckpointRecords + tailRecords + 1, 0, "tail@6"},
		{1 + tailRecords, 1, ""},
		{2 + tailRecords, 1, "tail@6"},
	} {
		f, _ := written(t, testKey(t, logName), func(l *testlog.Log) {
			fill(l)
			for range c.records {
				r := plain("refusal")
				r.Time = testlog.Start
				l.Add(r)
			}
		})
		r := verified(t, f, Options{InUse: used, CheckpointRecords: c.settings, Now: func() time.Time { return testlog.Start }})
		if got := kinds(r); got != c.want || r.Unsigned != uint64(c.records) {
			t.Errorf("%d records: faults %q, want %q", c.records, got, c.want)
		}
		if c.want != "" && (r.Faults[0].Last != r.Last || r.Faults[0].Offset == 0) {
			t.Errorf("%+v", r.Faults[0])
		}
	}
}
