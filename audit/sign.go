package audit

import (
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// Key is the public key that verifies the checkpoints that the log writes.
func (l *Log) Key() checkpoint.PublicKey { return l.key }

// checkpointDue reports whether a checkpoint has to follow the records taken so far. mu is held.
func (l *Log) checkpointDue() bool {
	if l.nextSegment != nil {
		return true
	}
	if !l.late && l.status.LastSeq-l.lastCheckpoint < uint64(l.cfg.Checkpoints.Records) {
		return false
	}
	return l.status.Preallocated-l.pending() >= int64(l.cfg.Reserve) // a full disk keeps its last space for outcomes
}

// reserve assigns the next checkpoint's seq: records that come from now on stand behind it. mu is held.
func (l *Log) reserve() uint64 {
	l.status.LastSeq++
	l.lastCheckpoint = l.status.LastSeq
	l.expiry, l.late, l.signatures = nil, false, 0
	return l.lastCheckpoint
}

// watch looks at the time that the records behind the last checkpoint have. mu is held.
func (l *Log) watch() {
	select {
	case <-l.expiry:
		l.expiry, l.late = nil, true
	default:
	}
	if l.expiry == nil && !l.late && l.status.LastSeq > l.lastCheckpoint {
		l.expiry = time.After(time.Duration(l.cfg.Checkpoints.Every))
	}
}

// writeCheckpoint begins the next segment, if there is one ready, and writes a checkpoint of all records before seq.
func (l *Log) writeCheckpoint(seq uint64, commit func(*batch) error) error {
	if l.nextSegment == nil {
		return l.sign(seq, commit)
	}
	if err := l.rotate(seq); isFatal(err) {
		return err
	} else if err != nil {
		l.notePreallocated(err)
	}
	if err := l.sign(seq, commit); err != nil {
		return err
	}
	l.restate()
	return nil
}

func (l *Log) sign(seq uint64, commit func(*batch) error) error {
	c := checkpoint.Checkpoint{
		Origin: l.key.Name(), Size: l.tree.Size(), Root: l.tree.Root(), Time: l.cfg.Now().UTC(),
	}
	note, err := c.Sign(l.signers...)
	if err != nil {
		return fatal("stating the audit log", err)
	}
	l.mu.Lock()
	buf := l.buffer() // a line may be as long as many records
	l.mu.Unlock()
	line := append(logfile.CheckpointRecord(note, c, l.key, l.tree.Peaks(), l.ledger.State()).Append(buf), '\n')
	b := &batch{buf: line, first: seq, last: seq, at: c.Time, done: make(chan struct{})}
	l.ledger.Checkpoint(seq, checkpoint.LeafHash(line[:len(line)-1]))
	if err := commit(b); err != nil {
		return err
	}
	l.signers = l.signers[len(l.signers)-1:]
	l.mu.Lock()
	l.status.Signed, l.readFrom = c.Size, l.ledger.ReadFrom()
	l.mu.Unlock()
	l.published.publish(note)
	return nil
}
