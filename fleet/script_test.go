package fleet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate/fleet/redistest"
)

// TestChecks: scripts refuse what is of another epoch, of a connection that was replaced, or follows a question that was not done, and
// then have had no effect. Refused as a whole, nothing counts twice after an answer was lost.
func TestChecks(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a")).up()
	m.ask(add("x"))
	m.stop() // its row stays as it is
	to, _ := endpoint(s.Address())
	w, err := m.open(t.Context(), to, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	row := func(field string) string { return strings.TrimSpace(s.Do("HGET", "{tollgate}:member:a", field)) }
	connection, counted := row("connection"), row("counted")
	for _, c := range []struct{ name, epoch, connection, before, want string }{
		{"another epoch", "2", connection, counted, "EPOCH 1000"},
		{"no epoch", "", connection, counted, "EPOCH 1000"},
		{"another connection", "1", "other", counted, "FENCED 1000"},
		{"another before it", "1", connection, "999", "ORDER 1000"},
		{"good", "1", connection, counted, "[1000 2]"},
		{"the same again", "1", connection, counted, "ORDER 1000"},
	} {
		reply, err := w.do(t.Context(), addScript.command(true, [2]string{"{tollgate}:epoch", "{tollgate}:member:a"},
			[4]any{c.epoch, c.connection, 1000, c.before}, []any{"x", 1})...)
		if got := fmt.Sprint(reply); err != nil && err.Error() != c.want || err == nil && got != c.want {
			t.Errorf("%s: %v, %v; want %s", c.name, reply, err, c.want)
		}
	}
	if got := s.Do("GET", "{tollgate}:test:x"); got != "2" {
		t.Errorf("the count is %s", got)
	}
}

// TestBodies: what the bodies of scripts return, and how they fail.
func TestBodies(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a")).up()
	for body, want := range map[string]string{
		"return nil":                                    "<nil>",
		"return {1, false, 'x', {2}}":                   "[1 <nil> x [2]]",
		"return #args":                                  "3",
		"return args[2] .. member":                      "twoa",
		"return key('k')":                               "{tollgate}:k",
		"return now() > 1e15 and 1 or 0":                "1",
		"return redis.call('SET', key('ok'), 1)['ok']":  "OK",
		"return redis.call('NONSENSE')":                 "Unknown Redis command",
		"return nothing.here":                           "nothing",
		"redis.call('SET', key('half'), 1); error('e')": "e",
		"return redis.call('LPUSH', key('epoch'), 1)":   "WRONGTYPE",
		"return redis.call('SET', 'foreign', 1)":        "OK",
	} {
		reply, err := m.Ask(t.Context(), &Question{Script: NewScript("test", body), Args: []any{1, "two", []byte("3")}, Counts: true})
		if got := fmt.Sprint(reply, err); !strings.Contains(got, want) {
			t.Errorf("%q: %v, %v; want %s", body, reply, err, want)
		}
		if err != nil && (!errors.Is(err, ErrAway) || !m.State().Up) {
			t.Errorf("%q: %v", body, err)
		}
	}
	m.ask(add("x")) // bodies that fail do not break the order
	if m.Epoch().Number != 1 {
		t.Errorf("epoch %+v", m.Epoch())
	}
}

// TestCheckOfAnswers: an answer that its question does not understand is none, and the connection is closed.
func TestCheckOfAnswers(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	k := &keeper{}
	m := run(t, options("a", s.Address(), "a"), k).up()
	q, fates := add("x"), make(chan bool, 1)
	q.Check = func(reply any) error { return fmt.Errorf("%v", reply) }
	q.Fate = func(applied bool) { fates <- applied }
	if reply, err := m.Ask(t.Context(), q); !errors.Is(err, ErrLate) || reply != nil {
		t.Errorf("%v, %v", reply, err)
	}
	if !<-fates {
		t.Error("it was done")
	}
	m.up()
	if n := len(k.numbers()); n != 2 {
		t.Errorf("%d sessions", n)
	}
}

// TestCompleteWhenSent: that an epoch is complete is looked at when a question is sent, not only when it is asked.
func TestCompleteWhenSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		c, stop := upAt(t, s, MaxPatience)
		defer stop()
		gate := make(chan struct{})
		s.gate = gate
		first := asking(c, context.Background(), add("x"))
		synctest.Wait()
		q := add("x")
		q.Complete = true
		second := asking(c, context.Background(), q)
		synctest.Wait()
		c.Follow(Settings{[]string{"a", "b"}, MaxPatience})
		close(gate)
		if got := <-first; got.err != nil {
			t.Error(got.err)
		}
		if got := <-second; !errors.Is(got.err, ErrIncomplete) {
			t.Errorf("%+v", got)
		}
	})
}

// TestOldHeartbeat: what a heartbeat of the epoch before says of who has joined does not hold for the epoch that was entered since.
func TestOldHeartbeat(t *testing.T) {
	c := New(options("a", "127.0.0.1:1", "a", "b"))
	l := &link{c: c, again: make(chan struct{}, 1)}
	now := time.Now()
	c.epoch = epoch{life: life{2, "i"}, joined: 2, members: []string{"a"}}
	for i, complete := range []bool{false, true} {
		number := int64(i + 1)
		c.note(l, &beatSeen{epoch: number, joined: []string{"a", "b"}, server: server{identity: "i"}}, now, now)
		if e := c.Epoch(); e.Complete != complete {
			t.Errorf("after a heartbeat of epoch %d: %+v", number, e)
		}
	}
	c.note(l, &beatSeen{epoch: 2, joined: []string{"a"}, server: server{identity: "i"}}, now, now)
	if e := c.Epoch(); !e.Complete || !slices.Equal(c.epoch.members, []string{"a", "b"}) {
		t.Errorf("after one that was overtaken: %+v", e)
	}
}

// TestJudge: what each answer to question 7 means.
func TestJudge(t *testing.T) {
	for data, want := range map[string]verdict{
		"*2\r\n$1\r\n7\r\n:1\r\n":           answered,
		"*2\r\n$1\r\n7\r\n$-1\r\n":          answered,
		"*2\r\n$1\r\n8\r\n:1\r\n":           broken,
		"*2\r\n:7\r\n:1\r\n":                broken,
		"*2\r\n$1\r\n7\r\n-ERR x\r\n":       broken,
		"*3\r\n$1\r\n7\r\n:1\r\n:1\r\n":     broken,
		"-EPOCH 7\r\n":                      stale,
		"-EPOCH 8\r\n":                      broken,
		"-FENCED 7\r\n":                     stale,
		"-ORDER 7\r\n":                      unordered,
		"-FAILED 7 x\r\n":                   failed,
		"-NOSCRIPT No matching script.\r\n": missing,
		"-OOM x\r\n":                        broken,
		"$-1\r\n":                           broken,
		"*2000000000\r\n":                   broken,
		"$2000000000\r\n":                   broken,
		"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n": broken,
		"nonsense\r\n": broken,
		"":             broken,
	} {
		if got, _, err := judgeBytes([]byte(data)); got != want || (err == nil) != (want == answered) {
			t.Errorf("%q is verdict %d, %v; want %d", data, got, err, want)
		}
	}
}

// TestOneConnection: the library does not connect again by itself, and does not send again what was lost.
func TestOneConnection(t *testing.T) {
	near, far := net.Pipe()
	var got atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r := bufio.NewReader(far)
		for {
			command, err := readCommand(r)
			if err != nil {
				return
			}
			if strings.EqualFold(command[0], "hello") {
				_, _ = io.WriteString(far, "*0\r\n")
				continue
			}
			got.Add(1)
			far.Close()
		}
	}()
	w := newWire(near, &redis.Options{})
	defer w.close()
	for range 3 {
		pipe := w.conn.Pipeline()
		command := pipe.Do(t.Context(), "X")
		if _, err := pipe.Exec(t.Context()); err == nil || command.Err() == nil {
			t.Error("an answer from nowhere")
		}
	}
	<-ended
	if got.Load() != 1 {
		t.Errorf("the question was sent %d times", got.Load())
	}
}
