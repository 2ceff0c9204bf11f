package logfile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// faultError says that a file of the log is not as this package wrote it.
type FaultError struct {
	segment string
	offset  int64
	err     error
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("audit segment %s, byte %d: %v", e.segment, e.offset, e.err)
}

func (e *FaultError) Unwrap() error { return e.err }

func FaultAt(name string, offset int64, format string, args ...any) error {
	return &FaultError{name, offset, fmt.Errorf(format, args...)}
}

// lines reads the complete lines of a segment: up to the first zero byte, or the end of the file.
type lines struct {
	name   string
	r      *bufio.Reader
	Offset int64 // of the next line
	// What stands behind the last complete line, once next has given io.EOF.
	Partial int64 // bytes of an incomplete line
	Zeros   bool  // a zero byte follows, not the end of the file
}

func NewLines(name string, r io.Reader) *lines {
	return &lines{name: name, r: bufio.NewReaderSize(r, MaxLine)}
}

// next gives the next line without its line feed, valid until the call after. It gives io.EOF behind the last one.
func (l *lines) Next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if i := bytes.IndexByte(line, 0); i >= 0 {
		l.Partial, l.Zeros = int64(i), true
		return nil, io.EOF
	}
	switch err {
	case nil:
		l.Offset += int64(len(line))
		return line[:len(line)-1], nil
	case io.EOF:
		l.Partial = int64(len(line))
		return nil, io.EOF
	case bufio.ErrBufferFull:
		return nil, FaultAt(l.name, l.Offset, "a line is longer than %d bytes", MaxLine)
	}
	return nil, fmt.Errorf("reading audit segment %s at byte %d: %w", l.name, l.Offset, err)
}
