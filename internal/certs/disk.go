package certs

import (
	"errors"
	"fmt"
	"os"

	"tollgate/internal/durable"
)

// lock waits for the lock of a file.
func lock(path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := durable.Lock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
	}
	return file.Close, nil
}

// replaceFile puts data in the place of a file, durably. The lock of the directory is held.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	temporary := path + ".tmp"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) { // of a process that was killed
		return err
	}
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return durable.Replace(file, path, err)
}
