package export

import (
	"cmp"
	"fmt"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/proof"
)

// Summary is the content of a bundle.
type Summary struct {
	From, To    time.Time // the period: records at From or later and before To
	First, Last uint64    // records in the bundle
	Counts                // of the records of the period in the bundle

	Plans      []string         // names of the texts of plans that records in the bundle name, sorted
	NoText     []string         // ids of plans that they name, whose texts the log does not have, or are damaged
	Uncovered  int              // records of the period behind the last checkpoint, which are left out
	Pruned     uint64           // the bundle begins where the log does, behind so many records that were pruned
	Keys       proof.Keyring    // that signed up to the last record
	Checkpoint *proof.Statement // the last record
	Newest     *proof.Statement // of the log
}

// Counts are of the records of a period.
type Counts struct {
	Begin, End                                    uint64 // the first and the last one; 0 if there are none
	Intents, Outcomes, Refusals, Events, OfItself int    // by kind; OfItself are those of the log itself
}

// Total returns how many records there are.
func (c *Counts) Total() int { return c.Intents + c.Outcomes + c.Refusals + c.Events + c.OfItself }

func (c *Counts) see(l proof.Line) {
	if c.Begin == 0 {
		c.Begin = l.Seq
	}
	c.End = l.Seq
	switch l.Kind {
	case logfile.KindIntent:
		c.Intents++
	case logfile.KindOutcome:
		c.Outcomes++
	case logfile.KindRefusal, logfile.KindRefusals:
		c.Refusals++
	case logfile.KindEvent:
		c.Events++
	default:
		c.OfItself++
	}
}

func (c *Counts) add(more Counts) {
	if c.Begin == 0 {
		c.Begin = more.Begin
	}
	c.End = max(c.End, more.End)
	c.Intents += more.Intents
	c.Outcomes += more.Outcomes
	c.Refusals += more.Refusals
	c.Events += more.Events
	c.OfItself += more.OfItself
}

// planner finds the records of a log that a bundle needs. It reads all of them, since times step back when a clock is set.
type planner struct {
	from, to string // as records spell times
	summary  Summary
	open     Counts // of the records that no checkpoint covers so far
	keys     proof.Keyring
	rekeyed  bool // a key record is behind the last checkpoint

	oldest, newest string // times of the first and the last record
}

func (p *planner) see(l proof.Line) error {
	if err := p.keys.See(l); err != nil {
		return err
	}
	p.oldest, p.newest = cmp.Or(p.oldest, l.Time), l.Time
	sealed := l.Kind == logfile.KindCheckpoint
	begun := p.summary.Begin > 0 || p.open.Begin > 0
	// A checkpoint that an older key signs too proves less without the key record before it: a bundle begins with another one.
	if p.summary.First == 0 || sealed && !begun && !p.rekeyed {
		p.summary.First = l.Seq
	}
	p.rekeyed = l.Kind == logfile.KindKey || p.rekeyed && !sealed
	if p.from <= l.Time && l.Time < p.to {
		p.open.see(l)
	}
	if sealed && p.open.Begin > 0 {
		p.summary.Counts.add(p.open)
		p.open, p.summary.Last = Counts{}, l.Seq
	}
	return nil
}

// plan finds the content of the bundle of a period.
func plan(log *proof.Log, from, to time.Time) (*Summary, error) {
	p := planner{from: spell(from), to: spell(to)}
	for line, err := range log.Lines(1) {
		if err == nil {
			err = p.see(line)
		}
		if err != nil {
			return nil, err
		}
	}
	s := &p.summary
	s.From, s.To, s.Uncovered = from.UTC(), to.UTC(), p.open.Total()
	if first := log.First(); s.First == first {
		s.Pruned = first - 1
	}
	switch {
	case s.Last > 0:
		return s, s.lookup(log, p.keys)
	case p.open.Begin > 0:
		return nil, fmt.Errorf("record %d, the first of the period: %w", p.open.Begin, proof.ErrNotCovered)
	}
	pruned := ""
	if first := log.First(); first > 1 {
		pruned = fmt.Sprintf(", and those before %d are pruned", first)
	}
	return nil, fmt.Errorf("the period from %s to before %s has no records: the log's are of %s to %s%s", p.from, p.to, p.oldest, p.newest, pruned)
}

func spell(t time.Time) string { return t.UTC().Format(checkpoint.TimeFormat) }

// lookup finds the checkpoints and keys of a bundle whose records are known.
func (s *Summary) lookup(log *proof.Log, keys proof.Keyring) (err error) {
	for _, use := range keys {
		if use.Seq < s.Last {
			s.Keys = append(s.Keys, use)
		}
	}
	if s.Checkpoint, err = log.Checkpoint(s.Last); err != nil {
		return err
	}
	if s.Checkpoint.Seq != s.Last {
		return fmt.Errorf("the checkpoint in record %d has gone: try again", s.Last)
	}
	s.Newest, err = log.Newest()
	return err
}
