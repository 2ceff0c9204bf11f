//go:build unix

package audit

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// spareDescriptors is how many descriptors a log holds for what it opens while its process has no other. It opens one file, or two
// for pruning; the rest is for connections that come in the moment in which the descriptors are free.
const spareDescriptors = 4

// spares are descriptors that can be exchanged for others.
type spares struct {
	mu  sync.Mutex
	fds []int
}

// open calls fn, which opens a file. Where there is no descriptor for it, it has another try with the spare ones.
func (s *spares) open(folder *os.File, fn func() (int, error)) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fd, err := persist(fn)
	if lacksDescriptors(err) {
		s.empty()
		fd, err = persist(fn)
	}
	s.refill(folder)
	return fd, err
}

// persist repeats a system call that a signal interrupts.
func persist(fn func() (int, error)) (fd int, err error) {
	for {
		if fd, err = fn(); err != unix.EINTR {
			return fd, err
		}
	}
}

func (s *spares) fill(folder *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refill(folder)
}

// refill takes what is missing, as far as there are descriptors. mu is held.
func (s *spares) refill(folder *os.File) {
	for len(s.fds) < spareDescriptors {
		fd, err := unix.FcntlInt(folder.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return // it is tried again at the next opening
		}
		s.fds = append(s.fds, fd)
	}
}

func (s *spares) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.empty()
}

func (s *spares) empty() {
	for _, fd := range s.fds {
		_ = unix.Close(fd)
	}
	s.fds = nil
}
