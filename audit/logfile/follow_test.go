package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// readAt returns one line.
func readAt(dir string, at Position) ([]byte, error) {
	l := LineReader{Files: os.DirFS(dir)}
	defer l.Close()
	return l.Line(at)
}

// follower is a Follower over files that the test writes.
type follower struct {
	*testing.T
	*Follower
	dir string
}

func newFollower(t *testing.T, from uint64, segments map[uint64]string) *follower {
	f := &follower{t, nil, t.TempDir()}
	for first, text := range segments {
		f.write(first, text)
	}
	f.Follower = NewFollower(f.dir, from)
	t.Cleanup(func() { f.Follower.Close() })
	return f
}

// write puts the text in the place of the segment's, without making another file of it.
func (f *follower) write(first uint64, text string) {
	if err := os.WriteFile(filepath.Join(f.dir, SegmentName(first)), []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
}

// expect checks which records are read, and for a part of the error.
func (f *follower) expect(problem string, seqs ...uint64) {
	f.Helper()
	var got []uint64
	err := f.Read(func(r *Record, _ []byte, _ Position) error { got = append(got, r.Seq); return nil })
	if !slices.Equal(got, seqs) {
		f.Errorf("records %v, want %v", got, seqs)
	}
	if problem == "" && err != nil || problem != "" && (err == nil || !strings.Contains(err.Error(), problem)) {
		f.Errorf("error %v, want %q", err, problem)
	}
}

func TestFollowerSeesLinesGrow(t *testing.T) {
	lines := strings.SplitAfter(sample(), "\n")
	f := newFollower(t, 1, map[uint64]string{1: ""})
	f.expect("")
	text := ""
	for i, line := range lines[:4] {
		for _, cut := range []int{1, len(line) / 2, len(line) - 1} {
			f.write(1, text+line[:cut])
			f.expect("")
			f.write(1, text+line[:cut]+zeros(2*len(line)-cut)+line+zeros(7)) // pages reach a reader in any order
			f.expect("")
		}
		text += line
		f.write(1, text+zeros(100))
		f.expect("", uint64(i+1))
	}
	if f.Next() != 5 {
		t.Errorf("next is %d", f.Next())
	}
}

func TestFollowerRepeatsAfterAnError(t *testing.T) {
	f := newFollower(t, 1, map[uint64]string{1: sample()})
	err := f.Read(func(r *Record, _ []byte, _ Position) error {
		if r.Seq == 2 {
			return errInjected
		}
		return nil
	})
	if err != errInjected {
		t.Errorf("error %v", err)
	}
	f.expect("", 2, 3, 4)
}

func TestFollowerBegins(t *testing.T) {
	lines := strings.SplitAfter(sample(), "\n")
	all := map[uint64]string{1: lines[0] + lines[1], 3: lines[2], 4: lines[3] + zeros(10)}
	for from, want := range map[uint64][]uint64{0: {1, 2, 3, 4}, 1: {1, 2, 3, 4}, 2: {2, 3, 4}, 3: {3, 4}, 4: {4}, 5: nil, 9: nil} {
		f := newFollower(t, from, all)
		f.expect("", want...)
		if f.Next() != max(from, 5) {
			t.Errorf("from %d: next is %d", from, f.Next())
		}
	}
	// What stands before a known position is not read.
	for seq, at := range map[uint64]Position{1: at(1, 0), 2: at(1, int64(len(lines[0]))), 3: at(3, 0), 4: at(4, 0)} {
		f := newFollower(t, 1, map[uint64]string{1: strings.Repeat(".", len(lines[0])-1) + "\n" + lines[1], 3: lines[2], 4: lines[3] + zeros(10)})
		f.Follower = NewFollowerBehind(f.dir, seq, at)
		f.expect("", []uint64{2, 3, 4}[seq-1:]...)
		f.expect("")
	}
	// A log that is shorter than expected is waited for.
	f := newFollower(t, 4, map[uint64]string{1: lines[0]})
	f.expect("")
	f.write(1, lines[0]+lines[1])
	f.expect("")
	f.write(3, lines[2])
	f.expect("")
	f.write(3, lines[2]+lines[3])
	f.expect("", 4)
}

func TestFollowerOfPrunedLog(t *testing.T) {
	lines := strings.SplitAfter(sample(), "\n")
	segments := map[uint64]string{1: lines[0], 2: lines[1], 3: lines[2]}
	f := newFollower(t, 1, segments)
	prune(t, f.dir, 1, 1)
	f.expect("", 2, 3)
	// Segments that are pruned before they were read are skipped.
	f.write(4, lines[3])
	prune(t, f.dir, 3, 1)
	f.expect("", 4)
	f = newFollower(t, 1, segments)
	f.write(4, lines[3])
	var got []uint64
	err := f.Read(func(r *Record, _ []byte, _ Position) error {
		if got = append(got, r.Seq); r.Seq == 1 {
			prune(t, f.dir, 1, 1)
			prune(t, f.dir, 2, 1)
			prune(t, f.dir, 3, 1)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, []uint64{1, 4}) {
		t.Errorf("records %v, %v", got, err)
	}
	f = newFollower(t, 1, map[uint64]string{2: lines[1]})
	f.expect("the records 1 to 1 are missing")
	f = newFollower(t, 2, map[uint64]string{2: lines[1]})
	f.expect("", 2)
}

// TestFollowerOfUnbegunSegment: a crash leaves a segment without a record, which the next start removes.
func TestFollowerOfUnbegunSegment(t *testing.T) {
	lines := strings.SplitAfter(sample(), "\n")
	for _, unbegun := range []string{"", zeros(100), lines[2][:20] + zeros(100)} {
		f := newFollower(t, 1, map[uint64]string{1: lines[0] + lines[1], 3: unbegun})
		f.expect("", 1, 2)
		remove(t, f.dir, 3)
		f.expect("")
		f.write(1, lines[0]+lines[1]+lines[2]+zeros(50))
		f.expect("", 3)
		f.write(1, lines[0]+lines[1]+lines[2])
		f.write(4, lines[3])
		f.expect("", 4)
		// It is gone, and another one begun, between two listings.
		f = newFollower(t, 2, map[uint64]string{1: lines[0] + lines[1], 3: unbegun})
		f.expect("", 2)
		remove(t, f.dir, 3)
		f.write(1, lines[0]+lines[1]+lines[2])
		f.write(4, lines[3])
		f.expect("", 3, 4)
	}
	f := newFollower(t, 1, map[uint64]string{1: lines[0] + lines[1], 3: ""})
	f.expect("", 1, 2)
	remove(t, f.dir, 3)
	remove(t, f.dir, 1)
	f.expect("holds no audit log")
}

func TestFollowerFaults(t *testing.T) {
	lines := strings.SplitAfter(sample(), "\n")
	for name, c := range map[string]struct {
		meanwhile func(f *follower)
		want      string
	}{
		"cut":           {func(f *follower) { f.write(1, lines[0]) }, "the file was cut"},
		"gone":          {func(f *follower) { remove(f.T, f.dir, 1) }, "has gone"},
		"replaced":      {func(f *follower) { remove(f.T, f.dir, 1); f.write(1, lines[0]+lines[1]) }, "another file"},
		"no record":     {func(f *follower) { f.write(1, lines[0]+lines[1]+"[]\n") }, "no record"},
		"another seq":   {func(f *follower) { f.write(1, lines[0]+lines[1]+lines[3]) }, "record 3 is expected here"},
		"gap":           {func(f *follower) { f.write(4, lines[3]) }, "the records 3 to 3 are missing"},
		"not whole":     {func(f *follower) { f.write(1, lines[0]+lines[1]+zeros(1)); f.write(3, lines[2]) }, "is not whole"},
		"overlap":       {func(f *follower) { f.write(2, lines[1]) }, "must not hold again"},
		"empty":         {func(f *follower) { remove(f.T, f.dir, 1); f.write(3, "") }, ""},
		"next is a dir": {func(f *follower) { _ = os.Mkdir(filepath.Join(f.dir, SegmentName(3)), 0o700) }, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFollower(t, 1, map[uint64]string{1: lines[0] + lines[1]})
			f.expect("", 1, 2)
			c.meanwhile(&follower{t, f.Follower, f.dir})
			f.T = t
			f.expect(c.want)
		})
	}
	newFollower(t, 1, nil).expect("holds no audit log")
	f := newFollower(t, 1, nil)
	f.Follower = NewFollower(filepath.Join(f.dir, "none"), 1)
	f.expect("no such file")
}

func remove(t *testing.T, dir string, first uint64) {
	if err := os.Remove(filepath.Join(dir, SegmentName(first))); err != nil {
		t.Fatal(err)
	}
}

func TestReadAt(t *testing.T) {
	lines := strings.SplitAfter(sample(), "\n")
	f := newFollower(t, 1, map[uint64]string{1: lines[0] + lines[1], 3: lines[2] + "{" + zeros(9)})
	for want, at := range map[string]Position{
		strings.TrimSuffix(lines[0], "\n"): at(1, 0), strings.TrimSuffix(lines[1], "\n"): at(1, int64(len(lines[0]))),
		strings.TrimSuffix(lines[2], "\n"): at(3, 0),
	} {
		if got, err := readAt(f.dir, at); err != nil || string(got) != want {
			t.Errorf("%v: %q, %v", at, got, err)
		}
	}
	for _, at := range []Position{at(1, -1), at(1, 1<<40), at(1, int64(len(lines[0]+lines[1]))), at(3, int64(len(lines[2])))} {
		if got, err := readAt(f.dir, at); err == nil {
			t.Errorf("%v: %q", at, got)
		}
	}
	if _, err := readAt(f.dir, at(2, 0)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("segment that is not there: %v", err)
	}
}

// Lines up to the longest are read back whole.
func TestLineReaderLongLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine-1) + "\n"
	f := newFollower(t, 1, map[uint64]string{1: "a\n" + long + long + "b\n"})
	l := LineReader{Files: os.DirFS(f.dir)}
	defer l.Close()
	for range 2 {
		for at, want := range map[int64]string{0: "a\n", 2: long, int64(2 + len(long)): long, int64(2 + 2*len(long)): "b\n"} {
			if got, err := l.Line(Position{Segment: 1, Offset: at}); err != nil || string(got)+"\n" != want {
				t.Errorf("at %d: %d bytes, %v", at, len(got), err)
			}
		}
	}
}

func at(segment uint64, offset int64) Position {
	return Position{Segment: segment, Offset: offset}
}
