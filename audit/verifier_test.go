package audit

import (
	"fmt"
	"slices"
	"testing"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// verifier recomputes a log from its first record, by the words of docs/audit-format.md and without this package's own
// reading.
type verifier struct {
	tree        checkpoint.Tree
	key, before string // that signs, and that has to sign with it the next time
	commit      uint64
}

// add takes the next record; first reports whether it is the first one of its segment.
func (v *verifier) add(r *logfile.Record, line []byte, first bool) error {
	if r.Commit != v.commit && r.Commit != r.Seq {
		return fmt.Errorf("record %d is of commit %d, behind commit %d", r.Seq, r.Commit, v.commit)
	}
	if v.key != "" && first && r.Kind != logfile.KindCheckpoint {
		return fmt.Errorf("the segment of record %d begins with a record of kind %s", r.Seq, r.Kind)
	}
	v.commit = r.Commit
	switch r.Kind {
	case logfile.KindKey:
		if r.PreviousKey != v.key || v.before != "" && !r.KeyLost {
			return fmt.Errorf("key record %d names %q before it; it was %q", r.Seq, r.PreviousKey, v.key)
		}
		v.before, v.key = v.key, r.Key
		if r.KeyLost {
			v.before = ""
		}
	case logfile.KindCheckpoint:
		if err := v.checkpoint(r, line); err != nil {
			return fmt.Errorf("checkpoint record %d: %w", r.Seq, err)
		}
	}
	v.tree.AddLine(line)
	return nil
}

// pruned takes records of which only the hashes are left, and returns them with nothing but their numbers.
func (v *verifier) pruned(hashes []byte) []logfile.Record {
	var records []logfile.Record
	for leaf := range slices.Chunk(hashes, logfile.HashLength) {
		v.tree.Add(checkpoint.Hash(leaf))
		records = append(records, logfile.Record{Seq: v.tree.Size()})
	}
	return records
}

func (v *verifier) checkpoint(r *logfile.Record, line []byte) error {
	var keys []checkpoint.PublicKey
	for _, text := range []string{v.before, v.key} {
		if text != "" {
			key, err := checkpoint.ParsePublicKey(text)
			if err != nil {
				return err
			}
			keys = append(keys, key)
		}
	}
	c, err := checkpoint.Open(r.Checkpoint, keys...)
	if err != nil {
		return err
	}
	if c.Size != r.Seq-1 || r.Commit != r.Seq || c.Size != v.tree.Size() || c.Root != v.tree.Root() {
		return fmt.Errorf("it states %d records with the root %v; there are %d with %v", c.Size, c.Root, v.tree.Size(), v.tree.Root())
	}
	want := logfile.Record{
		Seq: r.Seq, Commit: r.Seq, Time: c.Time, Kind: logfile.KindCheckpoint, Key: v.key, Checkpoint: r.Checkpoint,
		Peaks: checkpoint.FormatHashes(v.tree.Peaks()), OfBefore: r.OfBefore,
	}
	if string(want.Append(nil)) != string(line) {
		return fmt.Errorf("the line is\n%s\nand not\n%s", line, want.Append(nil))
	}
	v.before = ""
	return nil
}

// verify reads the log in dir and returns its records.
func verify(t testing.TB, dir string) []logfile.Record {
	t.Helper()
	var v verifier
	names, err := listed(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := map[uint64]bool{}
	for _, name := range logfile.SegmentNames(names) {
		seq, _ := logfile.ParseSegmentName(name)
		first[seq] = true
	}
	var records []logfile.Record
	err = logfile.Read(dir, func(r *logfile.Record, line []byte) error {
		records = append(records, *r)
		return v.add(r, line, first[r.Seq])
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}
