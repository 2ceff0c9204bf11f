package verify

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

const hashSize = logfile.HashLength

// line has what the verifier needs of a line.
type line struct {
	offset      int64 // in the file
	size        int64 // with its line feed
	leaf        checkpoint.Hash
	err         error // set if it is no record; the other members may be missing then
	zeros       bool  // it is no record, and has zero bytes
	seq, commit uint64
	time        time.Time
	kind        logfile.Kind
	call        []byte            // in the line's buffer
	plans       [2][]byte         // that it names
	signature   logfile.Signature // its Hash is empty in all but intents whose signature counts
	states      bool              // it states the freezes in force
	freezes     int               // how many these are
	record      *logfile.Record   // of records of the log itself
	stated      *stated           // of a checkpoint
}

// stated is what a checkpoint record states.
type stated struct {
	*logfile.Stated
	alone bool // the key has signed, and no other
}

// parser parses lines. It reuses memory and is not safe for concurrent use.
type parser struct {
	scanner scanner
	record  logfile.Record
	buf     []byte
}

// lineLists has lists that are not in use.
var lineLists = sync.Pool{New: func() any { return new([]line) }}

// freeLines returns a list to the pool.
func freeLines(lines []line) {
	if lines != nil {
		clear(lines) // releases records and checkpoints
		lineLists.Put(&lines)
	}
}

func (p *parser) parse(it *item) {
	at := it.chunk.Offset
	it.lines = (*lineLists.Get().(*[]line))[:0]
	for rest := it.chunk.Data; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		it.lines = append(it.lines, line{offset: at, size: int64(end) + 1})
		p.line(rest[:end], &it.lines[len(it.lines)-1])
		at, rest = at+int64(end)+1, rest[end+1:]
	}
}

func (p *parser) line(text []byte, l *line) {
	l.leaf = checkpoint.LeafHash(text)
	if !p.scanner.scan(text, l) {
		p.decode(text, l)
	}
}

func (p *parser) decode(text []byte, l *line) {
	if l.err = p.check(text); l.err != nil {
		l.zeros = bytes.IndexByte(text, 0) >= 0
		return
	}
	r := &p.record
	l.seq, l.commit, l.time, l.kind, l.call = r.Seq, r.Commit, r.Time, r.Kind, []byte(r.Call)
	l.plans = plansOf(r)
	l.states, l.freezes = r.StatesFreezes(), len(r.Freezes)
	switch r.Kind {
	case logfile.KindIntent:
		if s, ok := logfile.SignatureOf(r); ok {
			l.signature = s
		}
	case logfile.KindCheckpoint:
		l.stated, l.err = p.checkpoint(text)
	case logfile.KindStart, logfile.KindKey, logfile.KindPrune:
		record := *r
		l.record = &record
	}
}

// check reads a line into record, strictly.
func (p *parser) check(text []byte) error {
	if len(text) >= logfile.MaxLine {
		return fmt.Errorf("it is longer than %d bytes", logfile.MaxLine)
	}
	if err := logfile.ParseLine(text, &p.record); err != nil {
		return err
	}
	r := &p.record
	if err := logfile.CheckHead(r.Seq, r.Commit, r.Kind); err != nil {
		return err
	}
	head := logfile.Record{Seq: r.Seq, Commit: r.Commit, Time: r.Time, Kind: r.Kind}
	p.buf = head.Append(p.buf[:0])
	if !bytes.HasPrefix(text, p.buf[:len(p.buf)-1]) {
		return errors.New("it does not begin with seq, commit, time and kind, spelt as they should be")
	}
	return outside(text)
}

const (
	maxDepth  = 16 // of objects and lists in one another; those of records are four
	maxDigits = 18 // so that each number fits in any integer of 64 bits
)

// outside checks a line that is valid JSON outside of its strings: no white space, no null, whole numbers that every program reads
// alike, and bounded depth.
func outside(text []byte) error {
	depth, digits := 0, 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		number := digits > 0 // the byte before is of one
		if digits++; c < '0' || c > '9' {
			digits = 0
		}
		switch {
		case c == '"':
			i += stringEnd(text[i+1:]) + 1
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ' ' || c == '\t' || c == '\r':
			return errors.New("it has white space outside of texts")
		case c == 'n':
			return errors.New("it has a null")
		case c == '-' || c == '.' || digits > maxDigits || number && c|' ' == 'e':
			return errors.New("it has a number that is not whole, or too large")
		}
		if depth > maxDepth {
			return errors.New("its objects and lists are too deep in one another")
		}
	}
	return nil
}

// stringEnd returns the index of the quote that ends a string.
func stringEnd(b []byte) int {
	i := 0
	for ; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

// checkpoint parses what a checkpoint record states.
func (p *parser) checkpoint(text []byte) (*stated, error) {
	r := &p.record
	s, err := logfile.ParseStated(r.Checkpoint, r.Key, r.Peaks, r.State(), text)
	if err != nil {
		return nil, err
	}
	_, err = checkpoint.Open(s.Note, s.Key)
	return &stated{s, err == nil}, nil
}
