package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
)

func (s *Service) listen(ctx context.Context, l *config.Listener) error {
	tlsConfig, clients, err := s.protection(l)
	if err != nil {
		return err
	}
	served, err := s.gatewayListener(l, clients)
	if err != nil {
		return err
	}
	inner, err := accept.Listen(ctx, l.Address.Network(), l.Address.Listen(s.config.Dir))
	if err != nil {
		return err
	}
	c := s.gateway.Server(served)
	c.Listener = accept.Config{
		MaxConns: s.descriptors.connections(l.MaxConnections), MaxConnsPerSource: l.MaxConnectionsPerSource, HandshakeTimeout: s.config.Bounds.HeaderTimeout,
		TLS: tlsConfig, Refused: func(r accept.Refusal) { s.connectionRefused(l.Name, r) },
	}
	s.servers = append(s.servers, s.serve(inner, c))
	s.addresses[l.Name] = inner.Addr().String()
	s.logger.Info("listening", zap.String("listener", l.Name), zap.String("address", inner.Addr().String()), zap.Bool("tls", tlsConfig != nil))
	return nil
}

// protection is what a listener's TLS needs; nothing for plain HTTP.
func (s *Service) protection(l *config.Listener) (*tls.Config, *certs.Clients, error) {
	if l.TLS == nil {
		return nil, nil, nil
	}
	return s.reloader.listener(l.Name, l.TLS)
}

func (s *Service) gatewayListener(l *config.Listener, clients *certs.Clients) (*gateway.Listener, error) {
	out := &gateway.Listener{Name: l.Name, Hosts: setting.Texts(l.Hosts), Local: l.Address.Local(), Caller: l.Caller}
	if clients != nil {
		out.CheckClient = clients.Check
	}
	for _, route := range s.config.Routes(l) {
		router, of, err := config.Router(route.Upstreams, s.operations)
		if err != nil {
			return nil, err
		}
		r := gateway.Route{Hosts: route.Hosts, Router: router, Upstreams: make(map[*catalog.Operation]*gateway.Upstream, len(of))}
		for operation, name := range of {
			r.Upstreams[operation] = s.upstreams[name]
		}
		out.Routes = append(out.Routes, r)
	}
	return out, nil
}

// serve runs a server until it is closed, within the bounds that all listeners have.
func (s *Service) serve(inner net.Listener, c accept.ServerConfig) accept.Server {
	b := s.config.Bounds
	c.HeaderTimeout, c.IdleTimeout, c.MaxHeader, c.ErrorLog = b.HeaderTimeout, b.IdleTimeout, int(b.Headers), s.errorLog(zap.WarnLevel)
	return s.begin(accept.NewServer(inner, c))
}

// begin runs a server until it is closed.
func (s *Service) begin(server accept.Server) accept.Server {
	go func() {
		if err := server.Serve(); err != nil {
			s.failed <- err
		}
	}()
	return server
}

// errorLog returns the log of a server.
func (s *Service) errorLog(level zapcore.Level) *log.Logger {
	made, _ := zap.NewStdLogAt(s.logger, level) // fails for unknown levels only
	return made
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
	s.admin = s.serve(inner, accept.ServerConfig{
		Handler:  admin.Handler(s.registry, s.readiness),
		Listener: accept.Config{MaxConns: adminConns, Refused: s.adminRefused},
	})
	s.addresses["admin"] = inner.Addr().String()
	s.logger.Info("admin listening", zap.String("address", inner.Addr().String()))
	return nil
}
