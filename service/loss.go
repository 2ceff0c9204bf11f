package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"
	"tollgate/audit"
	"tollgate/audit/mirror"
	"tollgate/config"
	"tollgate/internal/osfile"
)

// Losses returns what the audit log of a configuration has lost, by what its copies and its index know. It changes nothing. No
// gateway may run.
func Losses(ctx context.Context, c *config.Config, logger *zap.Logger) ([]audit.Loss, error) {
	if err := sameUser(c.Audit.Dir); err != nil {
		return nil, err
	}
	return audit.Losses(ctx, logOptions(c.Audit, "", newPrivateFiles(nil, logger), logger))
}

// AcceptLoss puts losses, by their ids, on record in the audit log, and copies the checkpoint behind them. It returns what is on
// record. Nothing is changed when the log has lost anything else. No gateway may run.
func AcceptLoss(ctx context.Context, c *config.Config, version string, ids []string, logger *zap.Logger) ([]audit.Loss, error) {
	if err := sameUser(c.Audit.Dir); err != nil {
		return nil, err
	}
	files := slices.DeleteFunc(slices.Clone(c.Audit.Checkpoints.Copies), func(c audit.CheckpointCopy) bool { return c.File == "" })
	copies := mirror.Start(places(files), nil)
	open := logOptions(c.Audit, version, newPrivateFiles(nil, logger), logger)
	open.Accept, open.Published = ids, copies.Publish
	log, recovery, err := audit.OpenContext(ctx, open)
	closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err == nil {
		err = log.Close(closing)
	}
	if problem := copies.Close(closing); problem != nil && err == nil { // the log says what was accepted all the same
		logger.Warn("the new checkpoint was not copied everywhere", zap.Error(problem))
	}
	return recovery.Accepted, err
}

// sameUser refuses to write a log of another user: the gateway could not go on with it.
func sameUser(dir string) error {
	lock, err := os.Stat(filepath.Join(dir, "lock"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if owner, ok := osfile.OwnerOf(lock); ok && owner.UID != os.Geteuid() {
		return fmt.Errorf("the audit log in %s is of the user %d: run this as that user", dir, owner.UID)
	}
	return nil
}
