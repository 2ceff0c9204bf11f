package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tollgate/config"
)

const (
	// noticeTime is for how long calls are taken after readiness has turned false: load balancers see it, and callers that keep
	// connections open are asked with each answer to leave.
	noticeTime = time.Second
	// answerTime is how long the answers to calls that are abandoned may take, besides the log's records.
	answerTime = time.Second
	// closeTime is how long the audit log and the copies of its checkpoints may take to close.
	closeTime = 5 * time.Second
)

// StopTime returns how long a gateway may take to stop. A supervisor that kills it sooner leaves calls without an answer.
func StopTime(c *config.Config) time.Duration {
	return noticeTime + time.Duration(c.Bounds.Drain) + graceTime(c) + closeTime
}

// graceTime is how long calls that are abandoned may take to end: the intent of one may be on its way to the disk, and its outcome follows.
func graceTime(c *config.Config) time.Duration { return 2*time.Duration(c.Audit.Deadline) + answerTime }

// announceEnd makes readiness turn false, and callers leave with their next answer. No configuration is adopted from then on. It may be
// called again.
func (s *Service) announceEnd() {
	s.mutex.Lock()
	if !s.isDraining() {
		close(s.draining)
	}
	s.mutex.Unlock()
	for _, server := range s.servers() {
		server.AnnounceEnd()
	}
}

func (s *Service) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// Drain stops listening and lets calls under way end within the configured time. Those that have not are answered, and those of which
// nothing was sent end as not sent. The log is closed last. The admin listener answers meanwhile, so that probes learn that
// the gateway is stopping.
func (s *Service) Drain() error {
	s.announceEnd()
	c, left := s.config.Load(), 0
	within := time.Duration(c.Bounds.Drain)
	timer := time.NewTimer(within)
	defer timer.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), within+graceTime(c))
	defer cancel()
	drained := s.drained(ctx)
	select {
	case <-drained:
	case <-timer.C:
		left = s.gateway.Abandon()
		<-drained
	}
	var problems []error
	if left > 0 {
		problems = append(problems, fmt.Errorf("%d calls were still under way when the time to drain was over: they are on record as refused or not sent, "+
			"or as unknown where they were sent", left))
	}
	if err := s.gateway.Wait(ctx); err != nil {
		problems = append(problems, errors.New("calls could not be answered any more; without an outcome, they will be recorded as unknown"))
	}
	closing, stop := context.WithTimeout(context.Background(), closeTime)
	defer stop()
	return errors.Join(append(problems, s.closeAll(closing))...)
}

// drained drains each listener, and returns a channel that is closed when no connection and no call is left, or ctx has ended.
// Calls may outlive their connections: HTTP/2 ones end with their peers.
func (s *Service) drained(ctx context.Context) <-chan struct{} {
	var group sync.WaitGroup
	s.closeSockets()
	for _, server := range s.servers() {
		group.Go(func() { _ = server.Shutdown(ctx) }) // what is left then is closed with the rest
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Wait()
		_ = s.gateway.Wait(ctx)
	}()
	return done
}
