package inbox

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/internal/moment"
	"tollgate/review/evidence"
)

// files looks at what the files of the log show, and at what a verification found.
func (f *finder) files(ctx context.Context) {
	f.verified()
	segments, err := f.Segments(ctx)
	f.gaps(segments)
	if err == nil {
		err = cmp.Or(f.unpruned(ctx, segments), f.tail(ctx))
	}
	if err != nil {
		f.miss(PartFiles, time.Time{}, err)
	}
}

func (f *finder) verified() {
	if f.scope.Verified == nil {
		return
	}
	v, _ := f.scope.Verified(f.Name)
	for _, fault := range v.Faults {
		f.fault(fault.Seq, v.At, fault.Text)
	}
}

// fault adds that the log has a fault, at a record as far as that is known.
func (f *finder) fault(seq uint64, found time.Time, text string) {
	f.add(&Exception{ID: ID{Kind: Fault, Log: short(f.Name), Seq: max(seq, 1)}, Time: found, Subject: Subject{Name: text}})
}

// gaps finds files that begin or end with a line that is no record, and records that are in no file.
func (f *finder) gaps(segments []evidence.Segment) {
	for i := range segments {
		s := &segments[i]
		if s.Damaged {
			f.fault(s.First, f.scope.Now, s.Name)
		}
		if s.Missing > 0 {
			f.gap(s.First-s.Missing, s.Missing)
		}
	}
}

// unpruned finds hashes that stand for records of which no record says that they were pruned. An archive has hashes of what is not in it.
func (f *finder) unpruned(ctx context.Context, segments []evidence.Segment) error {
	hashes := slices.ContainsFunc(segments, func(s evidence.Segment) bool { return s.Pruned })
	if f.Dir == "" || !hashes {
		return nil
	}
	var pruned uint64
	err := f.read(ctx, store.EventFilter{Kind: logfile.KindPrune}, func(r *logfile.Record) { pruned = max(pruned, r.Last) })
	if err != nil {
		return err
	}
	for i := range segments {
		s := &segments[i]
		if from := max(s.First, pruned+1); s.Pruned && from <= s.Last {
			f.gap(from, s.Last+1-from)
		}
	}
	return nil
}

// gap adds that n records are missing, from one on.
func (f *finder) gap(from, n uint64) {
	f.add(&Exception{ID: ID{Kind: Gap, Log: short(f.Name), Seq: from}, Count: n})
}

// tail finds the records that no checkpoint covers, but for those that wait for the next one of a running gateway.
func (f *finder) tail(ctx context.Context) error {
	c, err := f.Coverage(ctx)
	if err != nil || !c.Stale(f.scope.Now) {
		return err
	}
	signed, err := f.Signed(ctx)
	if err != nil {
		return err
	}
	f.add(&Exception{ID: ID{Kind: Uncovered, Log: short(f.Name), Seq: signed.Seq + 1}, Time: c.Uncovered, Count: signed.Unsigned})
	f.uncover(c.Uncovered, c.End)
	return nil
}

// maxDays bounds the days that are counted.
const maxDays = 10_000

// uncover notes the days from that of one time to that of another.
func (f *finder) uncover(from, to time.Time) {
	year, month, day := from.In(f.scope.Zone).Date()
	for i := range maxDays {
		start := moment.StartOfDay(year, month, day+i, f.scope.Zone)
		if i > 0 && start.After(to) {
			return
		}
		f.uncovered[start] = true
	}
}
