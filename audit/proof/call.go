package proof

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// maxRecords bounds the records of one call. A call has two.
const maxRecords = 16

// Call proves that records of one call were in a log when a checkpoint was signed. It does not prove that the log had no
// other record of the call.
type Call struct {
	Type    string   `json:"type"`
	Call    string   `json:"call"`
	Records []Record `json:"records"`
	Signed
}

// Record is a line of a log, without its line feed, and the nodes beside its way to the root, the lowest first (RFC 6962
// section 2.1.1). Its place in the tree is its seq less one.
type Record struct {
	Line string            `json:"line"`
	Path []checkpoint.Hash `json:"path"`
}

// Encode returns the proof as a file.
func (p *Call) Encode() ([]byte, error) { return encode(p) }

// Parsed returns the records of a proof that [Parse] returned.
func (p *Call) Parsed() []*logfile.Record {
	records := make([]*logfile.Record, len(p.Records))
	for i, r := range p.Records {
		records[i], _ = decode([]byte(r.Line)) // Parse has decoded it
	}
	return records
}

func (p *Call) check() error {
	c, _, err := p.Open()
	if err != nil {
		return err
	}
	if p.Type != typeCall || p.Call == "" || len(p.Records) == 0 || len(p.Records) > maxRecords {
		return fmt.Errorf("a proof of a call has the call's id and 1 to %d records", maxRecords)
	}
	before := uint64(0)
	for i, r := range p.Records {
		seq, err := r.check(p.Call, c)
		if err != nil {
			return fmt.Errorf("record %d of the proof: %w", i+1, err)
		}
		if seq <= before {
			return errors.New("the proof's records are not in the order of the log")
		}
		before = seq
	}
	return nil
}

// check checks the record and returns its seq.
func (r Record) check(call string, c checkpoint.Checkpoint) (uint64, error) {
	if len(r.Line) >= logfile.MaxLine {
		return 0, fmt.Errorf("it is longer than %d bytes", logfile.MaxLine)
	}
	decoded, err := decode([]byte(r.Line))
	if err != nil {
		return 0, err
	}
	if decoded.Call != call {
		return 0, fmt.Errorf("it is of the call %.100q, not of %.100q", decoded.Call, call)
	}
	if decoded.Seq == 0 || decoded.Seq > c.Size {
		return 0, fmt.Errorf("its seq is %d, and the checkpoint covers 1 to %d", decoded.Seq, c.Size)
	}
	err = tlog.CheckRecord(r.Path, int64(c.Size), c.Root, int64(decoded.Seq-1), checkpoint.LeafHash([]byte(r.Line)))
	if err != nil {
		return 0, fmt.Errorf("the line, its place or its path is not what the checkpoint covers: %w", err)
	}
	return decoded.Seq, nil
}

// ProveCall returns the proof of a call, which it looks for around the time in its id. An error that wraps [ErrNotCovered] is temporary.
func (l *Log) ProveCall(id string) (*Call, error) { return l.prove(id, l.segmentBefore(id)) }

// ProveCallFrom returns the proof of a call whose first record is said to be seq. It reads that segment first.
func (l *Log) ProveCallFrom(id string, seq uint64) (*Call, error) {
	return l.prove(id, l.segmentsBack(seq, 1))
}

func (l *Log) prove(id string, begin uint64) (*Call, error) {
	f, err := l.find(id, begin)
	if err != nil {
		return nil, err
	}
	p := &Call{Type: typeCall, Call: id, Signed: f.cover.signed(), Records: f.records}
	err = l.grow(f.base.Size(), f.base.Peaks(), f.cover.Size, func(r tlog.HashReader) error {
		for i := range p.Records {
			if p.Records[i].Path, err = tlog.ProveRecord(int64(f.cover.Size), int64(f.seqs[i]-1), r); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, damaged("%w", err)
	}
	return p, nil
}
