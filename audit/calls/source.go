package calls

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"tollgate/audit/logfile"
)

// Source gives calls: the log itself ([Scan]), or an index of it. All give the same calls in the same order.
type Source interface {
	// Calls calls yield for each call that the filter chooses, in the order of [Call.Order], until yield gives an error, which
	// is given back as it is.
	Calls(ctx context.Context, f *Filter, yield func(*Call) error) error
}

// Scan is the source that reads the whole log in a directory.
type Scan struct{ Dir string }

var _ Source = Scan{}

// Calls implements [Source]. With [Filter.Last] it holds so many calls in memory. When the log has a fault, the calls before
// it are given first, and then the error.
func (s Scan) Calls(ctx context.Context, f *Filter, yield func(*Call) error) error {
	return s.Seeing(func(uint64) {}).Calls(ctx, f, yield)
}

// Seeing returns a source like s that calls seen with the seq of each record that it reads.
func (s Scan) Seeing(seen func(seq uint64)) Source { return seeing{s.calls, seen} }

func (s Scan) calls(ctx context.Context, f *Filter, yield func(*Call) error, seen func(seq uint64)) error {
	return scan(ctx, f, SettlementsIn(s.Dir), yield, seen, func(fn func(*logfile.Record) error) error {
		return logfile.Read(s.Dir, func(r *logfile.Record, _ []byte) error { return fn(r) })
	})
}

// Files is the source that reads the segments in a file system, which may begin with any record, as those of a bundle do.
type Files struct{ FS fs.FS }

var _ Source = Files{}

// Calls implements [Source], as that of [Scan] does.
func (s Files) Calls(ctx context.Context, f *Filter, yield func(*Call) error) error {
	return s.Seeing(func(uint64) {}).Calls(ctx, f, yield)
}

// Seeing returns a source like s that calls seen with the seq of each record that it reads.
func (s Files) Seeing(seen func(seq uint64)) Source { return seeing{s.calls, seen} }

func (s Files) calls(ctx context.Context, f *Filter, yield func(*Call) error, seen func(seq uint64)) error {
	settled := Settlements{}
	_ = settled.addLines(s.lines()) // a fault shows when the calls are read
	return scan(ctx, f, settled, yield, seen, s.read)
}

func (s Files) read(fn func(*logfile.Record) error) error {
	for line, err := range s.lines() {
		if err != nil {
			return err
		}
		r, err := line.Record()
		if err == nil {
			err = fn(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lines iterates over the lines of all segments.
func (s Files) lines() iter.Seq2[logfile.Line, error] {
	files, err := logfile.List(s.FS)
	segments := logfile.Segments(files)
	if err == nil && len(segments) == 0 {
		err = errors.New("there is no segment of a log")
	}
	if err != nil {
		return func(yield func(logfile.Line, error) bool) { yield(logfile.Line{}, err) }
	}
	first := segments[0].First
	return logfile.Lines(s.FS, segments, first, logfile.Position{Segment: first})
}

// seeing is a source that says which records it reads.
type seeing struct {
	calls func(ctx context.Context, f *Filter, yield func(*Call) error, seen func(seq uint64)) error
	seen  func(seq uint64)
}

func (s seeing) Calls(ctx context.Context, f *Filter, yield func(*Call) error) error {
	return s.calls(ctx, f, yield, s.seen)
}

// scan joins the calls of the records that read reads.
func scan(ctx context.Context, f *Filter, settled Settlements, yield func(*Call) error, seen func(seq uint64), read func(func(*logfile.Record) error) error) error {
	var stopped error
	kept := Last[*Call]{N: f.Last, Yield: func(c *Call) error {
		stopped = yield(c)
		return stopped
	}}
	j := NewJoiner(settled, f.Passing(kept.Add))
	err := read(func(r *logfile.Record) error {
		if stopped = ctx.Err(); stopped != nil {
			return stopped
		}
		seen(r.Seq)
		return j.Add(r)
	})
	if stopped != nil {
		return err
	}
	if end := j.End(); end != nil {
		return end
	}
	if end := kept.Flush(); end != nil {
		return end
	}
	return err
}
