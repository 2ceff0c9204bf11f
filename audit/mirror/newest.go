package mirror

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/internal/osfile"
)

// readPatience is how long reading a place may take: a mount whose server is gone can hang for ever.
const readPatience = 2 * time.Second

// Kept is the newest checkpoint of a log at one place.
type Kept struct {
	Place      string
	Checkpoint checkpoint.Checkpoint // zero when there is none; its signatures are not verified
	Err        error                 // why the place could not be read; a file that is not there is no error
}

// Newest reads, from each place that can be read back, the last whole line of the log of a name. It does not wait for a place that takes
// longer than 2 seconds, and returns an error for it.
func Newest(ctx context.Context, places []Place, log string) []Kept {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	answers := map[string]chan Kept{}
	var names []string
	for _, p := range places {
		if p.newest == nil {
			continue
		}
		answer := make(chan Kept, 1) // buffered, so that a late goroutine ends
		answers[p.Name], names = answer, append(names, p.Name)
		go func() {
			c, err := p.newest(ctx, log)
			answer <- Kept{p.Name, c, err}
		}()
	}
	var all []Kept
	for _, name := range names {
		all = append(all, wait(ctx, name, answers[name]))
	}
	return all
}

// wait prefers an answer that has come to the end of the time.
func wait(ctx context.Context, place string, answer <-chan Kept) Kept {
	select {
	case k := <-answer:
		return k
	case <-ctx.Done():
	}
	select {
	case k := <-answer:
		return k
	default:
		return Kept{Place: place, Err: errors.New("it did not answer in time")}
	}
}

// newestIn reads a file of copies from its end.
func newestIn(ctx context.Context, path, log string) (none checkpoint.Checkpoint, err error) {
	// Without O_NONBLOCK, opening a pipe without a writer would hang.
	f, err := os.OpenFile(path, os.O_RDONLY|osfile.NonBlock, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	defer f.Close() // opened for reading: nothing can be lost
	size, err := regularSize(f, "read")
	if err != nil {
		return none, err
	}
	back := backward{ctx: ctx, file: f, end: size}
	for {
		line, err := back.line()
		if err == io.EOF {
			return none, nil
		}
		if err != nil {
			return none, err
		}
		if c, ok := parseLine(line); ok && c.Origin == log {
			return c, nil
		}
	}
}

// parseLine returns the checkpoint of a line. It ignores a line that has none, such as a partial one.
func parseLine(line []byte) (c checkpoint.Checkpoint, ok bool) {
	note, partial, err := checkpoint.ParseWitness(line)
	if err != nil || partial || note == "" {
		return c, false
	}
	c, err = checkpoint.Parse(note)
	return c, err == nil
}

const (
	backwardStep = 64 << 10
	// maxCopyLine is longer than any line of copies: of a longer one only the end is held, which is ignored.
	maxCopyLine = 4 * checkpoint.MaxNote
)

// backward reads the lines of a file from its end.
type backward struct {
	ctx  context.Context
	file io.ReaderAt
	end  int64  // of what was not read yet
	text []byte // what was read and not returned yet: it stands behind end
}

// line returns the line before the last one that it returned, without its line feed, and io.EOF in front of the first.
func (b *backward) line() ([]byte, error) {
	for {
		if err := b.ctx.Err(); err != nil { // a line may be as long as the file
			return nil, err
		}
		text := bytes.TrimSuffix(b.text, []byte{'\n'})
		if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
			b.text = b.text[:i+1]
			return text[i+1:], nil
		}
		if b.end == 0 {
			b.text = nil
			if len(text) == 0 {
				return nil, io.EOF
			}
			return text, nil
		}
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
}

func (b *backward) fill() error {
	if len(b.text) > maxCopyLine {
		b.text = b.text[len(b.text)-maxCopyLine:]
	}
	n := min(b.end, backwardStep)
	step := make([]byte, n, int(n)+len(b.text))
	if _, err := b.file.ReadAt(step, b.end-n); err == io.EOF {
		return io.ErrUnexpectedEOF // it was cut meanwhile
	} else if err != nil {
		return err
	}
	b.text, b.end = append(step, b.text...), b.end-n
	return nil
}
