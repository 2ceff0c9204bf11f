package http1

import (
	"bytes"
	"io"
)

// Reader reads messages off a connection. Its zero value reads nothing: see Reset and Lend.
type Reader struct {
	source     io.Reader
	limits     Limits
	lent       []byte // by Lend
	buffer     []byte // lent, or one that has grown beyond it for a large head
	start, end int    // of what was received and not read yet
	used       int    // see Used
}

// Reset makes the reader read source, with nothing received of it. It keeps the buffer.
func (r *Reader) Reset(source io.Reader, limits Limits) {
	r.source, r.limits, r.start, r.end = source, limits, 0, 0
}

// Lend has the reader receive into a buffer. It must have none.
func (r *Reader) Lend(buffer []byte) { r.lent, r.buffer, r.used = buffer, buffer, 0 }

// Used returns how many bytes at the beginning of the buffer that was lent were received into.
func (r *Reader) Used() int { return min(r.used, len(r.lent)) }

// Return returns the buffer that was lent, which the reader does not use any more; nil if it has none, or if bytes were received that were
// not read yet.
func (r *Reader) Return() []byte {
	if r.start < r.end {
		return nil
	}
	lent := r.lent
	r.lent, r.buffer, r.start, r.end = nil, nil, 0, 0
	return lent
}

// Buffered returns how many bytes were received and not read yet.
func (r *Reader) Buffered() int { return r.end - r.start }

// fill receives once, as much as there is room for.
func (r *Reader) fill() error {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	if r.end == len(r.buffer) {
		r.makeRoom()
	}
	n, err := r.source.Read(r.buffer[r.end:])
	r.end += n
	r.used = max(r.used, r.end)
	if n > 0 {
		return nil // an error comes again with the next read
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// makeRoom moves what is not read yet to the front, or into a larger buffer. Its callers bound what is not read.
func (r *Reader) makeRoom() {
	into := r.buffer
	if r.start == 0 {
		into = make([]byte, 2*len(r.buffer))
	}
	r.end = copy(into, r.buffer[r.start:r.end])
	r.start, r.buffer = 0, into
}

// line returns a line without its CRLF, which stands in the buffer until the next read, and reads it. A line that is longer than the limit
// is the error tooLong.
func (r *Reader) line(limit int, tooLong Error) ([]byte, error) {
	for from := 0; ; {
		received := r.buffer[r.start:r.end]
		if i := bytes.IndexByte(received[from:], '\n'); i >= 0 {
			length := from + i - 1
			switch {
			case length < 0 || received[length] != '\r':
				return nil, LineEnding
			case length > limit:
				return nil, tooLong
			}
			r.start += length + 2
			return received[:length], nil
		}
		if from = len(received); from > limit+1 {
			return nil, tooLong
		}
		if err := r.fill(); err != nil {
			return nil, unexpected(err)
		}
	}
}

// head receives a head up to the blank line behind it, and returns it as a string without that line. If more than the first line has to be
// waited for, check is called with that: what speaks another protocol may send nothing more.
func (r *Reader) head(check func(line string) error) (string, error) {
	for part := (partialHead{}); ; {
		complete, err := part.scan(r.buffer[r.start:r.end], r.limits)
		if err != nil {
			return "", err
		}
		if complete {
			head := string(r.buffer[r.start : r.start+part.line])
			r.start += part.line + len("\r\n")
			return head, nil
		}
		if part.first > 0 && check != nil {
			if err := check(string(r.buffer[r.start : r.start+part.first])); err != nil {
				return "", err
			}
			check = nil
		}
		if err := r.fill(); err != nil {
			if part.received > 0 {
				err = unexpected(err)
			}
			return "", err
		}
	}
}

// partialHead is how far a head has been received.
type partialHead struct {
	first    int // length of the first line; 0: it was not received yet
	line     int // where the line begins that was not received yet
	received int
}

// scan goes on with what was received so far, and reports whether the blank line behind the head is there.
func (p *partialHead) scan(received []byte, limits Limits) (complete bool, err error) {
	for {
		i := bytes.IndexByte(received[p.received:], '\n')
		end := p.received + i
		if i < 0 {
			end = len(received)
		}
		switch {
		case i >= 0 && (end == 0 || received[end-1] != '\r'):
			return false, LineEnding
		case p.line == 0 && end > limits.Line+1:
			return false, LineTooLong
		case end > limits.Head:
			return false, HeadTooLarge
		case i < 0:
			p.received = end
			return false, nil
		case end-1 == p.line:
			return true, nil
		case p.line == 0:
			p.first = end - 1
		}
		p.line, p.received = end+1, end+1
	}
}

// unexpected is what the end of the stream means in the middle of a message.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
