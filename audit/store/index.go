package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit/logfile"
	"tollgate/internal/durable"
)

// Index is the index of a log. Its methods may be called concurrently; other processes may read while one follows.
type Index struct {
	dir, file string
	batch     int // records of a transaction of Run

	mu    sync.Mutex
	state State
}

// State is how far an index has come, for metrics and for people.
type State struct {
	// Seq is the last record that is in the index; 0 before Run has opened it.
	Seq uint64
	// Err is why the index does not follow the log at the moment; nil when it does.
	Err error
}

// New returns the index of the log in dir. An empty file means [logfile.IndexName] in dir. Nothing is opened yet.
func New(dir, file string) *Index {
	if file == "" {
		file = filepath.Join(dir, logfile.IndexName)
	}
	return &Index{dir: dir, file: file, batch: batchRecords}
}

// File is the index's name.
func (x *Index) File() string { return x.file }

// State never waits for the disk.
func (x *Index) State() State {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.state
}

func (x *Index) setState(s State) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.state = s
}

// Exists says whether there is a file of the index's name.
func (x *Index) Exists() bool {
	_, err := os.Lstat(x.file)
	return err == nil
}

const (
	// followEvery is how often Run looks for new records: each time costs a transaction.
	followEvery = time.Second
	// batchRecords is how many records a transaction takes up at most, so that none holds the disk up for long.
	batchRecords = 4000

	minBackoff = time.Second
	maxBackoff = time.Minute
)

// Run keeps the index up with the log, which may be written meanwhile, until ctx ends; last returns the number of the last record
// of the log. It leaves the processors to the calls (see [pacer]). It makes the index if there is none, or one that an older version
// made. When something fails, Run calls failed with the error, once for each different one, and tries again after a second, later after
// up to a minute: an index that is broken stays as it is until `audit reindex` makes a new one, which Run then takes.
func (x *Index) Run(ctx context.Context, last func() uint64, failed func(error)) {
	pace := newPacer(func() uint64 {
		log := last()
		return log - min(log, x.State().Seq)
	})
	wait, told := minBackoff, ""
	for ctx.Err() == nil {
		before := x.State().Seq
		err := x.follow(ctx, pace)
		if ctx.Err() != nil {
			return
		}
		s := x.State()
		if s.Seq != before || err == nil {
			wait, told = minBackoff, ""
		}
		if err == nil { // replaced: go on with the new one
			continue
		}
		x.setState(State{s.Seq, err})
		if err.Error() != told {
			told = err.Error()
			failed(err)
		}
		if !sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, maxBackoff)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// follow keeps one database up until it is replaced, which is no error.
func (x *Index) follow(ctx context.Context, pace *pacer) error {
	f, err := x.follower(ctx, pace)
	if err != nil {
		return err
	}
	for err == nil {
		var replaced bool
		if replaced, err = f.step(ctx); replaced || err == nil && !f.pace.rest(ctx, followEvery) {
			break
		}
	}
	return errors.Join(err, f.close())
}

// follower is one database and the log that it follows.
type follower struct {
	*Index
	path string
	w    *indexer
	log  *logfile.Follower
	pace *pacer
}

func (x *Index) follower(ctx context.Context, pace *pacer) (*follower, error) {
	first, err := logfile.First(x.dir)
	if err != nil {
		return nil, err
	}
	path, err := x.openOrCreate(ctx, first)
	if err != nil {
		return nil, err
	}
	w, err := openIndexer(ctx, x.dir, path, first, following)
	if now, gone := target(x.file); err != nil && gone == nil && now != path { // a rebuild has replaced it meanwhile
		return x.follower(ctx, pace)
	}
	if err != nil {
		return nil, unusable(x.file, err)
	}
	w.pace = pace.step
	x.setState(State{Seq: w.saved.seq})
	log := logfile.NewFollowerBehind(x.dir, w.saved.seq, w.saved.at)
	log.Brief = true
	return &follower{x, path, w, log, pace}, nil
}

func (f *follower) close() error { return errors.Join(f.log.Close(), f.w.close()) }

// step takes up what is new. It does nothing when the database was replaced.
func (f *follower) step(ctx context.Context) (replaced bool, err error) {
	if current, err := target(f.file); err != nil || current != f.path {
		return true, err
	}
	first, err := logfile.First(f.dir)
	if err != nil {
		return false, err
	}
	if err := f.w.prune(ctx, first); err != nil {
		return false, unusable(f.file, err)
	}
	err = f.log.Read(func(r *logfile.Record, line []byte, at logfile.Position) error {
		if err := f.w.add(r, line, at); err != nil {
			return err
		}
		f.pace.step(ctx)
		if f.w.batch.records < f.batch {
			return ctx.Err()
		}
		return f.save(ctx)
	})
	if err != nil {
		return false, err
	}
	return false, f.save(ctx)
}

func (f *follower) save(ctx context.Context) error {
	if err := f.w.save(ctx, f.w.take()); err != nil {
		return unusable(f.file, err)
	}
	f.setState(State{Seq: f.w.saved.seq})
	return nil
}

// openOrCreate returns the path of the database. In the place of one that an older version made it puts a new one, empty: until
// that has caught up, queries read the rest from the log.
func (x *Index) openOrCreate(ctx context.Context, first uint64) (string, error) {
	if path, err := x.current(ctx); path != "" || err != nil {
		return path, err
	}
	unlock, err := x.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if path, err := x.current(ctx); path != "" || err != nil { // made meanwhile
		return path, err
	}
	path, err := create(ctx, x.file, first)
	if err != nil {
		return "", err
	}
	return path, publish(path, x.file)
}

// current returns the path of the database; none if there is none, or only one that an older version made.
func (x *Index) current(ctx context.Context) (string, error) {
	path, err := target(x.file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && outdated(ctx, path) {
		return "", nil
	}
	return path, err
}

// lock is held while a database is made, so that two are not made at once and what is left over can be told.
func (x *Index) lock() (unlock func(), err error) {
	f, err := os.OpenFile(x.file+".lock", os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := durable.TryLock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: another process is making the index: %w", x.file, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// buildRecords is how many records a transaction of a build takes up: what is sorted together is written faster.
const buildRecords = 100_000

const progressRecords = 1000

// Rebuild makes the index anew from the log and puts it in the place of the one that was, whatever that is; Run, also of
// another process, notices. progress is told now and then how many bytes of the log were read, of how many, and may be nil. Rebuild
// gives the number of the last record.
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
	path, err := create(ctx, x.file, first)
	if err != nil {
		return 0, err
	}
	seq, err := x.build(ctx, path, first, progress)
	if err == nil {
		err = publish(path, x.file)
	}
	if err != nil {
		return 0, errors.Join(err, discard(path))
	}
	return seq, nil
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
		if !strings.HasPrefix(path, x.file+"-") || current != "" && strings.HasPrefix(path, current) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (x *Index) build(ctx context.Context, path string, first uint64, progress func(done, total int64)) (seq uint64, err error) {
	w, err := openIndexer(ctx, x.dir, path, first, building)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	f := logfile.NewFollower(x.dir, first)
	f.Brief = true
	defer f.Close()
	sizes, err := x.sizes()
	if err != nil {
		return 0, err
	}
	p := newPipe(ctx, w)
	err = f.Read(func(r *logfile.Record, line []byte, at logfile.Position) error {
		if progress != nil && r.Seq%progressRecords == 0 {
			progress(sizes.before[at.Segment]+at.Offset, sizes.total)
		}
		if err := w.add(r, line, at); err != nil || w.batch.records < buildRecords {
			return err
		}
		return p.send(w.take())
	})
	if err := errors.Join(err, p.end(w.take())); err != nil {
		return 0, err
	}
	return w.saved.seq, w.settle(ctx)
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

// pipe saves batches while the next one is made.
type pipe struct {
	batches chan *batch
	stopped chan struct{} // closed when no batch is taken any more
	err     error         // read after stopped
}

func newPipe(ctx context.Context, w *indexer) *pipe {
	p := &pipe{batches: make(chan *batch), stopped: make(chan struct{})}
	go func() {
		defer close(p.stopped)
		for b := range p.batches {
			if p.err = w.save(ctx, b); p.err != nil {
				return
			}
		}
	}()
	return p
}

func (p *pipe) send(b *batch) error {
	select {
	case p.batches <- b:
		return nil
	case <-p.stopped:
		return p.err
	}
}

// end sends the last batch and waits until all are saved.
func (p *pipe) end(b *batch) error {
	err := p.send(b)
	close(p.batches)
	<-p.stopped
	if err != nil {
		return err
	}
	return p.err
}
