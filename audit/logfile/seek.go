package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Find returns the line of record seq, without its line feed, valid until anything else is read; nil when the segment does not have
// it. It reads little, however long the segment is: records stand in the order of their numbers, so it halves what is left. What it
// reads is judged by its number alone.
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
		} else { // behind the middle begin later lines only, or none: the live segment ends in zeros
			high = middle + 1
		}
	}
	return r.findFrom(low, seq)
}

// findFrom reads lines up to the one of a record.
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

// seqPrefix is as long as the first member of any line.
const seqPrefix = len(`{"seq":18446744073709551615,`)

// seqOf reads the first member of a line, of which the rest may be missing.
func seqOf(line []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"seq":`))
	digits, _, comma := bytes.Cut(rest[:min(len(rest), seqPrefix)], []byte(","))
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	return seq, ok && comma && err == nil
}
