package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/tlspolicy"
)

// liveListener has the server of a listener, what it was made of, and what its TLS needs. Under another configuration it stays, or its
// socket has another server, or none.
type liveListener struct {
	id      string // of the server, for [gateway.Plan.Servers]
	name    string
	socket  *socket
	made    made
	secured *certs.ListenerTLS // of which parts and tls were made
	waiting net.Listener       // a share of the socket, until there is a server
	server  accept.Server      // nil until the listener is adopted
	parts   *tlsParts          // nil: plain HTTP
	tls     *tls.Config
}

// serves reports whether a listener, if there is one, has the server of one before.
func (l *liveListener) serves(before *liveListener) bool { return l != nil && l.id == before.id }

// clients are nil where no client certificates are asked for.
func (l *liveListener) clients() *certs.Clients {
	if l.parts == nil {
		return nil
	}
	return l.parts.clients
}

// made is what of a configuration a server, or the connections that it has, cannot follow.
type made struct {
	Secure                                   bool
	Policy, ClientCA, ClientCertificate      string
	PolicyConfig                             tlspolicy.Config
	Socket                                   *config.Socket
	HeaderTimeout, IdleTimeout, WriteTimeout setting.Duration
	Headers                                  setting.Size
}

func madeBy(c *config.Config, l *config.Listener) made {
	m := made{Socket: l.Socket, HeaderTimeout: c.Bounds.HeaderTimeout, IdleTimeout: c.Bounds.IdleTimeout, WriteTimeout: c.Bounds.WriteTimeout, Headers: c.Bounds.Headers}
	if t := l.TLS; t != nil {
		m.Secure, m.Policy, m.ClientCA, m.ClientCertificate, m.PolicyConfig = true, t.Policy, t.ClientCA, t.ClientCertificate, c.TLSPolicies[t.Policy]
	}
	return m
}

// socket is where peers connect. Servers have shares of it; nothing is accepted on it itself.
type socket struct {
	net.Listener
	at     socketAt
	access accept.Access // of a unix socket
}

// socketAt says which socket of a configuration is which of another. Any free port is the listener's own.
type socketAt struct {
	address setting.Address
	owner   string // the listener's name, where the port is any free one
}

func socketOf(l *config.Listener) socketAt {
	at := socketAt{address: l.Address}
	if l.Address.Socket != "" {
		at.address.Socket = filepath.Clean(l.Address.Socket)
	} else if l.Address.Port == 0 {
		at.owner = l.Name
	}
	return at
}

// openListener keeps the server of a listener that can follow the configuration, with other certificates if those are configured otherwise.
// For another server it opens a share of the socket that is there, or of a new one.
func (s *Service) openListener(ctx context.Context, o *opened, c *config.Config, l *config.Listener) error {
	at, m, known := socketOf(l), madeBy(c, l), s.listeners[l.Name]
	if known != nil && known.socket.at == at && reflect.DeepEqual(known.made, m) {
		o.listeners[l.Name] = known
		if reflect.DeepEqual(known.secured, l.TLS) {
			return nil
		}
		return s.openTLS(o, l, &liveListener{id: known.id, name: l.Name, socket: known.socket, made: m, server: known.server})
	}
	s.serverCount++
	opening := &liveListener{id: fmt.Sprintf("%s#%d", l.Name, s.serverCount), name: l.Name, made: m}
	if err := s.openSocket(ctx, o, c, opening, at); err != nil {
		return err
	}
	return s.openTLS(o, l, opening)
}

// openTLS opens the certificates of a listener, and what decides which client certificates count.
func (s *Service) openTLS(o *opened, l *config.Listener, opening *liveListener) (err error) {
	o.listeners[l.Name], opening.secured = opening, l.TLS
	if l.TLS == nil || o.dry && writes(l.TLS) {
		return nil
	}
	if opening.parts, opening.tls, err = s.certificates.listener(l.Name, l.TLS); err != nil {
		return err
	}
	o.undo = append(o.undo, func() { s.certificates.remove(opening.parts) })
	return nil
}

// writes reports whether opening the certificates of a listener may make files.
func writes(t *certs.ListenerTLS) bool {
	return slices.ContainsFunc(t.Certificates, func(c certs.Certificate) bool { return c.Files == nil })
}

// openSocket finds the socket of a listener, or binds one.
func (s *Service) openSocket(ctx context.Context, o *opened, c *config.Config, l *liveListener, at socketAt) (err error) {
	access, err := accessOf(l.made.Socket)
	if err != nil {
		return err
	}
	for _, known := range s.listeners {
		if known.socket.at == at {
			l.socket = known.socket
		}
	}
	if l.socket != nil {
		err = o.grant(l.socket, access)
	} else {
		err = s.bindSocket(ctx, o, c, l, at, access)
	}
	if err != nil {
		return err
	}
	if l.waiting, err = accept.Share(l.socket.Listener); err != nil {
		return err
	}
	o.undo = append(o.undo, func() { _ = l.waiting.Close() })
	return nil
}

func (s *Service) bindSocket(ctx context.Context, o *opened, c *config.Config, l *liveListener, at socketAt, access accept.Access) error {
	if err := s.checkOverlap(c, at); err != nil {
		return err
	}
	inner, err := accept.ListenFor(ctx, at.address.Network(), at.address.Listen(), access)
	if err != nil {
		return err
	}
	l.socket = &socket{inner, at, access}
	o.undo = append(o.undo, func() { _ = inner.Close() })
	return nil
}

// checkOverlap refuses an address that cannot be bound before another one is closed, and so not without refusing connections.
func (s *Service) checkOverlap(c *config.Config, at socketAt) error {
	for _, name := range slices.Sorted(maps.Keys(s.listeners)) {
		old := s.listeners[name].socket.at
		if at.address.Overlaps(old.address) {
			return fmt.Errorf("address %s overlaps %s, on which listener %s listens until this change: there is no moment at which both could be open; "+
				"restart the gateway, or remove that listener first and add this one with another reload", at.address, old.address, name)
		}
	}
	return nil
}

// beginListeners serves the listeners that were opened, and those that stay within their bounds. mutex is held.
func (s *Service) beginListeners(c *config.Config, o *opened) {
	for _, l := range c.Listeners {
		live, most := o.listeners[l.Name], o.descriptors.connections(l.MaxConnections)
		if live.server != nil {
			live.server.Resize(most, l.MaxConnectionsPerSource)
			live.server.Secure(live.tls)
			continue
		}
		served := s.gateway.Server(live.id)
		served.Listener = accept.Config{
			MaxConns: most, MaxConnsPerSource: l.MaxConnectionsPerSource, HandshakeTimeout: time.Duration(c.Bounds.HeaderTimeout),
			TLS: live.tls, Refused: func(r accept.Refusal) { s.connectionRefused(l.Name, r) },
		}
		live.server, live.waiting = s.serve(live.waiting, served, c.Bounds), nil
		s.logger.Info("listening", zap.String("listener", l.Name), zap.Stringer("address", live.socket.Addr()), zap.Bool("tls", live.tls != nil))
	}
}

// leaving is the server of a listener that is configured otherwise now, or not any more, until its last connection has ended.
type leaving struct {
	*liveListener
	configured *config.Listener // as it was
	ended      bool             // guarded by the mutex of state
}

// endListeners closes the sockets that no listener has any more, and has the servers end that are not needed: their connections may take calls for
// noticeTime still, and their answers end them.
func (s *Service) endListeners(before map[string]*liveListener, o *opened) {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		old, now := before[name], o.listeners[name]
		if !now.serves(old) {
			s.endListener(old, o)
		}
		if old != now && old.parts != nil {
			s.certificates.remove(old.parts)
		}
	}
}

func (s *Service) endListener(old *liveListener, o *opened) {
	old.server.AnnounceEnd()
	stays := o.has(old.socket)
	if !stays {
		_ = old.socket.Close()
	}
	old.server.StopTaking(stays)
	s.logger.Info("the connections of a listener end",
		zap.String("listener", old.name), zap.Stringer("address", old.socket.Addr()), zap.Bool("socket_stays", stays))
	ends := o.leaving[old.id]
	s.ending.Go(func() { s.endServer(ends) })
}

// has reports whether a listener has a socket.
func (o *opened) has(of *socket) bool {
	for _, l := range o.listeners {
		if l.socket == of {
			return true
		}
	}
	return false
}

// endServer closes a server as soon as its connections have ended. Drain ends it too.
func (s *Service) endServer(l *leaving) {
	timer := time.NewTimer(noticeTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.draining:
	}
	_ = l.server.Shutdown(context.Background()) // or until the end of the service closes it
	_ = l.server.Close()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	l.ended = true
	delete(s.leavingServers, l.id)
}

// leave adds the servers that leave to those that have not ended yet.
func (o *opened) leave(former *config.Config, before map[string]*liveListener) {
	for _, configured := range former.Listeners {
		if old := before[configured.Name]; old != nil && !o.listeners[configured.Name].serves(old) {
			o.leaving[old.id] = &leaving{liveListener: old, configured: configured}
		}
	}
}

// servers returns how calls of each server are served. One that leaves is served as the listener that has its socket now, or else as it was
// configured itself, as far as there is what it needs.
func (o *opened) servers(c *config.Config, plan *gateway.Plan, made func(*config.Listener) (*gateway.Listener, error)) map[string]*gateway.Listener {
	all := make(map[string]*gateway.Listener, len(o.listeners)+len(o.leaving))
	at := make(map[*socket]*gateway.Listener, len(o.listeners))
	for name, l := range o.listeners {
		all[l.id], at[l.socket] = plan.Listeners[name], plan.Listeners[name]
	}
	for id, l := range o.leaving {
		if all[id] = at[l.socket]; all[id] != nil {
			continue
		}
		all[id] = &gateway.Listener{Name: l.name}
		old := *l.configured
		old.Upstreams = slices.DeleteFunc(slices.Clone(old.Upstreams), func(name string) bool { return c.Upstream(name) == nil })
		if as, err := made(&old); err == nil {
			all[id] = l.checked(as)
		}
	}
	return all
}
