package service

import (
	"context"
	"fmt"
	"os"

	"go.uber.org/zap"

	"tollgate/config"
)

// Run runs a gateway until ctx ends or a listener fails, and drains it. A signal from hangUps has certificates reloaded.
// Run takes over what a process has once: the output of package log, and a heap ballast.
func Run(ctx context.Context, c *config.Config, version string, logger *zap.Logger, hangUps <-chan os.Signal) error {
	defer RedirectStandardLog(logger)()
	defer ballast()()
	s, err := Start(ctx, c, version, logger)
	if err != nil {
		return err
	}
	logger.Info("tollgate is up", zap.String("version", version), zap.String("tls13", c.TLS.String()))
	failure := s.untilStopped(ctx, hangUps)
	if err := s.Drain(); err != nil {
		return err
	}
	logger.Info("stopped")
	return failure
}

// untilStopped returns when the gateway is to stop, with an error if that is because a listener failed.
func (s *Service) untilStopped(ctx context.Context, hangUps <-chan os.Signal) error {
	for {
		select {
		case <-hangUps:
			s.reloader.reload()
		case <-ctx.Done():
			s.logger.Info("stopping: no new calls; calls under way may end; a second signal stops at once", zap.Stringer("within", s.config.Bounds.Drain))
			return nil
		case err := <-s.failed:
			return fmt.Errorf("a listener failed: %w", err)
		}
	}
}
