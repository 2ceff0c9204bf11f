package main

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A record of the audit log has about this size, and lies in a file whose blocks have been written before.
const (
	recordSize = 2 << 10
	syncFile   = 1 << 20
)

// bareSync measures the median time of a write and a sync to the disk by itself: what no durable log can do without.
func (w *world) bareSync(r *results) error {
	file, err := os.CreateTemp(w.dir, "sync-")
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(make([]byte, syncFile))
	if err := errors.Join(err, file.Sync()); err != nil {
		return err
	}
	var all []time.Duration
	for at := int64(0); at < syncFile; at += recordSize {
		begin := time.Now()
		_, err := file.WriteAt(make([]byte, recordSize), at)
		if err := errors.Join(err, unix.Fdatasync(int(file.Fd()))); err != nil {
			return err
		}
		all = append(all, time.Since(begin))
	}
	slices.Sort(all)
	r.add("", "", syncFigure, micros(quantile(all, 0.5)))
	return nil
}
