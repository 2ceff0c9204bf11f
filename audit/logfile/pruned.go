package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// prunedFrom follows the hashes of pruned segments from record seq on and gives the first record that they do not cover,
// but end at most. Where hashes and segment are both there the segment counts, which end stands for.
func prunedFrom(dir string, seq, end uint64) (uint64, error) {
	for seq < end {
		name := HashesName(seq)
		info, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return seq, nil
		}
		if err != nil {
			return seq, err
		}
		if info.Size() == 0 || info.Size()%HashLength != 0 {
			return seq, fmt.Errorf("audit hashes %s: %d bytes are no list of hashes of %d bytes each", name, info.Size(), HashLength)
		}
		seq += uint64(info.Size() / HashLength)
	}
	return seq, nil
}

// checkPruned says whether the records from seq up to end, which has a segment, were pruned. Otherwise they are missing.
func checkPruned(dir string, seq, end uint64) error {
	covered, err := prunedFrom(dir, seq, end)
	if err != nil || covered == end {
		return err
	}
	if covered > end {
		return fmt.Errorf("audit hashes in %s reach into the segment %s", dir, SegmentName(end))
	}
	return fmt.Errorf("the records %d to %d are missing in %s: there is neither a segment nor what pruning leaves of one (%s)",
		covered, end-1, dir, HashesName(covered))
}
