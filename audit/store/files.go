package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"tollgate/internal/durable"
	"tollgate/internal/osfile"
)

// lock is held while a database is made, so that two are not made at once and what is left over can be recognised.
func (x *Index) lock() (unlock func(), err error) {
	f, err := os.OpenFile(x.file+".lock", os.O_CREATE|os.O_RDWR|osfile.NoFollow, 0o600)
	if err != nil {
		return nil, err
	}
	if err := durable.TryLock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: another process is making the index: %w", x.file, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// madeName is what the names of the files that [Index.create] and [publish] make have behind the name of the index. A person may choose that
// name: other files that begin like it are theirs.
var madeName = regexp.MustCompile(`^-[a-z2-7]{12}(\.link|-wal|-shm|-journal)?$`)

// create makes an empty index in a file of its own and returns its path. Nothing is left when it fails.
func (x *Index) create(ctx context.Context, first uint64) (string, error) {
	path := x.file + "-" + strings.ToLower(rand.Text()[:12])
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil { // before SQLite opens it: closing would take its locks away
		return "", err
	}
	d, err := connect(ctx, x.log, path, "rw", building)
	if err == nil {
		err = errors.Join(d.fill(ctx, first, x.zoneOfDays(ctx).String()), d.close())
	}
	if err != nil {
		return "", errors.Join(err, discard(path))
	}
	return path, nil
}

// removeLeftovers removes databases that a crash left while they were built. The lock is held.
func (x *Index) removeLeftovers() error {
	current, err := target(x.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(filepath.Dir(x.file))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(filepath.Dir(x.file), entry.Name())
		suffix, ours := strings.CutPrefix(path, filepath.Clean(x.file))
		if !ours || !madeName.MatchString(suffix) || current != "" && strings.HasPrefix(path, current) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// publish has the index's name lead to a database, removes the one that had it, and returns where the database is then.
func publish(path, file string) (string, error) {
	before, err := target(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if path, err = lead(path, file); err != nil {
		return "", err
	}
	if before == "" || before == file || !strings.HasPrefix(before, file+"-") { // what is not ours stays
		return path, nil
	}
	return path, discard(before)
}

// target is the file that the index's name stands for: itself, if it is no link.
func target(file string) (string, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return file, nil
	}
	to, err := os.Readlink(file)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(file), to)
	}
	return to, nil
}

// discard removes a database with what belongs to it.
func discard(path string) error {
	var problems []error
	for _, suffix := range []string{"-wal", "-shm", "-journal", ""} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}
