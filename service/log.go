package service

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"tollgate/audit"
	"tollgate/audit/blobs"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/mac"
	"tollgate/audit/mirror"
	"tollgate/audit/store"
	"tollgate/gateway"
)

// pruneEvery is how often old records are looked for; the first time is soon after the start, so that restarts do not put it
// off for ever, and not at once, since it reads a lot.
const pruneFirst, pruneEvery = 5 * time.Minute, time.Hour

// openLog opens the audit log. Its first checkpoint, like all further ones, goes to the places that keep copies.
func (s *Service) openLog(ctx context.Context) (audit.Recovery, error) {
	a := s.config.Load().Audit
	s.copies = mirror.Start(places(a.Checkpoints.Copies), func(place string, err error) {
		s.logger.Error("a checkpoint was not copied; it is tried again", zap.String("place", place), zap.Error(err))
	})
	defer s.starting.log(s.logger, func(progress string) { s.notify(s.process.Manager.Status(progress)) })()
	open := logOptions(a, s.process.Version, s.private, s.logger)
	s.blobs = blobs.New(a.Dir)
	open.Blobs, open.NeededFrom = s.blobs, s.spending.neededFrom
	open.Published, open.Progress = s.published, s.starting.progress
	log, recovery, err := audit.OpenContext(ctx, open)
	if err != nil {
		return recovery, fmt.Errorf("audit log: %w", err)
	}
	s.log = log
	half := audit.RefusalBounds{Daily: int64(s.config.Load().Bounds.UnauthenticatedRecords / 2)} // so that neither takes the other's room
	s.refusals, s.connectionRefusals = audit.NewRefusals(log, half), audit.NewRefusals(log, half)
	for _, closed := range recovery.Closed {
		s.metrics.Closed(gateway.Outcome{Effect: closed.Effect, Outcome: logfile.Unknown})
		s.logger.Warn("a call had no outcome when the gateway stopped; it is closed as unknown", zap.String("call", closed.Call))
	}
	if recovery.Cut > 0 {
		s.logger.Warn("an incomplete last record was cut", zap.Int64("bytes", recovery.Cut))
	}
	for _, text := range recovery.Ahead {
		s.logger.Warn("the audit log has not what was read of it: a crash may have taken its last records", zap.String("what", text))
	}
	return recovery, nil
}

// logOptions returns what every opening of the log has in common.
func logOptions(a audit.Config, version string, files *privateFiles, logger *zap.Logger) audit.Options {
	return audit.Options{Config: a, Version: version, Report: files.found, Witnesses: witnesses(a, logger)}
}

func places(configured []audit.CheckpointCopy) []mirror.Place {
	var all []mirror.Place
	for _, c := range configured {
		if c.File == "" {
			all = append(all, mirror.Writer("stdout", os.Stdout))
		} else {
			all = append(all, mirror.File(c.File))
		}
	}
	return all
}

func (s *Service) published(note string) {
	if c, err := checkpoint.Parse(note); err == nil { // the log has just made it
		s.checkpointed.Store(&c.Time)
	}
	s.copies.Publish(note)
}

// startPruning removes old records until the service is closed. Only closing the log waits for it, as long as it has time.
func (s *Service) startPruning() {
	ctx, cancel := context.WithCancel(context.Background())
	s.closers = append(s.closers, cancel)
	go func() {
		for wait := pruneFirst; ; wait = pruneEvery {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
			if err := s.log.Prune(ctx); err != nil && ctx.Err() == nil {
				s.logger.Error("old records of the audit log were not removed", zap.Error(err))
			}
		}
	}()
}

// openHashKey returns the key of the keyed hashes in records, and makes one where there is none: at the first start, or after its loss,
// since no call need wait for a key that only comparisons with old records need. The log's folder is there.
func (s *Service) openHashKey() (*mac.Key, error) {
	file := s.config.Load().Audit.HashKey.File
	key, made, err := mac.LoadOrMake(file, s.private.found)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	if made {
		s.logger.Info("a key for keyed hashes in records was made; keep a copy of it, records name it by its id", zap.String("file", file), zap.String("mac_key", key.ID()))
	}
	return key, nil
}

// openIndex keeps an index of the log up, beside the calls, if the configuration wants one. What fails is logged and tried again; no call
// waits for it or fails with it. last returns the number of the log's last record.
func (s *Service) openIndex(last func() uint64) {
	a := s.config.Load().Audit
	if !a.Index.Enabled {
		return
	}
	zone, _ := a.Index.Location() // it was checked
	s.index = store.New(a.Dir, a.Index.File).InZone(zone)
	s.background(func(ctx context.Context) {
		s.index.Run(ctx, last, func(err error) {
			s.logger.Warn("the audit log's index is behind; calls and the log do not depend on it, and it is tried again",
				zap.String("index", s.index.File()), zap.Error(err))
		})
	})
}

// indexed is the last record that the index has; 0 without an index.
func (s *Service) indexed() uint64 {
	if s.index == nil {
		return 0
	}
	return s.index.State().Seq
}
