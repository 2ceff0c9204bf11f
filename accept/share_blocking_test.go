package accept

import (
	"net"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestShareNeverBlocks: the socket stays nonblocking while it is shared, or a loop that accepts at that moment could not be ended.
func TestShareNeverBlocks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if blocks(t, raw) {
				t.Error("the socket blocks")
				return
			}
		}
	})
	for range 2000 {
		second, err := Share(l)
		if err != nil {
			t.Fatal(err)
		}
		_ = second.Close()
	}
	close(done)
	looking.Wait()
}

func blocks(t *testing.T, raw syscall.RawConn) (yes bool) {
	err := raw.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		yes = err == nil && flags&unix.O_NONBLOCK == 0
	})
	if err != nil {
		t.Error(err)
	}
	return yes
}
