package logfile

import (
	"bytes"
	"fmt"
	"io"
)

// backwardChunk is how much is read at a time from the end of a file towards its beginning.
const backwardChunk = 4 * MaxLine

// LastCheckpoint returns the last complete line of a segment that is a checkpoint record, and its head. It reads nothing in front of that
// line, and does not check what is behind it. The line's text is nil if there is none.
func (r *Reader) LastCheckpoint() (l Line, h Head, err error) {
	info, err := r.file.Stat()
	if err != nil {
		return l, h, err
	}
	return r.LastCheckpointBefore(info.Size())
}

// LastCheckpointBefore is LastCheckpoint of the lines that end before an offset.
func (r *Reader) LastCheckpointBefore(end int64) (l Line, h Head, err error) {
	text, offset, err := r.lastLine(end, func(line []byte) bool {
		if !bytes.Contains(line[:min(len(line), MaxHead)], []byte(`,"kind":"checkpoint"`)) {
			return false
		}
		h, err = parseHead(line)
		return err == nil && h.Kind == KindCheckpoint
	})
	return Line{h.Seq, Position{r.First, offset}, text}, h, err
}

// LastLine returns the last line of a segment that may still be written, and its head; a Line without text if there is none. It returns an error
// for a line that is no record.
func (r *Reader) LastLine() (l Line, h Head, err error) {
	info, err := r.file.Stat()
	if err != nil {
		return l, h, err
	}
	text, offset, err := r.lastLine(info.Size(), func([]byte) bool { return true })
	if err != nil || text == nil {
		return l, h, err
	}
	h, err = ParseHead(r.Name, offset, text)
	return Line{h.Seq, Position{r.First, offset}, text}, h, err
}

// lastLine returns the last complete line that is wanted, and where it begins.
func (r *Reader) lastLine(size int64, wanted func(line []byte) bool) (line []byte, offset int64, err error) {
	var rest []byte // the beginning of what was read, whose line begins further up
	for to := size; to > 0; {
		from := max(to-backwardChunk, 0)
		b := make([]byte, to-from, to-from+int64(len(rest)))
		if _, err := r.readAt(b, from); err != nil && err != io.EOF {
			return nil, 0, fmt.Errorf("reading audit segment %s at byte %d: %w", r.Name, from, err)
		}
		b = append(b, rest...)
		for end := bytes.LastIndexByte(b, '\n'); end >= 0; {
			start := bytes.LastIndexByte(b[:end], '\n') + 1
			if start == 0 && from > 0 {
				b = b[:end+1]
				break
			}
			if wanted(b[start:end]) {
				return b[start:end], from + int64(start), nil
			}
			b, end = b[:start], start-1
		}
		if rest = b; bytes.IndexByte(b, '\n') < 0 || len(b) > MaxLine {
			rest = nil // no line ends in it, or one that is too long
		}
		to = from
	}
	return nil, 0, nil
}
