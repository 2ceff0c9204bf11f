package service

import (
	"log"
	"net"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/accept"
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
