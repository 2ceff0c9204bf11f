package mirror

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit/checkpoint"
)

func noteOf(tb testing.TB, log string, size uint64) string {
	tb.Helper()
	k, err := checkpoint.NewKey(log)
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := checkpoint.Checkpoint{Origin: log, Size: size, Time: time.Unix(0, 0)}.Sign(k)
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

func fileOf(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.jsonl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestNewest: the last whole line of the log's name counts, wherever it stands.
func TestNewest(t *testing.T) {
	line := func(log string, size uint64) string {
		text, err := lines([]string{noteOf(t, log, size)})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	ours, theirs := line("ours", 7), line("theirs", 900)
	for name, c := range map[string]struct {
		text string
		want uint64
	}{
		"empty":                     {"", 0},
		"one":                       {ours, 7},
		"the last one":              {line("ours", 9) + ours, 7},
		"behind another log's":      {theirs + ours, 7},
		"before another log's":      {ours + theirs, 7},
		"far before another log's":  {ours + strings.Repeat(theirs, 1000), 7},
		"another log's only":        {theirs, 0},
		"partial":                   {ours + line("ours", 9)[:200], 7},
		"partial, zeros":            {ours + line("ours", 9)[:200] + "\x00\x00\x00", 7},
		"only the line feed is cut": {strings.TrimSuffix(ours, "\n"), 7},
		"partial, then whole":       {line("ours", 5)[:200] + "\n" + ours + "\n\n", 7},
		"garbage":                   {ours + "garbage\n{}\n[]\n\xff\n", 7},
		"a long line of garbage":    {ours + strings.Repeat("x", 3*backwardStep+5) + "\n", 7},
		"a note that does not read": {ours + `{"log":"ours","checkpoint":"ours\n9\n"}` + "\n", 7},
	} {
		got := Newest(t.Context(), []Place{File(fileOf(t, c.text))}, "ours")
		if len(got) != 1 || got[0].Err != nil || got[0].Checkpoint.Size != c.want {
			t.Errorf("%s: got %+v, want %d", name, got, c.want)
		}
	}
}

// TestNewestOfBadPlaces: none of these makes a start wait, and a stream is not read.
func TestNewestOfBadPlaces(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	places := []Place{Writer("stdout", os.Stdout), File(pipe), File(dir), File("/dev/zero"), File(filepath.Join(dir, "none", "c"))}
	got := Newest(t.Context(), places, "ours")
	if len(got) != 4 {
		t.Fatalf("got %+v", got)
	}
	for i, want := range []string{"not a regular file", "not a regular file", "not a regular file", ""} {
		if err := got[i].Err; (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", got[i].Place, err, want)
		}
	}
}

// TestNewestHangs: a mount that hangs holds a start for two seconds, and hides no other place.
func TestNewestHangs(t *testing.T) {
	good := File(fileOf(t, ""))
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		hanging := Place{Name: "hanging", newest: func(context.Context, string) (c checkpoint.Checkpoint, err error) {
			<-stuck
			return c, nil
		}}
		begun := time.Now()
		got := Newest(t.Context(), []Place{hanging, good, hanging}, "ours")
		if waited := time.Since(begun); waited != readPatience {
			t.Errorf("it waited for %v", waited)
		}
		if len(got) != 3 || got[0].Err == nil || got[1].Err != nil || got[2].Err == nil {
			t.Errorf("got %+v", got)
		}
		close(stuck)
	})
}

// TestCutWhileReading: that is an error, and not the beginning of the file.
func TestCutWhileReading(t *testing.T) {
	b := backward{ctx: t.Context(), file: strings.NewReader("short"), end: 100}
	if line, err := b.line(); err != io.ErrUnexpectedEOF {
		t.Errorf("got %q, %v", line, err)
	}
}

// endless is a file without line feeds. Reading it ends the context after a while.
type endless struct {
	reads int
	end   context.CancelFunc
}

func (e *endless) ReadAt(p []byte, _ int64) (int, error) {
	if e.reads++; e.reads == 10 {
		e.end()
	}
	return len(p), nil
}

// TestEndWithinALine: a file of zeros, such as a sparse one, is read no further when nothing waits for it.
func TestEndWithinALine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := &endless{end: cancel}
	b := backward{ctx: ctx, file: e, end: 20 * backwardStep}
	if line, err := b.line(); err != context.Canceled || e.reads != 10 {
		t.Errorf("%d bytes, %v, after %d reads", len(line), err, e.reads)
	}
}

// FuzzBackward holds lines from the end against lines from the beginning.
func FuzzBackward(f *testing.F) {
	f.Add("a\nb\n", 1)
	f.Add("\n\nabc\ndef", 2)
	f.Fuzz(func(t *testing.T, text string, times int) {
		text = strings.Repeat(text, max(1, times%2000))
		if len(text) > 256<<10 {
			return
		}
		want := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		b := backward{ctx: t.Context(), file: strings.NewReader(text), end: int64(len(text))}
		for i := len(want) - 1; i >= 0; i-- {
			line, err := b.line()
			if err != nil && strings.Join(want[:i+1], "") == "" {
				return // empty lines at the beginning are ignored
			}
			if err != nil || string(line) != want[i] && len(want[i]) <= maxCopyLine {
				t.Fatalf("line %d: %q, %v, want %q", i, line, err, want[i])
			}
		}
		if line, err := b.line(); err == nil {
			t.Fatalf("a line too many: %q", line)
		}
	})
}
