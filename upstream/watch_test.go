package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// countedContext counts the waits for its end.
type countedContext struct {
	context.Context
	done                chan struct{}
	registered, stopped atomic.Int64
}

func (c *countedContext) Done() <-chan struct{} { return c.done }

func (c *countedContext) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

// AfterFunc is what package context asks for.
func (c *countedContext) AfterFunc(func()) (stop func() bool) {
	c.registered.Add(1)
	return func() bool { c.stopped.Add(1); return true }
}

// TestOneRegistrationForAllCalls of a context, which ends with the transport: one that outlived it would keep it in memory.
func TestOneRegistrationForAllCalls(t *testing.T) {
	target, _ := origin(t, answering(ok))
	transport := transportTo(t, target, nil)
	ctx := &countedContext{Context: context.Background(), done: make(chan struct{})}
	for range 5 {
		if _, err := send(t, transport, request(t, "POST", target, "x").WithContext(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	const dialling = 1 // ended when it was done
	if made, ended := ctx.registered.Load(), ctx.stopped.Load(); made != dialling+1 || ended != dialling {
		t.Errorf("%d registrations for five calls, %d ended", made, ended)
	}
	transport.Close()
	if made, ended := ctx.registered.Load(), ctx.stopped.Load(); made != ended || len(transport.pool.watches.all) != 0 {
		t.Errorf("%d of %d registrations ended with the transport, %d watches are left", ended, made, len(transport.pool.watches.all))
	}
}

// TestWatchesEnd: contexts of single calls leave nothing behind but the latest, whatever the call's outcome.
func TestWatchesEnd(t *testing.T) {
	target, _ := origin(t, answering(ok))
	transport := transportTo(t, target, nil)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := send(t, transport, request(t, "POST", target, "x").WithContext(ctx)); err != nil {
			t.Fatal(err)
		}
		cancel()
		_, _ = send(t, transport, request(t, "POST", target, "x").WithContext(ctx))
	}
	if n := len(transport.pool.watches.all); n != 1 {
		t.Errorf("%d watches are left, want that of the latest context", n)
	}
}

// TestTheEndOfAContextEndsItsExchanges, all of them and no others, with its cause.
func TestTheEndOfAContextEndsItsExchanges(t *testing.T) {
	const calls = 5
	arrived, release := make(chan struct{}, 2*calls), make(chan struct{})
	target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
		take(r)
		arrived <- struct{}{}
		<-release
		say(c, ok)
	})
	transport := transportTo(t, target, nil)
	cause := errors.New("stopping")
	ending, end := context.WithCancelCause(t.Context())
	ended, others := make(chan error, calls), make(chan error, calls)
	for range calls {
		go func() {
			_, err := roundTrip(transport, request(t, "POST", target, "x").WithContext(ending))
			ended <- err
		}()
		go func() {
			_, err := send(t, transport, request(t, "POST", target, "x"))
			others <- err
		}()
	}
	for range 2 * calls {
		<-arrived
	}
	end(cause)
	for range calls {
		err := <-ended
		if failed, ok := errors.AsType[*Error](err); !ok || !failed.MaybeSent || !errors.Is(err, cause) {
			t.Errorf("%#v, want the cause, and that it may have been sent", err)
		}
	}
	close(release)
	for range calls {
		if err := <-others; err != nil {
			t.Errorf("a call of another context: %v", err)
		}
	}
}

// TestNothingIsSentUnderAnEndedContext, on a connection that is idle or new.
func TestNothingIsSentUnderAnEndedContext(t *testing.T) {
	target, _ := origin(t, answering(ok))
	for _, idle := range []bool{true, false} {
		transport := transportTo(t, target, nil)
		s := new(steps)
		if idle {
			noteWrites(t, transport, &notedConn{steps: s})
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 3 { // also once the watch has found the end
			_, err := send(t, transport, gated(request(t, "POST", target, "x").WithContext(ctx), testGate{s, nil}))
			if failed, ok := errors.AsType[*Error](err); !ok || failed.MaybeSent || !errors.Is(err, context.Canceled) {
				t.Errorf("idle %t: %#v, want that nothing was sent", idle, err)
			}
		}
		if all := s.list(); len(all) != 0 {
			t.Errorf("idle %t: it came as far as %q", idle, all)
		}
	}
}

// TestInterruptedConnectionsAreNotUsedAgain: the end of a context that comes when the answer was received already changes nothing about it,
// but the connection may be interrupted at any moment.
func TestInterruptedConnectionsAreNotUsedAgain(t *testing.T) {
	target, conns := origin(t, answering(ok))
	transport := transportTo(t, target, nil)
	ctx, cancel := context.WithCancel(t.Context())
	response, err := roundTrip(transport, request(t, "POST", target, "x").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for w := &transport.pool.watches; !isOver(w); {
		runtime.Gosched()
	}
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "ok" {
		t.Errorf("%q, %v", body, err)
	}
	if got, err := send(t, transport, request(t, "POST", target, "x")); err != nil || got != "ok" || conns.Load() != 2 {
		t.Errorf("the next call: %q, %v on connection %d", got, err, conns.Load())
	}
}

func isOver(w *watches) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.latest.over
}

// TestAnEndedDeadlineIsOfOneCall: a connection that was idle while its deadline passed carries the next call.
func TestAnEndedDeadlineIsOfOneCall(t *testing.T) {
	target, conns := origin(t, answering(ok))
	transport := transportTo(t, target, nil)
	r := request(t, "POST", target, "x")
	r.Deadline = time.Now().Add(5 * time.Second)
	if _, err := send(t, transport, r); err != nil {
		t.Fatal(err)
	}
	idle := transport.pool.idle[0]
	idle.deadline = time.Now().Add(-time.Second)
	if err := idle.raw.SetDeadline(idle.deadline); err != nil {
		t.Fatal(err)
	}
	for _, deadline := range []time.Time{{}, time.Now().Add(time.Minute)} {
		r := request(t, "POST", target, "x")
		r.Deadline = deadline
		if got, err := send(t, transport, r); err != nil || got != "ok" || conns.Load() != 1 {
			t.Errorf("%q, %v, %d connections", got, err, conns.Load())
		}
	}
}
