package fleet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// stand stands in for Redis where a test decides when it answers, and what its clock shows. It has one epoch after the other, and joins
// each that asks.
type stand struct {
	t *testing.T

	mu      sync.Mutex
	gate    chan struct{} // nil, or what answers to questions wait for
	all     bool          // answers to everything wait
	delay   func() time.Duration
	step    time.Duration // by which its clock is ahead
	dials   int
	seen    map[string]int
	epoch   int
	counted string
	names   string // of those who have joined
	running sync.WaitGroup
}

func newStand(t *testing.T) *stand {
	return &stand{t: t, seen: map[string]int{}, epoch: 1, counted: "0"}
}

// run runs a client on the stand. It is ended by stop.
func (s *stand) run(o Options) (c *Client, stop func()) {
	c = New(o)
	c.dialRaw = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		s.mu.Lock()
		s.dials++
		s.mu.Unlock()
		s.running.Go(func() { s.serve(far) })
		return near, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.running.Go(func() { c.Run(ctx) })
	return c, func() { cancel(); s.running.Wait() }
}

// serve answers what has come, all of it at a time, as Redis does.
func (s *stand) serve(conn net.Conn) {
	defer conn.Close()
	commands, answers := make(chan []string), make(chan string, 10000)
	s.running.Go(func() {
		defer close(commands)
		for r := bufio.NewReaderSize(conn, 1<<20); ; {
			command, err := readCommand(r)
			if err != nil {
				return
			}
			commands <- command
		}
	})
	s.running.Go(func() {
		for answer := range answers {
			if _, err := io.WriteString(conn, answer); err != nil {
				conn.Close()
			}
		}
	})
	defer close(answers)
	for command := range commands {
		s.wait(command)
		answers <- s.answer(command)
	}
}

func readCommand(r *bufio.Reader) (command []string, err error) {
	number := func(mark byte) int {
		line, lineErr := r.ReadString('\n')
		if lineErr != nil || line[0] != mark {
			err = io.ErrUnexpectedEOF
			return 0
		}
		n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
		return n
	}
	for range number('*') {
		text := make([]byte, number('$')+2)
		if _, readErr := io.ReadFull(r, text); readErr != nil || err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		command = append(command, string(text[:len(text)-2]))
	}
	return command, err
}

// wait holds back answers, to questions of tests or to all.
func (s *stand) wait(command []string) {
	s.mu.Lock()
	gate, delay, all := s.gate, s.delay, s.all
	s.mu.Unlock()
	if !all && !isRun(command, readScript) && !isRun(command, addScript) {
		return
	}
	if gate != nil {
		<-gate
	}
	if delay != nil {
		time.Sleep(delay())
	}
}

func isRun(command []string, s *Script) bool {
	return len(command) > 8 && (command[1] == s.source || command[1] == s.sha)
}

const standInfo = "redis_version:7.0.15\r\nrun_id:abc\r\nmaster_replid:def\r\nrole:master\r\nevicted_keys:0\r\nmaxmemory_policy:noeviction\r\n"

func (s *stand) answer(command []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch strings.ToUpper(command[0]) {
	case "PING":
		return "+PONG\r\n"
	case "HELLO":
		return "*0\r\n"
	case "EVAL", "EVALSHA":
	default:
		return "-ERR unknown command\r\n"
	}
	head, args := command[5:9], command[9:]
	if s.seen[head[2]]++; s.seen[head[2]] > 1 {
		s.t.Errorf("question %s was sent twice", head[2])
	}
	if head[3] != "" {
		s.counted = head[2]
	}
	return fmt.Sprintf("*2\r\n%s%s", bulk(head[2]), s.reply(command, args))
}

func (s *stand) reply(command, args []string) string {
	now := time.Now().Add(s.step).UnixMicro()
	switch {
	case isRun(command, enterScript):
		if args[4] == strconv.Itoa(s.epoch) {
			s.epoch, s.names = s.epoch+1, ""
		}
		return "*7\r\n" + bulk("entered", strconv.Itoa(s.epoch), "abc-def", strconv.FormatInt(now, 10), "0", s.counted, standInfo)
	case isRun(command, joinedScript):
		s.names = "*1\r\n" + bulk("a")
		return s.names
	case isRun(command, beatScript):
		if s.names == "" {
			s.names = "*0\r\n"
		}
		return fmt.Sprintf("*6\r\n%s:%d\r\n%s:7\r\n%s*0\r\n", bulk(strconv.Itoa(s.epoch)), now, s.names, bulk(standInfo))
	}
	return ":1\r\n"
}

func bulk(texts ...string) string {
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(text), text)
	}
	return b.String()
}
