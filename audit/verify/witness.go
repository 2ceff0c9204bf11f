package verify

import (
	"bufio"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"slices"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// witnessWindow is how many checkpoints are held at once: so many may be in any order.
const witnessWindow = 4096

// witnesses reads witnesses, which are checkpoints kept elsewhere, the smallest first.
type witnesses struct {
	in      *bufio.Reader
	note    bool // in is one note, not lines of JSON
	line    int
	partial int // lines that were cut off and skipped
	ended   bool
	window  witnessHeap

	by      []checkpoint.PublicKey // the keys that signed the last one, and usually the next one
	proven  string                 // the last one with valid signatures: several copies have the same ones
	later   []witness              // that no key known so far has signed
	beyond  int                    // that are larger than the log
	largest witness                // of them
	differ  int                    // whose root is not the log's
}

type witness struct {
	checkpoint.Checkpoint
	note string
	line int
}

type witnessHeap []witness

func (h witnessHeap) Len() int           { return len(h) }
func (h witnessHeap) Less(i, j int) bool { return h[i].Size < h[j].Size }
func (h witnessHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *witnessHeap) Push(x any)        { *h = append(*h, x.(witness)) }
func (h *witnessHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// readWitnesses begins to read. It returns an error if there is no checkpoint at all.
func readWitnesses(r io.Reader) (*witnesses, error) {
	k := &witnesses{in: bufio.NewReaderSize(r, logfile.MaxLine)}
	first, err := k.in.Peek(1)
	if err == io.EOF {
		return nil, errors.New("the file of kept checkpoints is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("kept checkpoints: %w", err)
	}
	k.note = first[0] != '{'
	if err := k.fill(); err != nil {
		return nil, err
	}
	if len(k.window) == 0 {
		return nil, errors.New("the file of kept checkpoints holds no whole one: it was cut, or a crash cut its only line")
	}
	return k, nil
}

func (k *witnesses) fill() error {
	for !k.ended && len(k.window) < witnessWindow {
		n, err := k.next()
		if err == io.EOF {
			k.ended = true
		} else if err != nil {
			return err
		} else {
			heap.Push(&k.window, n)
		}
	}
	return nil
}

// next reads one checkpoint. It returns an error for what it cannot read: a file must not pass unchecked.
func (k *witnesses) next() (witness, error) {
	var note string
	var err error
	if k.note {
		note, err = k.whole()
	} else {
		note, err = k.jsonLine()
	}
	if err != nil {
		return witness{}, err
	}
	c, err := checkpoint.Parse(note)
	if err != nil {
		return witness{}, fmt.Errorf("kept checkpoints, line %d: %w", k.line, err)
	}
	return witness{c, note, k.line}, nil
}

func (k *witnesses) whole() (string, error) {
	if k.line++; k.line > 1 {
		return "", io.EOF
	}
	text, err := io.ReadAll(io.LimitReader(k.in, checkpoint.MaxNote+1))
	if err != nil {
		return "", fmt.Errorf("kept checkpoints: %w", err)
	}
	return string(text), nil
}

// jsonLine returns the note of the next line. It skips and counts the partial lines that a crash or a full disk left: writers of copies go
// on behind them in a line of their own. Only the last line may lack its line feed.
func (k *witnesses) jsonLine() (string, error) {
	for {
		k.line++
		line, err := k.in.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			return "", io.EOF
		}
		if err != nil && err != io.EOF {
			return "", fmt.Errorf("kept checkpoints, line %d: %w", k.line, err)
		}
		note, partial, err := checkpoint.ParseWitness(line)
		if partial {
			k.partial++
			continue
		}
		if err != nil {
			return "", fmt.Errorf("kept checkpoints, line %d: %w", k.line, err)
		}
		return note, nil
	}
}

// compare compares the witnesses of the tree's size.
func (v *verifier) compare() error {
	k := v.witnesses
	for k != nil && len(k.window) > 0 && k.window[0].Size <= v.tree.Size() {
		n := heap.Pop(&k.window).(witness)
		if err := k.fill(); err != nil {
			return err
		}
		v.compareOne(n)
	}
	return nil
}

func (v *verifier) compareOne(n witness) {
	switch {
	case n.Size < v.tree.Size() && v.report.First > n.Size+1 && v.options.Bundle:
		v.report.WitnessesSkipped++
		return
	case n.Size < v.tree.Size() && !v.broken:
		v.fault(FaultCheckpoint, n.Size, v.since, "the kept checkpoint of line %d, of %d records, cannot be compared: records there are damaged, "+
			"or more than %d lines of the file do not rise in size", n.line, n.Size, witnessWindow)
		return
	case n.Size < v.tree.Size() || n.Root != v.tree.Root():
		v.differs(n)
		return
	}
	if v.signedByLog(n) {
		v.report.Witnessed++
	} else if len(v.witnesses.later) < witnessWindow {
		v.witnesses.later = append(v.witnesses.later, n)
	} else {
		v.unsignedWitness(n)
	}
}

// differs reports only the first one: all behind it differ as well.
func (v *verifier) differs(n witness) {
	v.witnesses.differ++
	if v.witnesses.differ == 1 {
		v.fault(FaultCheckpoint, n.Size, v.since, "the kept checkpoint of line %d is of another log: its root of %d records is %v, here it is %v. "+
			"Records were changed up to there, or the whole log was replaced", n.line, n.Size, n.Root, v.tree.Root())
	}
}

func (v *verifier) unsignedWitness(n witness) {
	v.fault(FaultCheckpoint, n.Size, v.since, "the kept checkpoint of line %d, of %d records, is not signed by a key of this log", n.line, n.Size)
}

// signedByLog reports whether a key of the log, or one of the reviewer, has signed.
func (v *verifier) signedByLog(n witness) bool {
	if n.note == v.witnesses.proven || v.witnesses.signed(n, v.witnesses.by) {
		return true
	}
	known := slices.Clone(v.options.Keys)
	for _, signer := range v.report.Signers {
		if key, err := checkpoint.ParsePublicKey(signer.Key); err == nil {
			known = append(known, key)
		}
	}
	known = append(known, v.signers.Before, v.signers.Key)
	for i := range known {
		if v.witnesses.signed(n, known[i:i+1]) || i > 0 && v.witnesses.signed(n, known[i-1:i+1]) {
			return true
		}
	}
	return false
}

func (k *witnesses) signed(n witness, by []checkpoint.PublicKey) bool {
	if len(by) == 0 || by[0].IsZero() || by[len(by)-1].IsZero() {
		return false
	}
	if _, err := checkpoint.Open(n.note, by...); err != nil {
		return false
	}
	k.by, k.proven = by, n.note
	return true
}

// finishWitnesses checks those that are left: larger than the log, or signed by a key that was not known yet.
func (v *verifier) finishWitnesses() error {
	k := v.witnesses
	if k == nil {
		return nil
	}
	if err := v.compare(); err != nil {
		return err
	}
	for len(k.window) > 0 {
		n := heap.Pop(&k.window).(witness)
		k.beyond, k.largest = k.beyond+1, n
		if err := k.fill(); err != nil {
			return err
		}
	}
	v.report.WitnessesPartial = k.partial
	for _, n := range k.later {
		if v.signedByLog(n) {
			v.report.Witnessed++
		} else {
			v.unsignedWitness(n)
		}
	}
	if k.beyond > 0 {
		v.fault(FaultCheckpoint, v.report.Last+1, v.last, "the log's end was cut, or an old state of it brought back: it has %d records, and %d kept checkpoints "+
			"have more, that of line %d has %d", v.report.Last, k.beyond, k.largest.line, k.largest.Size)
	}
	return nil
}
