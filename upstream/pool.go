package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sort"
	"sync"
	"time"

	"tollgate/internal/peek"
)

// idleTimeout is shorter than that of common load balancers (60 s), so that the far end seldom closes a connection in
// the moment in which it is used again: that would leave the fate of a call unknown.
const idleTimeout = 25 * time.Second

// restTime is how long nothing may have come on an idle connection for it to be a rested one: see [Request].
const restTime = 50 * time.Millisecond

// sweepAgain is how soon idle connections are looked at again if all places were taken when their time was over.
const sweepAgain = time.Second

// pool holds the connections to an upstream. A call that has a place has at most one connection, which may still be opening or
// closing; all others are idle. So where as many are open as there are places, a call that has a place and no connection
// finds one that is idle.
type pool struct {
	config  Config
	tls     *tls.Config                             // nil for plain HTTP
	connect func(context.Context) (net.Conn, error) // of config
	opened  func(Opening)                           // is called with each connection; nil: nothing is
	slots   chan struct{}                           // the places: one for each connection in use
	now     func() time.Time
	watches watches // of the exchanges

	mutex  sync.Mutex
	idle   []*conn // the one used last is at the end
	open   int     // connections, idle ones included; never more than places
	sweep  *time.Timer
	closed bool
}

func newPool(config Config, protection *tls.Config, w *way) *pool {
	return &pool{config: config, tls: protection, connect: w.connect, opened: w.opened, slots: make(chan struct{}, config.MaxConnections), now: time.Now}
}

// get returns an idle connection that is still good, or a new one, ready for an exchange, and what time it is then. It waits while all are
// in use. After an error nothing is held for the call.
func (p *pool) get(ctx context.Context, r *Request) (*conn, time.Time, error) {
	if err := p.enter(ctx, r.Deadline); err != nil {
		return nil, time.Time{}, err
	}
	now := p.now()
	for c := p.take(r.Rested, now); c != nil; c = p.take(r.Rested, now) {
		if c.fresh(now) {
			return c, now, nil
		}
		c.close() // may take a while under TLS, which says farewell
		p.uncount()
		now = p.now()
	}
	c, err := p.dial(ctx, r.Deadline)
	if err != nil {
		p.drop()
		return nil, time.Time{}, err
	}
	return c, p.now(), nil
}

// enter takes a place.
func (p *pool) enter(ctx context.Context, deadline time.Time) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	ctx, cancel := endingAt(ctx, deadline)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// endingAt returns a context that ends at a deadline, too, if that is one.
func endingAt(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline)
}

// take takes an idle connection; nil: a new one is to be dialled, and is counted already.
func (p *pool) take(rested bool, now time.Time) *conn {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	i := len(p.idle) - 1
	if rested {
		i = p.rested(now)
	}
	if i < 0 {
		p.open++
		return nil
	}
	c := p.idle[i]
	p.idle = slices.Delete(p.idle, i, i+1)
	return c
}

// rested chooses, of the connections that have rested, the one that was used last; -1: a new one is better, and may be opened.
func (p *pool) rested(now time.Time) int {
	latest := now.Add(-restTime)
	n := sort.Search(len(p.idle), func(i int) bool { return p.idle[i].idleSince.After(latest) })
	if n == 0 && len(p.idle) > 0 && p.open >= cap(p.slots) {
		return 0
	}
	return n - 1
}

// put takes back a connection that is in order after its call.
func (p *pool) put(c *conn) {
	if !p.putIdle(c) {
		c.close()
		p.drop()
		return
	}
	<-p.slots
}

func (p *pool) putIdle(c *conn) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	now := p.now()
	if p.closed || c.old(now) {
		return false
	}
	c.idleSince = now
	p.idle = append(p.idle, c)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(idleTimeout, p.sweepIdle)
	}
	return true
}

// uncount ends the count of a connection that is closed, or could not be opened.
func (p *pool) uncount() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.open--
}

// drop takes back the place of such a connection.
func (p *pool) drop() {
	p.uncount()
	<-p.slots
}

// sweepIdle closes the connections that were idle for too long, and comes again while others are idle.
func (p *pool) sweepIdle() {
	for c := p.expired(); c != nil; c = p.expired() {
		c.close()
		p.drop()
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.sweep = nil; len(p.idle) > 0 {
		p.sweep = time.AfterFunc(max(idleTimeout-p.now().Sub(p.idle[0].idleSince), sweepAgain), p.sweepIdle)
	}
}

// expired takes a place, and the connection that was idle for longest, if that was too long. nil: there is none, or all places
// are taken; the calls that have them look at what is idle, too.
func (p *pool) expired() *conn {
	select {
	case p.slots <- struct{}{}:
	default:
		return nil
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.idle) == 0 || p.now().Sub(p.idle[0].idleSince) < idleTimeout {
		<-p.slots
		return nil
	}
	c := p.idle[0]
	p.idle = slices.Delete(p.idle, 0, 1)
	return c
}

func (p *pool) close() {
	p.mutex.Lock()
	idle := p.idle
	p.idle, p.closed, p.open = nil, true, p.open-len(idle)
	if p.sweep != nil {
		p.sweep.Stop()
	}
	p.mutex.Unlock()
	p.watches.close()
	for _, c := range idle {
		c.close()
	}
}

// dial connects, and shakes hands under the TLS policy if there is one, before anything else is written.
func (p *pool) dial(ctx context.Context, deadline time.Time) (*conn, error) {
	ctx, cancel := endingAt(ctx, deadline)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, time.Duration(p.config.ConnectTimeout))
	defer stop()
	began := p.now()
	raw, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	connected := p.now()
	c := &conn{pool: p, raw: raw, stream: raw, until: connected.Add(p.age())}
	c.look, _ = peek.New(raw)
	took := Opening{Connect: connected.Sub(began)}
	if p.config.URL.Scheme == "https" {
		if err = c.secure(ctx); err != nil {
			return nil, err
		}
		took.TLS = p.now().Sub(connected)
	}
	if p.opened != nil {
		p.opened(took)
	}
	return c, nil
}

// secure puts TLS on top of a new connection, or closes it.
func (c *conn) secure(ctx context.Context) (err error) {
	c.records = &records{Conn: c.raw}
	if c.stream, c.tls, err = c.pool.handshake(ctx, c.records); err != nil {
		_ = c.raw.Close()
		return err
	}
	c.records.settled = true
	return nil
}

// age returns how old a new connection may become: up to a tenth less than the greatest age, so that those that were opened together are
// not closed together.
func (p *pool) age() time.Duration {
	greatest := time.Duration(p.config.MaxConnectionAge)
	return greatest - rand.N(greatest/10+1)
}

func (p *pool) handshake(ctx context.Context, raw net.Conn) (*tls.Conn, *tls.ConnectionState, error) {
	if p.tls == nil {
		return nil, nil, errors.New("upstream has no TLS policy")
	}
	secured := tls.Client(raw, p.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, nil, &HandshakeError{err}
	}
	state := secured.ConnectionState()
	// In TLS 1.2 a client's VerifyConnection runs before the key-exchange group is known: ask the policy once more.
	if verify := p.tls.VerifyConnection; verify != nil {
		if err := verify(state); err != nil {
			return nil, nil, fmt.Errorf("tls policy: %w", err)
		}
	}
	return secured, &state, nil
}
