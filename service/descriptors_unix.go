//go:build unix

package service

import (
	"math"

	"golang.org/x/sys/unix"
)

// maxDescriptors returns the process's limit. The standard library has raised the soft one to the hard one by now.
func maxDescriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt
	}
	return int(min(uint64(limit.Cur), math.MaxInt))
}
