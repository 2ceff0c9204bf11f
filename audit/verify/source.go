package verify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"tollgate/audit/logfile"
)

// part is a file of the log: a segment, or the hashes that are left of one.
type part struct {
	name   string
	first  uint64 // seq of its first record
	hashes bool
	size   int64 // when the directory was listed
	last   bool  // no other follows
}

// list gives the parts of the log in order. Where a segment and its hashes are both there, the segment counts.
func list(fsys fs.FS) ([]*part, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the log's directory: %w", err)
	}
	var parts []*part
	for _, entry := range entries {
		first, hashes, ok := logfile.ParseFileName(entry.Name())
		if !ok {
			continue
		}
		if !entry.Type().IsRegular() { // a pipe would never end, and what a link leads to is not in this directory
			return nil, fmt.Errorf("%s is no regular file, as all files of a log are", entry.Name())
		}
		p := part{name: entry.Name(), first: first, hashes: hashes}
		if info, err := entry.Info(); err == nil { // otherwise it was pruned just now
			p.size = info.Size()
		}
		parts = append(parts, &p)
	}
	slices.SortFunc(parts, func(a, b *part) int {
		return cmp.Or(cmp.Compare(a.first, b.first), strings.Compare(b.name, a.name)) // the segment first
	})
	parts = slices.CompactFunc(parts, func(a, b *part) bool { return a.first == b.first })
	if len(parts) > 0 {
		parts[len(parts)-1].last = true
	}
	return parts, nil
}

// chunkSize is how much of a file one goroutine parses at a time, in bytes: more than the longest line.
const chunkSize = 4 * logfile.MaxLine

// item is one step of reading: of err, begin, work, hash, long and end one is set.
type item struct {
	part        *part
	offset      int64 // of data
	data        []byte
	buf         []byte // that data stands in
	read, total int64  // bytes of the whole log

	err   error         // reading failed
	begin bool          // of a part
	work  bool          // data are whole lines
	lines []line        // they, parsed
	done  chan struct{} // closed when they are
	hash  bool          // data are hashes
	long  bool          // a line that is too long for one stands at offset
	zeros bool          // zero bytes stand in it
	end   *tail         // of the part
}

// tail is what stands behind the last line feed of a file.
type tail struct {
	size  int64
	zero  int64 // how much of it stands before the first zero byte
	zeros bool  // there is a zero byte
	after bool  // other bytes follow behind it
}

func (t *tail) add(b []byte) {
	t.size += int64(len(b))
	if !t.zeros {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			t.zero = t.size
			return
		}
		t.zero, t.zeros = t.size-int64(len(b)-i), true
		b = b[i:]
	}
	t.after = t.after || bytes.Count(b, []byte{0}) != len(b)
}

// source reads the files one after the other.
type source struct {
	fsys    fs.FS
	parts   []*part
	growing bool // the directory may be written to meanwhile

	send        func(*item) bool // false when nobody wants more
	read, total int64
}

// errStopped says that nobody wants more.
var errStopped = errors.New("stopped")

func (s *source) run(send func(*item) bool) {
	s.send = send
	for _, p := range s.parts {
		s.total += p.size
	}
	for i := 0; i < len(s.parts); i++ {
		if err := s.part(s.parts[i]); err != nil {
			if err != errStopped {
				s.emit(&item{part: s.parts[i], err: err})
			}
			return
		}
	}
}

func (s *source) emit(it *item) error {
	it.read, it.total = s.read, max(s.total, s.read)
	if !s.send(it) {
		return errStopped
	}
	return nil
}

func (s *source) part(p *part) error {
	f, err := s.fsys.Open(p.name)
	if errors.Is(err, fs.ErrNotExist) && !p.hashes { // pruned since the directory was listed
		p.name, p.hashes = logfile.HashesName(p.first), true
		f, err = s.fsys.Open(p.name)
	}
	if err != nil {
		return err
	}
	defer f.Close() // opened for reading: nothing can be lost
	if err := s.emit(&item{part: p, begin: true}); err != nil {
		return err
	}
	if p.hashes {
		return s.hashes(p, f)
	}
	r := segmentReader{source: s, part: p, file: f, again: -1}
	return r.run()
}

func (s *source) hashes(p *part, f fs.File) error {
	for offset := int64(0); ; {
		buf := getBuffer()
		n, eof, err := s.fill(f, buf)
		if err != nil {
			return fmt.Errorf("reading %s at byte %d: %w", p.name, offset, err)
		}
		whole := n - n%hashSize
		if err := s.emit(&item{part: p, offset: offset, buf: buf, hash: true, data: buf[:whole]}); err != nil {
			return err
		}
		if offset += int64(whole); eof {
			return s.emit(&item{part: p, offset: offset, end: &tail{size: int64(n - whole)}})
		}
	}
}

// fill reads until buf is full or the file ends.
func (s *source) fill(f fs.File, buf []byte) (n int, eof bool, err error) {
	n, err = io.ReadFull(f, buf)
	s.read += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return n, true, nil
	}
	return n, false, err
}

// more looks for segments that were begun since the directory was listed, and tells if there are any.
func (s *source) more(p *part) (bool, error) {
	if !s.growing || !p.last {
		return false, nil
	}
	parts, err := list(s.fsys)
	if err != nil {
		return false, err
	}
	for _, later := range parts {
		if later.first > p.first {
			p.last = false
			s.parts, s.total = append(s.parts, later), s.total+later.size
		}
	}
	return !p.last, nil
}

// segmentReader cuts a segment into chunks of whole lines.
type segmentReader struct {
	*source
	part   *part
	file   fs.File
	offset int64  // behind the last line that was sent
	carry  []byte // what was read behind it
	tail   tail   // the same, when it is longer than a line can be
	long   bool   // it is
	again  int64  // the offset from which was read a second time; -1 before
	back   bool   // the file was wound back
}

func (r *segmentReader) run() error {
	for done := false; !done; {
		buf := getBuffer()
		kept := copy(buf, r.carry)
		n, eof, err := r.fill(r.file, buf[kept:])
		if err != nil {
			return fmt.Errorf("reading %s at byte %d: %w", r.part.name, r.offset+int64(kept), err)
		}
		r.carry, r.back = r.carry[:0], false
		if err := r.chunk(buf, buf[:kept+n]); err != nil {
			return err
		}
		if eof && !r.back {
			if done, err = r.end(); err != nil {
				return err
			}
		}
	}
	return nil
}

// chunk sends the whole lines of b, which stands in buf, and keeps the rest.
func (r *segmentReader) chunk(buf, b []byte) error {
	b, err := r.skip(b)
	whole := bytes.LastIndexByte(b, '\n') + 1
	rest := b[whole:]
	if zero := bytes.IndexByte(b[:whole], 0); zero >= 0 && err == nil {
		start := bytes.LastIndexByte(b[:zero], '\n') + 1
		if err = r.reread(r.offset + int64(start)); r.back {
			whole, rest = start, nil
		}
	}
	if err != nil {
		return err
	}
	if r.carry = append(r.carry, rest...); len(r.carry) == chunkSize {
		r.long, r.tail, r.carry = true, tail{}, r.carry[:0]
		r.tail.add(rest)
	}
	err = r.emit(&item{part: r.part, offset: r.offset, buf: buf, data: b[:whole], work: true})
	r.offset += int64(whole)
	return err
}

// skip passes over the rest of a line that is longer than any, and gives what stands behind it.
func (r *segmentReader) skip(b []byte) ([]byte, error) {
	if !r.long {
		return b, nil
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		r.tail.add(b)
		return nil, nil
	}
	r.tail.add(b[:end])
	r.long = false
	if r.tail.zeros {
		if err := r.reread(r.offset); err != nil || r.back {
			return nil, err
		}
	}
	err := r.emit(&item{part: r.part, offset: r.offset, long: true, zeros: r.tail.zeros})
	r.offset += r.tail.size + 1
	return b[end+1:], err
}

// reread goes back to the line at an offset, once. Where a writer is at work zeros may be met in front of data: it has
// written there meanwhile. What is still there the second time is damage.
func (r *segmentReader) reread(at int64) error {
	if !r.growing || !r.part.last || r.again == at {
		return nil
	}
	r.again = at
	return r.wind(at)
}

func (r *segmentReader) wind(to int64) error {
	seeker, ok := r.file.(io.Seeker)
	if !ok {
		return nil
	}
	_, err := seeker.Seek(to, io.SeekStart)
	r.back, r.long, r.carry = true, false, r.carry[:0]
	return err
}

// end looks at what stands behind the last line, and tells if that was all.
func (r *segmentReader) end() (bool, error) {
	if !r.long {
		r.tail = tail{}
		r.tail.add(r.carry)
	}
	if r.tail.after {
		if err := r.reread(r.offset); err != nil || r.back {
			return false, err
		}
	}
	if more, err := r.more(r.part); err != nil || more { // then it was closed since, and perhaps longer
		return false, errors.Join(err, r.wind(r.offset))
	}
	t := r.tail
	return true, r.emit(&item{part: r.part, offset: r.offset, end: &t})
}

// pipeline reads, and parses in several goroutines, ahead of who takes the items.
type pipeline struct {
	order chan *item // in the order of the log
	work  chan *item // those whose lines are to be parsed
	group sync.WaitGroup
}

// startPipeline starts it. Once ctx has ended, wait returns.
func startPipeline(ctx context.Context, s *source) *pipeline {
	workers := runtime.GOMAXPROCS(0)
	p := &pipeline{order: make(chan *item, 2*workers), work: make(chan *item, 2*workers)}
	p.group.Go(func() {
		defer close(p.order)
		defer close(p.work)
		s.run(func(it *item) bool { return p.send(ctx, it) })
	})
	for range workers {
		p.group.Go(func() {
			w := newParser()
			for it := range p.work {
				w.parse(it)
				close(it.done)
			}
		})
	}
	return p
}

func (p *pipeline) wait() { p.group.Wait() }

func (p *pipeline) send(ctx context.Context, it *item) bool {
	it.done = make(chan struct{})
	if !it.work {
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

// buffers holds buffers of chunkSize that are not in use.
var buffers = sync.Pool{New: func() any { return new([chunkSize]byte) }}

func getBuffer() []byte { return buffers.Get().(*[chunkSize]byte)[:] }

// free gives the item's buffer back.
func (it *item) free() {
	freeLines(it.lines)
	if it.buf != nil {
		buffers.Put((*[chunkSize]byte)(it.buf))
	}
}
