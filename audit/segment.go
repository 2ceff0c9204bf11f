package audit

import (
	"errors"
	"fmt"
	"os"
	"time"

	"tollgate/audit/logfile"
)

const (
	// nextName is the file that becomes the next segment. It holds no record; recovery removes one left by a crash.
	nextName = "next"
	// pageSize is what allocations are rounded up to.
	pageSize = 4096
	// zeroChunk is how many zeros are written at once.
	zeroChunk = 256 << 10
)

// fatalError says that what is on disk is not known any more. The log takes no record until a restart has read it.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() + "; restart to recover the log" }
func (e *fatalError) Unwrap() error { return e.err }

func fatal(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &fatalError{fmt.Errorf("%s: %w", doing, err)}
}

// segment is the live segment, owned by the committer. Records end at offset; from there to size are zeros, but for
// what a failed write may have left, which the next write covers.
type segment struct {
	disk   disk
	file   file
	name   string
	id     fileID
	offset int64
	size   int64
	begun  time.Time // of the first record; zero when there is none
}

// newSegment fills a file with zeros under a name that no reader looks at, so that a full disk shows before the old
// segment is abandoned. Nothing is left behind when it fails.
func newSegment(d disk, size int64) (*segment, error) {
	f, err := d.Open(nextName, os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, fmt.Errorf("creating the file %s: %w", nextName, nameless(err))
	}
	s := &segment{disk: d, file: f, name: nextName}
	if err := s.fill(size); err != nil {
		return nil, errors.Join(fmt.Errorf("allocating its room: %w", err), s.discard())
	}
	return s, nil
}

func (s *segment) fill(size int64) error {
	if err := s.zeros(size); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	id, err := s.file.Stat()
	s.id = id
	return err
}

func (s *segment) discard() error {
	return errors.Join(s.file.Close(), s.disk.Remove(s.name))
}

// publish renames the segment to its name, durably. Its first record will be seq.
func (s *segment) publish(seq uint64) error {
	name := logfile.SegmentName(seq)
	if _, err := s.disk.Stat(name); err == nil {
		return fatal("naming audit segment "+name, os.ErrExist)
	} else if !errors.Is(err, os.ErrNotExist) {
		return fatal("naming audit segment "+name, err)
	}
	if err := s.disk.Rename(s.name, name); err != nil {
		return fatal("naming audit segment "+name, err)
	}
	s.name = name
	return fatal("syncing the audit directory", s.disk.Sync())
}

// openSegment opens a segment whose records end at offset.
func openSegment(d disk, name string, offset int64) (*segment, error) {
	f, err := d.Open(name, 0)
	if err != nil {
		return nil, err
	}
	id, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &segment{disk: d, file: f, name: name, id: id, offset: offset, size: id.size}, nil
}

// append puts b behind the last record, makes it durable, and checks that it is where readers look for it: a file that was deleted,
// replaced or cut would take records that no reader finds. After an error offset stays: unless it is fatal, the same bytes can be written
// again.
func (s *segment) append(b []byte) error {
	if _, err := s.file.WriteAt(b, s.offset); err != nil {
		return fmt.Errorf("writing audit segment %s: %w", s.name, err)
	}
	s.size = max(s.size, s.offset+int64(len(b)))
	if err := s.file.Sync(); err != nil {
		// The kernel may have dropped the bytes and the error: a second fsync could succeed without them.
		return fatal("syncing audit segment "+s.name, err)
	}
	got, err := s.disk.Stat(s.name)
	if err != nil {
		return fatal("checking audit segment "+s.name, err)
	}
	if got.device != s.id.device || got.inode != s.id.inode {
		return fatal("checking audit segment "+s.name, errors.New("another file has taken its place"))
	}
	if err := s.checkSize(got); err != nil {
		return err
	}
	s.offset += int64(len(b))
	return nil
}

func (s *segment) checkSize(got fileID) error {
	if got.size == s.size {
		return nil
	}
	return fatal("checking audit segment "+s.name, fmt.Errorf("another process changed its size from %d to %d", s.size, got.size))
}

// resize looks the file's size up after a failure, which may have been reported of what happened. When even that fails
// the size is left, and the check at the next commit decides.
func (s *segment) resize() {
	if id, err := s.file.Stat(); err == nil {
		s.size = id.size
	}
}

// grow fills the file with zeros up to size, durably. On an error the file may have grown a part of the way. What another process has cut
// off is found before the zeros hide it.
func (s *segment) grow(size int64) error {
	got, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("growing audit segment %s: %w", s.name, err)
	}
	if err := s.checkSize(got); err != nil {
		return err
	}
	if err := s.zeros(size); err != nil {
		return fmt.Errorf("growing audit segment %s: %w", s.name, err)
	}
	if err := s.checkEnd(); err != nil {
		return err
	}
	return fatal("syncing audit segment "+s.name, s.file.Sync())
}

// checkEnd looks for the end of the last record where it is to be: zeros would hide that another process has cut the file while they were
// written.
func (s *segment) checkEnd() error {
	if s.offset == 0 {
		return nil
	}
	var end [1]byte
	if _, err := s.file.ReadAt(end[:], s.offset-1); err != nil {
		return fmt.Errorf("growing audit segment %s: %w", s.name, err)
	}
	if end[0] != '\n' {
		return fatal("checking audit segment "+s.name, errors.New("another process has cut it"))
	}
	return nil
}

func (s *segment) zeros(size int64) error {
	size = (size + pageSize - 1) / pageSize * pageSize
	if s.size >= size {
		return nil
	}
	chunk := make([]byte, min(zeroChunk, size-s.size))
	for s.size < size {
		n, err := s.file.WriteAt(chunk[:min(int64(len(chunk)), size-s.size)], s.size)
		if err != nil {
			s.resize()
			return err
		}
		s.size += int64(n)
	}
	return nil
}

// try writes zeros over the last of those behind the records, if there are enough. A disk that does not take them is asked again.
func (s *segment) try() error {
	if s.space() < pageSize {
		return nil
	}
	if _, err := s.file.WriteAt(make([]byte, pageSize), s.size-pageSize); err != nil {
		return nil
	}
	return fatal("syncing audit segment "+s.name, s.file.Sync())
}

// trim cuts the zeros off, durably. When the cutting fails the segment is still of use.
func (s *segment) trim() error {
	if err := s.file.Truncate(s.offset); err != nil {
		s.resize()
		return fmt.Errorf("trimming audit segment %s: %w", s.name, err)
	}
	s.size = s.offset
	return fatal("syncing audit segment "+s.name, s.file.Sync())
}

// space is how many bytes of zeros lie behind the last record.
func (s *segment) space() int64 { return max(s.size-s.offset, 0) }
