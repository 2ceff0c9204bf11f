package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"tollgate/config"
)

// Run runs a gateway until ctx ends or a listener fails, and drains it. A signal from hangUps has it reload, see [Service.Reload].
// Run takes over what a process has once: the output of package log, and when garbage is collected.
func Run(ctx context.Context, c *config.Config, p Process, hangUps <-chan os.Signal) error {
	defer RedirectStandardLog(p.Logger)()
	defer manageMemory()()
	memory := newPressure(p.Machine, p.Logger)
	defer memory.limitRuntime()()
	s, err := start(ctx, c, p, memory)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		p.Logger.Info("stopped while starting", zap.Error(err))
		return nil
	}
	if err != nil {
		return err
	}
	p.Logger.Info("tollgate is up", zap.String("version", p.Version), zap.String("tls13", s.suites.String()))
	s.notify(p.Manager.Ready("serving"))
	failure := s.untilStopped(ctx, hangUps)
	s.notify(p.Manager.Stopping("draining: calls under way may end"))
	s.announceEnd()
	time.Sleep(noticeTime)
	if err = s.Drain(); err == nil {
		p.Logger.Info("stopped")
	}
	return errors.Join(failure, err)
}

// untilStopped returns when the gateway is to stop, with an error if that is because a listener failed.
func (s *Service) untilStopped(ctx context.Context, hangUps <-chan os.Signal) error {
	s.background(func(ctx context.Context) { s.reloadAt(ctx, hangUps) })
	select {
	case <-ctx.Done():
		s.logger.Info("stopping: callers are sent elsewhere, then no new calls; calls under way may end; a second signal stops at once",
			zap.Stringer("within", time.Duration(s.config.Load().Bounds.Drain)))
		return nil
	case err := <-s.failed:
		return fmt.Errorf("a listener failed: %w", err)
	}
}

// reloadAt reloads at each signal, until ctx ends.
func (s *Service) reloadAt(ctx context.Context, hangUps <-chan os.Signal) {
	for {
		select {
		case <-hangUps:
			_, _ = s.Reload(ctx, Trigger{By: BySignal}, false) // what is wrong is in the log
		case <-ctx.Done():
			return
		}
	}
}

// closeSockets stops connections from reaching the servers, which take those that wait in the system.
func (s *Service) closeSockets() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, l := range s.listeners {
		_ = l.socket.Close()
	}
}

// closeAll closes what is open, in the order in which it depends on each other.
func (s *Service) closeAll(ctx context.Context) error {
	s.closeSockets()
	for _, server := range s.servers() {
		_ = server.Close()
	}
	s.ending.Wait()
	for _, door := range s.admin.doors {
		_ = door.server.Close()
	}
	for _, closeOne := range s.closers {
		closeOne()
	}
	if s.fleet != nil { // after all that asks it
		s.fleet.close()
	}
	s.certificates.close()
	for _, u := range s.upstreams {
		u.transport.Close()
	}
	var err error
	if s.log != nil {
		s.refusals.Close()
		s.connectionRefusals.Close()
		err = errors.Join(s.closeSpending(ctx), s.log.Close(ctx))
	}
	if s.copies != nil { // after the log, whose last checkpoint is for them
		if problem := s.copies.Close(ctx); problem != nil { // the log is whole all the same
			s.logger.Warn("the last checkpoint was not copied everywhere", zap.Error(problem))
		}
	}
	return err
}
