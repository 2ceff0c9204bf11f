package proof

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// Old is a witness: a checkpoint that was kept elsewhere.
type Old struct {
	Note string
	Line int // of the file that it was read from
}

// ReadOld reads witnesses: one signed note, or lines of JSON with a member "checkpoint". It skips other lines, and partial ones, which a
// crash leaves. A file without any checkpoint is an error, and so is a line of more than [logfile.MaxLine] bytes.
func ReadOld(r io.Reader) iter.Seq2[Old, error] {
	in := bufio.NewReaderSize(r, logfile.MaxLine)
	return func(yield func(Old, error) bool) {
		begin, err := in.Peek(1)
		if err == nil && begin[0] != '{' {
			note, err := io.ReadAll(io.LimitReader(in, checkpoint.MaxNote+1))
			yield(Old{string(note), 1}, err)
			return
		}
		found := false
		for n := 1; ; n++ {
			note, err := oldLine(in)
			if err == io.EOF && found {
				return
			}
			if err == io.EOF {
				err = errors.New(`it holds no checkpoint: neither a signed note nor a line of JSON with the member "checkpoint"`)
			}
			if err != nil {
				yield(Old{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if note != "" {
				found = true
				if !yield(Old{note, n}, nil) {
					return
				}
			}
		}
	}
}

// oldLine returns the note in the next line, or "" if it has none.
func oldLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return "", fmt.Errorf("it is longer than %d bytes", logfile.MaxLine)
	}
	if err != nil && (err != io.EOF || len(line) == 0) {
		return "", err
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return "", nil
	}
	note, _, err := checkpoint.ParseWitness(line)
	return note, err
}

// maxOld bounds how many old checkpoints are compared at once, and so the memory for them.
const maxOld = 1_000_000

// Growth is the result of comparing a log with witnesses: it has only grown since each.
type Growth struct {
	Compared int                   // the number of witnesses
	Last     checkpoint.Checkpoint // the one that was read last
	Newest   *Statement            // of the log
	Proof    *Consistency          // from the last to the newest
}

// CheckGrowth compares the log, recomputed from its files, with witnesses. Each of them and the newest checkpoint must be signed by one of
// the keys or, if there are none, by keys that the log itself names.
func (l *Log) CheckGrowth(olds iter.Seq2[Old, error], trusted []checkpoint.PublicKey) (*Growth, error) {
	uses, err := l.Keys()
	if err != nil {
		return nil, err
	}
	newest, err := l.Newest()
	if err != nil {
		return nil, err
	}
	if err := Trusted(newest.Keys, trusted); err != nil {
		return nil, fmt.Errorf("the log's newest checkpoint, of %d records: %w", newest.Size, err)
	}
	c := comparison{known: append(uses.all(), trusted...), trusted: trusted, newest: newest.Checkpoint}
	for old, err := range olds {
		if err == nil {
			err = c.take(old)
		}
		if err != nil {
			return nil, err
		}
	}
	return c.run(l, newest)
}

// Trusted returns an error unless one of the keys that signed is trusted, or no keys are trusted in particular.
func Trusted(signed, trusted []checkpoint.PublicKey) error {
	if len(trusted) == 0 || slices.ContainsFunc(signed, func(k checkpoint.PublicKey) bool { return slices.Contains(trusted, k) }) {
		return nil
	}
	return fmt.Errorf("it is signed by %v, which is not the key given; tollgate audit key shows since when a log has which key", signed[len(signed)-1])
}

// comparison is of one log with many old checkpoints.
type comparison struct {
	known, trusted []checkpoint.PublicKey
	newest         checkpoint.Checkpoint

	olds   []oldRoot
	last   checkpoint.Checkpoint
	signed Signed
}

type oldRoot struct {
	size uint64
	root checkpoint.Hash
	line int
}

func (c *comparison) take(old Old) error {
	if len(c.olds) == maxOld {
		return fmt.Errorf("there are more than %d checkpoints: compare a part of them, such as the last ones (tail)", maxOld)
	}
	opened, keys, err := OpenNote(old.Note, c.known...)
	if err == nil {
		err = Trusted(keys, c.trusted)
	}
	switch {
	case err != nil:
	case opened.Size == 0:
		err = errors.New("a checkpoint of no records proves nothing")
	case opened.Origin != c.newest.Origin:
		err = fmt.Errorf("it is of the log %q, not of %q", opened.Origin, c.newest.Origin)
	case opened.Size > c.newest.Size:
		err = fmt.Errorf("it is of %d records, and the log's newest checkpoint is of %d: the end of the log was cut off, or an old state brought back", opened.Size, c.newest.Size)
	}
	if err != nil {
		return fmt.Errorf("the checkpoint in line %d: %w", old.Line, err)
	}
	c.olds = append(c.olds, oldRoot{opened.Size, opened.Root, old.Line})
	c.last, c.signed = opened, (&Statement{Note: old.Note, Keys: keys}).signed()
	return nil
}

func (c *comparison) run(l *Log, newest *Statement) (*Growth, error) {
	slices.SortStableFunc(c.olds, func(a, b oldRoot) int { return cmp.Compare(a.size, b.size) })
	left := c.olds
	compare := func(tree *nodes) error {
		for ; len(left) > 0 && left[0].size == uint64(tree.size); left = left[1:] {
			if left[0].root != tree.root() {
				return fmt.Errorf("this is not the log of the checkpoint in line %d: its first %d records have another root now: "+
					"records were changed, removed, added or put elsewhere", left[0].line, left[0].size)
			}
		}
		return nil
	}
	p, err := l.consistency(c.signed, c.last.Size, newest, func(prove func(tlog.HashReader) error) error {
		return l.grow(0, nil, newest.Size, prove, compare)
	})
	if err != nil {
		return nil, err
	}
	return &Growth{Compared: len(c.olds), Last: c.last, Newest: newest, Proof: p}, nil
}
