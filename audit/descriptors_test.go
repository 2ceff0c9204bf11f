package audit

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/setting"
)

// scarce is a disk whose process has no descriptor for another file, while lacking.
type scarce struct {
	*memDisk
	lacking atomic.Bool
}

func (d *scarce) Open(name string, flag int) (file, error) {
	if d.lacking.Load() {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EMFILE}
	}
	return d.memDisk.Open(name, flag)
}

// TestNoDescriptorForTheNextSegment: the live segment goes on for as long, and is followed when there is a descriptor.
func TestNoDescriptorForTheNextSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scarce{memDisk: newMemDisk()}
		cfg := small(d.memDisk)
		cfg.disk, cfg.Checkpoints.Every = d, setting.Duration(time.Hour)
		l, _ := open(t, cfg)
		intend := func(call string) {
			t.Helper()
			if err := l.Intent(t.Context(), &logfile.Record{Call: call, Path: strings.Repeat("p", 700)}); err != nil {
				t.Fatalf("%s: %v", call, err)
			}
			time.Sleep(2 * maxBackoff) // the bubble's clock
		}
		d.lacking.Store(true)
		for i := range 100 { // ten times what the segment has space for at first
			intend(fmt.Sprint("scarce-", i))
		}
		if s := l.Status(); s.Segment != logfile.SegmentName(1) || s.SegmentBytes < 10*int64(cfg.SegmentSize) {
			t.Errorf("without descriptors: %+v", s)
		}
		d.lacking.Store(false)
		intend("then")
		intend("at last")
		if s := l.Status(); s.Segment == logfile.SegmentName(1) {
			t.Errorf("with descriptors: %+v", s)
		}
		closed(t, l)
		contents(t, d.memDisk)
	})
}

// TestNoDescriptorAndNoRoom: what only outcomes may use is left to them, and the error has the reason and the live segment's name.
func TestNoDescriptorAndNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scarce{memDisk: newMemDisk()}
		cfg := small(d.memDisk)
		cfg.disk = d
		l, _ := open(t, cfg)
		d.mu.Lock()
		d.budget = int64(len(d.names[logfile.SegmentName(1)].cache))
		d.mu.Unlock()
		d.lacking.Store(true)
		n := 0
		for ; l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint(n)}) == nil; n++ {
		}
		time.Sleep(2 * maxBackoff) // the bubble's clock
		err := l.Status().Err
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), logfile.SegmentName(1)) {
			t.Errorf("without descriptors and room: %v", err)
		}
		if err := l.Outcome(t.Context(), &logfile.Record{Call: "0", Outcome: logfile.Succeeded}); err != nil {
			t.Errorf("outcome: %v", err)
		}
	})
}

// exhaust takes all descriptors of the process, until release is called.
func exhaust(t *testing.T) (release func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	less := limit
	less.Cur = 200
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &less); err != nil {
		t.Fatal(err)
	}
	var taken []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, f)
	}
	return func() {
		for _, f := range taken {
			_ = f.Close()
		}
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}

// TestDescriptorsRunOut fills several segments while the process has no descriptor left: the log has some of its own.
func TestDescriptorsRunOut(t *testing.T) {
	cfg := onDisk(t)
	cfg.SegmentSize = logfile.MaxLine
	l, _ := open(t, cfg)
	release := exhaust(t)
	err := func() error {
		defer release()
		for i := range 60 {
			if err := l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint(i), Path: strings.Repeat("p", 8<<10)}); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		t.Fatal(err)
	}
	names, _ := listed(cfg.Dir)
	if n := len(logfile.SegmentNames(names)); n < 5 {
		t.Errorf("there are %d segments", n)
	}
	closed(t, l)
	verify(t, cfg.Dir)
}

// TestSparesAreReleased: who closes a log holds its directory no longer, nor descriptors of it.
func TestSparesAreReleased(t *testing.T) {
	before := len(descriptors(t))
	cfg := onDisk(t)
	for range 3 {
		closed(t, opened(t, cfg))
	}
	if after := descriptors(t); len(after) > before {
		t.Errorf("%d descriptors are left open, there were %d: %v", len(after), before, after)
	}
}

func descriptors(t *testing.T) (names []string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("open descriptors are listed on Linux only")
	}
	all, err := listed("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range all {
		if target, err := os.Readlink("/proc/self/fd/" + fd); err == nil && !strings.HasPrefix(target, "anon_inode:") {
			names = append(names, target)
		}
	}
	return names
}

// TestErrorsOfOpenFilesNameNone: a file that was opened as the next segment may be the live one by now.
func TestErrorsOfOpenFilesNameNone(t *testing.T) {
	d := &osDisk{dir: t.TempDir()}
	held, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	s, err := newSegment(d, pageSize)
	if err == nil {
		err = s.publish(1)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = s.file.Close()
	for what, err := range map[string]error{
		"append": s.append([]byte("x")), "grow": s.grow(2 * pageSize), "trim": s.trim(), "try": s.try(),
		"close": s.file.Close(),
	} {
		if err != nil && strings.Contains(err.Error(), nextName) || err == nil && what != "try" {
			t.Errorf("%s: %v", what, err)
		}
		if what != "close" && what != "try" && err != nil && !strings.Contains(err.Error(), logfile.SegmentName(1)) {
			t.Errorf("%s does not name the segment: %v", what, err)
		}
	}
}
