package service

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"tollgate/audit"
	"tollgate/audit/mirror"
	"tollgate/audit/store"
)

// indexPatience is how long the index may take to say how far it goes.
const indexPatience = 2 * time.Second

// witnesses returns what asks the copies of checkpoints, and the index, what they know of the log. What cannot be read is logged,
// and stops nothing: a copy that is not there is no proof of anything.
func witnesses(a audit.Config, logger *zap.Logger) func(ctx context.Context, log string) []audit.Witness {
	return func(ctx context.Context, log string) (all []audit.Witness) {
		for _, kept := range mirror.Newest(ctx, places(a.Checkpoints.Copies), log) {
			switch {
			case kept.Err != nil:
				logger.Warn("the audit log was not compared with a copy of its checkpoints", zap.String("place", kept.Place), zap.Error(kept.Err))
			case kept.Checkpoint.Size > 0:
				all = append(all, audit.Witness{Place: kept.Place, Checkpoint: kept.Checkpoint})
			}
		}
		if !a.Index.Enabled {
			return all
		}
		w, err := indexWitness(ctx, store.New(a.Dir, a.Index.File))
		if err != nil {
			logger.Warn("the audit log was not compared with its index", zap.Error(err))
		} else if w.Record > 0 {
			all = append(all, w)
		}
		return all
	}
}

// indexWitness leaves an index alone that does not answer in time.
func indexWitness(ctx context.Context, x *store.Index) (audit.Witness, error) {
	ctx, cancel := context.WithTimeout(ctx, indexPatience)
	defer cancel()
	type mark struct {
		seq  uint64
		line [32]byte
		err  error
	}
	answer := make(chan mark, 1)
	go func() {
		seq, line, err := x.Mark(ctx)
		answer <- mark{seq, line, err}
	}()
	select {
	case m := <-answer:
		w := audit.Witness{Place: x.File(), Record: m.seq, LineHash: m.line}
		w.StepBack = func(first uint64) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			return x.StepBack(ctx, first)
		}
		return w, m.err
	case <-ctx.Done():
		return audit.Witness{}, errors.New("it did not answer in time")
	}
}
