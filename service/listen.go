package service

import (
	"context"
	"log"
	"net"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/accept"
	"tollgate/config"
)

func (s *Service) listen(ctx context.Context, l *config.Listener) error {
	kept := s.listeners[l.Name]
	inner, err := accept.Listen(ctx, l.Address.Network(), l.Address.Listen())
	if err != nil {
		return err
	}
	c := s.gateway.Server(l.Name)
	c.Listener = accept.Config{
		MaxConns: s.descriptors.connections(l.MaxConnections), MaxConnsPerSource: l.MaxConnectionsPerSource,
		HandshakeTimeout: time.Duration(s.config.Bounds.HeaderTimeout),
		TLS:              kept.tls, Refused: func(r accept.Refusal) { s.connectionRefused(l.Name, r) },
	}
	kept.address, kept.server = inner.Addr().String(), s.serve(inner, c)
	s.logger.Info("listening", zap.String("listener", l.Name), zap.String("address", kept.address), zap.Bool("tls", kept.tls != nil))
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
