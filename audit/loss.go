package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// Witness is what a place besides the log knows of it: a checkpoint, or the line of a record. Nothing in it needs to be proven: a
// place that may write it may stop a start, and has to be asked why.
type Witness struct {
	Place string // for people
	// Checkpoint is one of the log's; zero for a witness of a line.
	Checkpoint checkpoint.Checkpoint
	// Record is the number of a record, and LineHash the SHA-256 of its line. What witnesses lines follows the log before it is
	// synced, so a crash may rightly have taken the line back, unless a checkpoint covers it.
	Record   uint64
	LineHash [sha256.Size]byte
	// StepBack makes a witness of lines drop those that the log, which begins with record first, does not have. It is called before
	// anything is written. Its error stops nothing.
	StepBack func(first uint64) error
}

// Loss is something that the log has not, and must have had.
type Loss struct {
	ID    string // of exactly this gap between what Place knows and the log as it is
	Place string
	Text  string // for people

	states string            // what is missing, in a form that stays the same
	data   map[string]string // of the record that accepts it
}

// LossError says that a log is not what it was: an old state of its directory was restored, or files of it were removed or cut.
type LossError struct{ Losses []Loss }

func (e *LossError) Error() string {
	var b strings.Builder
	b.WriteString("the log was rolled back, or records of it were removed:")
	for _, l := range e.Losses {
		fmt.Fprintf(&b, " %s (gap %s);", l.Text, l.ID)
	}
	b.WriteString(" nothing was changed: bring back the newest state of the directory; if there is none, `tollgate audit accept-loss` puts the loss on record")
	return b.String()
}

// Losses returns what a log has lost, by which [Open] would refuse it, and changes nothing but the lock's file. The error
// wraps [ErrLocked] while a process writes the log.
func Losses(ctx context.Context, o Options) ([]Loss, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	lock, err := o.disk.Lock()
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: o, disk: o.disk, lock: lock}
	l.cfg.Accept = nil
	_, _, err = l.examine(ctx)
	var lost *LossError
	if errors.As(err, &lost) {
		return lost.Losses, l.release()
	}
	return nil, errors.Join(advise(err), l.release())
}

// lost refuses what the log has lost, unless the configuration accepts it, or a record of the log does.
func (l *Log) lost(ctx context.Context, r *recovery) error {
	losses, err := l.compare(ctx, r)
	if err != nil {
		return err
	}
	if len(losses) > 0 {
		known, err := r.accepted()
		if err != nil {
			return err
		}
		losses = slices.DeleteFunc(losses, func(loss Loss) bool { return known[loss.states] })
	}
	for _, id := range l.cfg.Accept {
		if !slices.ContainsFunc(losses, func(loss Loss) bool { return loss.ID == id }) {
			return fmt.Errorf("audit: there is no gap %q between this log and what is known of it", id)
		}
	}
	losses = slices.DeleteFunc(losses, func(loss Loss) bool {
		accepted := slices.Contains(l.cfg.Accept, loss.ID)
		if accepted {
			r.found.Accepted = append(r.found.Accepted, loss)
		}
		return accepted
	})
	if len(losses) > 0 {
		return &LossError{losses}
	}
	return nil
}

// compare holds the log against what is known of it elsewhere.
func (l *Log) compare(ctx context.Context, r *recovery) ([]Loss, error) {
	name, losses, err := l.name(r)
	if err != nil || l.cfg.Witnesses == nil || name == "" {
		return losses, err
	}
	c := comparison{recovery: r, log: name, segments: logfile.SegmentNames(r.names), losses: losses}
	for _, w := range l.cfg.Witnesses(ctx, name) {
		hold := c.checkpoint
		if w.Record > 0 {
			hold = c.line
		}
		if err := hold(w); err != nil {
			return nil, err
		}
	}
	return c.losses, ctx.Err()
}

// name returns the log's name, as far as something says it. A key in the log's own directory without a checkpoint is a loss: that
// file is there from the first checkpoint on.
func (l *Log) name(r *recovery) (string, []Loss, error) {
	if r.chain.Signed > 0 {
		return r.chain.Key.Name(), nil, nil
	}
	key, err := optional(l.cfg.keys.Load())
	if err != nil {
		return "", nil, err
	}
	if key == nil { // the log begins with the successor, if there is one
		successor, err := optional(l.cfg.keys.LoadNew())
		if err != nil || successor == nil {
			return string(l.cfg.Name), nil, err
		}
		return successor.Name(), nil, nil
	}
	if filepath.Dir(l.cfg.keys.Path()) != filepath.Clean(l.cfg.Dir) {
		return key.Name(), nil, nil // it may have been made for a log that is yet to begin
	}
	c := comparison{recovery: r, log: key.Name()}
	c.add(l.cfg.keys.Path(), "key "+key.Public().String(), "the key %s is there, and the segments that it signed are not", l.cfg.keys.Path())
	return key.Name(), c.losses, nil
}

// accepted returns the losses that the log says were accepted; none when its records are not those that the last checkpoint covers,
// since a start has not read them all and an attacker may have written the event. It reads the log from its beginning, which only a log
// that has lost something needs, as long as a place still knows of it.
func (r *recovery) accepted() (map[string]bool, error) {
	known := map[string]bool{}
	tree, err := r.prunedTree()
	if err != nil {
		return nil, err
	}
	for _, name := range logfile.SegmentNames(r.names) {
		err := withReader(r.disk, name, func(in *logfile.Reader) error { return r.acceptedIn(in, tree, known) })
		if err != nil {
			return nil, err
		}
	}
	if tree.Root() != r.chain.Tree.Root() {
		return nil, nil
	}
	return known, nil
}

// acceptedIn adds all lines to the tree, and the losses that records accept which a checkpoint covers.
func (r *recovery) acceptedIn(in *logfile.Reader, tree *checkpoint.Tree, known map[string]bool) error {
	for line, err := range in.Lines() {
		if err != nil {
			return err
		}
		tree.AddLine(line.Text)
		if !bytes.Contains(line.Text, []byte(logfile.EventLossAccepted)) {
			continue
		}
		e, err := line.Record()
		if err != nil {
			return err
		}
		if e.Kind == logfile.KindEvent && e.Event == logfile.EventLossAccepted && e.Seq < r.chain.Signed {
			known[e.Data["lost"]] = true
		}
	}
	return nil
}

// record returns the record of a loss that was accepted.
func (l *Loss) record() *logfile.Record {
	return &logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventLossAccepted, Subject: l.Place, Detail: l.Text, Data: l.data}
}
