package audit

import (
	"context"
	"sync/atomic"
)

// readingDisk is the disk of a start that reads the log: it counts what is read, and reads nothing more once its context has ended.
type readingDisk struct {
	disk
	ctx    context.Context
	report func(read, total int64)

	read, total atomic.Int64
}

// newReadingDisk is for reads of the named segments, of which it expects all until it learns better. report may be nil.
func newReadingDisk(ctx context.Context, d disk, segments []string, report func(read, total int64)) *readingDisk {
	r := &readingDisk{disk: d, ctx: ctx, report: report}
	r.expect(segments, 0)
	return r
}

// expect says that the named segments are read next, the first one from an offset on.
func (d *readingDisk) expect(segments []string, offset int64) {
	total := d.read.Load() - offset
	for _, name := range segments {
		if id, err := d.disk.Stat(name); err == nil { // else opening it says why
			total += id.size
		}
	}
	d.total.Store(total)
}

func (d *readingDisk) Open(name string, flag int) (file, error) {
	f, err := d.disk.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return readingFile{f, d}, nil
}

type readingFile struct {
	file
	disk *readingDisk
}

func (f readingFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.disk.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := f.file.ReadAt(p, offset)
	f.disk.add(int64(n))
	return n, err
}

// add never reports more than there is: some bytes are read twice.
func (d *readingDisk) add(n int64) {
	read, total := d.read.Add(n), d.total.Load()
	if d.report != nil {
		d.report(min(read, total), total)
	}
}
