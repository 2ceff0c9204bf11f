package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// limitFiles lets the process write no file beyond so many bytes, as a full disk would: the kernel refuses the write, also for root.
// A process that has been ended meanwhile has no limit any more.
func (l *life) limitFiles(bytes uint64) error {
	limit := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	err := unix.Prlimit(l.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// fillDisk lets a gateway write nothing for a while.
func fillDisk(w *world, random *rand.Rand) error { return w.any(random).disk(random, 1) }

// fillSegment lets the live segment of a gateway's log grow no more for a while.
func fillSegment(w *world, random *rand.Rand) error {
	r := w.any(random)
	segments, err := filepath.Glob(filepath.Join(r.dir(), "*.jsonl"))
	if err != nil || len(segments) == 0 {
		return fmt.Errorf("no segments of %s: %w", r.name, err)
	}
	info, err := os.Stat(segments[len(segments)-1])
	if err != nil {
		return err
	}
	return r.disk(random, uint64(info.Size()))
}

// disk has the gateway write no file beyond so many bytes for a while. Reloads go on meanwhile, and are refused.
func (r *replica) disk(random *rand.Rand, room uint64) error {
	l := r.current()
	l.stalled = true
	r.w.happened("  %s writes no file beyond %d bytes", r.name, room)
	if err := l.limitFiles(room); err != nil {
		return err
	}
	pause(random, 2*time.Second)
	return l.limitFiles(unix.RLIM_INFINITY)
}

// fillAndKill kills a gateway while its disk is full. There is room again when it starts.
func fillAndKill(w *world, random *rand.Rand) error {
	r := w.any(random)
	return r.while(func() error {
		l := r.current()
		l.stalled = true
		w.happened("  %s writes nothing, and is killed", r.name)
		if err := l.limitFiles(1); err != nil {
			return err
		}
		pause(random, time.Second)
		if err := l.end(killed); err != nil {
			return err
		}
		return r.start(l.binary)
	})
}
