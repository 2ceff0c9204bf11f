package evidence

import (
	"cmp"
	"context"
	"slices"

	"tollgate/audit/logfile"
)

// Record returns the record with a number; nil if the log does not have it. It reads the segment up to there.
func (l *Log) Record(ctx context.Context, seq uint64) (*logfile.Record, error) {
	files, err := logfile.List(l.FS)
	if err != nil {
		return nil, err
	}
	segments := logfile.Segments(files)
	i, found := slices.BinarySearchFunc(segments, seq, func(f logfile.File, seq uint64) int { return cmp.Compare(f.First, seq) })
	if !found {
		i--
	}
	if i < 0 {
		return nil, nil
	}
	first := segments[i].First
	for line, err := range logfile.Lines(l.FS, segments[i:i+1], first, logfile.Position{Segment: first}) {
		if err != nil || ctx.Err() != nil {
			return nil, errorOr(err, ctx)
		}
		if line.Seq == seq {
			return line.Record()
		}
	}
	return nil, nil
}
