// Package evidence reads the logs under review: calls by page, sums, days, events, single records. It reads an index of a log where there is
// one, and the log itself otherwise.
package evidence

import (
	"context"
	"io/fs"
	"slices"

	"tollgate/audit/calls"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/internal/pace"
)

// Log is one log under review.
type Log struct {
	Name  string                 // as pages call it; up to [calls.MaxLogName] bytes
	FS    fs.FS                  // its files
	Dir   string                 // its directory; empty for that of an archive
	Index *store.Index           // nil: the log itself is read
	Blobs fs.FS                  // has the folder of the texts that records name; nil: FS has
	Ends  string                 // note of the checkpoint with which an archive says that its log ends; empty: it says none
	Keys  []checkpoint.PublicKey // that the reviewer has from elsewhere; none: the log is verified by its own

	segments segmentCache
}

// Source returns its calls in the order of the log.
func (l *Log) Source() calls.Source {
	if l.Index != nil {
		return l.Index
	}
	return calls.Files{FS: l.FS}
}

// Pager returns its calls by pages.
func (l *Log) Pager() calls.Pager {
	if l.Index != nil {
		return l.Index.Pager(l.Name)
	}
	return calls.Files{FS: l.FS}.Pager(l.Name)
}

// Logs are the logs under review, by name.
type Logs []*Log

// Named returns the log with a name; nil if there is none.
func (s Logs) Named(name string) *Log {
	for _, l := range s {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// Pager returns the calls of all logs by pages.
func (s Logs) Pager() (calls.Pager, error) {
	if len(s) == 1 {
		return s[0].Pager(), nil
	}
	var named []calls.Named
	for _, l := range s {
		named = append(named, calls.Named{Log: l.Name, Pager: l.Pager()})
	}
	return calls.Several(named)
}

// Report sums up the calls that a filter chooses, as `tollgate audit report` does: from sums of days where there is an index.
func (s Logs) Report(ctx context.Context, f *calls.Filter, by ...calls.Dimension) (*calls.Report, error) {
	report := calls.NewReport(by, func() (calls.Refunds, error) { return s.refunds(ctx) })
	for _, l := range s {
		if err := l.report(ctx, f, slices.Contains(by, calls.ByCustomer), report); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// Events calls yield for each event that the filter chooses, log by log, each in its order.
func (s Logs) Events(ctx context.Context, f *store.EventFilter, yield func(l *Log, r *logfile.Record) error) error {
	for _, l := range s {
		if err := l.events(ctx, f, func(r *logfile.Record) error { return yield(l, r) }); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) events(ctx context.Context, f *store.EventFilter, yield func(r *logfile.Record) error) error {
	if l.Index != nil {
		return l.Index.Events(ctx, f, false, yield)
	}
	return l.records(ctx, func(r *logfile.Record) error {
		if !f.Match(r) {
			return nil
		}
		return yield(r)
	})
}

// records calls fn for each record of the log.
func (l *Log) records(ctx context.Context, fn func(r *logfile.Record) error) error {
	files, err := logfile.List(l.FS)
	segments := logfile.Segments(files)
	if err != nil || len(segments) == 0 {
		return err
	}
	first := segments[0].First
	for line, err := range logfile.Lines(l.FS, segments, first, logfile.Position{Segment: first}) {
		if err != nil {
			return err
		}
		pace.Step(ctx)
		r, err := line.Record()
		if err == nil {
			err = fn(r)
		}
		if err != nil || ctx.Err() != nil {
			return errorOr(err, ctx)
		}
	}
	return nil
}

func errorOr(err error, ctx context.Context) error {
	if err != nil {
		return err
	}
	return ctx.Err()
}

// Standing is how far a log goes.
type Standing struct {
	First uint64 // the first record that is there; those before are pruned, or not in the bundle
	To    uint64 // the last one
}

// Standing returns how far the log goes now.
func (l *Log) Standing(ctx context.Context) (s Standing, err error) {
	segments, err := l.Segments(ctx)
	if err != nil || len(segments) == 0 {
		return s, err
	}
	segments = slices.DeleteFunc(segments, func(s Segment) bool { return s.Pruned })
	if len(segments) == 0 {
		return s, nil
	}
	return Standing{segments[0].First, segments[len(segments)-1].Last}, nil
}
