package main

import (
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// iocb is struct iocb of <linux/aio_abi.h> on little-endian machines.
type iocb struct {
	_      [2]uint64 // data, key, flags
	opcode uint16
	_      int16 // priority
	file   uint32
	_      [5]uint64 // buffer, length, offset, reserved; flags, eventfd
}

type aioEvent struct {
	_         [2]uint64 // data, iocb
	result, _ int64
}

const fdsync = 3 // IOCB_CMD_FDSYNC

// aioSync has the kernel sync a file by Linux AIO, and waits for it.
func aioSync(context uintptr, file *os.File) error {
	request := &iocb{opcode: fdsync, file: uint32(file.Fd())}
	if _, _, errno := unix.Syscall(unix.SYS_IO_SUBMIT, context, 1, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	var event aioEvent
	for {
		n, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, context, 1, 1, uintptr(unsafe.Pointer(&event)), 0, 0)
		runtime.KeepAlive(request)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return errno
		case n == 1 && event.result < 0:
			return unix.Errno(-event.result)
		case n == 1:
			return nil
		}
	}
}

// pinned keeps the test's thread on a core until its end.
func pinned(t *testing.T) (core int) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	c, err := share()
	if err != nil {
		t.Skip(err)
	}
	var set unix.CPUSet
	set.Set(c.proxy)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	return c.proxy
}

// A sync that is handed to the kernel by Linux AIO runs in a kernel thread, and is found there; one by fdatasync is this process's.
func TestSyncsOfTheKernelAreCounted(t *testing.T) {
	core := pinned(t)
	file, err := os.CreateTemp("/var/tmp", "bench-sync-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	var context uintptr
	if _, _, errno := unix.Syscall(unix.SYS_IO_SETUP, 8, uintptr(unsafe.Pointer(&context)), 0); errno != 0 {
		t.Skip("no Linux AIO here: ", errno)
	}
	defer unix.Syscall(unix.SYS_IO_DESTROY, context, 0, 0)
	aio := costOfSyncs(t, core, file, func() error { return aioSync(context, file) })
	thread := costOfSyncs(t, core, file, func() error { return unix.Fdatasync(int(file.Fd())) })
	t.Logf("for each sync by Linux AIO %+v, by fdatasync %+v", aio, thread)
	if aio.kernel < thread.kernel+time.Microsecond { // waking a thread takes more than that
		t.Errorf("by Linux AIO %s in kernel threads, by fdatasync %s", aio.kernel, thread.kernel)
	}
}

// costOfSyncs returns what a write and its sync cost.
func costOfSyncs(t *testing.T, core int, file *os.File, sync func() error) usage {
	t.Helper()
	const syncs = 500
	read := func() (time.Duration, clocks) {
		own, err := cpuClock(os.Getpid())
		kernel, unseen := kernelThreads(core)
		if err != nil || unseen != nil {
			t.Skip(err, unseen)
		}
		return own, kernel
	}
	own, kernel := read()
	for range syncs {
		if _, err := file.WriteAt(make([]byte, 2048), 0); err != nil {
			t.Fatal(err)
		}
		if err := sync(); err != nil {
			t.Fatal(err)
		}
	}
	ownAfter, kernelAfter := read()
	return usage{own: (ownAfter - own) / syncs, kernel: kernelAfter.since(kernel) / syncs}
}

func TestClocksSince(t *testing.T) {
	before := clocks{1: 10, 2: 20, 3: 30}
	after := clocks{1: 15, 3: 4, 4: 7} // 2 has ended, 3 is another thread of the same number, 4 is new
	if got := after.since(before); got != 5+4+7 {
		t.Errorf("%d", got)
	}
}
