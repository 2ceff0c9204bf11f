package calls

import (
	"context"

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
	var stopped error
	kept := Last[*Call]{N: f.Last, Yield: func(c *Call) error {
		stopped = yield(c)
		return stopped
	}}
	j := NewJoiner(func(c *Call) error {
		if !f.Match(c) {
			return nil
		}
		return kept.Add(c)
	})
	err := logfile.Read(s.Dir, func(r *logfile.Record, _ []byte) error {
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
