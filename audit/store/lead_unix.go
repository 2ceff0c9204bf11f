//go:build unix

package store

import (
	"errors"
	"os"
	"path/filepath"
)

// lead has a name lead to a database, by a symbolic link: the one before can be open meanwhile. It returns where the database is.
func lead(path, name string) (string, error) {
	link := path + ".link"
	if err := os.Symlink(filepath.Base(path), link); err != nil {
		return "", err
	}
	if err := os.Rename(link, name); err != nil {
		return "", errors.Join(err, os.Remove(link))
	}
	return path, nil
}
