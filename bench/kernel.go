package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clocks are the CPU clocks of kernel threads, by process id.
type clocks map[int]time.Duration

// kthreadd is the parent of all kernel threads.
const kthreadd = 2

// kernelThreads reads the clocks of the kernel threads that may run on a core: its own kworkers and its ksoftirqd, and those of no
// core in particular, such as unbound kworkers and the file system's journal. What a process has the kernel do asynchronously is
// done by them, on their own time: a sync by Linux AIO runs in a kworker of the core on which it was submitted.
func kernelThreads(core int) (clocks, error) {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", kthreadd))
	if err != nil || strings.TrimSpace(string(name)) != "kthreadd" {
		return nil, errors.New("kernel threads, whose CPU time counts, are not to be seen: run it outside of containers, in the first PID namespace")
	}
	all := clocks{}
	for _, pid := range children(kthreadd) {
		var may unix.CPUSet
		if unix.SchedGetaffinity(pid, &may) != nil || !may.IsSet(core) {
			continue // it has ended, or runs elsewhere
		}
		if clock, err := cpuClock(pid); err == nil {
			all[pid] = clock
		}
	}
	return all, nil
}

// since returns the time that the threads have spent on a core since before. One that has begun meanwhile counts as a whole.
func (c clocks) since(before clocks) time.Duration {
	var sum time.Duration
	for pid, clock := range c {
		if was := before[pid]; was <= clock {
			clock -= was
		}
		sum += clock
	}
	return sum
}

// cpuClock reads the CPU clock of a process, threads that have ended included: user and kernel time, in nanoseconds.
func cpuClock(pid int) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|2, &t); err != nil { // CPUCLOCK_SCHED of that process
		return 0, fmt.Errorf("the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
