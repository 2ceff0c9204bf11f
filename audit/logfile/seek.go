package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Find returns the line of record seq, without its line feed, valid until anything else is read; nil if the segment does not have
// it. It is a binary search, since records are in the order of their
// numbers, and checks only the numbers of the lines that it reads.
func (r *Reader) Find(seq uint64) ([]byte, error) {
	info, err := r.file.Stat()
	if err != nil {
		return nil, err
	}
	low, high := int64(0), info.Size() // the line begins at low or behind it, and before high
	probe := make([]byte, MaxLine+seqPrefix)
	for high-low > MaxLine {
		middle := (low + high) / 2
		n, err := r.readAt(probe, middle)
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("reading audit segment %s at byte %d: %w", r.Name, middle, err)
		}
		next := bytes.IndexByte(probe[:n], '\n') + 1
		if found, ok := seqOf(probe[next:n]); next > 0 && ok && found <= seq {
			low = middle + int64(next)
		} else { // only later lines begin behind the middle, or none: the live segment ends in zeros
			high = middle + 1
		}
	}
	return r.findFrom(low, seq)
}

// findFrom reads lines up to that of a record.
func (r *Reader) findFrom(at int64, seq uint64) ([]byte, error) {
	for {
		line, err := r.Line(at)
		var none *FaultError
		if errors.As(err, &none) { // no complete line
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		switch found, ok := seqOf(line); {
		case !ok || found > seq:
			return nil, nil
		case found == seq:
			return line, nil
		}
		at += int64(len(line)) + 1
	}
}

// seqPrefix is the greatest length of a line's first member.
const seqPrefix = len(`{"seq":18446744073709551615,`)

// seqOf reads the first member of a line, which may be incomplete.
func seqOf(line []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"seq":`))
	digits, _, comma := bytes.Cut(rest[:min(len(rest), seqPrefix)], []byte(","))
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	return seq, ok && comma && err == nil
}
