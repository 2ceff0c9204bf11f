package evidence_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
	"tollgate/review/evidence"
)

// daily makes a log with a segment a day: an intent and an outcome each.
func daily(t *testing.T, days int) (dir string, l *testlog.Log) {
	t.Helper()
	key, err := checkpoint.NewKey("tollgate/x")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "audit")
	now := noon(0)
	l = testlog.NewAt(dir, key, func() time.Time { return now }, "test")
	for day := range days {
		if now = noon(day); day > 0 {
			l.Rotate()
		}
		call := fmt.Sprint("c-", day)
		l.Add(&logfile.Record{Kind: logfile.KindIntent, Call: call})
		l.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: call, Outcome: logfile.Succeeded})
	}
	return dir, l
}

func noon(day int) time.Time { return time.Date(2026, 10, 1+day, 12, 0, 0, 0, time.UTC) }

// states returns the states of the days around those of a log.
func states(t *testing.T, l *evidence.Log, now time.Time) string {
	t.Helper()
	c, err := l.Coverage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for day := -1; day < 5; day++ {
		since := noon(day).Truncate(24 * time.Hour)
		texts = append(texts, string(c.State(now, since, since.AddDate(0, 0, 1))))
	}
	return strings.Join(texts, " ")
}

func segmentsOf(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return names
}

func TestCoverage(t *testing.T) {
	later := noon(20)
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string, l *testlog.Log)
		now    time.Time
		want   string
	}{
		"whole":        {func(t *testing.T, dir string, l *testlog.Log) { l.Close() }, later, "none whole whole whole whole none"},
		"unsigned":     {func(t *testing.T, dir string, l *testlog.Log) { l.Flush() }, later, "none whole whole whole uncovered none"},
		"a moment ago": {func(t *testing.T, dir string, l *testlog.Log) { l.Flush() }, noon(3).Add(time.Second), "none whole whole whole whole none"},
		"a segment removed": {func(t *testing.T, dir string, l *testlog.Log) {
			l.Close()
			if err := os.Remove(segmentsOf(t, dir)[1]); err != nil {
				t.Fatal(err)
			}
		}, later, "none gap gap gap whole none"},
		"the first removed": {func(t *testing.T, dir string, l *testlog.Log) {
			l.Close()
			if err := os.Remove(segmentsOf(t, dir)[0]); err != nil {
				t.Fatal(err)
			}
		}, later, "gap gap gap whole whole none"},
		"pruned": {func(t *testing.T, dir string, l *testlog.Log) { l.Prune(1); l.Close() }, later, "pruned pruned pruned whole whole none"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, l := daily(t, 4)
			c.change(t, dir, l)
			if got := states(t, &evidence.Log{FS: os.DirFS(dir), Dir: dir}, c.now); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestSegmentsGrow holds that what is added to the live segment is seen, and that it counts once it is closed.
func TestSegmentsGrow(t *testing.T) {
	dir, w := daily(t, 2)
	w.Flush()
	l := &evidence.Log{FS: os.DirFS(dir), Dir: dir}
	last := func() evidence.Segment {
		segments, err := l.Segments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return segments[len(segments)-1]
	}
	before := last()
	w.Add(&logfile.Record{Kind: logfile.KindRefusal, Time: noon(1).Add(2 * time.Hour)})
	w.Flush()
	after := last()
	if after.Last != before.Last+1 || !after.To.Equal(noon(1).Add(2*time.Hour)) || !after.From.Equal(before.From) {
		t.Errorf("%+v, before %+v", after, before)
	}
	w.Rotate()
	w.Add(&logfile.Record{Kind: logfile.KindRefusal, Time: noon(2)})
	w.Close()
	segments, err := l.Segments(t.Context())
	if err != nil || len(segments) != 3 || segments[1].Last != after.Last || segments[1].Missing+segments[2].Missing != 0 {
		t.Errorf("%+v, %v", segments, err)
	}
}

// archive reads files from their beginning only, as an archive does.
type archive struct{ fs.FS }

func (a archive) Open(name string) (fs.File, error) {
	f, err := a.FS.Open(name)
	if _, folder := f.(fs.ReadDirFile); folder && name == "." {
		return f, err
	}
	return struct{ fs.File }{f}, err
}

// TestArchive holds that files without single lines have the same segments.
func TestArchive(t *testing.T) {
	dir, w := daily(t, 4)
	w.Close()
	whole := &evidence.Log{FS: os.DirFS(dir), Dir: dir}
	want, err := whole.Segments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	packed := &evidence.Log{FS: archive{os.DirFS(dir)}}
	got, err := packed.Segments(t.Context())
	if err != nil || !slices.EqualFunc(got, want, func(a, b evidence.Segment) bool {
		return a.Name == b.Name && a.First == b.First && a.Last == b.Last && a.From.Equal(b.From) && a.To.Equal(b.To) && a.Bytes == b.Bytes
	}) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if got := states(t, packed, noon(20)); got != "none whole whole whole whole none" {
		t.Error(got)
	}
}
