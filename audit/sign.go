package audit

import "tollgate/audit/checkpoint"

// CheckpointRecord gives the record that states a checkpoint in the log: note is c signed, key the one that signs, peaks
// those of the tree of c.Size leaves. Its line, as [Record.Append] writes it, follows from them byte by byte, so whoever
// verifies a log compares the whole line.
func CheckpointRecord(note string, c checkpoint.Checkpoint, key checkpoint.PublicKey, peaks []checkpoint.Hash) *Record {
	return &Record{
		Seq: c.Size + 1, Commit: c.Size + 1, Time: c.Time, Kind: KindCheckpoint,
		Key: key.String(), Checkpoint: note, Peaks: checkpoint.FormatHashes(peaks),
	}
}
