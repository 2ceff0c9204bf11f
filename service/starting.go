package service

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tollgate/admin"
)

// sayReading is how often a start that reads the log says so.
const sayReading = 5 * time.Second

// starting is how far a start has come, for those who ask meanwhile.
type starting struct {
	done        chan struct{} // closed when the gateway takes calls
	read, total atomic.Int64  // bytes of the log; total is 0 while it is not read
}

// progress is for [audit.Options].
func (s *starting) progress(read, total int64) {
	s.read.Store(read)
	s.total.Store(total)
}

// percent returns how much of the log was read, and whether it is being read.
func (s *starting) percent() (percent int64, reading bool) {
	total := s.total.Load()
	if total <= 0 {
		return 0, false
	}
	return int64(float64(s.read.Load()) / float64(total) * 100), true
}

func (s *starting) String() string {
	if percent, reading := s.percent(); reading {
		return fmt.Sprintf("reading the log, %d %%", percent)
	}
	return "starting"
}

// readiness returns what is to be said before the gateway takes calls; over is true from then on.
func (s *starting) readiness() (r admin.Readiness, over bool) {
	select {
	case <-s.done:
		return r, true
	default:
		return admin.Readiness{Reasons: []string{s.String()}}, false
	}
}

// log logs now and then how far the reading of the log is, and calls report with it, until stop is called.
func (s *starting) log(logger *zap.Logger, report func(progress string)) (stop func()) {
	ticker, stopped, done := time.NewTicker(sayReading), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ticker.C:
				percent, _ := s.percent()
				logger.Info("reading the audit log", zap.Int64("percent", percent), zap.Int64("bytes", s.read.Load()), zap.Int64("of", s.total.Load()))
				report(s.String())
			case <-stopped:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(stopped)
		<-done
		s.total.Store(0)
	}
}
