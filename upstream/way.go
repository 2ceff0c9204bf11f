package upstream

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"tollgate/internal/secret"
)

// way opens connections to an upstream, without TLS.
type way struct {
	config   *Config
	resolver *net.Resolver        // nil: the usual one
	login    func() secret.String // for the proxy: user:password; nil: none
	private  func(netip.Addr)     // see OnPrivate; nil: nothing is called
	once     sync.Once            // of that
	opened   func(Opening)        // see OnOpen; nil: nothing is called
}

// Option is something that a transport has besides its configuration.
type Option func(*way)

// WithProxyLogin calls login for each connection through the proxy. It returns "user:password".
func WithProxyLogin(login func() secret.String) Option { return func(w *way) { w.login = login } }

// OnPrivate calls f with the first address connected to that is neither public nor of this machine.
func OnPrivate(f func(netip.Addr)) Option { return func(w *way) { w.private = f } }

// Opening is how long it took to open a connection.
type Opening struct {
	Connect time.Duration // lookup of the name and proxy included
	TLS     time.Duration // the handshake; 0: plain HTTP
}

// OnOpen calls f with each connection that was opened, concurrently.
func OnOpen(f func(Opening)) Option { return func(w *way) { w.opened = f } }

// connect opens a connection to the upstream, through its proxy if it has one.
func (w *way) connect(ctx context.Context) (net.Conn, error) {
	raw, err := w.open(ctx)
	if w.config.Proxy.Host == "" {
		return raw, err
	}
	if err == nil {
		err = w.tunnel(ctx, raw)
	}
	if err != nil {
		return nil, &ProxyError{err}
	}
	return raw, nil
}

// open opens a connection to the upstream, or to its proxy. Addresses are checked where the system is about to connect to them: what a
// name led to in an earlier lookup says nothing of this one.
func (w *way) open(ctx context.Context) (net.Conn, error) {
	network, address := "tcp", w.config.URL.HostPort()
	switch {
	case w.config.URL.Socket != "":
		network, address = "unix", w.config.URL.Socket
	case w.config.Proxy.Host != "":
		address = w.config.Proxy.Host
	}
	dialer := net.Dialer{KeepAlive: 15 * time.Second, Resolver: w.resolver, Control: w.check}
	raw, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		w.note(raw.RemoteAddr())
	}
	return raw, err
}

// check refuses a connection to an address that must not be connected to, before anything is sent.
func (w *way) check(network, address string, _ syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	return CheckAddress(to.Addr(), w.config.Addresses)
}

// note reports the first connection to a private address.
func (w *way) note(to net.Addr) {
	if tcp, ok := to.(*net.TCPAddr); ok && w.private != nil {
		if ip := tcp.AddrPort().Addr().Unmap(); IsPrivate(ip) {
			w.once.Do(func() { w.private(ip) })
		}
	}
}
