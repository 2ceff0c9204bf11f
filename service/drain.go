package service

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

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
