package journal

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"

	"tollgate/audit/logfile"
)

// margin is how much further back a rebuild reads than windows and periods reach: calls and clocks take their time.
const margin = 24 * time.Hour

// step is how many records a rebuild reads at a time.
const step = 20_000

// rebuild folds the records as far back as windows and periods reach. It keeps in the file how far it is: a start that interrupts it goes on
// from there.
func (j *Journal) rebuild(ctx context.Context) (*fold, error) {
	files := os.DirFS(j.o.Dir)
	last := j.o.Log.Status().DurableSeq
	segments, err := j.since(files, j.o.Longest+margin)
	if err != nil {
		return nil, fmt.Errorf("rebuilding what was spent: %w", err)
	}
	var total int64
	for i := range segments {
		total += segments[i].Size()
	}
	j.read.Store(0)
	j.total.Store(total)
	j.follower = logfile.NewFollower(j.o.Dir, segments[0].First)
	f := newFold(j.o.MACKey)
	f.recall = j.recall()
	saved := j.o.Now()
	for next := segments[0].First; f.seq < last; next += step {
		if err := j.follow(ctx, f, min(next, last)); err != nil {
			return nil, fmt.Errorf("rebuilding what was spent: %w", err)
		}
		if now := j.o.Now(); now.Sub(saved) >= SaveEvery {
			saved = now
			_ = j.write(j.stateOf(f)) // without it the next start begins again
		}
	}
	return f, nil
}

// since returns the segments that have the records of so long before now, and of a while before that: who stopped at once behind the
// beginning of a segment may not have stated unknown calls there.
func (j *Journal) since(files fs.FS, reach time.Duration) ([]logfile.File, error) {
	all, err := logfile.List(files)
	if err != nil {
		return nil, err
	}
	segments := logfile.Segments(all)
	if len(segments) == 0 {
		return nil, fmt.Errorf("%s holds no audit log", j.o.Dir)
	}
	cutoff, reached := j.o.Now().Add(-reach), false
	for i := len(segments) - 1; i > 0; i-- {
		begun, err := begins(files, segments[i].Name)
		if err != nil {
			return nil, err
		}
		switch {
		case begun.IsZero() || !begun.Before(cutoff):
		case reached:
			return segments[i:], nil
		default:
			cutoff, reached = begun.Add(-margin), true
		}
	}
	return segments, nil
}

// begins returns the time of a segment's first record; the zero time is that of none.
func begins(files fs.FS, name string) (at time.Time, err error) {
	in, err := logfile.Open(files, name)
	if err != nil {
		return at, err
	}
	defer in.Close() // opened for reading: nothing can be lost
	for line, err := range in.Lines() {
		if err != nil {
			return at, err
		}
		h, err := line.Head()
		return h.Time, err
	}
	return at, nil
}
