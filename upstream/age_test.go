package upstream

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"tollgate/internal/setting"
)

// clock is a time that a test sets.
type clock struct {
	mutex sync.Mutex
	time  time.Time
}

func (c *clock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.time
}

func (c *clock) forward(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.time = c.time.Add(by)
}

// nameServer answers every question for an IPv4 address with one that the test can change.
type nameServer struct {
	conn  net.PacketConn
	mutex sync.Mutex
	at    [4]byte
}

func newNameServer(t *testing.T, at [4]byte) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn, at: at}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve()
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return s
}

func (s *nameServer) lead(to [4]byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.at = to
}

func (s *nameServer) serve() {
	packet := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var question dnsmessage.Message
		if question.Unpack(packet[:n]) != nil || len(question.Questions) != 1 {
			continue
		}
		if answer, err := s.answer(question); err == nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

func (s *nameServer) answer(question dnsmessage.Message) ([]byte, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	asked := question.Questions[0]
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: question.ID, Response: true, Authoritative: true}, Questions: question.Questions}
	if asked.Type == dnsmessage.TypeA {
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: asked.Name, Type: asked.Type, Class: asked.Class}, Body: &dnsmessage.AResource{A: s.at},
		}}
	}
	return answer.Pack()
}

// resolver asks the name server.
func (s *nameServer) resolver() Option {
	return func(w *way) {
		w.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "udp", s.conn.LocalAddr().String())
		}}
	}
}

// site is one of the places that a name leads to: it answers with its own name, each request when the test lets it.
type site struct {
	name    string
	arrived chan struct{} // gets one for each request
	answer  chan struct{} // one is taken for each answer; closed: all are answered at once
}

func (s *site) serve(listener net.Listener) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			for r := bufio.NewReader(c); take(r); {
				s.arrived <- struct{}{}
				<-s.answer
				say(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"+s.name)
			}
		}()
	}
}

// open has the site listen at an address.
func (s *site) open(t *testing.T, address string) (port string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("this machine has no second loopback address: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go s.serve(listener)
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port
}

// moving is a transport to a name that leads to site a, and to site b when it has moved.
type moving struct {
	*Transport
	a, b   *site
	target string
	names  *nameServer
	clock  *clock
}

func newMoving(t *testing.T) *moving {
	t.Helper()
	newSite := func(name string) *site { return &site{name, make(chan struct{}, 100), make(chan struct{})} }
	m := &moving{a: newSite("a"), b: newSite("b"), names: newNameServer(t, [4]byte{127, 0, 0, 1}), clock: &clock{time: start}}
	port := m.a.open(t, "127.0.0.1:0")
	m.b.open(t, "127.0.0.2:"+port)
	close(m.b.answer)
	m.target = "http://upstream.test:" + port
	u, err := url.Parse(m.target)
	if err != nil {
		t.Fatal(err)
	}
	m.Transport = New(to(u), nil, m.names.resolver())
	t.Cleanup(m.Close)
	m.pool.now = m.clock.now
	return m
}

func (m *moving) move() { m.names.lead([4]byte{127, 0, 0, 2}) }

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestAMovedNameIsNoticed under steady load, which leaves no connection idle for long enough to be closed for that.
func TestAMovedNameIsNoticed(t *testing.T) {
	m := newMoving(t)
	close(m.a.answer)
	const step, age = 5 * time.Second, time.Minute
	for passed := time.Duration(0); passed <= 2*age; passed += step {
		got, err := send(t, m.Transport, request(t, "GET", m.target, ""))
		if err != nil || passed < age*9/10 && got != "a" || passed >= age && got != "b" {
			t.Errorf("after %v: the call came to %q, %v", passed, got, err)
		}
		m.move()
		m.clock.forward(step)
	}
}

// TestAgeCutsNoCall: a call that is under way when its connection gets old has its answer, and the connection takes no other.
func TestAgeCutsNoCall(t *testing.T) {
	m := newMoving(t)
	answered := make(chan string, 1)
	go func() {
		got, err := send(t, m.Transport, request(t, "GET", m.target, ""))
		answered <- fmt.Sprint(got, err)
	}()
	<-m.a.arrived
	m.move()
	m.clock.forward(time.Minute)
	close(m.a.answer)
	if got := <-answered; got != "a<nil>" {
		t.Errorf("the call under way: %s", got)
	}
	if p := m.pool; len(p.idle) != 0 || p.open != 0 || len(p.slots) != 0 {
		t.Errorf("%d connections are idle, %d counted, %d in use", len(p.idle), p.open, len(p.slots))
	}
	if got, err := send(t, m.Transport, request(t, "GET", m.target, "")); err != nil || got != "b" {
		t.Errorf("the next call: %q, %v", got, err)
	}
}

// TestAgesDiffer: connections that were opened together are not closed together, and none gets older than it may.
func TestAgesDiffer(t *testing.T) {
	p := New(Config{MaxConnectionAge: setting.Duration(time.Second)}, nil).pool
	seen := map[time.Duration]bool{}
	for range 100 {
		age := p.age()
		if age > time.Second || age < 900*time.Millisecond {
			t.Fatalf("an age of %v", age)
		}
		seen[age] = true
	}
	if len(seen) < 10 {
		t.Errorf("%d ages of 100 connections", len(seen))
	}
}
