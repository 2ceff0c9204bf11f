package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// idleTimeout is shorter than that of common load balancers (60 s), so that the far end seldom closes a connection in
// the moment in which it is used again: that would leave the fate of a call unknown.
const idleTimeout = 25 * time.Second

// pool holds the connections to an upstream.
type pool struct {
	config Config
	slots  chan struct{} // one for each connection in use

	mutex  sync.Mutex
	idle   []*conn // the one used last is at the end
	sweep  *time.Timer
	closed bool
}

func newPool(config Config) *pool {
	return &pool{config: config, slots: make(chan struct{}, config.MaxConns)}
}

// get gives an idle connection that is still good, or a new one. It waits while all are in use. A new one is dialled only
// if none is idle, so there are never more than slots.
func (p *pool) get(ctx context.Context) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for c := p.pop(); c != nil; c = p.pop() {
		if c.fresh() {
			return c, nil
		}
		c.close()
	}
	c, err := p.dial(ctx)
	if err != nil {
		<-p.slots
		return nil, err
	}
	return c, nil
}

func (p *pool) pop() *conn {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	p.idle[last], p.idle = nil, p.idle[:last]
	return c
}

// put takes back a connection that is in order after its call.
func (p *pool) put(c *conn) {
	c.idleSince = time.Now()
	p.mutex.Lock()
	kept := !p.closed
	if kept {
		p.idle = append(p.idle, c)
		if p.sweep == nil {
			p.sweep = time.AfterFunc(idleTimeout, p.sweepIdle)
		}
	}
	p.mutex.Unlock()
	if !kept {
		c.close()
	}
	<-p.slots
}

// drop takes back the slot of a connection that is closed.
func (p *pool) drop() { <-p.slots }

// sweepIdle closes the connections that were idle for too long, and comes again while others are idle.
func (p *pool) sweepIdle() {
	p.mutex.Lock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].idleSince) >= idleTimeout {
		old++
	}
	expired := append([]*conn(nil), p.idle[:old]...)
	p.idle = append(p.idle[:0], p.idle[old:]...)
	if p.sweep = nil; len(p.idle) > 0 {
		p.sweep = time.AfterFunc(idleTimeout-time.Since(p.idle[0].idleSince), p.sweepIdle)
	}
	p.mutex.Unlock()
	for _, c := range expired {
		c.close()
	}
}

func (p *pool) close() {
	p.mutex.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	if p.sweep != nil {
		p.sweep.Stop()
	}
	p.mutex.Unlock()
	for _, c := range idle {
		c.close()
	}
}

// dial connects, and shakes hands under the TLS policy if there is one, before anything else is written.
func (p *pool) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.ConnectTimeout)
	defer cancel()
	network, address := "tcp", hostPort(p.config)
	if p.config.Socket != "" {
		network, address = "unix", p.config.Socket
	}
	dialer := net.Dialer{KeepAlive: 15 * time.Second}
	raw, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if p.config.URL.Scheme != "https" {
		return &conn{pool: p, raw: raw, stream: raw}, nil
	}
	gatherer := &records{Conn: raw}
	secured, state, err := p.handshake(ctx, gatherer)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &conn{pool: p, raw: raw, records: gatherer, stream: secured, tls: state}, nil
}

// hostPort is where the URL leads.
func hostPort(c Config) string {
	port := c.URL.Port()
	if port == "" {
		port = c.URL.Scheme // a service name that the dialer knows: http or https
	}
	return net.JoinHostPort(c.URL.Hostname(), port)
}

func (p *pool) handshake(ctx context.Context, raw net.Conn) (*tls.Conn, *tls.ConnectionState, error) {
	if p.config.TLS == nil {
		return nil, nil, errors.New("upstream has no TLS policy")
	}
	secured := tls.Client(raw, p.config.TLS)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, nil, fmt.Errorf("tls handshake: %w", err)
	}
	state := secured.ConnectionState()
	// In TLS 1.2 a client's VerifyConnection runs before the key-exchange group is known: ask the policy once more.
	if verify := p.config.TLS.VerifyConnection; verify != nil {
		if err := verify(state); err != nil {
			return nil, nil, fmt.Errorf("tls policy: %w", err)
		}
	}
	return secured, &state, nil
}
