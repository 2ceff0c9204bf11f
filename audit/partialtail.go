package audit

import (
	"bufio"
	"bytes"
	"io"

	"tollgate/audit/logfile"
)

// sector is the least that a disk writes at once.
const sector = 512

// partialTail reads what stands behind the complete lines of the live segment, and distinguishes what a crash left of a commit
// that was never acknowledged from anything else.
//
// A crash of the machine may keep some sectors of such a commit and lose others, in any order, which leaves zeros in
// front of data. So behind the last line there may be
//   - a part of a line and then zeros only, or
//   - whole sectors of zeros and of data in turn, where each complete line belongs to the commit of the first line that
//     is missing. A line of a later commit would prove that the missing ones had been acknowledged.
type partialTail struct {
	name   string
	last   logfile.Head // of the last complete line
	offset int64        // of the next byte
	end    int64        // behind the last byte that is not zero
	line   []byte
	whole  bool // line was read from its beginning
	closed bool // the data ended within a sector: only zeros may follow
}

// readPartialTail reads from offset, where the complete lines end, and returns the offset behind the last byte that is not zero.
func readPartialTail(name string, last logfile.Head, offset int64, r io.Reader) (int64, error) {
	t := partialTail{name: name, last: last, offset: offset, end: offset, whole: true}
	in := bufio.NewReaderSize(r, 64<<10)
	buf := make([]byte, sector)
	for {
		n, err := io.ReadFull(in, buf[:sector-t.offset%sector])
		if err := t.sector(buf[:n]); err != nil {
			return 0, err
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return t.end, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

func (t *partialTail) sector(b []byte) error {
	data := b
	if i := bytes.IndexByte(b, 0); i >= 0 {
		data = b[:i]
	}
	if bytes.Count(b[len(data):], []byte{0}) != len(b)-len(data) {
		return logfile.FaultAt(t.name, t.offset+int64(len(data)), "zeros stand within the records")
	}
	if err := t.data(data); err != nil {
		return err
	}
	if len(data) < len(b) {
		t.line, t.whole = nil, false
		t.closed = t.closed || len(data) > 0
	}
	t.offset += int64(len(b))
	return nil
}

func (t *partialTail) data(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if t.closed {
		return logfile.FaultAt(t.name, t.offset, "data follows behind the end of the records")
	}
	t.end = t.offset + int64(len(b))
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return t.extend(b)
		}
		if err := t.extend(b[:i]); err != nil {
			return err
		}
		if err := t.check(); err != nil {
			return err
		}
		t.line, t.whole = t.line[:0], true
		b = b[i+1:]
	}
}

func (t *partialTail) extend(b []byte) error {
	if len(t.line)+len(b) >= logfile.MaxLine {
		return logfile.FaultAt(t.name, t.offset, "a line is longer than %d bytes", logfile.MaxLine)
	}
	t.line = append(t.line, b...)
	return nil
}

// check judges a complete line.
func (t *partialTail) check() error {
	if !t.whole {
		return nil
	}
	h, err := logfile.ParseHead(t.name, t.offset, t.line)
	if err != nil {
		return err
	}
	if h.Seq <= t.last.Seq || h.Commit > t.last.Seq+1 || h.Commit < t.last.Commit {
		return logfile.FaultAt(t.name, t.offset, "records between %d and %d are missing", t.last.Seq, h.Seq)
	}
	return nil
}
