package verify

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"sync"

	"tollgate/audit/logfile"
)

// logFile is a file of the log.
type logFile struct {
	logfile.File
	last bool // no other follows
}

// list returns the files of the log.
func list(fsys fs.FS) ([]*logFile, error) {
	listed, err := logfile.List(fsys)
	files := make([]*logFile, len(listed))
	for i, f := range listed {
		files[i] = &logFile{f, i == len(listed)-1}
	}
	return files, err
}

// item is one step of reading: of err, begin, chunk and end one is set.
type item struct {
	file        *logFile
	buf         []byte // of the chunk's data
	read, total int64  // bytes of the whole log

	err   error // reading failed
	begin bool  // of a file
	chunk logfile.Chunk
	lines []line        // of the chunk, parsed
	done  chan struct{} // closed when they are
	end   *logfile.Tail // of the file
}

// toParse reports whether the chunk has to be parsed.
func (it *item) toParse() bool { return len(it.chunk.Data) > 0 && !it.file.Hashes }

// feed reads the files one after the other.
type feed struct {
	fsys    fs.FS
	files   []*logFile
	growing bool         // the directory may be written to meanwhile
	do      func(func()) // calls pieces of work

	send        func(*item) bool // false: stop
	read, total int64
}

// errStopped is returned when the verifier wants no more.
var errStopped = errors.New("stopped")

func (s *feed) run(send func(*item) bool) {
	s.send = send
	for _, f := range s.files {
		s.total += f.Size()
	}
	for i := 0; i < len(s.files); i++ {
		if err := s.file(s.files[i]); err != nil {
			if err != errStopped {
				_ = s.emit(&item{file: s.files[i], err: err})
			}
			return
		}
	}
}

func (s *feed) emit(it *item) error {
	s.read += int64(len(it.chunk.Data))
	it.read, it.total = s.read, max(s.total, s.read)
	if !s.send(it) {
		return errStopped
	}
	return nil
}

func (s *feed) file(f *logFile) error {
	r, err := s.open(f)
	if err != nil {
		return err
	}
	defer r.Close() // opened for reading: nothing can be lost
	if err := s.emit(&item{file: f, begin: true}); err != nil {
		return err
	}
	for again := int64(-1); ; {
		var c logfile.Chunk
		buf := getBuffer()
		s.do(func() { c, err = r.Next(buf) })
		if at, inside := r.ZerosInside(c, err); inside && s.growing && f.last && at != again {
			again = at
			c.Data, c.Long, err = c.Data[:max(at-c.Offset, 0)], nil, r.Rewind(at)
		}
		done := false
		if err == io.EOF {
			done, err = s.end(f, r)
		} else if err == nil {
			err = s.emit(&item{file: f, buf: buf, chunk: c})
		}
		if done || err != nil {
			return err
		}
	}
}

func (s *feed) open(f *logFile) (*logfile.Reader, error) {
	r, err := logfile.Open(s.fsys, f.Name)
	if errors.Is(err, fs.ErrNotExist) && !f.Hashes { // pruned since the directory was listed
		f.Name, f.Hashes = logfile.HashesName(f.First), true
		r, err = logfile.Open(s.fsys, f.Name)
	}
	return r, err
}

// end reports whether the file was read to its end. If another one was begun since the directory was listed, the file was closed since,
// and may be longer.
func (s *feed) end(f *logFile, r *logfile.Reader) (done bool, err error) {
	if more, err := s.more(f); err != nil || more {
		return false, errors.Join(err, r.Rewind(r.Tail().Offset))
	}
	t := r.Tail()
	s.read += t.Size
	return true, s.emit(&item{file: f, end: &t})
}

// more adds the segments that were begun since the directory was listed, and reports whether there are any.
func (s *feed) more(f *logFile) (bool, error) {
	if !s.growing || !f.last {
		return false, nil
	}
	files, err := list(s.fsys)
	if err != nil {
		return false, err
	}
	for _, later := range files {
		if later.First > f.First {
			f.last = false
			s.files, s.total = append(s.files, later), s.total+later.Size()
		}
	}
	return !f.last, nil
}

// pipeline reads ahead, and parses in several goroutines.
type pipeline struct {
	order chan *item // in the order of the log
	work  chan *item // those whose lines are to be parsed
	group sync.WaitGroup
}

// startPipeline starts a pipeline. Its goroutines end with ctx.
func startPipeline(ctx context.Context, s *feed) *pipeline {
	workers := runtime.GOMAXPROCS(0)
	p := &pipeline{order: make(chan *item, 2*workers), work: make(chan *item, 2*workers)}
	p.group.Go(func() {
		defer close(p.order)
		defer close(p.work)
		s.run(func(it *item) bool { return p.send(ctx, it) })
	})
	for range workers {
		p.group.Go(func() {
			w := new(parser)
			for it := range p.work {
				s.do(func() { w.parse(it) })
				close(it.done)
			}
		})
	}
	return p
}

func (p *pipeline) send(ctx context.Context, it *item) bool {
	it.done = make(chan struct{})
	if !it.toParse() {
		close(it.done)
	} else if !offer(ctx, p.work, it) {
		return false
	}
	return offer(ctx, p.order, it)
}

func offer(ctx context.Context, to chan<- *item, it *item) bool {
	select {
	case to <- it:
		return true
	case <-ctx.Done():
		return false
	}
}

// buffers has buffers that are not in use.
var buffers = sync.Pool{New: func() any { return new([logfile.ChunkSize]byte) }}

func getBuffer() []byte { return buffers.Get().(*[logfile.ChunkSize]byte)[:] }

func freeBuffer(buf []byte) {
	if buf != nil {
		buffers.Put((*[logfile.ChunkSize]byte)(buf))
	}
}
