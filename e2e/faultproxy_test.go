package e2e

import (
	"errors"
	"math"
	"net"
	"sync"
	"testing"
)

// faultProxy stands between the gateway and an upstream and breaks connections off after a number of bytes. It knows
// nothing of TLS, so that a break falls anywhere: into a handshake, a record, an answer.
type faultProxy struct {
	t        testing.TB
	target   string
	listener net.Listener
	working  sync.WaitGroup

	mu       sync.Mutex
	plan     func() fault // what the next connection suffers; nil: nothing
	links    map[*link]bool
	accepted int
}

// fault is how a connection ends. It passes so many bytes of each direction; the first byte beyond them, of either
// direction, ends it.
type fault struct {
	up, down int64 // towards the upstream, and back
	reset    bool  // ends it by RST rather than FIN
}

// never is more bytes than any connection passes.
const never = math.MaxInt64

// faultProxy puts a proxy in front of an upstream.
func newFaultProxy(t testing.TB, target string) *faultProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &faultProxy{t: t, target: target, listener: listener, links: map[*link]bool{}}
	x.working.Go(x.serve)
	t.Cleanup(x.close)
	return x
}

func (x *faultProxy) address() string { return x.listener.Addr().String() }

func (x *faultProxy) close() {
	_ = x.listener.Close() // a test may have closed it
	x.breakAll(true)
	x.working.Wait()
}

func (x *faultProxy) serve() {
	for {
		near, err := x.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", x.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		x.join(near.(*net.TCPConn), far.(*net.TCPConn))
	}
}

func (x *faultProxy) join(near, far *net.TCPConn) {
	l := &link{near: near, far: far}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.accepted++
	x.links[l] = true
	l.fault = fault{up: never, down: never}
	if x.plan != nil {
		l.fault = x.plan()
	}
	x.working.Go(func() {
		l.run()
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.links, l)
	})
}

// planned sets what each connection suffers from now on.
func (x *faultProxy) planned(plan func() fault) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.plan = plan
}

// arm sets what open connections suffer, counted from now on.
func (x *faultProxy) arm(f fault) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for l := range x.links {
		l.arm(f)
	}
}

// breakAll ends the open connections.
func (x *faultProxy) breakAll(reset bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for l := range x.links {
		l.end(reset)
	}
}

// dialled is how many connections there have been.
func (x *faultProxy) dialled() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.accepted
}

// link is one connection through the proxy.
type link struct {
	near, far *net.TCPConn // of the gateway, of the upstream
	mu        sync.Mutex
	fault     fault
}

// run passes bytes until both directions have ended.
func (l *link) run() {
	var both sync.WaitGroup
	both.Go(func() { l.pass(l.near, l.far, &l.fault.up) })
	both.Go(func() { l.pass(l.far, l.near, &l.fault.down) })
	both.Wait()
	_ = errors.Join(l.near.Close(), l.far.Close()) // often closed before
}

func (l *link) pass(from, to *net.TCPConn, left *int64) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		allowed, reset := l.take(left, int64(n))
		if _, failed := to.Write(buffer[:allowed]); failed != nil || err != nil {
			_ = to.CloseWrite()
			return
		}
		if allowed < int64(n) {
			l.end(reset)
			return
		}
	}
}

func (l *link) take(left *int64, n int64) (allowed int64, reset bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	allowed = min(n, *left)
	if *left != never {
		*left -= allowed
	}
	return allowed, l.fault.reset
}

func (l *link) arm(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = f
}

// end breaks the connection on both sides. What the upstream had received it may still act upon.
func (l *link) end(reset bool) {
	if reset {
		_ = errors.Join(l.near.SetLinger(0), l.near.Close(), l.far.Close())
		return
	}
	_ = errors.Join(l.near.CloseWrite(), l.near.CloseRead(), l.far.Close())
}
