package audit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit/logfile"
)

func TestInUse(t *testing.T) {
	cfg := onDisk(t)
	is := func(when string, want bool) {
		t.Helper()
		if got, err := InUse(cfg.Dir); err != nil || got != want {
			t.Errorf("%s: %v, %v", when, got, err)
		}
	}
	is("before the first start", false)
	l, _ := open(t, cfg)
	is("open", true)
	is("open, asked again", true)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	is("closed", false)
	l, _ = open(t, cfg) // asking has left no lock behind
	is("open again", true)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Dir = filepath.Join(cfg.Dir, "none")
	is("no directory", false)
}

// TestLockWhileAsked starts while InUse is asked, which holds a shared lock for a moment.
func TestLockWhileAsked(t *testing.T) {
	dir := t.TempDir()
	asking, err := os.Create(filepath.Join(dir, lockName))
	if err != nil {
		t.Fatal(err)
	}
	defer asking.Close()
	defer func(before func(time.Duration)) { sleep = before }(sleep)
	for _, asked := range []int{0, 1, lockTries - 1, lockTries} { // how often the lock is found taken
		tries := 1
		sleep = func(time.Duration) {
			if tries++; tries > asked {
				_ = unix.Flock(int(asking.Fd()), unix.LOCK_UN)
			}
		}
		if asked > 0 {
			_ = unix.Flock(int(asking.Fd()), unix.LOCK_SH)
		}
		held, err := (&osDisk{dir: dir}).Lock()
		if got, want := errors.Is(err, ErrLocked), asked == lockTries; got != want || !want && err != nil {
			t.Errorf("taken %d times: %v", asked, err)
		}
		if held != nil {
			_ = held.Close()
		}
	}
}

func TestParseLine(t *testing.T) {
	r := logfile.Record{Note: "of the line before"}
	want := logfile.Record{Seq: 1, Commit: 1, Kind: logfile.KindStart}
	if err := logfile.ParseLine(want.Append(nil), &r); err != nil || r.Seq != 1 || r.Note != "" || !r.Kind.Known() {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"", "{}x", " {}", `{"seq":1,"seq":1}`, `{"note":1}`, "{\"note\":\"\xff\"}"} {
		if err := logfile.ParseLine([]byte(bad), &r); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
