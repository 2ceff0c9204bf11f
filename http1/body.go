package http1

import (
	"bytes"
	"io"
	"strings"
)

// Bounds of chunked bodies.
const (
	maxChunkLine  = 256      // bytes of a size with its extensions
	maxExtensions = 16 << 10 // bytes of all extensions of a body
	maxTrailer    = 8 << 10  // bytes
)

// Body reads the body of a message, and nothing beyond it.
type Body struct {
	reader     *Reader
	kind       Kind
	left       int64 // of the body, or of the chunk
	inChunk    bool  // a chunk has begun, whose CRLF was not read
	extensions int   // bytes so far
	trailer    Fields
	err        error // that ended the body; io.EOF: it is whole
}

// Reset makes the body that of the message whose head was read last.
func (b *Body) Reset(r *Reader, f Framing) {
	*b = Body{reader: r, kind: f.Kind, left: f.Length}
	if f.Kind == None || f.Kind == Length && f.Length == 0 {
		b.err = io.EOF
	}
}

// Ended reports whether the body was read to its end, and is whole.
func (b *Body) Ended() bool { return b.err == io.EOF }

// Trailer returns the fields behind the last chunk of a body that has ended.
func (b *Body) Trailer() Fields { return b.trailer }

// Read returns io.EOF with the last bytes where the end is known, so that a reader that counts need not ask once more, and
// io.ErrUnexpectedEOF if the connection ended before the body.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if b.kind == Chunked && b.left == 0 {
		if b.err = b.nextChunk(); b.err != nil {
			return 0, b.err
		}
	}
	n, err := b.read(p)
	if err != nil && isFinal(err) {
		b.err = err
	}
	return n, err
}

// isFinal reports whether an error ends a body: after others, such as the end of a time, it may be read on.
func isFinal(err error) bool {
	timeout, ok := err.(interface{ Timeout() bool })
	return !ok || !timeout.Timeout()
}

func (b *Body) read(p []byte) (int, error) {
	if b.kind != UntilClose {
		p = p[:min(int64(len(p)), b.left)]
	}
	n, err := b.reader.read(p)
	if b.kind == UntilClose {
		return n, err
	}
	b.left -= int64(n)
	switch {
	case b.left == 0 && b.kind == Length:
		return n, io.EOF
	case n > 0:
		return n, nil
	}
	return 0, unexpected(err)
}

// read takes what was received, or receives into p.
func (r *Reader) read(p []byte) (int, error) {
	if r.start == r.end {
		if len(p) >= len(r.buffer) {
			return r.source.Read(p)
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buffer[r.start:r.end])
	r.start += n
	return n, nil
}

// nextChunk reads up to the bytes of the next chunk. At the last one it reads the trailer, and returns io.EOF.
func (b *Body) nextChunk() error {
	if b.inChunk {
		if line, err := b.reader.line(0, Chunk); err != nil {
			return err
		} else if len(line) > 0 {
			return Chunk
		}
		b.inChunk = false
	}
	line, err := b.reader.line(maxChunkLine, ChunkTooLong)
	if err != nil {
		return err
	}
	size, extensions, err := chunkSize(line)
	if err != nil {
		return err
	}
	if b.extensions += extensions; b.extensions > maxExtensions {
		return ChunkTooLong
	}
	if size == 0 {
		return b.readTrailer()
	}
	b.left, b.inChunk = size, true
	return nil
}

// maxSizeDigits keeps a chunk's size within an int64.
const maxSizeDigits = 15

// chunkSize reads the line before a chunk: RFC 9112 section 7.1. Extensions have no meaning here.
func chunkSize(line []byte) (size int64, extensions int, err error) {
	digits := 0
	for digits < len(line) && classes[line[digits]]&hexDigits != 0 {
		size = size<<4 | int64(hexValue(line[digits]))
		if digits++; digits > maxSizeDigits {
			return 0, 0, Chunk
		}
	}
	rest := line[digits:]
	if digits == 0 || len(rest) > 0 && (rest[0] != ';' || !all(string(rest), inValue)) {
		return 0, 0, Chunk
	}
	return size, len(rest), nil
}

func hexValue(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b&^0x20 - 'A' + 10
}

func (b *Body) readTrailer() error {
	var lines strings.Builder
	for {
		line, err := b.reader.line(maxTrailer, TrailerTooLarge)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		if lines.Len()+len(line) > maxTrailer {
			return TrailerTooLarge
		}
		if bytes.IndexByte(line, '\r') >= 0 {
			return FieldValue
		}
		lines.Write(line)
		lines.WriteString("\r\n")
	}
	var err error
	if b.trailer, err = fields(nil, lines.String(), b.reader.limits.Fields); err != nil {
		return err
	}
	return io.EOF
}
