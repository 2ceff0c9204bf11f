package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tollgate/audit/checkpoint"
	"tollgate/internal/durable"
	"tollgate/internal/osfile"
)

// File is a file to which lines are appended durably. It is created, readable by its owner only, if it does not exist; its
// folder must exist. It is opened for each append, so that it may be moved away, and its volume be mounted later.
func File(path string) Place {
	return Place{
		Name:   path,
		Append: func(lines []byte) error { return appendTo(path, lines) },
		newest: func(ctx context.Context, log string) (checkpoint.Checkpoint, error) { return newestIn(ctx, path, log) },
	}
}

// Writer is a stream, such as standard output.
func Writer(name string, w io.Writer) Place {
	return Place{Name: name, Append: func(lines []byte) error {
		_, err := w.Write(lines)
		return err
	}}
}

func appendTo(path string, lines []byte) (err error) {
	// Without O_NONBLOCK, opening a pipe without a reader would hang.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|osfile.NonBlock, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	partial, err := endsInLine(f)
	if err != nil {
		return err
	}
	if partial {
		lines = append([]byte{'\n'}, lines...)
	}
	if _, err := f.Write(lines); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil { // each time: it may have failed when the file was made
		return fmt.Errorf("syncing the folder of %s: %w", path, err)
	}
	return nil
}

// endsInLine reports whether the file ends in a partial line, which a crash or a full disk leaves.
func endsInLine(f *os.File) (bool, error) {
	size, err := regularSize(f, "append")
	if err != nil || size == 0 {
		return false, err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// regularSize returns the size of a regular file, and an error for others.
func regularSize(f *os.File, op string) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, &fs.PathError{Op: op, Path: f.Name(), Err: errors.New("it is not a regular file")}
	}
	return info.Size(), nil
}
