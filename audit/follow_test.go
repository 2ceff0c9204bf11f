package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
)

var errEnough = errors.New("enough")

// Readers that begin at different records while a log is written and goes through segments see each record once, in
// order, and can read its line back.
func TestFollowWhileWriting(t *testing.T) {
	cfg := onDisk(t)
	cfg.SegmentSize = logfile.MaxLine
	l, _ := open(t, cfg)
	const last = 1 + 2*300
	var readers sync.WaitGroup
	for _, from := range []uint64{0, 1, 2, 250, last} {
		readers.Go(func() { followTo(t, cfg.Dir, from, last) })
	}
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := range 100 {
				call := fmt.Sprintf("c-%d-%d", w, i)
				if err := l.Intent(t.Context(), &logfile.Record{Call: call, Note: strings.Repeat("x", 1000)}); err != nil {
					t.Error(err)
				}
				if err := l.Outcome(t.Context(), &logfile.Record{Call: call, Outcome: logfile.Succeeded}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	readers.Wait()
}

// readAt reads one line back.
func readAt(dir string, at logfile.Position) ([]byte, error) {
	l := logfile.LineReader{Files: os.DirFS(dir)}
	defer l.Close()
	return l.Line(at)
}

// follow calls fn for each record from seq from on, and looks for more in intervals of every, until ctx ends.
func follow(ctx context.Context, dir string, from uint64, every time.Duration, fn func(r *logfile.Record, line []byte, at logfile.Position) error) error {
	f := logfile.NewFollower(dir, from)
	defer f.Close()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		err := f.Read(func(r *logfile.Record, line []byte, at logfile.Position) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fn(r, line, at)
		})
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

func followTo(t *testing.T, dir string, from, last uint64) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the last record did not come"))
	defer cancel()
	want := max(from, 1)
	segments := map[uint64]bool{}
	err := follow(ctx, dir, from, time.Millisecond, func(r *logfile.Record, line []byte, at logfile.Position) error {
		if r.Seq != want {
			t.Errorf("from %d: record %d, want %d", from, r.Seq, want)
		}
		want++
		segments[at.Segment] = true
		if again, err := readAt(dir, at); err != nil || string(again) != string(line) {
			t.Errorf("record %d at %v: read back %q, %v", r.Seq, at, again, err)
		}
		if r.Seq == last {
			return errEnough
		}
		return nil
	})
	if err != errEnough {
		t.Errorf("from %d: %v", from, err)
	}
	if from < 2 && len(segments) < 3 {
		t.Errorf("the log has %d segments: rotation was not seen", len(segments))
	}
}

func TestFollowEndsWithContext(t *testing.T) {
	cfg := onDisk(t)
	open(t, cfg)
	ctx, cancel := context.WithCancelCause(t.Context())
	err := follow(ctx, cfg.Dir, 1, time.Hour, func(*logfile.Record, []byte, logfile.Position) error { cancel(errEnough); return nil })
	if err != errEnough {
		t.Errorf("ended with %v", err)
	}
	err = follow(ctx, cfg.Dir, 1, time.Hour, func(*logfile.Record, []byte, logfile.Position) error { t.Error("called"); return nil })
	if err != errEnough {
		t.Errorf("began and ended with %v", err)
	}
}
