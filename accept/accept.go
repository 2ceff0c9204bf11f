package accept

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tollgate/tlspolicy"
)

// Defaults of [Config].
const (
	defaultMaxConns         = 4096
	defaultHandshakeTimeout = 10 * time.Second
)

// Accept errors that pass are waited out, from minBackoff doubling up to maxBackoff.
const (
	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second
)

// Config says what bounds a listener has.
type Config struct {
	// MaxConns is how many connections there may be at a time, in handshakes or in use. For a further one the
	// one is closed that has been without a request for longest; where all have one, the further one is closed at once. Default
	// (0): 4096.
	MaxConns int

	// MaxConnsPerSource is the same for one source, see package source; the site around an IPv6 source may have twice as many.
	// A source on this machine, which is a loopback address or the peers of a unix socket, may have three quarters of MaxConns
	// instead. Default (0): no such bound.
	MaxConnsPerSource int

	// HandshakeTimeout is how long a TLS handshake may take in all. Default (0): 10 s.
	HandshakeTimeout time.Duration

	// TLS is the configuration of handshakes, from tlspolicy.Policy.Server. Nil means plain connections.
	TLS *tls.Config

	// Refused is called for every connection that is turned away. It may be called concurrently, must not block, and has
	// to bound by itself what it writes down. Optional.
	Refused func(Refusal)

	// serve serves a finished connection that is not of HTTP/2, instead of Accept.
	serve func(l *listener, finished net.Conn, own *conn)
}

// listener takes connections in one goroutine and shakes hands in one more for each. Create it with newListener.
type listener struct {
	inner  net.Listener
	config Config
	tls    atomic.Pointer[tls.Config] // of the handshakes that begin from now on; nil: connections are plain
	slots  *slots

	ready  chan net.Conn
	failed chan error // holds the one error that ended the loop
	done   chan struct{}
	once   sync.Once
	group  sync.WaitGroup

	shut   atomic.Bool   // no further connections are taken from inner: see stopTaking
	leave  atomic.Bool   // those that wait in the system are for another server
	ended  chan struct{} // closed when the loop has ended
	ending atomic.Bool   // connections end with their next answer

	mu      sync.Mutex
	pending map[net.Conn]struct{} // connections in a handshake, for Close; nil once closed
}

// newListener starts to accept from inner at once. Close closes inner and the connections that Accept has not returned yet, and
// waits for the goroutines; those that it has returned stay open.
func newListener(inner net.Listener, c Config) *listener {
	if c.MaxConns <= 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.HandshakeTimeout <= 0 {
		c.HandshakeTimeout = defaultHandshakeTimeout
	}
	if c.Refused == nil {
		c.Refused = func(Refusal) {}
	}
	l := &listener{
		inner:   inner,
		config:  c,
		slots:   newSlots(c.MaxConns, c.MaxConnsPerSource),
		ready:   make(chan net.Conn),
		failed:  make(chan error, 1),
		done:    make(chan struct{}),
		ended:   make(chan struct{}),
		pending: make(map[net.Conn]struct{}),
	}
	l.slots.secure = c.TLS != nil
	l.tls.Store(c.TLS)
	l.group.Go(l.loop)
	return l
}

// Addr returns the address of the listener beneath.
func (l *listener) Addr() net.Addr { return l.inner.Addr() }

// Accept returns the next finished connection: a [*tls.Conn] if the listener has TLS.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done: // has precedence over a connection that is ready
		return nil, net.ErrClosed
	default:
	}
	select {
	case conn := <-l.ready:
		return conn, nil
	case err := <-l.failed:
		l.failed <- err // for the next call
		return nil, err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close may be called more than once.
func (l *listener) Close() error {
	var err error
	l.once.Do(func() {
		close(l.done)
		err = l.inner.Close()
		l.mu.Lock()
		for conn := range l.pending {
			_ = conn.Close()
		}
		l.pending = nil
		l.mu.Unlock()
	})
	l.group.Wait()
	return err
}

func (l *listener) loop() {
	defer close(l.ended)
	backoff := minBackoff
	for {
		conn, err := l.inner.Accept()
		switch {
		case err == nil:
			backoff = minBackoff
			l.take(conn)
		case l.closed():
			return
		case l.shut.Load():
			l.takeLast()
			return
		case !passes(err):
			l.failed <- err
			return
		default:
			l.config.Refused(Refusal{Reason: ReasonAcceptFailed, Err: err})
			if !l.sleep(backoff) {
				return
			}
			backoff = min(2*backoff, maxBackoff)
		}
	}
}

// errChallenge ends connections that were for the handshake alone. It is no refusal.
var errChallenge = errors.New("a handshake of an ACME authority")

// passes reports whether an accept error may go away by itself: the peer left meanwhile, or the system is out of
// descriptors or memory.
func passes(err error) bool {
	for _, temporary := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPROTO, syscall.EPERM, // EPERM: a firewall, accept(2)
	} {
		if errors.Is(err, temporary) {
			return true
		}
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// sleep waits for d, and reports whether the listener is still open.
func (l *listener) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.done:
		return false
	}
}

func (l *listener) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// take finds a slot for a new connection and starts its way to Accept.
func (l *listener) take(raw net.Conn) {
	counted, evicted, err := l.slots.take(raw)
	counted.facts.ending = &l.ending
	if err != nil {
		reason := ReasonTooMany
		if errors.Is(err, errTooManySource) {
			reason = ReasonTooManySource
		}
		l.refuse(counted, reason, err, tlspolicy.Offer{})
		return
	}
	if evicted != nil {
		l.refuse(evicted, ReasonMadeRoom, errMadeRoom, tlspolicy.Offer{})
	}
	if !l.track(counted) {
		_ = counted.Close()
		return
	}
	l.group.Add(1)
	go l.prepare(counted)
}

// prepare shakes hands, and serves the connection or offers it to Accept.
func (l *listener) prepare(raw *conn) {
	finished, err := l.handshake(raw)
	l.untrack(raw) // from here on done is enough, and Close must not cut off what Accept returned
	if err == nil && l.config.serve != nil && !raw.facts.isHTTP2() {
		l.group.Done() // Close waits for no request
		l.config.serve(l, finished, raw)
		return
	}
	defer l.group.Done()
	if err != nil {
		return
	}
	select {
	case l.ready <- finished:
	case <-l.done:
		_ = raw.Close()
	}
}

// handshake returns the connection to use. After an error the connection is closed and its refusal, if it is one, reported.
func (l *listener) handshake(raw *conn) (net.Conn, error) {
	config := l.tls.Load()
	if config == nil {
		return raw, nil
	}
	deadline := time.Now().Add(l.config.HandshakeTimeout)
	raw.secure()
	secured := tls.Server(raw, config)
	var hello tlspolicy.Hello
	err := raw.SetDeadline(deadline)
	if err == nil {
		err = secured.HandshakeContext(tlspolicy.WithHello(context.Background(), &hello))
	}
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err == nil && secured.ConnectionState().NegotiatedProtocol == tlspolicy.ACMEProtocol {
		_ = secured.Close() // the authority has seen what it came for; nothing else may be said here
		return nil, errChallenge
	}
	if err == nil {
		l.slots.waits(raw, time.Now())
		state, offer := secured.ConnectionState(), tlspolicy.OfferOf(hello.Info) // which is a fraction of what the hello itself holds
		raw.facts.TLS, raw.facts.Offer = &state, &offer
		return secured, nil
	}
	if l.closed() || l.slots.wasEvicted(raw) { // the handshake was cut off from this side
		_ = raw.Close()
		return nil, err
	}
	answerPlainHTTP(err)
	reason := reasonOf(err, hello)
	if !raw.spoke.Load() {
		reason = ReasonSilent
	}
	l.refuse(raw, reason, err, tlspolicy.OfferOf(hello.Info))
	return nil, err
}

func (l *listener) refuse(raw *conn, reason Reason, err error, offer tlspolicy.Offer) {
	r := refusalOf(raw, reason, err)
	r.Offer = offer
	_ = raw.Close()
	l.config.Refused(r)
}

// track makes Close cut the connection off, and reports whether the listener is still open.
func (l *listener) track(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil {
		return false
	}
	l.pending[c] = struct{}{}
	return true
}

func (l *listener) untrack(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, c)
}
