package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tollgate/internal/durable"
	"tollgate/internal/osfile"
)

// InUse reports whether a process writes the log in dir. It writes nothing; a shared lock is taken for the moment of
// asking, since flock(2) knows no other way.
func InUse(dir string) (bool, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDONLY|osfile.NoFollow|osfile.NonBlock, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // no process has ever written here, or it is a copy
	}
	if err != nil {
		return false, fmt.Errorf("looking who writes the audit log: %w", err)
	}
	defer f.Close() // releases the lock
	err = durable.TryShare(f)
	if err != nil && !errors.Is(err, durable.ErrLocked) {
		return false, fmt.Errorf("looking who writes the audit log: %w", err)
	}
	return err != nil, nil
}
