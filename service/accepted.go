package service

import (
	"context"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"tollgate/audit/checkpoint"
	"tollgate/credential"
	"tollgate/credential/accepted"
)

// closePatience is how long the end of the service waits for a disk that does not answer.
const closePatience = 2 * time.Second

// rememberAccepted takes the keys that the provider accepted in earlier runs off their trial, and keeps the file of that up until the
// service is closed. It fails no start: without the file keys are on trial. The log is open, so its key is in its place.
func (s *Service) rememberAccepted(all []*credential.Credential) {
	key, err := checkpoint.LoadKey(s.config.Load().Audit.Key.File, nil) // the log has reported what there is to say
	if err != nil {
		s.logger.Warn("accepted keys are not remembered", zap.Error(err))
		return
	}
	file := filepath.Join(s.config.Load().Audit.Dir, accepted.Name)
	memory, restored, err := accepted.New(file, key.MAC(accepted.Purpose), all, s.private.found)
	if err != nil {
		s.logger.Warn("which keys the provider accepted cannot be read; they are on trial", zap.Error(err))
	}
	if len(restored) > 0 {
		s.logger.Info("the provider accepted the keys of these credentials before; they are not on trial", zap.Strings("credentials", restored))
	}
	s.accepted = memory
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		memory.Run(ctx, func(err error) {
			s.logger.Error("which keys the provider accepted cannot be written; it is tried again, and after a restart they are on trial",
				zap.String("file", file), zap.Error(err))
		})
	}()
	s.closers = append(s.closers, func() {
		cancel()
		select {
		case <-done:
		case <-time.After(closePatience):
		}
	})
}
