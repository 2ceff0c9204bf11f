package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit/checkpoint"
)

var key, _ = checkpoint.NewKey("tollgate/<a&b>")

// note returns a checkpoint of a size.
func note(tb testing.TB, size uint64) string {
	tb.Helper()
	c := checkpoint.Checkpoint{Origin: key.Name(), Size: size, Time: time.Date(2026, 10, 3, 4, 5, 6, 7080900, time.UTC)}
	signed, err := c.Sign(key)
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

// sizes returns the sizes of a place's checkpoints, and checks every line. It skips partial ones.
func sizes(t *testing.T, text string) string {
	t.Helper()
	var got []string
	for each := range strings.Lines(text) {
		var l struct {
			Log, Root, Time, Checkpoint string
			Size                        uint64
		}
		if json.Unmarshal([]byte(each), &l) != nil {
			got = append(got, "partial")
			continue
		}
		c, err := checkpoint.Open(l.Checkpoint, key.Public())
		if err != nil || c.Size != l.Size || c.Origin != l.Log || c.Root.String() != l.Root || l.Time != "2026-10-03T04:05:06.007080900Z" {
			t.Errorf("line %s: %v", each, err)
		}
		got = append(got, fmt.Sprint(l.Size))
	}
	return strings.Join(got, " ")
}

func TestPlaces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.jsonl")
	var stream bytes.Buffer
	c := Start([]Place{File(file), Writer("stdout", &stream)}, func(place string, err error) { t.Errorf("%s: %v", place, err) })
	for size := range uint64(5) {
		c.Publish(note(t, size))
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if got := sizes(t, string(text)); err != nil || got != "0 1 2 3 4" || stream.String() != string(text) {
		t.Errorf("got %s, %v and %s", got, err, &stream)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	for _, s := range c.Status() {
		if s.Err != nil || s.Failures != 0 {
			t.Errorf("%+v", s)
		}
	}
	if !strings.HasPrefix(string(text), `{"log":"tollgate/<a&b>","size":0,"root":"`) {
		t.Errorf("the line begins with %.60s", text)
	}
}

// TestPartialLine: the next line stands by itself, wherever a crash cut the last one.
func TestPartialLine(t *testing.T) {
	whole, err := lines([]string{note(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		file := filepath.Join(t.TempDir(), "c.jsonl")
		if err := os.WriteFile(file, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		next, _ := lines([]string{note(t, 2)})
		if err := File(file).Append(next); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(file)
		want := "partial 2"
		switch n {
		case 0:
			want = "2"
		case len(whole), len(whole) - 1: // of the latter only the line feed is missing
			want = "1 2"
		}
		if got := sizes(t, string(text)); got != want {
			t.Errorf("after %d bytes: %s, want %s", n, got, want)
		}
	}
}

// TestBadFiles: none of these makes Append wait.
func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(dir, "pipe"): "not a regular file", "/dev/null": "not a regular file", dir: "is a directory",
		filepath.Join(dir, "none/c.jsonl"): "no such file",
	} {
		if err := File(name).Append([]byte("{}\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// flaky is a place that fails or hangs on demand.
type flaky struct {
	mu    sync.Mutex
	text  bytes.Buffer
	err   error
	hang  chan struct{}
	calls int
}

func (f *flaky) place() Place {
	return Place{Name: "flaky", Append: func(lines []byte) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calls++
		if f.hang != nil {
			<-f.hang
		}
		if f.err == nil {
			f.text.Write(lines)
		}
		return f.err
	}}
}

// TestRetry: a place that comes back has the queued lines written, without another checkpoint, and other places do not wait.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, reports := &flaky{err: errors.New("no space")}, 0
		var other bytes.Buffer
		c := Start([]Place{f.place(), Writer("other", &other)}, func(place string, err error) {
			if reports++; place != "flaky" || !errors.Is(err, f.err) {
				t.Errorf("%s: %v", place, err)
			}
		})
		c.Publish(note(t, 1))
		synctest.Wait()
		c.Publish(note(t, 2))
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := c.Status()[0]; !errors.Is(s.Err, f.err) || s.Failures != uint64(reports) || reports < 60 || reports > 70 {
			t.Errorf("after an hour: %+v, reported %d times", s, reports)
		}
		if got := sizes(t, other.String()); got != "1 2" || c.Status()[1].Err != nil {
			t.Errorf("the other place has %s, %v", got, c.Status()[1])
		}
		f.mu.Lock()
		f.err = nil
		f.mu.Unlock()
		time.Sleep(maxRetry)
		synctest.Wait()
		if got := sizes(t, f.text.String()); got != "1 2" || c.Status()[0].Err != nil {
			t.Errorf("then %s, %+v", got, c.Status()[0])
		}
		if err := c.Close(t.Context()); err != nil || f.calls != reports+1 {
			t.Errorf("%v, %d calls, reported %d times", err, f.calls, reports)
		}
	})
}

// TestManyWaiting: the oldest are dropped, and counted.
func TestManyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{hang: make(chan struct{})}
		c := Start([]Place{f.place()}, nil)
		c.Publish(note(t, 0))
		synctest.Wait()
		for size := range uint64(maxWaiting + 10) {
			c.Publish(note(t, 1+size))
		}
		if s := c.Status()[0]; s.Err != nil || s.Failures != 10 {
			t.Errorf("at once: %+v", s)
		}
		time.Sleep(stalledAfter + 1)
		if s := c.Status()[0]; s.Err == nil {
			t.Error("a place that hangs shows no error")
		}
		close(f.hang)
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		got := strings.Fields(sizes(t, f.text.String()))
		if len(got) != 1+maxWaiting || got[0] != "0" || got[1] != "11" || got[maxWaiting] != fmt.Sprint(maxWaiting+10) {
			t.Errorf("%d lines: %.60s", len(got), got)
		}
		if f.calls != 2 {
			t.Errorf("%d writes", f.calls)
		}
	})
}

// TestCloseAtOnce: the error names what was never tried.
func TestCloseAtOnce(t *testing.T) {
	w := &placeWriter{place: Place{Name: "slow"}, waiting: []string{note(t, 1)}, closing: make(chan struct{}), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&Mirror{[]*placeWriter{w}}).Close(ctx); err == nil || !strings.HasSuffix(err.Error(), "is not in slow: it has not answered in time") {
		t.Error(err)
	}
}

// TestClose: it tries once more, says what is missing, and waits for no place that hangs.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, hanging := &flaky{err: errors.New("no space")}, &flaky{hang: make(chan struct{})}
		c := Start([]Place{bad.place(), hanging.place()}, nil)
		c.Publish(note(t, 1))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := c.Close(ctx)
		if err == nil || strings.Count(err.Error(), "is not in flaky") != 2 || !errors.Is(err, bad.err) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if bad.calls != 2 {
			t.Errorf("%d writes", bad.calls)
		}
		close(hanging.hang)
	})
}
