package service

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/accept"
	"tollgate/admin"
	"tollgate/config"
	"tollgate/gateway"
)

func (s *Service) listen(ctx context.Context, l *config.Listener) error {
	tlsConfig := s.protected[l.Name]
	inner, err := accept.Listen(ctx, l.Address.Network(), l.Address.Listen())
	if err != nil {
		return err
	}
	c := s.gateway.Server(l.Name)
	c.Listener = accept.Config{
		MaxConns: s.descriptors.connections(l.MaxConnections), MaxConnsPerSource: l.MaxConnectionsPerSource,
		HandshakeTimeout: time.Duration(s.config.Bounds.HeaderTimeout),
		TLS:              tlsConfig, Refused: func(r accept.Refusal) { s.connectionRefused(l.Name, r) },
	}
	s.servers = append(s.servers, s.serve(inner, c))
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

// serve runs a server until it is closed, within the bounds that all listeners have.
func (s *Service) serve(inner net.Listener, c accept.ServerConfig) accept.Server {
	b := s.config.Bounds
	c.HeaderTimeout, c.IdleTimeout, c.MaxHeader, c.ErrorLog = time.Duration(b.HeaderTimeout), time.Duration(b.IdleTimeout), int(b.Headers), s.errorLog(zap.WarnLevel)
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
	if a == nil {
		return nil
	}
	inner, err := accept.Listen(ctx, a.Address.Network(), a.Address.Listen())
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
