package logfile

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"tollgate/audit/checkpoint"
)

// ChunkSize is how much of a file is best read at a time by [Reader.Next], in bytes.
const ChunkSize = 4 * MaxLine

// Reader reads one file of a log: from its beginning to its end, chunk by chunk or line by line, or single lines. It is not safe for
// concurrent use.
type Reader struct {
	Name  string
	First uint64 // seq of the file's first record

	hashes bool
	file   fs.File
	begun  bool   // something was read
	offset int64  // behind the last chunk
	carry  []byte // read, but behind that
	tail   Tail   // of what is behind it, once that is longer than a line can be
	long   bool   // tail is used

	seq    uint64 // of the next line of Lines
	end    int64  // where that begins
	strict bool   // Lines refuses data behind zeros
	again  int64  // where it found such data and read once more; -1 before
	buf    []byte // of Lines, Line and Hashes
}

// Chunk is a run of whole lines of a segment, or of whole hashes.
type Chunk struct {
	Offset int64  // of the first byte
	Data   []byte // lines with their line feeds
	Long   *Tail  // set for a line that is too long, instead of Data
}

// Tail is what is behind the last line feed, or the last whole hash, of a file.
type Tail struct {
	Offset  int64
	Size    int64
	Partial int64 // bytes in front of the first zero byte
	Zeros   bool  // there is a zero byte
	After   bool  // other bytes follow behind that
}

func (t *Tail) add(b []byte) {
	t.Size += int64(len(b))
	if !t.Zeros {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			t.Partial = t.Size
			return
		}
		t.Partial, t.Zeros = t.Size-int64(len(b)-i), true
		b = b[i:]
	}
	t.After = t.After || bytes.Count(b, []byte{0}) != len(b)
}

// Open opens a file of the log in fsys. The caller must call Close.
func Open(fsys fs.FS, name string) (*Reader, error) {
	first, hashes, ok := ParseFileName(name)
	if !ok {
		return nil, fmt.Errorf("%s is no file of a log", name)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	return &Reader{Name: name, First: first, hashes: hashes, file: f, seq: first, again: -1}, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Next returns the next whole lines or hashes, in buf, which must be longer than [MaxLine]; [ChunkSize] is best. It returns io.EOF at the
// end of the file; Tail then returns what is left there.
func (r *Reader) Next(buf []byte) (Chunk, error) {
	for {
		n := copy(buf, r.carry)
		more, err := io.ReadFull(r.file, buf[n:])
		eof := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !eof {
			return Chunk{}, fmt.Errorf("reading %s at byte %d: %w", r.Name, r.offset+int64(n), err)
		}
		r.carry, r.begun = r.carry[:0], true
		if c := r.cut(buf[:n+more], len(buf)); len(c.Data) > 0 || c.Long != nil {
			return c, nil
		}
		if eof {
			return Chunk{Offset: r.offset}, io.EOF
		}
	}
}

// cut returns the whole lines or hashes of b and retains the rest, of which room bytes are too many for a line.
func (r *Reader) cut(b []byte, room int) Chunk {
	c := Chunk{Offset: r.offset}
	whole := bytes.LastIndexByte(b, '\n') + 1
	switch {
	case r.hashes:
		whole = len(b) - len(b)%HashLength
	case r.long && whole > 0:
		whole = bytes.IndexByte(b, '\n') + 1
		t := r.tail
		t.add(b[:whole-1])
		c.Long, r.long, r.offset = &t, false, r.offset+t.Size+1
		r.carry = append(r.carry, b[whole:]...)
		return c
	case r.long || len(b) == room && whole == 0:
		if !r.long {
			r.long, r.tail = true, Tail{}
		}
		r.tail.add(b)
		return c
	}
	c.Data, r.offset = b[:whole], r.offset+int64(whole)
	r.carry = append(r.carry, b[whole:]...)
	return c
}

// ZerosInside reports whether zero bytes are in front of others in what Next returned, or in the Tail if that was io.EOF, and
// where the first such line begins. A writer may be at work there: read once more from there on. Zeros that are still there are
// damage.
func (r *Reader) ZerosInside(c Chunk, err error) (at int64, inside bool) {
	switch {
	case r.hashes:
		return 0, false
	case err == io.EOF:
		return r.offset, r.Tail().After
	case c.Long != nil:
		return c.Offset, c.Long.Zeros
	}
	whole := len(beforeZero(c.Data))
	return c.Offset + int64(whole), whole < len(c.Data)
}

// beforeZero returns the lines in front of the first one with a zero byte.
func beforeZero(lines []byte) []byte {
	zero := bytes.IndexByte(lines, 0)
	if zero < 0 {
		return lines
	}
	return lines[:bytes.LastIndexByte(lines[:zero], '\n')+1]
}

// Rewind makes Next go on from the line that begins at an offset.
func (r *Reader) Rewind(to int64) error {
	seeker, ok := r.file.(io.Seeker)
	if !ok {
		return r.unsupported()
	}
	_, err := seeker.Seek(to, io.SeekStart)
	r.offset, r.carry, r.long = to, r.carry[:0], false
	return err
}

func (r *Reader) unsupported() error {
	return fmt.Errorf("reading %s: the file system reads files from their beginning only", r.Name)
}

// Tail returns what is behind the last chunk, once Next has returned io.EOF.
func (r *Reader) Tail() Tail {
	t := r.tail
	if !r.long {
		t = Tail{}
		t.add(r.carry)
	}
	t.Offset = r.offset
	return t
}

// Line is a line of a segment.
type Line struct {
	Seq  uint64 // that its record must have, by the lines before
	At   Position
	Text []byte // without its line feed, valid until the next line
}

// End returns where the line ends.
func (l *Line) End() int64 { return l.At.Offset + int64(len(l.Text)) + 1 }

// Head parses the line and checks that its record stands in its place.
func (l *Line) Head() (Head, error) {
	h, err := parseHead(l.Text)
	if err != nil {
		return h, l.At.Fault("the line is no record: %w", err)
	}
	return h, l.check(h.Seq)
}

// Record is Head for the whole record.
func (l *Line) Record() (*Record, error) {
	r := new(Record)
	if err := decode(l.Text, r); err != nil {
		return nil, l.At.Fault("the line is no record: %w", err)
	}
	return r, l.check(r.Seq)
}

// check returns an error unless the line's record has the number of its place.
func (l *Line) check(seq uint64) error {
	if seq != l.Seq {
		return l.At.Fault("record %d is expected here, not record %d", l.Seq, seq)
	}
	return nil
}

// Fault returns a [FaultError] at a position.
func (p Position) Fault(format string, args ...any) error {
	return FaultAt(SegmentName(p.Segment), p.Offset, format, args...)
}

// Seek makes Lines begin with the line of record seq, which begins at an offset.
func (r *Reader) Seek(seq uint64, offset int64) { r.seq, r.end = seq, offset }

// End returns the record behind the last line of Lines, and where it would begin.
func (r *Reader) End() (seq uint64, offset int64) { return r.seq, r.end }

// linesBuffer is how much Lines reads at a time.
const linesBuffer = 2 * MaxLine

// Lines returns an iterator over the lines that have not been read, up to the end of the file or the first zero byte. A line at
// which the loop is left is the first of the next Lines. It stops after an error.
func (r *Reader) Lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		if err := r.lines(yield); err != nil {
			yield(Line{}, err)
		}
	}
}

func (r *Reader) lines(yield func(Line, error) bool) error {
	if !r.strict && r.zeroAt(r.end) {
		return nil
	}
	if r.begun || r.end != r.offset {
		if err := r.Rewind(r.end); err != nil {
			return err
		}
	}
	for {
		c, eof := r.Next(r.buffer())
		if eof != nil && eof != io.EOF {
			return eof
		}
		for lines := beforeZero(c.Data); len(lines) > 0; {
			n := bytes.IndexByte(lines, '\n') + 1
			if n > MaxLine {
				return r.tooLong()
			}
			if !yield(Line{r.seq, Position{r.First, r.end}, lines[:n-1]}, nil) {
				return nil
			}
			r.seq, r.end, lines = r.seq+1, r.end+int64(n), lines[n:]
		}
		if done, err := r.stop(c, eof); done || err != nil {
			return err
		}
	}
}

// zeroAt reports whether a zero byte stands at an offset: a follower that looks for more lines need not read what is preallocated.
func (r *Reader) zeroAt(offset int64) bool {
	b := [1]byte{1}
	_, err := r.readAt(b[:], offset)
	return err == nil && b[0] == 0
}

// stop reports whether no line can follow those that were read.
func (r *Reader) stop(c Chunk, eof error) (done bool, err error) {
	_, inside := r.ZerosInside(c, eof)
	t := r.Tail()
	if c.Long != nil {
		t = *c.Long
	} else if inside && eof == nil {
		t = Tail{Zeros: true, Partial: int64(bytes.IndexByte(c.Data[r.end-c.Offset:], 0))}
	}
	switch {
	case t.Partial >= MaxLine:
		return true, r.tooLong()
	case inside && r.strict && r.again == r.end:
		return true, FaultAt(r.Name, r.end, "zeros stand within the records: damage, or what a crash left and the next start cuts")
	case inside && r.strict:
		r.again = r.end
		return false, r.Rewind(r.end)
	}
	return inside || eof != nil || t.Zeros && !r.strict, nil
}

func (r *Reader) tooLong() error {
	return FaultAt(r.Name, r.end, "a line is longer than %d bytes", MaxLine)
}

func (r *Reader) buffer() []byte {
	if r.buf == nil {
		r.buf = make([]byte, linesBuffer)
	}
	return r.buf
}

// CheckWhole returns an error if anything is behind the last line of Lines, as it must not be if a segment follows.
func (r *Reader) CheckWhole() error {
	info, err := r.file.Stat()
	if err == nil && info.Size() != r.end {
		err = FaultAt(r.Name, r.end, "the segment is not whole, yet another follows")
	}
	return err
}

// FollowedBy returns an error unless the file is whole, was read to its end, and next goes on behind it.
func (r *Reader) FollowedBy(next File) error {
	err := r.CheckWhole()
	if err == nil && next.First != r.seq {
		err = FaultAt(r.Name, r.end, "the segment %s should follow, not %s", SegmentName(r.seq), next.Name)
	}
	return err
}

// usualLine is how many bytes of a line are read at first.
const usualLine = 4 << 10

// Line returns the line that begins at an offset, without its line feed, valid until anything else is read.
func (r *Reader) Line(offset int64) ([]byte, error) {
	for _, size := range [...]int{usualLine, 4 * usualLine, MaxLine} {
		b := r.buffer()[:size]
		n, err := r.readAt(b, offset)
		if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
			return b[:i], nil
		}
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("reading audit segment %s at byte %d: %w", r.Name, offset, err)
		}
	}
	return nil, FaultAt(r.Name, offset, "there is no complete line")
}

// Last returns the head of the last record of a segment that is whole.
func (r *Reader) Last() (Head, error) {
	info, err := r.file.Stat()
	if err != nil {
		return Head{}, err
	}
	for size := int64(usualLine); ; size = MaxLine {
		from := max(info.Size()-size, 0)
		tail := r.buffer()[:info.Size()-from]
		if _, err := r.readAt(tail, from); err != nil && err != io.EOF {
			return Head{}, fmt.Errorf("reading audit segment %s: %w", r.Name, err)
		}
		line, whole := bytes.CutSuffix(tail, []byte{'\n'})
		if !whole {
			return Head{}, FaultAt(r.Name, info.Size(), "the segment does not end with a record, yet another follows")
		}
		if start := bytes.LastIndexByte(line, '\n') + 1; start > 0 || from == 0 || size == MaxLine {
			return ParseHead(r.Name, from+int64(start), line[start:])
		}
	}
}

// Hashes returns an iterator over the hashes of a file of hashes. It stops after an error.
func (r *Reader) Hashes() iter.Seq2[checkpoint.Hash, error] {
	return func(yield func(checkpoint.Hash, error) bool) {
		for {
			c, err := r.Next(r.buffer())
			if err == io.EOF && r.Tail().Size > 0 {
				err = FaultAt(r.Name, r.offset, "the file ends within a hash")
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(checkpoint.Hash{}, err)
				return
			}
			for b := c.Data; len(b) > 0; b = b[HashLength:] {
				if !yield(checkpoint.Hash(b[:HashLength]), nil) {
					return
				}
				r.seq, r.end = r.seq+1, r.end+HashLength
			}
		}
	}
}

// Seeks reports whether single lines of the file can be read. Those of an archive are read from its beginning only.
func (r *Reader) Seeks() bool {
	_, ok := r.file.(io.ReaderAt)
	return ok
}

func (r *Reader) readAt(b []byte, at int64) (int, error) {
	in, ok := r.file.(io.ReaderAt)
	if !ok {
		return 0, r.unsupported()
	}
	return in.ReadAt(b, at)
}
