package reviewcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"tollgate/audit/calls"
	"tollgate/audit/export"
	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/internal/cli"
	"tollgate/internal/text"
	"tollgate/review/evidence"
)

// autoIndex is the value of --index for the index in the directory.
const autoIndex = "auto"

// open opens the logs, and makes their indexes.
func (d *desk) open(ctx context.Context) error {
	names := logNames(slices.Concat(d.flags.dirs, d.flags.bundles))
	for i, dir := range d.flags.dirs {
		if err := d.openDir(ctx, names[i], dir); err != nil {
			return fmt.Errorf("the log in %s: %w", dir, err)
		}
	}
	for i, bundle := range d.flags.bundles {
		if err := d.openBundle(ctx, names[len(d.flags.dirs)+i], bundle); err != nil {
			return fmt.Errorf("the bundle %s: %w", bundle, err)
		}
	}
	return nil
}

func (d *desk) openDir(ctx context.Context, name, dir string) error {
	l := &evidence.Log{Name: name, FS: os.DirFS(dir), Dir: dir, Index: store.New(dir, d.indexFile(name))}
	if d.flags.index == autoIndex {
		if l.Index = store.New(dir, ""); !l.Index.Exists() {
			return fmt.Errorf("it has no index %s, so --index auto has none to take", l.Index.File())
		}
		d.logs = append(d.logs, l)
		return nil
	}
	l.Index.InZone(d.zone)
	if err := d.index(ctx, l); err != nil {
		return err
	}
	if l.Index != nil {
		d.follow(ctx, l)
	}
	return nil
}

func (d *desk) openBundle(ctx context.Context, name, bundle string) error {
	fsys, meta, closer, err := export.Open(bundle)
	if err != nil {
		return err
	}
	d.closers = append(d.closers, closer.Close)
	unpacked, err := os.MkdirTemp(d.private, "unpacked-")
	if err != nil {
		return err
	}
	l := &evidence.Log{Name: name, FS: export.Unpack(fsys, unpacked), Blobs: meta.Blobs, Ends: meta.Checkpoint}
	l.Index = store.NewIn(l.FS, d.indexFile(name)).InZone(d.zone)
	return d.index(ctx, l)
}

// indexFile returns the file of the index of a log.
func (d *desk) indexFile(name string) string {
	if d.flags.index != "" {
		return d.flags.index
	}
	return filepath.Join(d.private, name+".sqlite")
}

// index makes the index of a log, unless it is there from the last time. A log with a fault has none: it is what a reviewer has to look at most.
func (d *desk) index(ctx context.Context, l *evidence.Log) error {
	d.logs = append(d.logs, l)
	if l.Index.Exists() {
		zone, err := l.Index.Zone(ctx)
		switch {
		case l.Dir != "": // Run replaces it if it has to
			return nil
		case err != nil: // it may be of another log
			return err
		case zone.String() == d.zone.String():
			return nil
		}
	}
	bar := cli.NewProgress(d.notes)
	d.say("making an index of %s …", l.Name)
	seq, err := l.Index.Rebuild(ctx, bar.Show)
	bar.Clear()
	if fault := (*logfile.FaultError)(nil); errors.As(err, &fault) {
		d.say("%s has a fault, so there is no index of it, and pages find less and are slower: %v", l.Name, err)
		l.Index = nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("making an index: %w", err)
	}
	d.say("%s: indexed to record %d", l.Name, seq)
	return nil
}

// follow keeps the index up with a log that a gateway may be writing.
func (d *desk) follow(ctx context.Context, l *evidence.Log) {
	ctx, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() {
		l.Index.Run(ctx, func() uint64 { return 0 }, func(err error) { d.say("the index of %s: %v", l.Name, err) })
	})
	d.closers = append(d.closers, func() error {
		cancel()
		ended.Wait()
		return nil
	})
}

// logNames returns a name for each of some paths: the last part of it, and more of it where several end alike.
func logNames(paths []string) []string {
	names := make([]string, len(paths))
	for i, path := range paths {
		full, err := filepath.Abs(path)
		if err != nil {
			full = path
		}
		name := filepath.Base(full)
		for dir := filepath.Dir(full); slices.Contains(names[:i], name); dir = filepath.Dir(dir) {
			if dir == filepath.Dir(dir) { // the same path twice
				name = fmt.Sprintf("%s-%d", name, i+1)
				break
			}
			name = filepath.Base(dir) + "-" + name
		}
		names[i] = text.Truncate(name, calls.MaxLogName, "")
	}
	return names
}
