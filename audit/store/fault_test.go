package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit"
	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

// expectUnusable looks that a query is refused with a reason before it yields anything, and what the reason is.
func expectUnusable(t *testing.T, x *Index, reason string) {
	t.Helper()
	err := x.Calls(t.Context(), &calls.Filter{}, func(*calls.Call) error { t.Error("a call is yielded"); return nil })
	if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), "reindex") {
		t.Errorf("error %v, want %q", err, reason)
	}
}

// expectStuck looks that following is refused with a reason and leaves the file as it is.
func expectStuck(t *testing.T, x *Index, reason string) {
	t.Helper()
	before, err := os.ReadFile(x.file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := x.follower(t.Context(), restless())
	if err == nil {
		_, err = f.step(t.Context())
		err = errors.Join(err, f.close())
	}
	if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), reason) {
		t.Errorf("following: error %v, want %q", err, reason)
	}
	if after, err := os.ReadFile(x.file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func rebuild(t *testing.T, x *Index) {
	t.Helper()
	if _, err := x.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

// copied returns a copy of an index that nothing writes.
func copied(t *testing.T, x *Index) *Index {
	t.Helper()
	whole, err := os.ReadFile(x.file)
	if err != nil {
		t.Fatal(err)
	}
	c := NewIn(x.log, filepath.Join(t.TempDir(), "index"))
	if err := os.WriteFile(c.file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// alter changes an index from outside.
func alter(t *testing.T, x *Index, texts ...string) {
	t.Helper()
	d, err := connect(t.Context(), x.log, x.file, "rw", following)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if _, err := d.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
}

// Whatever stands in the place of the index is reported, left alone, and replaced by a rebuild.
func TestBrokenFiles(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 1)
	l.records(150)
	overwrite := func(change func(b []byte) []byte) func(*testing.T, *Index) {
		return func(t *testing.T, x *Index) {
			b, err := os.ReadFile(x.file)
			if err == nil {
				err = os.WriteFile(x.file, change(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	sqlText := func(texts ...string) func(*testing.T, *Index) {
		return func(t *testing.T, x *Index) { alter(t, x, texts...) }
	}
	for name, c := range map[string]struct {
		harm   func(t *testing.T, x *Index)
		reason string
	}{
		"no database":    {overwrite(func([]byte) []byte { return bytes.Repeat([]byte("no database\n"), 1000) }), "not a database"},
		"empty":          {overwrite(func([]byte) []byte { return nil }), "it is no index of an audit log"},
		"header alone":   {overwrite(func(b []byte) []byte { return b[:100] }), "malformed"},
		"another's":      {sqlText("PRAGMA application_id = 1"), "it is no index of an audit log"},
		"newer":          {sqlText(fmt.Sprintf("PRAGMA user_version = %d", version+1)), fmt.Sprintf("version %d, this program reads version %d", version+1, version)},
		"no tables":      {sqlText("DROP TABLE marks"), "no such table: marks"},
		"of another log": {sqlText("UPDATE marks SET hash = x'00'"), "does not fit the log"},
		"of a later log": {sqlText("UPDATE begin SET first = 7"), "it begins with record 7"},
	} {
		t.Run(name, func(t *testing.T) {
			x := New(dir, filepath.Join(t.TempDir(), "index"))
			rebuild(t, x)
			c.harm(t, x)
			expectUnusable(t, x, c.reason)
			expectStuck(t, x, c.reason)
			rebuild(t, x)
			l.same(t, dir, x, 3)
		})
	}
	expectUnusable(t, New(dir, filepath.Join(t.TempDir(), "none")), "no such file")
}

// TestOlderIndex: what an older version made answers no query, and a follower puts a new one in its place.
func TestOlderIndex(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 3)
	l.records(200)
	for _, made := range []int{0, version - 1} {
		x := New(dir, filepath.Join(t.TempDir(), "index"))
		rebuild(t, x)
		alter(t, x, "ALTER TABLE calls DROP COLUMN merged", fmt.Sprintf("PRAGMA user_version = %d", made))
		before, err := target(x.file)
		if err != nil {
			t.Fatal(err)
		}
		expectUnusable(t, x, fmt.Sprintf("version %d, this program reads version %d", made, version))
		step(t, x)
		if seq, err := x.Seq(t.Context()); err != nil || seq != l.Seq {
			t.Errorf("version %d: the new index goes up to record %d of %d, %v", made, seq, l.Seq, err)
		}
		l.same(t, dir, x, 10)
		if _, err := os.Lstat(before); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("version %d: the old one is still there, %v", made, err)
		}
	}
}

// TestPipe: nothing waits for the writer of a pipe.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 1)
	l.records(50)
	x := New(dir, filepath.Join(t.TempDir(), "index"))
	if err := unix.Mkfifo(x.file, 0o600); err != nil {
		t.Fatal(err)
	}
	expectUnusable(t, x, "no regular file")
	rebuild(t, x)
	l.same(t, dir, x, 3)
}

// Rows that do not fit the log are errors, not results.
func TestWrongRows(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 2)
	l.records(150)
	built := New(dir, filepath.Join(t.TempDir(), "built"))
	rebuild(t, built)
	want := list(t, built, &calls.Filter{})
	for name, change := range map[string]string{
		"line of another call":   "UPDATE calls SET offset = (SELECT offset FROM calls WHERE intent_segment > 0 ORDER BY ord DESC LIMIT 1), segment = (SELECT segment FROM calls WHERE intent_segment > 0 ORDER BY ord DESC LIMIT 1) WHERE ord = (SELECT min(ord) FROM calls)",
		"intent of another call": "UPDATE calls SET intent_offset = (SELECT intent_offset FROM calls WHERE intent_segment = 1 LIMIT 1), intent_segment = 1 WHERE ord = (SELECT max(ord) FROM calls WHERE intent_segment > 0)",
		"within a line":          "UPDATE calls SET offset = offset + 1 WHERE ord = (SELECT max(ord) FROM calls)",
		"behind the segment":     "UPDATE calls SET offset = 1 << 40",
		"no segment":             "UPDATE calls SET segment = 3",
		"no lines":               "UPDATE calls SET intent_segment = 0, segment = 0",
		"negative":               "UPDATE calls SET offset = -1",
		"of another kind":        "UPDATE calls SET kind = (SELECT kind FROM calls AS c WHERE c.kind <> calls.kind LIMIT 1) WHERE ord = (SELECT max(ord) FROM calls)",
		"of no kind":             "UPDATE calls SET kind = 1 << 40",
		"a kind of other texts":  "UPDATE kinds SET operation = operation || '-'",
		"of another time":        "UPDATE calls SET time = time + 1",
		"of another end":         "UPDATE calls SET merged = 0",
		"of other amounts":       "UPDATE calls SET high = 5, low = 5",
		"removed":                "DELETE FROM calls WHERE ord = (SELECT max(ord) FROM calls)",
		"a block cut":            "UPDATE blocks SET calls = substr(calls, 1, length(calls) - 1)",
		"a block of others":      "UPDATE blocks SET calls = CAST(substr(calls, 1, 4) || substr(calls, 13, 8) || substr(calls, 13) AS BLOB)",
	} {
		t.Run(name, func(t *testing.T) {
			x := copied(t, built)
			alter(t, x, change)
			var got []string
			err := x.Calls(t.Context(), &calls.Filter{}, func(c *calls.Call) error { got = append(got, linesOf(c)); return nil })
			if !errors.Is(err, errMisfit) || !errors.Is(err, ErrUnusable) {
				t.Errorf("after %d calls: %v", len(got), err)
			}
			if !slices.Equal(got, want[:min(len(got), len(want))]) {
				t.Error("a wrong call is yielded")
			}
		})
	}
}

// TestWrongOpenCalls: the last calls begin with the open ones, and where the index is wrong about these none is yielded, so
// that the log can be asked.
func TestWrongOpenCalls(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(3)
	l.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "open", Decision: logfile.Allowed})
	l.Flush()
	x := New(dir, filepath.Join(t.TempDir(), "index"))
	rebuild(t, x)
	if got := list(t, x, &calls.Filter{Last: 2}); len(got) != 2 {
		t.Fatalf("%q", got)
	}
	for name, changes := range map[string][]string{
		"within a line":     {"UPDATE open SET offset = offset + 1"},
		"ended and open":    {"INSERT INTO open SELECT intent_segment, intent_offset FROM calls LIMIT 1"},
		"open, not ended":   {"INSERT INTO open SELECT intent_segment, intent_offset FROM calls LIMIT 1", "DELETE FROM calls WHERE ord = (SELECT min(ord) FROM calls)"},
		"of another record": {"UPDATE open SET offset = 0"},
	} {
		forged := copied(t, x)
		list(t, forged, &calls.Filter{Last: 2}) // who was open then is remembered
		alter(t, forged, changes...)
		given := 0
		err := forged.Calls(t.Context(), &calls.Filter{Last: 2}, func(*calls.Call) error { given++; return nil })
		if !errors.Is(err, ErrUnusable) || given > 0 {
			t.Errorf("%s: %d calls are yielded, %v", name, given, err)
		}
	}
}

// Each byte position of a small index is hit once in a while; no change makes a query yield what is not in the log, or
// crash. That it may yield less is why the index is not the truth.
func TestFlippedBytes(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 3)
	l.records(100)
	x := New(dir, filepath.Join(t.TempDir(), "index"))
	rebuild(t, x)
	want := map[string]bool{}
	err := calls.Scan{Dir: dir}.Calls(t.Context(), &calls.Filter{}, func(c *calls.Call) error {
		want[linesOf(c)] = true
		c.Settled = nil // the row of the event that settles it may be hidden
		want[linesOf(c)] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(x.file)
	if err != nil {
		t.Fatal(err)
	}
	for range 25 * rounds(t) {
		b := bytes.Clone(whole)
		b[l.rng.IntN(len(b))] ^= byte(1 + l.rng.IntN(255))
		if err := os.WriteFile(x.file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = x.Calls(t.Context(), l.filter(), func(c *calls.Call) error {
			if !want[linesOf(c)] {
				t.Errorf("yielded, but not in the log: %s", linesOf(c))
			}
			return nil
		})
	}
}

// A transaction that fails at any command leaves the state before it, and the next follower goes on from there.
func TestCrashAtEveryCommand(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 4)
	l.records(60)
	x := New(dir, "")
	x.batch = 7
	for crash := 1; ; crash += stride(t) {
		f, err := x.follower(t.Context(), restless())
		if err != nil {
			t.Fatal(err)
		}
		commands := 0
		f.db.before = func(string) error {
			if commands++; commands == crash {
				return errStop
			}
			return nil
		}
		_, err = f.step(t.Context())
		f.db.before = nil
		if closed := f.close(); closed != nil {
			t.Fatal(closed)
		}
		if err == nil {
			if commands >= crash {
				t.Error("the crash was not noticed")
			}
			break
		}
		if !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		if crash%20 == 0 {
			l.same(t, dir, x, 3)
		}
		l.records(1)
	}
	l.same(t, dir, x, 15)
}

// stride is the distance of the commands that fail.
func stride(t *testing.T) int {
	if rounds(t) > 2 {
		return 1
	}
	return 3 // less takes long with the race detector
}

// A process that is killed while it indexes leaves an index that the next one goes on with.
func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 5)
	l.records(600)
	x := New(dir, "")
	x.batch = 50
	for kill := range rounds(t) {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), "INDEX_TEST_VICTIM="+dir, "INDEX_TEST_DIES="+strconv.Itoa(20+37*kill))
		if out, err := cmd.CombinedOutput(); err == nil || len(out) > 0 {
			t.Fatalf("it did not die: %s (%v)", out, err)
		}
		l.records(20)
		l.same(t, dir, x, 2)
	}
	step(t, x)
	l.same(t, dir, x, 15)
}

// victim indexes the log in dir and kills itself before one of its commands.
func victim(dir, dies string) {
	left, err := strconv.Atoi(dies)
	if err != nil {
		panic(err)
	}
	x := New(dir, "")
	x.batch = 50
	f, err := x.follower(context.Background(), restless())
	if err != nil {
		panic(err)
	}
	f.db.before = func(string) error {
		if left--; left == 0 {
			killSelf()
		}
		return nil
	}
	if _, err := f.step(context.Background()); err != nil {
		panic(err)
	}
}

// When the log has lost its end, and others have got the numbers, the index goes back to where both are the same.
func TestLogCutBack(t *testing.T) {
	for seed := range uint64(rounds(t)) {
		dir := t.TempDir()
		l := newRandomLog(dir, 100+seed)
		l.records(200)
		x := New(dir, "")
		x.batch = 10
		step(t, x)
		l.records(int(seed) * 3)
		step(t, x)
		records, lines := lastSegment(t, dir)
		keep := len(lines) - l.rng.IntN(min(len(lines), 60))
		if err := os.WriteFile(records, []byte(strings.Join(lines[:keep], "")), 0o600); err != nil {
			t.Fatal(err)
		}
		if keep < len(lines) {
			expectUnusable(t, x, "does not fit the log")
		}
		step(t, x)
		l.same(t, dir, x, 4)
		appendLines(t, records, l, firstSeq(records)+uint64(keep), 40)
		step(t, x)
		l.same(t, dir, x, 4)
	}
}

// The same, but others have the numbers already when the index is opened again.
func TestLogCutBackAndGrown(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 200)
	l.records(300)
	x := New(dir, "")
	x.batch = 10
	step(t, x)
	records, lines := lastSegment(t, dir)
	keep := len(lines) - min(len(lines), 25)
	if err := os.WriteFile(records, []byte(strings.Join(lines[:keep], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	appendLines(t, records, l, firstSeq(records)+uint64(keep), 100)
	expectUnusable(t, x, "does not fit the log")
	step(t, x)
	l.same(t, dir, x, 30)

	// Beyond what it can go back it says so, and changes nothing.
	if err := os.WriteFile(records, []byte(strings.Join(lines[:1], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	alter(t, x, "DELETE FROM marks WHERE seq < (SELECT max(seq) FROM marks)")
	appendLines(t, records, l, firstSeq(records)+1, 100)
	expectUnusable(t, x, "does not fit the log")
	expectStuck(t, x, "does not fit the log")
}

// cutBack removes the last lines of the log, as many as are there of n, as a crash of the machine does, and writes others.
func (l *randomLog) cutBack(t *testing.T, dir string, n int) {
	t.Helper()
	path, lines := lastSegment(t, dir)
	keep := max(len(lines)-n, 1)
	if err := os.WriteFile(path, []byte(strings.Join(lines[:keep], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	appendLines(t, path, l, firstSeq(path)+uint64(keep), 20)
}

func lastSegment(t *testing.T, dir string) (path string, lines []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		t.Fatal(err)
	}
	return names[len(names)-1], slices.Collect(strings.Lines(string(b)))
}

func firstSeq(path string) uint64 {
	first, _, _ := logfile.ParseFileName(filepath.Base(path))
	return first
}

// appendLines writes n calls into a segment.
func appendLines(t *testing.T, path string, l *randomLog, seq uint64, n int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		r := l.call(logfile.KindIntent)
		if l.rng.IntN(2) == 0 {
			r.Kind = logfile.KindRefusal
		}
		r.Seq, r.Commit, r.Time = seq, seq, l.now
		seq++
		if _, err := f.Write(append(r.Append(nil), '\n')); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// pruneFirst does to the log's first segment what pruning does.
func pruneFirst(t *testing.T, dir string) bool {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) < 2 {
		return false
	}
	n := firstSeq(names[1]) - firstSeq(names[0])
	if err := os.WriteFile(strings.TrimSuffix(names[0], ".jsonl")+".hashes", make([]byte, 32*n), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	return true
}

// Of a log that is pruned the index yields what a scan yields, however many segments went at once and whether the index
// was up to date.
func TestPrunedLog(t *testing.T) {
	for seed := range uint64(rounds(t)) {
		dir := t.TempDir()
		l := newRandomLog(dir, 300+seed)
		x := New(dir, "")
		l.records(400)
		if seed%3 > 0 {
			x.batch = 20
			step(t, x)
		}
		for range 4 {
			some := false
			for range 1 + l.rng.IntN(3) {
				some = pruneFirst(t, dir) || some
			}
			if some && x.Exists() { // even where no line is missed: calls that lost their intent are others now
				expectUnusable(t, x, "it begins with record")
			}
			step(t, x)
			l.same(t, dir, x, 4)
			expectNothingPruned(t, x, dir)
			l.records(100)
		}
		built := New(dir, filepath.Join(t.TempDir(), "index"))
		rebuild(t, built)
		l.same(t, dir, built, 4)
	}
}

// expectNothingPruned looks that nothing is left of records that are gone.
func expectNothingPruned(t *testing.T, x *Index, dir string) {
	t.Helper()
	first, err := logfile.First(dir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := connect(t.Context(), x.log, x.file, "ro", reading)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"SELECT count(*) FROM calls WHERE ord < ?1 OR intent_segment > 0 AND intent_segment < ?1", fmt.Sprintf("SELECT count(*) FROM ids WHERE span < ?1 >> %d", spanShift),
		fmt.Sprintf("SELECT count(*) FROM days WHERE last < ?1 >> %d << %[1]d", spanShift), fmt.Sprintf("SELECT count(*) FROM blocks WHERE last < ?1 >> %d << %[1]d", spanShift),
		"SELECT count(*) FROM kinds WHERE NOT EXISTS (SELECT 1 FROM calls WHERE kind = kinds.id) AND ?1 > 0",
		"SELECT count(*) FROM open WHERE segment < ?1", "SELECT count(*) FROM lost WHERE segment < ?1",
		"SELECT count(*) FROM events WHERE seq < ?1",
	} {
		if n, err := d.number(t.Context(), text, int64(first)); err != nil || n > 0 {
			t.Errorf("%s returns %d, %v", text, n, err)
		}
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
}

// All of what was indexed may have been pruned when the index is opened again.
func TestAllWasPruned(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 400)
	l.records(100)
	x := New(dir, "")
	step(t, x)
	l.Rotate()
	l.records(300)
	for first, err := logfile.First(dir); err == nil && first <= x.State().Seq; first, err = logfile.First(dir) {
		pruneFirst(t, dir)
	}
	step(t, x)
	l.same(t, dir, x, 10)
	expectNothingPruned(t, x, dir)
}

// Calls without outcome, which no gateway leaves, are held in memory by queries: there is a bound.
func TestTooManyLostCalls(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	defer func(n int64) { maxLost = n }(maxLost)
	maxLost = 100
	for i := range maxLost + 1 {
		l.Add(&logfile.Record{Kind: logfile.KindIntent, Call: fmt.Sprint("c-", i)})
		if i%10 == 9 {
			l.Add(&logfile.Record{Kind: logfile.KindStart})
		}
	}
	l.Add(&logfile.Record{Kind: logfile.KindStart})
	l.Flush()
	if _, err := New(dir, "").Rebuild(t.Context(), nil); !errors.Is(err, errMisfit) || !strings.Contains(err.Error(), "verify the log") {
		t.Errorf("error %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, logfile.IndexName+"-*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 6)
	l.records(100)
	x := New(dir, "")
	left := x.file + "-abcdefghij27-journal"
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := x.follower(t.Context(), restless())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.step(t.Context()); err != nil {
		t.Fatal(err)
	}
	modes(t, dir)
	// A rebuild meanwhile takes the name over, which the follower notices.
	rebuild(t, x)
	if replaced, err := f.step(t.Context()); !replaced || err != nil {
		t.Errorf("replaced: %v, %v", replaced, err)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
	l.same(t, dir, x, 5)
	step(t, x)
	l.same(t, dir, x, 5)
	modes(t, dir)
	path, err := target(x.file)
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(x.file + "-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, path) {
			t.Errorf("left behind: %s", name)
		}
	}
	// Two are not made at once.
	unlock, err := x.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Rebuild(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "another process is making") {
		t.Errorf("rebuild beside another: %v", err)
	}
	unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Rebuild(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("rebuild that is broken off: %v", err)
	}
	l.same(t, dir, x, 5)
}

func modes(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !strings.HasPrefix(entry.Name(), logfile.IndexName) || info.Mode()&fs.ModeSymlink != 0 {
			continue
		}
		if seen++; info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode())
		}
	}
	if seen == 0 {
		t.Error("there is no index")
	}
}

// A log is written, indexed, asked and rebuilt at the same time. What a query yields grows and is never more or other
// than the log has.
func TestWritingReadingAndRebuilding(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l, _, err := audit.Open(audit.Options{
		Config: audit.Config{Dir: dir, SegmentSize: logfile.MaxLine, Reserve: 2 * logfile.MaxLine}, Preallocate: 2 * logfile.MaxLine,
	})
	if err != nil {
		t.Fatal(err)
	}
	x := New(dir, "")
	ctx, cancel := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() {
		x.Run(ctx, func() uint64 { return l.Status().LastSeq }, func(err error) {
			if !strings.Contains(err.Error(), "another process is making") { // the rebuild below
				t.Error(err)
			}
		})
	})
	var writers, readers sync.WaitGroup
	const each = 60
	written := make(chan struct{})
	for w := range 3 {
		writers.Go(func() {
			for i := range each {
				call := fmt.Sprintf("%d-%d", w, i)
				if err := l.Intent(t.Context(), &logfile.Record{Call: call, Caller: "app", Note: strings.Repeat("x", 500)}); err != nil {
					t.Error(err)
				}
				if err := l.Outcome(t.Context(), &logfile.Record{Call: call, Outcome: logfile.Succeeded}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			before := 0
			for ended := false; !ended; {
				select {
				case <-written:
					ended = true // one more
				default:
				}
				before = readOnce(t, x, before)
			}
			if before != 3*each {
				t.Errorf("at the end %d calls", before)
			}
		})
	}
	for range 3 {
		if _, err := x.Rebuild(t.Context(), nil); err != nil && !strings.Contains(err.Error(), "another process is making") {
			t.Error(err)
		}
	}
	writers.Wait()
	close(written)
	readers.Wait()
	cancel()
	background.Wait()
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	step(t, x)
	if got, want := list(t, x, &calls.Filter{}), list(t, calls.Scan{Dir: dir}, &calls.Filter{}); !slices.Equal(got, want) {
		t.Errorf("%d calls, want %d: %s", len(got), len(want), difference(got, want))
	}
}

func readOnce(t *testing.T, x *Index, before int) int {
	var order uint64
	n := 0
	err := x.Calls(t.Context(), &calls.Filter{Caller: "app"}, func(c *calls.Call) error {
		if n++; c.Order() < order {
			t.Errorf("call %d is yielded after call %d", c.Order(), order)
		}
		order = c.Order()
		return nil
	})
	if errors.Is(err, ErrUnusable) && errors.Is(err, fs.ErrNotExist) {
		return before // not made yet
	}
	if err != nil {
		t.Error(err)
	}
	if n < before {
		t.Errorf("%d calls, before there were %d", n, before)
	}
	return n
}

// A state is there as soon as a record was taken up, and why it stands still.
func TestRunReportsAndRecovers(t *testing.T) {
	dir := t.TempDir()
	x := New(dir, "")
	ctx, cancel := context.WithCancel(t.Context())
	reported := make(chan error, 10)
	done := make(chan struct{})
	go func() { defer close(done); x.Run(ctx, func() uint64 { return 0 }, func(err error) { reported <- err }) }()
	if err := <-reported; !strings.Contains(err.Error(), "no audit log") || x.State().Err == nil {
		t.Errorf("reported %v, state %v", err, x.State().Err)
	}
	l := newRandomLog(dir, 7)
	l.records(50)
	for ; x.State().Seq < l.Seq; time.Sleep(time.Millisecond) {
		if ctx.Err() != nil || len(reported) > 0 {
			t.Fatal(<-reported)
		}
	}
	if s := x.State(); s.Err != nil {
		t.Error(s.Err)
	}
	cancel()
	<-done
}

// TestFilesOfOthersStay: a person may choose the name of an index. Files whose names only begin like it are not what a crash left.
func TestFilesOfOthersStay(t *testing.T) {
	dir, kept := t.TempDir(), t.TempDir()
	newRandomLog(dir, 1).records(5)
	x := New(dir, filepath.Join(kept, "review"))
	names := []string{"review-notes.txt", "review-abcdefghijkl.txt", "review-2026", "review-ABCDEFGHIJKL"}
	for _, name := range append(names, "review-abcdefghijkl", "review-abcdefghijkl-journal", "review-abcdefghijkl.link") {
		if err := os.WriteFile(filepath.Join(kept, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if text, err := os.ReadFile(filepath.Join(kept, name)); string(text) != "mine" {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(kept, "review-abcdefghijkl*")); len(left) != 1 {
		t.Error("what a crash left is there still:", left)
	}
}
