package accept

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener accepts ends of pipes, and returns errors, as a test sets it up.
type pipeListener struct {
	next chan any // a net.Conn or an error
	done chan struct{}
	once sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{next: make(chan any, 16), done: make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.next <- server
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case next := <-l.next:
		if err, ok := next.(error); ok {
			return nil, err
		}
		return next.(net.Conn), nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// TestPassingErrors: the listener waits, longer each time, and then goes on.
func TestPassingErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newPipeListener()
		for range 10 {
			inner.next <- &net.OpError{Op: "accept", Err: syscall.EMFILE}
		}
		var refused []Refusal
		var mu sync.Mutex
		l := newListener(inner, Config{Refused: func(r Refusal) { mu.Lock(); defer mu.Unlock(); refused = append(refused, r) }})
		client := inner.dial()
		defer func() { _ = client.Close() }()
		begin := time.Now()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if waited := time.Since(begin); waited != 5*time.Millisecond*(1+2+4+8+16+32+64+128)+2*time.Second {
			t.Errorf("waited %v", waited)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(refused) != 10 || refused[0].Reason != ReasonAcceptFailed || !errors.Is(refused[0].Err, syscall.EMFILE) {
			t.Errorf("refusals %+v", refused)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newPipeListener()
		for range 9 {
			inner.next <- syscall.ENFILE
		}
		l := newListener(inner, Config{})
		time.Sleep(1500 * time.Millisecond) // in the middle of the ninth wait
		begin := time.Now()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if time.Since(begin) != 0 {
			t.Errorf("Close waited %v", time.Since(begin))
		}
	})
}

func TestLastingError(t *testing.T) {
	lasting := errors.New("broken")
	inner := newPipeListener()
	inner.next <- lasting
	l := newListener(inner, Config{})
	for range 2 {
		if _, err := l.Accept(); !errors.Is(err, lasting) {
			t.Errorf("Accept: %v", err)
		}
	}
	_ = l.Close()
}
