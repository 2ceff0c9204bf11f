package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tollgate/audit/logfile"
)

// Index is the index of a log. Its methods may be called concurrently; other processes may read while one follows.
type Index struct {
	log   fs.FS
	file  string
	zone  *time.Location // of the days of its sums; nil: that of the index that is there
	batch int            // records of a transaction of Run

	kinds kindCache
	ended endCheck

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
	return NewIn(os.DirFS(dir), file)
}

// NewIn returns the index, in a file, of the log in a file system, which may begin with any record. [Index.Rebuild] makes it; its files must
// be an [io.ReaderAt] each, as those of archives are not.
func NewIn(log fs.FS, file string) *Index { return &Index{log: log, file: file, batch: batchRecords} }

// InZone sets the zone whose days [Index.Run] and [Index.Rebuild] sum up, before either is called: without it that of the index that is
// there, for the first one UTC. Run replaces an index of another zone.
func (x *Index) InZone(zone *time.Location) *Index {
	x.zone = zone
	return x
}

// File returns the index's name.
func (x *Index) File() string { return x.file }

// State returns how far the index has come. It never waits for the disk.
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

// Exists reports whether there is a file of the index's name.
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
// of the log. It leaves the processors to the calls (see [pacer]). It makes the index if there is none, or one of an older version or another
// zone. When something fails, Run calls failed with the error, once for each different one, and tries again after a second, later after
// up to a minute: an index that is broken stays as it is until `audit reindex` makes a new one, which Run then follows with.
func (x *Index) Run(ctx context.Context, last func() uint64, failed func(error)) {
	pace := newPacer(func() uint64 {
		log := last()
		return log - min(log, x.State().Seq)
	})
	wait, reported := minBackoff, ""
	for ctx.Err() == nil {
		before := x.State().Seq
		err := x.follow(ctx, pace)
		if ctx.Err() != nil {
			return
		}
		s := x.State()
		if s.Seq != before || err == nil {
			wait, reported = minBackoff, ""
		}
		if err == nil { // replaced: go on with the new one
			continue
		}
		x.setState(State{s.Seq, err})
		if err.Error() != reported {
			reported = err.Error()
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
		if replaced, err = f.step(ctx); replaced || err == nil && !pace.rest(ctx, followEvery) {
			break
		}
	}
	return errors.Join(err, f.close())
}

// follower is one database, which a runner keeps up with the log.
type follower struct {
	*Index
	path string
	db   *database
	run  *runner
}

func (x *Index) follower(ctx context.Context, pace *pacer) (*follower, error) {
	first, err := logfile.FirstIn(x.log)
	if err != nil {
		return nil, err
	}
	path, err := x.openOrCreate(ctx, first)
	if err != nil {
		return nil, err
	}
	db, run, err := x.open(ctx, path, first, following, x.batch)
	if now, gone := target(x.file); err != nil && gone == nil && now != path { // a rebuild has replaced it meanwhile
		return x.follower(ctx, pace)
	}
	if err != nil {
		return nil, unusable(x.file, err)
	}
	db.pace, run.pace = pace.step, pace.step
	run.apply = func(ctx context.Context, b *Batch) error {
		if err := db.Apply(ctx, b); err != nil {
			return unusable(x.file, err)
		}
		x.setState(State{Seq: b.Last.Seq})
		return nil
	}
	x.setState(State{Seq: run.next.After})
	return &follower{x, path, db, run}, nil
}

// open opens a database and brings it to where the log, which begins with record first, can be followed from.
func (x *Index) open(ctx context.Context, path string, first uint64, set pragmas, batch int) (*database, *runner, error) {
	db, err := connect(ctx, x.log, path, "rw", set)
	if err != nil {
		return nil, nil, err
	}
	run, err := newRunner(ctx, x.log, first, db, batch)
	if err != nil {
		return nil, nil, errors.Join(err, db.close())
	}
	return db, run, nil
}

func (f *follower) close() error { return errors.Join(f.run.close(), f.db.close()) }

// step takes up what is new. It does nothing when the database was replaced.
func (f *follower) step(ctx context.Context) (replaced bool, err error) {
	if current, err := target(f.file); err != nil || current != f.path {
		return true, err
	}
	return false, f.run.step(ctx)
}

// openOrCreate returns the path of the database. In the place of one of an older version or another zone it puts a new one, empty: until
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
	path, err := x.create(ctx, first)
	if err != nil {
		return "", err
	}
	return publish(path, x.file)
}

// current returns the path of the database; none if there is none, or only one that is outdated.
func (x *Index) current(ctx context.Context) (string, error) {
	path, err := target(x.file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && x.outdated(ctx, path) {
		return "", nil
	}
	return path, err
}
