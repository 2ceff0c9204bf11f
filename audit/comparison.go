package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// comparison collects what a log has lost.
type comparison struct {
	*recovery
	log      string // its name
	segments []string
	losses   []Loss
}

func (c *comparison) add(place, states, format string, args ...any) {
	size, root := fmt.Sprint(c.chain.Tree.Size()), c.chain.Tree.Root().String()
	sum := sha256.Sum256([]byte(strings.Join([]string{c.log, states, size, root}, "\n")))
	id := hex.EncodeToString(sum[:8])
	c.losses = append(c.losses, Loss{
		ID: id, Place: place, Text: fmt.Sprintf(format, args...), states: states,
		data: map[string]string{"gap": id, "lost": states, "log_size": size, "log_root": root},
	})
}

// checkpoint holds the log against one. An old one is compared by the record that states it, which stands right behind what it
// covers: that the tree grew from there the chain of checkpoints shows to those that verify the log.
func (c *comparison) checkpoint(w Witness) error {
	size, root := w.Checkpoint.Size, w.Checkpoint.Root
	states := fmt.Sprintf("checkpoint %d %v", size, root)
	end := c.chain.Tree.Size()
	switch {
	case size > end:
		c.add(w.Place, states, "%s states a checkpoint of %d records with the root %v, and the log ends with record %d and the root %v",
			w.Place, size, root, end, c.chain.Tree.Root())
		return nil
	case size == end && root == c.chain.Tree.Root():
		return nil
	case size < end:
		same, err := c.stated(size, root)
		if err != nil || same {
			return err
		}
	}
	c.add(w.Place, states, "%s states a checkpoint of %d records with the root %v, and this log, which has %d records, never had that one",
		w.Place, size, root, end)
	return nil
}

// stated reports whether the log states a checkpoint, or whether that is pruned. What stands behind the last checkpoint states none.
func (c *comparison) stated(size uint64, root checkpoint.Hash) (bool, error) {
	if size >= c.chain.Signed {
		return false, nil
	}
	line, pruned, err := c.record(size + 1)
	if err != nil || pruned {
		return true, err
	}
	var r logfile.Record
	if err := logfile.ParseLine(line, &r); err != nil || r.Kind != logfile.KindCheckpoint {
		return false, nil
	}
	has, err := checkpoint.Parse(r.Checkpoint)
	return err == nil && has.Size == size && has.Root == root, nil
}

// line holds the log against a line that was read of it.
func (c *comparison) line(w Witness) error {
	line, pruned, err := c.record(w.Record)
	if err != nil || pruned || line != nil && sha256.Sum256(line) == w.LineHash {
		return err
	}
	if w.Record <= c.chain.Signed {
		c.add(w.Place, fmt.Sprintf("record %d %x", w.Record, w.LineHash),
			"%s knows another record %d than the log has, whose last checkpoint, in record %d, covers it", w.Place, w.Record, c.chain.Signed)
	} else {
		c.found.Ahead = append(c.found.Ahead, fmt.Sprintf("%s knew the log up to record %d, and the log ends with record %d, or has another there",
			w.Place, w.Record, c.found.LastSeq))
	}
	c.ahead = append(c.ahead, w)
	return nil
}

// stepBack makes the witnesses that know more than the log drop that.
func (r *recovery) stepBack() {
	first := prunedRecords(r.names) + 1
	for _, w := range r.ahead {
		if err := w.StepBack(first); err != nil {
			r.found.Ahead = append(r.found.Ahead, fmt.Sprintf("%s did not drop what the log does not have: %v", w.Place, err))
		}
	}
}

// record returns the line of a record, nil for none that the log has, and whether it is pruned.
func (c *comparison) record(seq uint64) (line []byte, pruned bool, err error) {
	segment := segmentOf(c.segments, seq)
	if segment < 0 {
		return nil, len(c.segments) > 0, nil
	}
	err = withReader(c.disk, c.segments[segment], func(in *logfile.Reader) error {
		found, err := in.Find(seq)
		line = slices.Clone(found)
		return err
	})
	return line, false, err
}
