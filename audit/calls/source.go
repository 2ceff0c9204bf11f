package calls

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"tollgate/audit/logfile"
)

// Source reads calls from the log itself ([Scan]) or from an index of it. All sources of a log have the same calls in the same order.
type Source interface {
	// Calls calls yield for each call that the filter chooses, in the order of [Call.Order]. It stops at an error of yield and returns
	// it unchanged.
	Calls(ctx context.Context, f *Filter, yield func(*Call) error) error
}

// logReader reads the records of one log from its beginning.
type logReader interface {
	// settlements returns those of the whole log; with an error, those before the fault.
	settlements() (Settlements, error)
	// read calls fn for each record, in order. It stops at an error of fn and returns it unchanged.
	read(fn func(*logfile.Record) error) error
}

// Scan is the source that reads the whole log in a directory.
type Scan struct{ Dir string }

var _ Source = Scan{}

// Calls implements [Source]. It holds up to [Filter.Last] calls in memory. If the log has a fault, it calls yield for the calls before
// the fault, and then returns the error.
func (s Scan) Calls(ctx context.Context, f *Filter, yield func(*Call) error) error {
	return scan(ctx, f, s, yield)
}

// Seeing returns a source like s that calls seen with the seq of each record that it reads.
func (s Scan) Seeing(seen func(seq uint64)) Source { return seeing{s, seen} }

// Pager returns a [Pager] that reads the whole log for each page, and holds no more calls than the page has besides those that are open.
func (s Scan) Pager(log string) Pager { return scanPager{log, s} }

func (s Scan) settlements() (Settlements, error) {
	settled := Settlements{}
	first, err := logfile.First(s.Dir)
	if err != nil {
		return settled, err
	}
	log := logfile.NewFollower(s.Dir, first)
	defer log.Close() // opened for reading: nothing can be lost
	return settled, settled.AddFrom(log)
}

func (s Scan) read(fn func(*logfile.Record) error) error {
	return logfile.Read(s.Dir, func(r *logfile.Record, _ []byte) error { return fn(r) })
}

// Files is the source that reads the segments in a file system, which may begin with any record, as in a bundle.
type Files struct{ FS fs.FS }

var _ Source = Files{}

// Calls implements [Source], as that of [Scan] does.
func (s Files) Calls(ctx context.Context, f *Filter, yield func(*Call) error) error {
	return scan(ctx, f, s, yield)
}

// Seeing returns a source as that of [Scan].
func (s Files) Seeing(seen func(seq uint64)) Source { return seeing{s, seen} }

// Pager returns a [Pager] as that of [Scan].
func (s Files) Pager(log string) Pager { return scanPager{log, s} }

func (s Files) settlements() (Settlements, error) {
	settled := Settlements{}
	for line, err := range s.lines() {
		if err != nil {
			return settled, err
		}
		r, err := line.Brief()
		if err == nil {
			err = settled.addLine(r, line.Text)
		}
		if err != nil {
			return settled, err
		}
	}
	return settled, nil
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

// seeing is a log that says which records are read.
type seeing struct {
	logReader
	seen func(seq uint64)
}

func (s seeing) Calls(ctx context.Context, f *Filter, yield func(*Call) error) error {
	return scan(ctx, f, s, yield)
}

func (s seeing) read(fn func(*logfile.Record) error) error {
	return s.logReader.read(func(r *logfile.Record) error {
		s.seen(r.Seq)
		return fn(r)
	})
}

// scan joins the records of a log.
func scan(ctx context.Context, f *Filter, log logReader, yield func(*Call) error) error {
	var stopped error
	kept := Last[*Call]{N: f.Last, Yield: func(c *Call) error {
		stopped = yield(c)
		return stopped
	}}
	settled, _ := log.settlements() // a fault shows when the calls are read
	j := NewJoiner(settled, f.Passing(kept.Add))
	err := log.read(func(r *logfile.Record) error {
		if stopped = ctx.Err(); stopped != nil {
			return stopped
		}
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
