package logfile

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// FindLine returns the line of record seq in a segment of that name and size, without its line feed, or nil when the segment does
// not have it. It reads little, however long the segment is: records stand in the order of their numbers, so it halves what is
// left. What it reads is judged by its number alone.
func FindLine(name string, r io.ReaderAt, size int64, seq uint64) ([]byte, error) {
	low, high := int64(0), size // the line begins at low or behind it, and before high
	probe := make([]byte, MaxLine+seqPrefix)
	for high-low > MaxLine {
		middle := (low + high) / 2
		n, err := r.ReadAt(probe, middle)
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("reading audit segment %s at byte %d: %w", name, middle, err)
		}
		next := bytes.IndexByte(probe[:n], '\n') + 1
		if found, ok := seqOf(probe[next:n]); next > 0 && ok && found <= seq {
			low = middle + int64(next)
		} else { // behind the middle begin later lines only, or none: the live segment ends in zeros
			high = middle + 1
		}
	}
	return scanFor(NewLines(name, io.NewSectionReader(r, low, size-low)), seq)
}

// scanFor reads lines up to the one of a record.
func scanFor(in *lines, seq uint64) ([]byte, error) {
	for {
		line, err := in.Next()
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		found, ok := seqOf(line)
		if !ok || found > seq {
			return nil, nil
		}
		if found == seq {
			return bytes.Clone(line), nil
		}
	}
}

// seqPrefix is as long as the first member of any line.
const seqPrefix = len(`{"seq":18446744073709551615,`)

// seqOf reads the first member of a line, of which the rest may be missing.
func seqOf(line []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"seq":`))
	digits, _, comma := bytes.Cut(rest[:min(len(rest), seqPrefix)], []byte(","))
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	return seq, ok && comma && err == nil
}
