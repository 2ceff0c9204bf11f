package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestDeadline: whatever a call waits for ends with its time, not before, and is known to be sent or not.
func TestDeadline(t *testing.T) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	for name, test := range map[string]struct {
		serve     script
		secure    bool
		body      string
		set       func(*Transport)
		maybeSent bool
	}{
		"for an answer": {serve: func(_ net.Conn, r *bufio.Reader) { take(r); <-over }, maybeSent: true},
		"for an answer's end": {serve: func(c net.Conn, r *bufio.Reader) {
			take(r)
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
			<-over
		}, maybeSent: true},
		"for a reader":    {serve: func(net.Conn, *bufio.Reader) { <-over }, body: strings.Repeat("x", 32<<20), maybeSent: true},
		"for a handshake": {serve: func(net.Conn, *bufio.Reader) { <-over }, secure: true},
		"for a place":     {serve: answering(ok), set: func(transport *Transport) { transport.pool.slots = make(chan struct{}) }},
	} {
		target, _ := origin(t, test.serve)
		var protection *tls.Config
		if test.secure {
			target, protection = strings.Replace(target, "http:", "https:", 1), &tls.Config{MinVersion: tls.VersionTLS12}
		}
		transport := transportTo(t, target, protection)
		if test.set != nil {
			test.set(transport)
		}
		r := request(t, "POST", target, test.body)
		r.Deadline = time.Now().Add(20 * time.Millisecond)
		err := readWhole(transport, r)
		if time.Now().Before(r.Deadline) {
			t.Errorf("%s: it ended too early", name)
		}
		failed, ok := errors.AsType[*Error](err)
		if !ok || failed.MaybeSent != test.maybeSent || !failed.Timeout() {
			t.Errorf("%s: %#v, want a time that is over, maybe sent: %t", name, err, test.maybeSent)
		}
		if p := transport.pool; len(p.slots) != 0 || p.open != 0 {
			t.Errorf("%s: %d places are taken, %d connections counted", name, len(p.slots), p.open)
		}
	}
}

// readWhole makes a call and reads its answer; that it was cut is an error of one that was sent.
func readWhole(transport *Transport, r *call) error {
	response, err := roundTrip(transport, r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err = io.ReadAll(response.Body); err != nil {
		return &Error{Err: err, MaybeSent: true}
	}
	return nil
}

// TestNothingIsSentAfterTheDeadline, though there is a connection that could carry it.
func TestNothingIsSentAfterTheDeadline(t *testing.T) {
	target, _ := origin(t, answering(ok))
	transport := transportTo(t, target, nil)
	s := new(steps)
	noteWrites(t, transport, &notedConn{steps: s})
	r := gated(request(t, "POST", target, "x"), testGate{s, nil})
	r.Deadline = time.Now()
	err := readWhole(transport, r)
	if failed, ok := errors.AsType[*Error](err); !ok || failed.MaybeSent || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%#v, want a time that is over, and nothing sent", err)
	}
	if all := s.list(); len(all) != 0 {
		t.Errorf("it came as far as %q", all)
	}
}

// lateClose is a connection whose end takes a while.
type lateClose struct {
	net.Conn
	takes func()
}

func (c lateClose) Close() error {
	c.takes()
	return c.Conn.Close()
}

// TestNothingIsSentAfterAConnectionEndedSlowly: the farewell to a connection that is not good any more may take as long as a call has.
func TestNothingIsSentAfterAConnectionEndedSlowly(t *testing.T) {
	transport, target, _ := idling(t, 2, time.Second, time.Millisecond)
	clock := &clock{time: time.Now()}
	transport.pool.now = clock.now
	old := transport.pool.idle[1]
	old.until, old.stream = time.Time{}, lateClose{old.stream, func() { clock.forward(2 * time.Second) }}
	s := new(steps)
	r := gated(request(t, "POST", target, "x"), testGate{s, nil})
	r.Deadline = clock.now().Add(time.Second)
	err := readWhole(transport, r)
	if failed, ok := errors.AsType[*Error](err); !ok || failed.MaybeSent || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%#v, want a time that is over, and nothing sent", err)
	}
	if all := s.list(); len(all) != 0 {
		t.Errorf("it came as far as %q", all)
	}
}

// deadlines counts how often the deadline of a connection is moved.
type deadlines struct {
	net.Conn
	set   time.Time
	moves int
}

func (d *deadlines) SetDeadline(at time.Time) error {
	d.set = at
	d.moves++
	return nil
}

// TestDeadlinesMoveSeldom: each call's deadline holds, up to a second and to an eighth of its time later, and never before. On a connection
// in steady use it is moved once a second.
func TestDeadlinesMoveSeldom(t *testing.T) {
	raw := &deadlines{}
	c := &conn{raw: raw}
	at := start
	for i, timeout := range []time.Duration{time.Minute, time.Minute, 2 * time.Second, time.Hour, 100 * time.Millisecond, 0} {
		before := raw.moves
		const calls, step = 1000, 10 * time.Millisecond
		for range calls {
			at = at.Add(step)
			deadline := at.Add(timeout)
			if timeout == 0 {
				deadline = time.Time{}
			}
			if err := c.setDeadline(deadline, at); err != nil {
				t.Fatal(err)
			}
			if late := raw.set.Sub(deadline); late < 0 || late > min(time.Second, timeout/8) {
				t.Fatalf("a call with %v has its end %v late", timeout, late)
			}
		}
		late := max(min(time.Second, timeout/8), step)
		if most := 2 + int(calls*step/late); raw.moves-before > most || i > 1 && raw.moves == before {
			t.Errorf("%d calls with %v each: moved %d times, want at most %d", calls, timeout, raw.moves-before, most)
		}
	}
}

// TestDeadlineWithin: an exchange that must be over at its end is, on a new connection and on one that had a deadline before.
func TestDeadlineWithin(t *testing.T) {
	for left := time.Millisecond; left < time.Hour; left += left/3 + time.Millisecond {
		raw := &deadlines{}
		c := &conn{raw: raw}
		for _, at := range []time.Time{start, start.Add(left / 10)} {
			end := at.Add(left)
			if err := c.setDeadline(DeadlineWithin(end, at), at); err != nil {
				t.Fatal(err)
			}
			if raw.set.After(end) || raw.set.Before(at.Add(left/2)) {
				t.Fatalf("of %v an exchange has %v", left, raw.set.Sub(at))
			}
		}
	}
}
