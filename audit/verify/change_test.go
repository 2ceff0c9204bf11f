package verify

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/soaktest"
	"tollgate/internal/testlog"
)

// files are the files of a log, by name.
type files map[string]string

func filesOf(t testing.TB, dir string) files {
	t.Helper()
	f := files{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		b, err := os.ReadFile(dir + "/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		f[entry.Name()] = string(b)
	}
	return f
}

func (f files) with(name, text string) files {
	changed := maps.Clone(f)
	changed[name] = text
	return changed
}

func (f files) names() []string { return slices.Sorted(maps.Keys(f)) }

func (f files) fs() fs.FS {
	m := fstest.MapFS{}
	for name, text := range f {
		m[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	}
	return m
}

func verified(t testing.TB, f files, o Options) *Report {
	t.Helper()
	r, err := Verify(t.Context(), f.fs(), o)
	if err != nil {
		return &Report{FaultCount: 1, Faults: []Fault{{Text: err.Error()}}}
	}
	return r
}

func mustFind(t testing.TB, what string, f files, o Options) *Report {
	t.Helper()
	r := verified(t, f, o)
	if r.Whole() {
		t.Errorf("%s: not found", what)
	}
	return r
}

func mustPass(t testing.TB, what string, f files, o Options) *Report {
	t.Helper()
	r := verified(t, f, o)
	for _, fault := range r.Faults {
		t.Errorf("%s: %+v", what, fault)
	}
	return r
}

func testKey(t testing.TB, name string) *checkpoint.Key {
	t.Helper()
	key, err := checkpoint.NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const logName = "tollgate/x"

// small returns a log that has everything: three segments, of which the first is pruned, calls across segments and across a
// start, a key rotation, stops and starts. The variant makes logs that differ in one word.
func small(t testing.TB, key, other *checkpoint.Key, variant string) (files, *testlog.Log) {
	t.Helper()
	dir := t.TempDir()
	l := testlog.New(dir, key)
	l.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "a"})
	l.Add(&logfile.Record{Kind: logfile.KindRefusal, Note: variant})
	l.Rotate()
	l.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: "a", Note: "blank \\ \" \n"})
	l.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "b"})
	l.Rekey(other, false)
	l.Prune(1)
	l.Add(&logfile.Record{Kind: logfile.KindStop, Note: variant})
	l.Checkpoint()
	l.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: "b"})
	l.Add(&logfile.Record{Kind: logfile.KindStart})
	l.Rotate()
	l.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "c"})
	l.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: "c"})
	l.Add(&logfile.Record{Kind: logfile.KindRefusals, Counts: []logfile.Count{{Reason: variant, Count: 3}}})
	l.Close()
	return filesOf(t, dir), l
}

// each runs fn for the numbers below n on all processors.
func each(n int, fn func(i int)) {
	var group sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := worker; i < n; i += runtime.GOMAXPROCS(0) {
				fn(i)
			}
		})
	}
	group.Wait()
}

// left leaves out most of the changes under the race detector, which needs few of them, and two of three otherwise. The long form has all.
func left(i int) bool { return raceEnabled && i%29 != 0 || !soaktest.On() && i%3 != 0 }

// TestEveryByteCounts changes, removes and doubles each byte of each file.
func TestEveryByteCounts(t *testing.T) {
	whole, _ := small(t, testKey(t, logName), testKey(t, logName), "x")
	mustPass(t, "unchanged", whole, Options{})
	for _, name := range whole.names() {
		text := whole[name]
		each(len(text), func(i int) {
			if left(i) {
				return
			}
			others := []byte{0, '\n', ' ', '"', '0', 0xFF}
			for bit := range 8 {
				others = append(others, text[i]^1<<bit)
			}
			for _, b := range others {
				if b != text[i] {
					mustFind(t, fmt.Sprintf("%s, byte %d: %q changed to %q", name, i, text[i], b), whole.with(name, text[:i]+string([]byte{b})+text[i+1:]), Options{})
				}
			}
			mustFind(t, fmt.Sprintf("%s, byte %d removed", name, i), whole.with(name, text[:i]+text[i+1:]), Options{})
			mustFind(t, fmt.Sprintf("%s, byte %d doubled", name, i), whole.with(name, text[:i+1]+text[i:]), Options{})
		})
	}
}

// row is a line with its file.
type row struct{ file, text string }

func rows(f files) []row {
	var out []row
	for _, name := range f.names() {
		if strings.HasSuffix(name, ".jsonl") {
			for text := range strings.Lines(f[name]) {
				out = append(out, row{name, text})
			}
		}
	}
	return out
}

// joined returns the files with other lines.
func (f files) joined(rows []row) files {
	changed := maps.Clone(f)
	for name := range f {
		if strings.HasSuffix(name, ".jsonl") {
			changed[name] = ""
		}
	}
	for _, r := range rows {
		changed[r.file] += r.text
	}
	return changed
}

// TestEveryLineCounts removes each line, repeats it at each place, and swaps each pair.
func TestEveryLineCounts(t *testing.T) {
	whole, _ := small(t, testKey(t, logName), testKey(t, logName), "x")
	lines := rows(whole)
	mustPass(t, "unchanged", whole.joined(lines), Options{})
	each(len(lines), func(i int) {
		mustFind(t, fmt.Sprintf("line %d removed", i), whole.joined(slices.Delete(slices.Clone(lines), i, i+1)), Options{})
		for j := range len(lines) {
			if left(i*len(lines) + j) {
				continue
			}
			again := row{lines[j].file, lines[i].text}
			mustFind(t, fmt.Sprintf("line %d repeated at %d", i, j), whole.joined(slices.Insert(slices.Clone(lines), j, again)), Options{})
			replaced := slices.Clone(lines)
			replaced[j].text = lines[i].text
			if j != i {
				mustFind(t, fmt.Sprintf("line %d in the place of %d", i, j), whole.joined(replaced), Options{})
			}
			if replaced[i].text = lines[j].text; j > i {
				mustFind(t, fmt.Sprintf("lines %d and %d swapped", i, j), whole.joined(replaced), Options{})
			}
		}
		last := row{lines[len(lines)-1].file, lines[i].text}
		mustFind(t, fmt.Sprintf("line %d repeated at the end", i), whole.joined(append(slices.Clone(lines), last)), Options{})
	})
}

// TestCuts cuts the log at each byte. Without a witness one cut cannot be found: the one behind a checkpoint's line feed, since the
// rest was once the log. With one, every cut is found.
func TestCuts(t *testing.T) {
	whole, l := small(t, testKey(t, logName), testKey(t, logName), "x")
	names := whole.names()
	last := names[len(names)-1]
	var hidden atomic.Int32
	for i := len(names) - 1; i >= 0; i-- {
		name := names[i]
		each(len(whole[name]), func(n int) {
			cut := whole.with(name, whole[name][:n])
			for _, later := range names[i+1:] {
				delete(cut, later)
			}
			rest := lastLine(whole, names, i, n)
			behind := strings.Contains(rest, `"kind":"checkpoint"`) && strings.HasSuffix(rest, "\n")
			if left(n) && !behind {
				return
			}
			mustFind(t, fmt.Sprintf("%s cut at byte %d, with a kept checkpoint", name, n), cut, Options{Witnesses: strings.NewReader(l.Last)})
			// In front of the prune record nothing says that the first segment may be missing.
			explained := i == len(names)-1 || n > strings.Index(whole[name], `"kind":"prune"`) && strings.HasSuffix(name, ".jsonl")
			if got := verified(t, cut, Options{}); got.Whole() != (behind && explained) {
				t.Errorf("%s cut at byte %d: whole is %v, faults %+v", name, n, got.Whole(), got.Faults)
			} else if got.Whole() {
				hidden.Add(1)
			}
			if name != last { // a cut within, with the later segments left
				mustFind(t, fmt.Sprintf("%s cut at byte %d, the rest there", name, n), whole.with(name, whole[name][:n]), Options{})
			}
		})
	}
	if hidden.Load() != 3 {
		t.Errorf("%d cuts were not found", hidden.Load())
	}
}

// lastLine returns the end of the log, from the last line feed but one on, if file i is cut at byte n. A crash while a segment is
// created leaves it empty.
func lastLine(whole files, names []string, i, n int) string {
	if n == 0 && i > 0 {
		i--
		n = len(whole[names[i]])
	}
	text := whole[names[i]][:n]
	return text[strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n")+1:]
}

// TestSegments removes, swaps and replaces whole files.
func TestSegments(t *testing.T) {
	key, other := testKey(t, logName), testKey(t, logName)
	whole, _ := small(t, key, other, "x")
	twin, l := small(t, key, other, "y")
	mustPass(t, "the other log", twin, Options{Witnesses: strings.NewReader(l.Last)})
	mustFind(t, "the whole log replaced", whole, Options{Witnesses: strings.NewReader(l.Last)})
	for i, name := range whole.names() {
		removed := maps.Clone(whole)
		delete(removed, name)
		mustFind(t, name+" removed", removed, Options{})
		mustFind(t, name+" of another log", whole.with(name, twin[name]), Options{})
		for _, second := range whole.names()[:i] {
			swapped := whole.with(name, whole[second])
			swapped[second] = whole[name]
			mustFind(t, name+" and "+second+" swapped", swapped, Options{})
			if first, hashes, _ := logfile.ParseFileName(second); !hashes { // where both are there, the segment counts
				mustFind(t, second+" twice", whole.with(logfile.SegmentName(first+1), whole[second]), Options{})
			}
		}
	}
	for _, name := range whole.names() {
		for _, more := range []string{"x", "\x00", "\x00\n", "{}"} {
			if first, _, _ := logfile.ParseFileName(name); first != lastPart(whole) || strings.Trim(more, "\x00") != "" {
				mustFind(t, fmt.Sprintf("%q behind %s", more, name), whole.with(name, whole[name]+more), Options{})
			}
		}
	}
	both := whole.with(logfile.SegmentName(1), "")
	mustFind(t, "an empty segment beside its hashes", both, Options{})
}

func lastPart(f files) uint64 {
	names := f.names()
	first, _, _ := logfile.ParseFileName(names[len(names)-1])
	return first
}

// TestPrunedWithoutRecord removes a segment and leaves its hashes, as pruning would.
func TestPrunedWithoutRecord(t *testing.T) {
	whole, _ := small(t, testKey(t, logName), testKey(t, logName), "x")
	names := whole.names()
	var hashes []byte
	for line := range bytes.Lines([]byte(whole[names[1]])) {
		leaf := checkpoint.LeafHash(line[:len(line)-1])
		hashes = append(hashes, leaf[:]...)
	}
	first, _, _ := logfile.ParseFileName(names[1])
	forged := whole.with(logfile.HashesName(first), string(hashes))
	mustPass(t, "hashes beside the segment", forged, Options{})
	delete(forged, names[1])
	r := mustFind(t, "hashes without prune record", forged, Options{})
	if r.FaultCount != 1 || r.Faults[0].Kind != FaultPruned {
		t.Errorf("%+v", r.Faults)
	}
}
