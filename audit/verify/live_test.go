package verify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

func used() (bool, error) { return true, nil }

func TestUnsignedEnd(t *testing.T) {
	f, _ := written(t, testKey(t, logName), func(l *testlog.Log) {
		fill(l)
		l.Add(intent("a"))
		l.Add(intent("b"))
		l.Add(outcome("b"))
	})
	name := logfile.SegmentName(1)
	whole := f[name]
	signed := whole[:strings.Index(whole, `{"seq":6`)]
	zeros := strings.Repeat("\x00", 5000)
	for _, c := range []struct {
		name, text, want string
		unsigned         uint64
		partial          int64
		open             int
	}{
		{"records", whole, "unsigned@6", 3, 0, 1},
		{"records and zeros", whole + zeros, "unsigned@6", 3, 0, 1},
		{"records and many zeros", whole + strings.Repeat(zeros, 400), "unsigned@6", 3, 0, 1},
		{"a part of a line", whole + `{"seq":9`, "unsigned@6", 3, 8, 1},
		{"a part of a line and zeros", whole + `{"seq":9` + zeros, "unsigned@6", 3, 8, 1},
		{"only a part of a line", signed + `{"seq":6` + zeros, "unsigned@6", 0, 8, 0},
		{"a whole line without its line feed", signed + strings.TrimSuffix(strings.SplitAfter(whole, "\n")[5], "\n"), "unsigned@6", 0, 99, 0},
		{"nothing", signed, "", 0, 0, 0},
		{"zeros", signed + zeros, "", 0, 0, 0},
	} {
		c.partial = min(c.partial, int64(len(c.text)))
		now := func() time.Time { return testlog.Start.Add(10 * time.Second) }
		for _, o := range []Options{{}, {AllowUnsigned: true}, {InUse: used}, {InUse: used, Now: now}} {
			want := c.want
			if o.AllowUnsigned || o.InUse != nil {
				want = ""
			}
			r := verified(t, files{name: c.text}, o)
			if got := kinds(r); got != want || r.Unsigned != c.unsigned || r.Open != c.open || r.Partial != c.partial && c.partial != 99 {
				t.Errorf("%s, %+v: faults %q, want %q; %d unsigned, %d open, %d bytes", c.name, o, got, want, r.Unsigned, r.Open, r.Partial)
			}
			for _, behind := range []string{"\x00x", zeros + "{", zeros + "\n", strings.Repeat(zeros, 100) + "x\n", "\x00" + whole} {
				mustFind(t, c.name+" and data behind zeros", files{name: c.text + behind}, o)
			}
		}
	}
}

func TestNoLog(t *testing.T) {
	for _, f := range []files{{}, {"lock": "", "next": "x", "1.jsonl": "", "+0000000000000000001.jsonl": "", "00000000000000000000.jsonl": "", "00000000000000000001.jsonl.bak": ""}} {
		if r, err := Verify(t.Context(), f.fs(), Options{}); err == nil {
			t.Errorf("%v: %+v", f, r)
		}
	}
	for _, text := range []string{"", "\x00\x00", `{"seq":1`} {
		mustFind(t, "an empty log", files{logfile.SegmentName(1): text}, Options{AllowUnsigned: true})
		mustPass(t, "an empty log that is being begun", files{logfile.SegmentName(1): text}, Options{InUse: func() (bool, error) { return true, nil }})
	}
	mustFind(t, "no checkpoint", files{logfile.SegmentName(1): `{"seq":1,"commit":1,"time":"2026-10-03T04:05:06.000000000Z","kind":"start"}` + "\n"}, Options{})
	mustFind(t, "hashes alone", files{"00000000000000000001.hashes": strings.Repeat("x", hashSize)}, Options{})
}

// TestOtherFiles: a pipe or a device in the place of a file is an error, and is not waited for.
func TestOtherFiles(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"pipe":   func(path string) error { return unix.Mkfifo(path, 0o600) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		for _, part := range []string{logfile.SegmentName(1), "00000000000000000001.hashes"} {
			dir := t.TempDir()
			if err := make(filepath.Join(dir, part)); err != nil {
				t.Fatal(err)
			}
			if r, err := Verify(t.Context(), os.DirFS(dir), Options{}); err == nil || !strings.Contains(err.Error(), "no regular file") {
				t.Errorf("%s: %v, %+v", name, err, r)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	f, _ := small(t, testKey(t, logName), testKey(t, logName), "x")
	broken := errors.New("broken")
	if _, err := Verify(t.Context(), f.fs(), Options{InUse: func() (bool, error) { return false, broken }}); err != broken {
		t.Errorf("no lock to look at: %v", err)
	}
	if _, err := Verify(t.Context(), brokenFS{f.fs(), broken}, Options{}); !errors.Is(err, broken) {
		t.Errorf("no file to read: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	if _, err := Verify(ctx, f.fs(), Options{}); !errors.Is(err, context.Canceled) && !errors.Is(err, broken) {
		t.Errorf("ended from outside: %v", err)
	}
}

// brokenFS fails in the middle of its last file.
type brokenFS struct {
	fs.FS
	err error
}

func (b brokenFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(b.FS, name) }

func (b brokenFS) Open(name string) (fs.File, error) {
	f, err := b.FS.Open(name)
	if entries, _ := b.ReadDir("."); err != nil || entries[len(entries)-1].Name() != name {
		return f, err
	}
	return brokenFile{f, io.MultiReader(io.LimitReader(f, 1000), &failing{b.err})}, nil
}

type brokenFile struct {
	fs.File
	r io.Reader
}

func (f brokenFile) Read(b []byte) (int, error) { return f.r.Read(b) }

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// growing is a directory that a gateway writes to. It moves to the next stage after it was listed for the first time, before
// it is listed again, and when a file is rewound; then open files have other content.
type growing struct {
	stages []files
	listed bool
}

func (g *growing) advance() { g.stages = g.stages[min(1, len(g.stages)-1):] }

func (g *growing) ReadDir(name string) ([]fs.DirEntry, error) {
	if g.listed {
		g.advance()
		return fs.ReadDir(g.stages[0].fs(), name)
	}
	g.listed = true
	defer g.advance()
	return fs.ReadDir(g.stages[0].fs(), name)
}

func (g *growing) Open(name string) (fs.File, error) {
	f, err := g.stages[0].fs().Open(name)
	return &growingFile{File: f, dir: g, name: name}, err
}

type growingFile struct {
	fs.File
	dir  *growing
	name string
	at   int64
}

func (f *growingFile) Read(b []byte) (int, error) {
	n, err := bytes.NewReader([]byte(f.dir.stages[0][f.name])).ReadAt(b, f.at)
	f.at += int64(n)
	return n, err
}

func (f *growingFile) Seek(to int64, _ int) (int64, error) {
	f.dir.advance()
	f.at = to
	return to, nil
}

// TestReadWhileWriting reads a log whose segments are written, closed, begun and pruned meanwhile.
func TestReadWhileWriting(t *testing.T) {
	whole, l := small(t, testKey(t, logName), testKey(t, logName), "x")
	names := whole.names()
	second, third := names[1], names[2]
	early := files{names[0]: whole[names[0]], second: whole[second]}
	cut := strings.LastIndex(whole[third], "\n{") + 5
	zeros := strings.Repeat("\x00", 3000)
	zeroed := whole[third][:600] + zeros[:100] + whole[third][700:cut] + zeros
	for _, c := range []struct {
		name   string
		stages []files
		want   uint64
	}{
		{"a segment is begun", []files{early, early, whole}, l.Seq},
		{"it was written to before", []files{early, early.with(second, whole[second][:1000]+zeros), whole}, l.Seq},
		{"a line is written", []files{whole, whole.with(third, whole[third][:cut]+zeros), whole}, l.Seq - 1},
		{"zeros are met in front of data", []files{whole, whole.with(third, zeroed), whole}, l.Seq},
		{"many zeros are met in front of data", []files{whole, whole.with(third, whole[third][:600]+strings.Repeat(zeros, 200)+"\n"), whole}, l.Seq},
	} {
		r, err := Verify(t.Context(), &growing{stages: slices.Clone(c.stages)}, Options{InUse: func() (bool, error) { return true, nil }})
		if err != nil || !r.Whole() || r.Last != c.want {
			t.Errorf("%s: %v, %+v", c.name, err, r)
		}
	}
	stays := &growing{stages: []files{whole.with(third, zeroed)}}
	if r, err := Verify(t.Context(), stays, Options{InUse: func() (bool, error) { return true, nil }}); err != nil || r.Whole() {
		t.Errorf("zeros that stay: %v, %+v", err, r)
	}
}

// TestPrunedMeanwhile lists a segment that is gone when it is opened.
func TestPrunedMeanwhile(t *testing.T) {
	key := testKey(t, logName)
	dir := t.TempDir()
	l := testlog.New(dir, key)
	fill(l)
	l.Rotate()
	l.Flush()
	before := filesOf(t, dir)
	l.Prune(1)
	l.Flush()
	r, err := Verify(t.Context(), &growing{stages: []files{before, filesOf(t, dir)}}, Options{})
	if err != nil || !r.Whole() || r.Last != l.Seq {
		t.Errorf("%v, %+v", err, r)
	}
}

// prunedBehind is a directory whose segments are pruned once the first one was opened.
type prunedBehind struct {
	fs.FS
	after fs.FS
}

func (p *prunedBehind) Open(name string) (fs.File, error) {
	f, err := p.FS.Open(name)
	if name != "." {
		p.FS = p.after
	}
	return f, err
}

// TestPrunedBehind reads a segment, and finds the next ones pruned: calls that it left open have their outcomes there, and the
// checkpoint that the next one names stands there.
func TestPrunedBehind(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, testKey(t, logName))
	l.Add(intent("open"))
	second := l.Seq + 1
	l.Rotate()
	l.Add(outcome("open"))
	l.Add(intent("later"))
	l.Rotate()
	l.Add(outcome("later"))
	fill(l)
	l.Add(plain(logfile.KindStart))
	l.Flush()
	before := filesOf(t, dir).fs()
	l.Prune(1)
	l.Prune(second)
	l.Flush()
	r, err := Verify(t.Context(), &prunedBehind{before, filesOf(t, dir).fs()}, Options{})
	if err != nil || !r.Whole() || r.Segments != 2 || len(r.Pruned) != 1 {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestPruneNotSigned has a prune record behind the last checkpoint: a process that can write to the disk could have added it, and hold
// the lock, so that the log seems to be in use.
func TestPruneNotSigned(t *testing.T) {
	f, _ := written(t, testKey(t, logName), func(l *testlog.Log) {
		l.Rotate()
		l.Prune(1)
	})
	name := f.names()[1]
	unsigned := f.with(name, f[name][:strings.LastIndex(f[name][:len(f[name])-1], "\n")+1])
	mustPass(t, "signed", f, Options{})
	mustFind(t, "not signed", unsigned, Options{AllowUnsigned: true})
	mustFind(t, "not signed yet", unsigned, Options{InUse: func() (bool, error) { return true, nil }})
}

// TestOlderPruneRecordsPruned prunes the segment that has the prune record of an older one.
func TestOlderPruneRecordsPruned(t *testing.T) {
	f, _ := written(t, testKey(t, logName), func(l *testlog.Log) {
		l.Rotate()
		second := l.Seq
		l.Prune(1)
		l.Rotate()
		l.Prune(second)
		fill(l)
	})
	if r := mustPass(t, "pruned twice", f, Options{}); len(r.Pruned) != 1 || r.Segments != 1 {
		t.Errorf("%+v", r)
	}
}

// TestOpenCallsAreBounded opens more calls than are followed.
func TestOpenCallsAreBounded(t *testing.T) {
	c := newCalls()
	v := &verifier{}
	for i := range uint64(maxOpen + 10) {
		c.add(v, place{}, &line{seq: i, kind: logfile.KindIntent, call: []byte(string(rune(i)) + "x")})
	}
	if len(c.open) > maxOpen || v.report.FaultCount == 0 {
		t.Errorf("%d calls are open, %d faults", len(c.open), v.report.FaultCount)
	}
}

// TestLostSectors loses each set of sectors of a commit that was never synced, as a loss of power does. The fault is not a changed
// record, but what the next start removes.
func TestLostSectors(t *testing.T) {
	const sector = 512
	whole, begin := unsigned(t, func(l *testlog.Log) {})
	first, count := begin/sector, (len(whole)-1)/sector-begin/sector+1
	for lost := range 1 << count {
		left := []byte(whole)
		for i := range count {
			if lost&(1<<i) != 0 {
				clear(left[max(begin, (first+i)*sector):min(len(left), (first+i+1)*sector)])
			}
		}
		r := verified(t, files{logfile.SegmentName(1): string(left)}, Options{AllowUnsigned: true})
		for _, fault := range r.Faults {
			if fault.Kind != FaultCut || !strings.Contains(fault.Text, "what a loss of power left") || len(r.Faults) > 1 {
				t.Errorf("sectors %b are lost: %+v", lost, fault)
			}
		}
	}
}

// TestZerosInLines: a line with zeros explains what is missing behind it, not in front of it, and nothing once a checkpoint follows.
func TestZerosInLines(t *testing.T) {
	zeroed := func(text, call string) string {
		at := strings.Index(text, `"`+call+`"`)
		return text[:at] + "\x00" + text[at+1:]
	}
	without := func(text, call string) string {
		return strings.Join(slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool {
			return strings.Contains(line, `"call":"`+call+`"`)
		}), "")
	}
	open, _ := unsigned(t, func(l *testlog.Log) {})
	signed, _ := unsigned(t, func(l *testlog.Log) { l.Checkpoint() })
	long := strings.Repeat("y", logfile.MaxLine) + "\x00\n"
	for name, c := range map[string]struct{ text, want string }{
		"zeros":                               {zeroed(open, "b"), "cut@7"},
		"zeros, and a line missing":           {without(zeroed(open, "a"), "b"), "cut@6"},
		"a line missing, and zeros":           {zeroed(without(open, "a"), "c"), "order@6 cut@8"},
		"zeros in a line and behind it":       {zeroed(open, "b") + "\x00{", "cut@7"},
		"a long line with zeros":              {open + long, "cut@9"},
		"a checkpoint behind zeros":           {zeroed(signed, "b"), "line@7"},
		"and behind zeros and a missing line": {without(zeroed(signed, "a"), "b"), "line@6 order@7"},
	} {
		if got := kinds(verified(t, files{logfile.SegmentName(1): c.text}, Options{AllowUnsigned: true})); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// unsigned returns a segment with three long intents a, b and c behind its checkpoint, and where they begin.
func unsigned(t *testing.T, more func(*testlog.Log)) (text string, begin int) {
	f, _ := written(t, testKey(t, logName), func(l *testlog.Log) {
		fill(l)
		for _, call := range []string{"a", "b", "c"} {
			r := intent(call)
			r.Path = strings.Repeat("p", 700)
			l.Add(r)
		}
		more(l)
	})
	text = f[logfile.SegmentName(1)]
	return text, strings.Index(text, `{"seq":6`)
}
