package inbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/internal/moment"
)

// files looks at what the files of the log show, and at what a verification found.
func (f *finder) files(ctx context.Context) {
	f.verified()
	files, err := logfile.List(f.FS)
	if err == nil {
		err = cmp.Or(f.gaps(ctx, files), f.tail(ctx, logfile.Segments(files)))
	}
	var fault *logfile.FaultError
	switch {
	case err == nil:
	case errors.As(err, &fault):
		f.unreadable(err)
	default:
		f.miss(PartFiles, time.Time{}, err)
	}
}

func (f *finder) verified() {
	if f.scope.Verified == nil {
		return
	}
	v, _ := f.scope.Verified(f.Name)
	for _, fault := range v.Faults {
		f.add(&Exception{ID: ID{Kind: Fault, Log: short(f.Name), Seq: max(fault.Seq, 1)}, Time: v.At, Subject: Subject{Name: fault.Text}})
	}
}

// unreadable adds that the log cannot be read to its end.
func (f *finder) unreadable(err error) {
	f.add(&Exception{ID: ID{Kind: Fault, Log: short(f.Name), Seq: 1}, Time: f.scope.Now, Subject: Subject{Name: err.Error()}})
}

// gaps finds records that are missing between the files of the log. A part of a log, as archives have it, begins anywhere, and has hashes of
// what is not in it.
func (f *finder) gaps(ctx context.Context, files []logfile.File) error {
	pruned, err := f.prunedTo(ctx)
	if err != nil {
		return err
	}
	next := uint64(1) // the record that the file has to begin with
	for i, file := range files {
		if next > 0 && file.First > next && (i > 0 || f.Dir != "") {
			f.gap(next, file.First)
		}
		end, err := f.endOf(file, i+1 == len(files))
		if err != nil || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
		if file.Hashes && f.Dir != "" && end > pruned+1 {
			f.gap(max(file.First, pruned+1), end)
		}
		next = end
	}
	return nil
}

// gap adds that the records from one to before another are missing.
func (f *finder) gap(from, to uint64) {
	f.add(&Exception{ID: ID{Kind: Gap, Log: short(f.Name), Seq: from}, Count: to - from})
}

// prunedTo returns the last record that prune records say is removed.
func (f *finder) prunedTo(ctx context.Context) (last uint64, err error) {
	err = f.read(ctx, store.EventFilter{Kind: logfile.KindPrune}, func(r *logfile.Record) { last = max(last, r.Last) })
	return last, err
}

// endOf returns the first record behind a file; 0 if it cannot be known, as of the last segment, which is being written.
func (f *finder) endOf(file logfile.File, last bool) (uint64, error) {
	if file.Hashes {
		return file.First + uint64(file.Size()/logfile.HashLength), nil
	}
	if last {
		return 0, nil
	}
	r, err := logfile.Open(f.FS, file.Name)
	if err != nil {
		return 0, err
	}
	defer r.Close() // opened for reading: nothing can be lost
	h, err := r.Last()
	return h.Seq + 1, err
}

// tail finds the records that no checkpoint covers: those behind the last one. The last ones of a log that is being written wait for one.
func (f *finder) tail(ctx context.Context, segments []logfile.File) error {
	if len(segments) == 0 {
		return nil
	}
	at, seq, err := f.lastCheckpoint(segments[len(segments)-1])
	if err != nil {
		return err
	}
	var first *logfile.Record
	var n uint64
	for line, err := range logfile.Lines(f.FS, segments[len(segments)-1:], seq, at) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		r, err := line.Brief()
		if err != nil {
			return err
		}
		if r.Kind == logfile.KindCheckpoint || f.scope.Now.Sub(r.Time) < CoveredAfter {
			continue
		}
		first = cmp.Or(first, r)
		n++
		f.uncover(r.Time)
	}
	if first != nil {
		f.add(&Exception{ID: ID{Kind: Uncovered, Log: short(f.Name), Seq: first.Seq}, Time: first.Time, Count: n})
	}
	return nil
}

// lastCheckpoint returns where the last checkpoint of a segment stands; of one without, where it begins. The log's first segment alone may
// have none.
func (f *finder) lastCheckpoint(segment logfile.File) (at logfile.Position, seq uint64, err error) {
	r, err := logfile.Open(f.FS, segment.Name)
	if err != nil {
		return at, 0, fmt.Errorf("the last segment: %w", err)
	}
	defer r.Close() // opened for reading: nothing can be lost
	line, h, err := r.LastCheckpoint()
	if err != nil || line.Text == nil {
		return logfile.Position{Segment: segment.First}, segment.First, err
	}
	return line.At, h.Seq, nil
}

// maxDays bounds the days that are remembered.
const maxDays = 10_000

func (f *finder) uncover(t time.Time) {
	year, month, day := t.In(f.scope.Zone).Date()
	if start := moment.StartOfDay(year, month, day, f.scope.Zone); len(f.uncovered) < maxDays {
		f.uncovered[start] = true
	}
}
