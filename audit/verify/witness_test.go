package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

func jsonLine(note string) string {
	line, err := json.Marshal(map[string]any{"checkpoint": note, "log": logName})
	if err != nil {
		panic(err)
	}
	return string(line) + "\n"
}

// keptLog has many checkpoints, all of which are kept, and a key rotation.
func keptLog(t testing.TB, key, other *checkpoint.Key, n int) (files, []string) {
	var notes []string
	f, _ := written(t, key, func(l *testlog.Log) {
		notes = append(notes, l.Last)
		for i := range n {
			if fill(l); i == n/2 {
				l.Rekey(other, false)
			}
			notes = append(notes, l.Last)
		}
	})
	return f, notes
}

func TestKeptElsewhere(t *testing.T) {
	key, other := testKey(t, logName), testKey(t, logName)
	f, notes := keptLog(t, key, other, 20)
	var lines []string
	for _, note := range notes {
		lines = append(lines, jsonLine(note))
	}
	backwards := slices.Clone(lines)
	slices.Reverse(backwards)
	old := strings.SplitAfter(f[logfile.SegmentName(1)], "\n")
	short := files{logfile.SegmentName(1): strings.Join(old[:21], "")}
	strange, _ := checkpoint.Checkpoint{Origin: logName, Size: 3, Root: rootOf(old[:3]), Time: testlog.Start}.Sign(testKey(t, logName))
	both, _ := checkpoint.Checkpoint{Origin: logName, Size: 3, Root: rootOf(old[:3]), Time: testlog.Start}.Sign(key, other)
	for _, c := range []struct {
		name, kept, want string
		files            files
		agree            int
	}{
		{"all lines", strings.Join(lines, ""), "", f, 21},
		{"backwards", strings.Join(backwards, ""), "", f, 21},
		{"twice", strings.Join(append(lines, lines...), ""), "", f, 42},
		{"one note", notes[3], "", f, 1},
		{"a part of a line at the end", lines[0] + lines[1][:50], "", f, 1},
		{"one line without its line feed", strings.TrimSuffix(lines[3], "\n"), "", f, 1},
		{"the last of an old state without its line feed", strings.TrimSuffix(lines[20], "\n"), "checkpoint@22", short, 0},
		{"a partial line with others behind it", lines[0][:50] + "\n" + lines[1] + lines[2][:9] + "\x00\x00\n" + "\x00\x00\n" + lines[3], "", f, 2},
		{"an old state", strings.Join(lines, ""), "checkpoint@22", short, 10},
		{"the last one of an old state", notes[20], "checkpoint@22", short, 0},
		{"signed by a foreign key", strange, "checkpoint@3", f, 0},
		{"signed by both keys", both, "", f, 1},
		{"with its root changed", strings.Replace(notes[3], strings.Split(notes[3], "\n")[2], strings.Split(notes[4], "\n")[2], 1), "checkpoint@8", f, 0},
		{"with its signature changed", notes[3][:len(notes[3])-8] + "AAAA" + notes[3][len(notes[3])-4:], "checkpoint@8", f, 0},
	} {
		r := verified(t, c.files, Options{Witnesses: strings.NewReader(c.kept)})
		if got := kinds(r); got != c.want || r.Witnessed != c.agree {
			t.Errorf("%s: %d agree, want %d; faults %q, want %q: %+v", c.name, r.Witnessed, c.agree, got, c.want, r.Faults)
		}
	}
	for _, bad := range []string{"", "x", lines[0][:50], lines[0][:50] + "\n", "{\n", "\n", "\x00", "{}", "{}\n", "{\"a\":\n}\n" + lines[0][1:], "{\"checkpoint\":1}\n", lines[0] + "\n", lines[0] + "x\n", "{" + strings.Repeat(" ", logfile.MaxLine) + "\n", notes[0] + notes[1]} {
		if r, err := Verify(t.Context(), f.fs(), Options{Witnesses: strings.NewReader(bad)}); err == nil && r.Whole() {
			t.Errorf("kept checkpoints %.50q were taken", bad)
		}
	}
	for _, broken := range []io.Reader{iotest.ErrReader(io.ErrUnexpectedEOF), io.MultiReader(strings.NewReader(lines[0]), iotest.ErrReader(io.ErrClosedPipe))} {
		if _, err := Verify(t.Context(), f.fs(), Options{Witnesses: broken}); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("a reader that fails: %v", err)
		}
	}
}

func rootOf(lines []string) checkpoint.Hash {
	var tree checkpoint.Tree
	for _, line := range lines {
		tree.AddLine([]byte(strings.TrimSuffix(line, "\n")))
	}
	return tree.Root()
}

// TestKeptOfAnotherLog compares with a log that the same key signed otherwise.
func TestKeptOfAnotherLog(t *testing.T) {
	key, other := testKey(t, logName), testKey(t, logName)
	whole, l := small(t, key, other, "x")
	twin, _ := small(t, key, other, "y")
	if got := kinds(verified(t, twin, Options{Witnesses: strings.NewReader(l.Last)})); got != fmt.Sprintf("checkpoint@%d", l.Seq-1) {
		t.Errorf("faults %q", got)
	}
	mustPass(t, "its own", whole, Options{Witnesses: strings.NewReader(l.Last)})
}

// TestKeptOfPrunedKey has witnesses by a key whose records were pruned: the key record behind them names it.
func TestKeptOfPrunedKey(t *testing.T) {
	key, other := testKey(t, logName), testKey(t, logName)
	var kept string
	f, _ := written(t, key, func(l *testlog.Log) {
		kept = l.Last
		l.Rotate()
		l.Rekey(other, false)
		l.Prune(1)
	})
	r := mustPass(t, "of the pruned part", f, Options{Witnesses: strings.NewReader(kept)})
	if r.Witnessed != 1 || len(r.Pruned) != 1 || r.Pruned[0] != (Range{1, 3}) {
		t.Errorf("%+v", r)
	}
}

// TestManyKept has more of them than are held at once.
func TestManyKept(t *testing.T) {
	f, notes := keptLog(t, testKey(t, logName), testKey(t, logName), 1)
	var many strings.Builder
	for range witnessWindow + 10 {
		many.WriteString(jsonLine(notes[0]))
	}
	many.WriteString(jsonLine(notes[1]))
	if r := mustPass(t, "rising", f, Options{Witnesses: strings.NewReader(many.String())}); r.Witnessed != witnessWindow+11 {
		t.Errorf("%d agree", r.Witnessed)
	}
	turned := jsonLine(notes[1]) + many.String()
	mustPass(t, "one of them early", f, Options{Witnesses: strings.NewReader(turned)})
	var late strings.Builder
	for range witnessWindow {
		late.WriteString(jsonLine(notes[1]))
	}
	late.WriteString(jsonLine(notes[0]))
	mustFind(t, "one too late to be compared", f, Options{Witnesses: strings.NewReader(late.String())})
}
