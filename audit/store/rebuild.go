package store

import (
	"context"
	"errors"
	"os"

	"tollgate/audit/logfile"
)

// buildRecords is how many records a transaction of a build takes up: what is sorted together is written faster, and three batches are in
// memory.
const buildRecords = 4 << spanShift

const progressRecords = 1000

// Rebuild makes a new index from the log and puts it in the place of the one that was, whatever that is; Run, also of another process,
// notices. Now and then it calls progress, which may be nil, with how many bytes of the log were read, and of how many. It returns the number
// of the last record.
func (x *Index) Rebuild(ctx context.Context, progress func(done, total int64)) (uint64, error) {
	first, err := logfile.First(x.dir)
	if err != nil {
		return 0, err
	}
	unlock, err := x.lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	if err := x.removeLeftovers(); err != nil {
		return 0, err
	}
	path, err := x.create(ctx, first)
	if err != nil {
		return 0, err
	}
	seq, err := x.build(ctx, path, progress)
	if err == nil {
		err = publish(path, x.file)
	}
	if err != nil {
		return 0, errors.Join(err, discard(path))
	}
	return seq, nil
}

func (x *Index) build(ctx context.Context, path string, progress func(done, total int64)) (seq uint64, err error) {
	db, run, err := x.open(ctx, path, building, buildRecords)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, run.close(), db.close()) }()
	if progress != nil {
		sizes, err := x.sizes()
		if err != nil {
			return 0, err
		}
		run.progress = func(r *logfile.Record, at logfile.Position) {
			if r.Seq%progressRecords == 0 {
				progress(sizes.before[at.Segment]+at.Offset, sizes.total)
			}
		}
	}
	p := newPipe(ctx, run.apply)
	run.apply = func(_ context.Context, b *Batch) error { return p.send(b) }
	if err := errors.Join(run.step(ctx), p.end()); err != nil {
		return 0, err
	}
	return run.next.After, db.settle(ctx)
}

// sizes are the lengths of a log's segments when a build begins.
type sizes struct {
	before map[uint64]int64 // bytes before each segment
	total  int64
}

func (x *Index) sizes() (sizes, error) {
	s := sizes{before: map[uint64]int64{}}
	files, err := logfile.List(os.DirFS(x.dir))
	for _, f := range logfile.Segments(files) {
		s.before[f.First] = s.total
		s.total += f.Size()
	}
	return s, err
}

// pipe saves a batch while the next one is made.
type pipe struct {
	batches chan *Batch
	stopped chan struct{} // closed when no batch is received any more
	err     error         // read after stopped
}

func newPipe(ctx context.Context, save func(context.Context, *Batch) error) *pipe {
	p := &pipe{batches: make(chan *Batch), stopped: make(chan struct{})}
	go func() {
		defer close(p.stopped)
		for b := range p.batches {
			if p.err = save(ctx, b); p.err != nil {
				return
			}
		}
	}()
	return p
}

func (p *pipe) send(b *Batch) error {
	select {
	case p.batches <- b:
		return nil
	case <-p.stopped:
		return p.err
	}
}

// end waits until all batches are saved.
func (p *pipe) end() error {
	close(p.batches)
	<-p.stopped
	return p.err
}
