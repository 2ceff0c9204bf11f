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
)

// serve runs a server until it is closed, within the bounds that all listeners have.
func (s *Service) serve(inner net.Listener, c accept.ServerConfig, b config.Bounds) accept.Server {
	c.HeaderTimeout, c.IdleTimeout, c.MaxHeader, c.ErrorLog = time.Duration(b.HeaderTimeout), time.Duration(b.IdleTimeout), int(b.Headers), s.errorLog(zap.WarnLevel)
	return s.run(accept.NewServer(inner, c))
}

// run runs a server until it is closed. The first that ends by itself ends the service.
func (s *Service) run(server accept.Server) accept.Server {
	go func() {
		if err := server.Serve(); err != nil {
			select {
			case s.failed <- err:
			default:
			}
		}
	}()
	return server
}

// errorLog returns the log of a server.
func (s *Service) errorLog(level zapcore.Level) *log.Logger {
	made, _ := zap.NewStdLogAt(s.logger, level) // fails for unknown levels only
	return made
}

// adminListener is the listener for health and metrics. Without a server there is none.
type adminListener struct {
	server  accept.Server
	address string
}

func (s *Service) listenAdmin(ctx context.Context) error {
	c := s.config.Load()
	if c.Admin == nil {
		return nil
	}
	inner, err := accept.Listen(ctx, c.Admin.Address.Network(), c.Admin.Address.Listen())
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	s.admin.address = inner.Addr().String()
	s.admin.server = s.serve(inner, accept.ServerConfig{
		Handler:  admin.Handler(s.registry, s.readiness),
		Listener: accept.Config{MaxConns: adminConns, Refused: s.adminRefused},
	}, c.Bounds)
	s.logger.Info("admin listening", zap.String("address", s.admin.address))
	return nil
}
