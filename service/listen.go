package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"

	"go.uber.org/zap"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/config"
	"tollgate/gateway"
)

func (s *Service) listen(ctx context.Context, l *config.Listener) error {
	tlsConfig := s.protected[l.Name]
	inner, err := accept.Listen(ctx, l.Network, l.Address)
	if err != nil {
		return err
	}
	bounded := accept.New(inner, accept.Config{
		MaxConns: s.descriptors.connections(l.MaxConns), MaxConnsPerSource: l.MaxConnsPerSource, HandshakeTimeout: s.config.Bounds.HeaderTimeout,
		TLS: tlsConfig, Refused: func(r accept.Refusal) { s.connectionRefused(l.Name, r) },
	})
	s.endpoints = append(s.endpoints, s.serve(l.Name, bounded, s.gateway.Handler(l.Name), tlsConfig))
	s.addresses[l.Name] = inner.Addr().String()
	s.logger.Info("listening", zap.String("listener", l.Name), zap.String("address", inner.Addr().String()), zap.Bool("tls", tlsConfig != nil))
	return nil
}

// protect opens what the TLS of the listeners needs, and has the plan ask which client certificates count.
func (s *Service) protect(plan *gateway.Plan) error {
	for _, l := range s.config.Listeners {
		if l.TLS == nil {
			continue
		}
		tlsConfig, clients, err := s.reloader.listener(l.Name, l.TLS)
		if err != nil {
			return fmt.Errorf("listener %s: %w", l.Name, err)
		}
		s.protected[l.Name] = tlsConfig
		if clients != nil {
			plan.Listeners[l.Name].CheckClient = clients.Check
		}
	}
	return nil
}

// serve runs an HTTP server on a listener. HTTP/2 is served where the TLS policy negotiated it.
func (s *Service) serve(name string, listener *accept.Listener, handler http.Handler, tlsConfig *tls.Config) *endpoint {
	b := s.config.Bounds
	errorLog, _ := zap.NewStdLogAt(s.logger, zap.WarnLevel) // fails for unknown levels only
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: b.HeaderTimeout, IdleTimeout: b.IdleTimeout, MaxHeaderBytes: int(b.Headers),
		ErrorLog:  errorLog,
		HTTP2:     gateway.HTTP2(b.WriteTimeout),
		Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(true)
	server.DisableGeneralOptionsHandler = true // "OPTIONS *" is a call like any other, and refused as one
	if tlsConfig != nil {
		server.TLSConfig = tlsConfig
		server.Protocols.SetHTTP2(slices.Contains(tlsConfig.NextProtos, "h2"))
	}
	if s.gateway != nil { // the admin listener is there before it, and stays behind it
		server.BaseContext = func(net.Listener) context.Context { return s.gateway.Context() }
	}
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return gateway.WithConnection(ctx, func() (int64, bool) { return accept.Taken(conn) })
	}
	watch := accept.Requests{
		Refused: func(net.Addr) { s.metrics.ConnectionRefused(name, "malformed or broken off request") },
		Silent:  func(r accept.Refusal) { s.connectionRefused(name, r) },
	}
	watch.Watch(server)
	return s.begin(server, listener)
}

func (s *Service) listenAdmin(ctx context.Context) error {
	a := s.config.Admin
	if a.Address == "" {
		return nil
	}
	inner, err := accept.Listen(ctx, a.Network, a.Address)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	bounded := accept.New(inner, accept.Config{MaxConns: adminConns})
	s.admin = s.serve("admin", bounded, admin.Handler(s.registry, s.readiness), nil)
	s.addresses["admin"] = inner.Addr().String()
	s.logger.Info("admin listening", zap.String("address", inner.Addr().String()))
	return nil
}
