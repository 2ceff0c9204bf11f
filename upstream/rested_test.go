package upstream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// named answers each request with the number of its connection.
func named(t *testing.T) (target string, conns *atomic.Int64) {
	t.Helper()
	var number atomic.Int64
	return origin(t, func(c net.Conn, r *bufio.Reader) {
		name := fmt.Sprint(number.Add(1))
		for take(r) {
			say(c, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(name), name))
		}
	})
}

// idling has a transport with idle connections that have been so for these times, the longest first, and the name of each.
func idling(t *testing.T, places int, since ...time.Duration) (transport *Transport, target string, names []string) {
	t.Helper()
	target, _ = named(t)
	transport = transportTo(t, target, nil)
	transport.pool.slots = make(chan struct{}, places)
	var answers []*Response
	for range since {
		response, err := roundTrip(transport, request(t, "GET", target, ""))
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, response)
	}
	for _, response := range answers {
		name, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, string(name))
	}
	now := time.Now()
	for i, idle := range transport.pool.idle {
		idle.idleSince = now.Add(-since[i])
	}
	return transport, target, names
}

// TestRested: which connection a call gets that must not get the answer to another one, and which other calls get. A time in
// the future stands for a connection that was used just now, however slow the test is.
func TestRested(t *testing.T) {
	const now, short, long = -time.Hour, restTime, time.Second
	for name, test := range map[string]struct {
		places      int
		since       []time.Duration
		want, other int // index of the connection; -1: a new one
	}{
		"none":                        {2, nil, -1, -1},
		"one rested":                  {2, []time.Duration{long}, 0, 0},
		"just rested":                 {2, []time.Duration{short}, 0, 0},
		"not rested, room":            {2, []time.Duration{now}, -1, 0},
		"not rested, no room":         {1, []time.Duration{now}, 0, 0},
		"none rested, no room":        {3, []time.Duration{now, now - 1, now - 2}, 0, 2},
		"none rested, room":           {4, []time.Duration{now, now - 1, now - 2}, -1, 2},
		"some rested":                 {3, []time.Duration{long, short, now}, 1, 2},
		"one rested, no room":         {2, []time.Duration{long, now}, 0, 1},
		"expired":                     {2, []time.Duration{idleTimeout}, -1, -1},
		"expired, one used just now":  {2, []time.Duration{idleTimeout, now}, -1, 1},
		"expired, two used just now":  {3, []time.Duration{idleTimeout, now, now - 1}, -1, 2},
		"expired, and a rested other": {2, []time.Duration{idleTimeout, long}, 1, 1},
	} {
		for _, wanted := range []bool{true, false} {
			transport, target, names := idling(t, test.places, test.since...)
			r, index := request(t, "POST", target, "x"), test.other
			if wanted {
				r, index = r.rested(), test.want
			}
			got, err := send(t, transport, r)
			want := fmt.Sprint(len(names) + 1)
			if index >= 0 {
				want = names[index]
			}
			if err != nil || got != want {
				t.Errorf("%s, rested %t: connection %s, %v; want %s", name, wanted, got, err, want)
			}
			if p := transport.pool; p.open != len(p.idle) || p.open > test.places {
				t.Errorf("%s, rested %t: %d connections counted, %d idle, %d places", name, wanted, p.open, len(p.idle), test.places)
			}
		}
	}
}

// TestRestedIsLookedAt: also the connection that is taken because there is no room for another has been looked at.
func TestRestedIsLookedAt(t *testing.T) {
	sent := make(chan struct{})
	target, conns := origin(t, func(c net.Conn, r *bufio.Reader) {
		for take(r) {
			say(c, ok+"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")
			sent <- struct{}{}
		}
	})
	transport := transportTo(t, target, nil)
	transport.pool.slots = make(chan struct{}, 1)
	for range 3 {
		got, err := send(t, transport, request(t, "POST", target, "x").rested())
		if err != nil || got != "ok" {
			t.Fatalf("%q, %v", got, err)
		}
		<-sent
	}
	if n := conns.Load(); n != 3 {
		t.Errorf("%d connections for three calls, want one for each", n)
	}
}

// bounded counts the connections that a transport has open, as it opens and closes them.
type bounded struct {
	mutex     sync.Mutex
	open, top int
}

func (b *bounded) add(n int) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.open += n
	b.top = max(b.top, b.open)
}

type boundedConn struct {
	*net.TCPConn
	b    *bounded
	once sync.Once
}

func (c *boundedConn) Close() error {
	for range 100 {
		runtime.Gosched() // lets others run that may regard it as closed
	}
	err := c.TCPConn.Close()
	c.once.Do(func() { c.b.add(-1) })
	return err
}

// TestMaxConnsHolds: whatever calls come together, end in whatever way, and are swept away meanwhile, there are never more
// connections than MaxConns, and none is counted that is not there.
func TestMaxConnsHolds(t *testing.T) {
	const places, workers, calls = 5, 20, 60
	target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
		for i := 0; take(r); i++ {
			switch i % 4 {
			case 1:
				say(c, ok+"stray")
			case 2:
				say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok")
				return
			default:
				say(c, ok)
			}
		}
	})
	transport := transportTo(t, target, nil)
	count := &bounded{}
	p := transport.pool
	p.slots = make(chan struct{}, places)
	connect := p.connect
	p.connect = func(ctx context.Context) (net.Conn, error) {
		c, err := connect(ctx)
		if err != nil {
			return nil, err
		}
		count.add(1)
		return &boundedConn{TCPConn: c.(*net.TCPConn), b: count}, nil
	}
	var working, sweeping sync.WaitGroup
	over := make(chan struct{})
	sweeping.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				p.mutex.Lock()
				for _, idle := range p.idle {
					idle.idleSince = time.Now().Add(-idleTimeout)
				}
				p.mutex.Unlock()
				p.sweepIdle()
				runtime.Gosched()
			}
		}
	})
	for worker := range workers {
		working.Go(func() {
			for i := range calls {
				ctx, cancel := context.WithCancel(t.Context())
				r := request(t, "POST", target, strings.Repeat("x", worker*i)).WithContext(ctx)
				r.Rested = worker%2 == 0
				if (worker+i)%7 == 0 {
					go cancel()
				}
				_, _ = send(t, transport, r)
				cancel()
			}
		})
	}
	working.Wait()
	close(over)
	sweeping.Wait()
	if count.top > places || p.open != count.open || p.open != len(p.idle) || len(p.slots) != 0 {
		t.Errorf("%d connections at a time with %d places; %d are open, %d counted, %d idle, %d in use", count.top, places, count.open, p.open, len(p.idle), len(p.slots))
	}
	if transport.Close(); count.open != 0 || p.open != 0 {
		t.Errorf("%d connections are left, %d counted", count.open, p.open)
	}
}

// TestCloseMeanwhile: a transport that is closed while a connection opens, or carries a call, lets the call end, keeps nothing
// open behind it, and miscounts nothing, and so does one that is used after that.
func TestCloseMeanwhile(t *testing.T) {
	for _, when := range []string{"opening", "in use", "closed before"} {
		asked, answer := make(chan struct{}), make(chan struct{})
		target, _ := origin(t, func(c net.Conn, r *bufio.Reader) {
			for take(r) {
				close(asked)
				<-answer
				say(c, ok)
			}
		})
		transport, count := transportTo(t, target, nil), &bounded{}
		p := transport.pool
		connect := p.connect
		p.connect = func(ctx context.Context) (net.Conn, error) {
			c, err := connect(ctx)
			if err != nil {
				return nil, err
			}
			if count.add(1); when == "opening" {
				transport.Close()
			}
			return &boundedConn{TCPConn: c.(*net.TCPConn), b: count}, nil
		}
		if when == "closed before" {
			transport.Close()
		}
		ended := make(chan error, 1)
		go func() {
			_, err := send(t, transport, request(t, "POST", target, "x").rested())
			ended <- err
		}()
		if <-asked; when == "in use" {
			transport.Close()
		}
		close(answer)
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", when, err)
		}
		if count.open != 0 || p.open != 0 || len(p.idle) != 0 || len(p.slots) != 0 {
			t.Errorf("%s: %d connections open, %d counted, %d idle, %d in use", when, count.open, p.open, len(p.idle), len(p.slots))
		}
	}
}
