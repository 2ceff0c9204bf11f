package service

import (
	"context"

	"go.uber.org/zap"

	"tollgate/audit/store"
)

// openIndex keeps an index of the log, if the configuration wants one.
func (s *Service) openIndex() {
	a := s.config.Audit
	if a.IndexFile == "" {
		return
	}
	x, stop := startIndex(a.Dir, a.IndexFile, s.logger)
	s.index = x
	s.closers = append(s.closers, stop)
}

// indexed is the last record that the index has; 0 without an index.
func (s *Service) indexed() uint64 {
	if s.index == nil {
		return 0
	}
	return s.index.State().Seq
}

// startIndex keeps the index of the log in dir up, beside the calls, until stop is called. What fails is logged and tried
// again; no call waits for it or fails with it. stop waits until the index is closed.
func startIndex(dir, file string, logger *zap.Logger) (x *store.Index, stop func()) {
	x = store.New(dir, file)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.Run(ctx, func(err error) {
			logger.Warn("the audit log's index is behind; calls and the log do not depend on it, and it is tried again",
				zap.String("index", x.File()), zap.Error(err))
		})
	}()
	return x, func() {
		cancel()
		<-done
	}
}
