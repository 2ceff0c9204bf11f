package audit

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// repair brings the live segment to the state in which its records are durable and only zeros follow them.
func repair(d disk, name string, s scanned) (*segment, int64, error) {
	live, err := openSegment(d, name, s.end)
	if err != nil {
		return nil, 0, err
	}
	live.begun = s.begun
	cut, err := live.repair(s)
	if err != nil {
		return nil, 0, errors.Join(err, live.file.Close())
	}
	return live, cut, nil
}

func (s *segment) repair(found scanned) (cut int64, err error) {
	rest := io.NewSectionReader(s.file, s.offset, math.MaxInt64-s.offset)
	end, err := readPartialTail(s.name, found.last, s.offset, rest)
	if err != nil {
		return 0, err
	}
	if err := s.rewrite(found.commit); err != nil {
		return 0, err
	}
	return end - s.offset, s.wipe(end)
}

// rewrite writes the last commit, from offset on, once more. If the crash was a failed fsync, the kernel may show bytes
// that it will never write; these must not become records with later ones behind them.
func (s *segment) rewrite(from int64) error {
	chunk := make([]byte, zeroChunk)
	for at := from; at < s.offset; {
		n := min(int64(len(chunk)), s.offset-at)
		if _, err := s.file.ReadAt(chunk[:n], at); err != nil && err != io.EOF {
			return fmt.Errorf("reading audit segment %s: %w", s.name, err)
		}
		if _, err := s.file.WriteAt(chunk[:n], at); err != nil {
			return fmt.Errorf("writing audit segment %s: %w", s.name, err)
		}
		at += n
	}
	return fatal("syncing audit segment "+s.name, s.file.Sync())
}

// wipe puts zeros over what is not a record, up to end. It does not cut the file, whose space a full disk may not grant
// again.
func (s *segment) wipe(end int64) error {
	if end <= s.offset {
		return nil
	}
	chunk := make([]byte, min(zeroChunk, end-s.offset))
	for at := s.offset; at < end; at += int64(len(chunk)) {
		if _, err := s.file.WriteAt(chunk[:min(int64(len(chunk)), end-at)], at); err != nil {
			return fmt.Errorf("clearing the end of audit segment %s: %w", s.name, err)
		}
	}
	return fatal("syncing audit segment "+s.name, s.file.Sync())
}
