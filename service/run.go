package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"go.uber.org/zap"

	"tollgate/config"
)

// Run runs a gateway until ctx ends or a listener fails, and drains it. A signal from hangUps has certificates and keys reloaded.
// Run takes over what a process has once: the output of package log, and a heap ballast.
func Run(ctx context.Context, c *config.Config, version string, logger *zap.Logger, hangUps <-chan os.Signal) error {
	defer RedirectStandardLog(logger)()
	defer ballast()()
	s, err := Start(ctx, c, version, logger)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		logger.Info("stopped while starting", zap.Error(err))
		return nil
	}
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
			s.rereadKeys()
		case <-ctx.Done():
			s.logger.Info("stopping: no new calls; calls under way may end; a second signal stops at once", zap.Stringer("within", s.config.Bounds.Drain))
			return nil
		case err := <-s.failed:
			return fmt.Errorf("a listener failed: %w", err)
		}
	}
}

// Drain stops listening, lets calls under way end within the configured time, and closes the log last. The admin
// listener answers meanwhile, so that whoever asks learns that the gateway is stopping.
func (s *Service) Drain() error {
	close(s.draining)
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Bounds.Drain)
	defer cancel()
	shutdown := make(chan error, len(s.servers))
	for _, server := range s.servers {
		go func() { shutdown <- server.Shutdown(ctx) }()
	}
	var problems []error
	for range s.servers {
		if err := <-shutdown; !errors.Is(err, context.DeadlineExceeded) { // then gateway.Wait says the same better
			problems = append(problems, err)
		}
	}
	if err := s.gateway.Wait(ctx); err != nil {
		problems = append(problems, errors.New("calls were still under way when the time to drain was over; their outcome will be recorded as unknown"))
	}
	s.servers = nil
	closing, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	return errors.Join(append(problems, s.closeAll(closing))...)
}

// closeAll closes what is open, in the order in which it depends on each other.
func (s *Service) closeAll(ctx context.Context) error {
	for _, server := range append(s.servers, s.admin) {
		if server != nil {
			_ = server.Close()
		}
	}
	if s.stop != nil {
		s.stop()
		<-s.flushed
	}
	for _, closeOne := range s.closers {
		closeOne()
	}
	var err error
	if s.log != nil {
		s.refusals.Close()
		s.connectionRefusals.Close()
		err = s.log.Close(ctx)
	}
	if s.copies != nil { // after the log, whose last checkpoint is for them
		if problem := s.copies.Close(ctx); problem != nil { // the log is whole all the same
			s.logger.Warn("the last checkpoint was not copied everywhere", zap.Error(problem))
		}
	}
	return err
}

// ballastSize is how much the collector believes to be in use besides the gateway's own few megabytes.
const ballastSize = 32 << 20

// ballast makes garbage collection rarer: the collector lets the heap grow by as much as is in use, which for a gateway is
// little, so that under load it would run all the time. The ballast is never written, so it takes no memory but what garbage
// may now take before it is collected, about as much again. An operator who sets GOGC has decided otherwise.
func ballast() (release func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	weight := make([]byte, ballastSize)
	return func() { runtime.KeepAlive(weight) }
}
