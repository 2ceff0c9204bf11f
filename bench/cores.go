package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores says where things run.
type cores struct {
	proxy int   // the proxy under test, alone
	load  []int // callers and upstream
}

// share assigns the last core to the proxy and the others to this process.
func share() (cores, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return cores{}, err
	}
	var c cores
	for i := range runtime.NumCPU() * 64 {
		if set.IsSet(i) {
			c.load = append(c.load, i)
		}
	}
	if len(c.load) < 2 {
		return cores{}, fmt.Errorf("two cores are needed, one for the proxy and one for its callers; there is %d", len(c.load))
	}
	c.proxy, c.load = c.load[len(c.load)-1], c.load[:len(c.load)-1]
	return c, nil
}

// confine keeps this process, with all its threads, off the proxy's core. Threads that come later inherit that.
func (c cores) confine() error {
	var set unix.CPUSet
	for _, core := range c.load {
		set.Set(core)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && err != unix.ESRCH {
			return err
		}
	}
	runtime.GOMAXPROCS(len(c.load))
	return nil
}
