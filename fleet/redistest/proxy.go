package redistest

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a client and a server, and breaks what passes. It knows nothing of Redis or TLS. A fault holds for open
// connections too, until [Proxy.Pass].
type Proxy struct {
	listener net.Listener
	working  sync.WaitGroup
	closing  chan struct{}

	mu     sync.Mutex
	target string
	fault  fault
	links  map[*link]bool
	cuts   int
}

// fault is what happens to bytes. Its zero value passes them.
type fault struct {
	delay   time.Duration // before each piece of an answer
	deaf    bool          // requests do not reach the server
	mute    bool          // answers do not reach the client
	refuse  bool          // new connections end at once
	instead []byte        // sent to the client for each piece of an answer
	half    bool          // of the first piece of an answer the first half is passed, and then nothing
	cut     *int          // bytes of answers until the connection ends
}

// NewProxy starts a proxy in front of an address, which passes everything.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, listener: listener, closing: make(chan struct{}), links: map[*link]bool{}}
	p.working.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Pass ends all faults. Connections that have lost bytes are ended: what follows would make no sense.
func (p *Proxy) Pass() { p.set(fault{}) }

// Delay holds each piece of an answer back.
func (p *Proxy) Delay(d time.Duration) { p.set(fault{delay: d}) }

// BlackHole loses requests and answers. Connections are accepted, and stay open.
func (p *Proxy) BlackHole() { p.set(fault{deaf: true, mute: true}) }

// LoseAnswers passes requests, which the server carries out, and loses the answers.
func (p *Proxy) LoseAnswers() { p.set(fault{mute: true}) }

// Answer loses requests and sends text instead of answers.
func (p *Proxy) Answer(text string) { p.set(fault{instead: []byte(text)}) }

// Half passes the first half of an answer, and nothing after it.
func (p *Proxy) Half() { p.set(fault{half: true}) }

// Cut passes n more bytes of answers, of all connections together, and ends those that bring more.
func (p *Proxy) Cut(n int) { p.set(fault{cut: &n}) }

// Refuse ends all connections, and new ones at once.
func (p *Proxy) Refuse() {
	p.set(fault{refuse: true})
	p.Break()
}

// Turn ends the open connections, and leads new ones to another address.
func (p *Proxy) Turn(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.Break()
}

// Break ends the open connections.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.end()
	}
}

// Reset ends the open connections by RST, wherever in a message they are.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Cuts is how many connections [Proxy.Cut] has ended.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *Proxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	for l := range p.links {
		if l.lossy {
			l.end()
		}
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	close(p.closing)
	p.Break()
	p.working.Wait()
}

func (p *Proxy) serve() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.working.Go(func() { p.join(near) })
	}
}

// join passes bytes between a client and the server until one of them ends the connection. A server that is gone ends it at once.
func (p *Proxy) join(near net.Conn) {
	defer near.Close()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	far, err := net.DialTimeout("tcp", target, patience)
	if err != nil {
		return
	}
	l := &link{near: near, far: far}
	defer l.end()
	if !p.add(l) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pass(near, p.request(l)) })
	both.Go(func() { l.pass(far, p.answer(l)) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// add keeps a connection for faults that come, unless none is to be.
func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closing:
		return false
	default:
	}
	p.links[l] = !p.fault.refuse
	return !p.fault.refuse
}

// request returns what is done with a piece of a request.
func (p *Proxy) request(l *link) func([]byte) error {
	return func(piece []byte) error {
		p.mu.Lock()
		f := p.fault
		l.lossy = l.lossy || f.deaf || f.instead != nil
		p.mu.Unlock()
		switch {
		case f.instead != nil:
			_, err := l.near.Write(f.instead)
			return err
		case f.deaf:
			return nil
		}
		_, err := l.far.Write(piece)
		return err
	}
}

// answer returns what is done with a piece of an answer.
func (p *Proxy) answer(l *link) func([]byte) error {
	return func(piece []byte) error {
		if !p.hold() {
			return net.ErrClosed
		}
		piece, last := p.damage(l, piece)
		_, err := l.near.Write(piece)
		return errors.Join(err, last)
	}
}

// hold waits as long as answers are held back, and reports whether the proxy is still there.
func (p *Proxy) hold() bool {
	p.mu.Lock()
	delay := p.fault.delay
	p.mu.Unlock()
	if delay == 0 {
		return true
	}
	select {
	case <-time.After(delay):
		return true
	case <-p.closing:
		return false
	}
}

// damage returns what is left of a piece of an answer, and an error where the connection is to end after it.
func (p *Proxy) damage(l *link, piece []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.fault
	switch {
	case l.lossy || f.mute || f.instead != nil:
		l.lossy = true
		return nil, nil
	case f.half:
		l.lossy = true
		return piece[:len(piece)/2], nil
	case f.cut != nil && *f.cut < len(piece):
		passed := piece[:*f.cut]
		*f.cut = 0
		p.cuts++
		return passed, net.ErrClosed
	case f.cut != nil:
		*f.cut -= len(piece)
	}
	return piece, nil
}

// link is one connection through the proxy.
type link struct {
	near, far net.Conn
	lossy     bool // bytes of it are lost; guarded by the proxy's mutex
}

// pass hands what it reads to a function, until either fails, and then ends the connection.
func (l *link) pass(from net.Conn, each func([]byte) error) {
	defer l.end()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil || each(buffer[:n]) != nil {
			return
		}
	}
}

// reset has the kernel drop what is still to be sent, and send RST.
func (l *link) reset() {
	for _, c := range []net.Conn{l.near, l.far} {
		_ = c.(*net.TCPConn).SetLinger(0) // fails where it is closed already
	}
	l.end()
}

func (l *link) end() { _ = errors.Join(l.near.Close(), l.far.Close()) } // either may be closed already
