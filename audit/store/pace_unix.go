//go:build unix

package store

import (
	"time"

	"golang.org/x/sys/unix"
)

// processTime returns the CPU time of the process so far.
func processTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
