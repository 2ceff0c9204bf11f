package store

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"tollgate/audit/logfile"
)

// errEnd ends the reading of a log.
var errEnd = errors.New("the record is behind the end")

// checkUnended reports one of some intents, in the order of the log, whose call ended up to a record. It reads the log from the first of them
// on, whose line stands at a position: that calls are said to be open, or lost, is in no line, and those of a gateway are never open for long.
func (r *reader) checkUnended(ctx context.Context, intents []*logfile.Record, at logfile.Position, last uint64) error {
	began := map[string]uint64{}
	for _, intent := range intents {
		began[intent.Call] = intent.Seq
	}
	return r.checkBehind(ctx, began, Mark{Seq: intents[0].Seq, At: at}, last)
}

// checkBehind is checkUnended for records behind a mark; began has the seq of each intent by its call.
func (r *reader) checkBehind(ctx context.Context, began map[string]uint64, from Mark, last uint64) error {
	log := logfile.FollowBehind(r.index.log, from.Seq, from.At)
	defer log.Close() // opened for reading: nothing can be lost
	log.Brief = true
	err := log.Read(func(record *logfile.Record, _ []byte, _ logfile.Position) error {
		if record.Seq > last {
			return errEnd
		}
		seq, among := began[record.Call]
		if record.Kind == logfile.KindStart || among && record.Seq > seq && record.Kind == logfile.KindOutcome {
			return fmt.Errorf("%w: a call is said to be open that ended with record %d", errMisfit, record.Seq)
		}
		return ctx.Err()
	})
	if err == errEnd {
		return nil
	}
	return err
}

// endCheck remembers up to where the log was read for the ends of calls that are said to be open, so that the next query goes on from there.
type endCheck struct {
	mu   sync.Mutex
	upTo Mark
	open map[string]uint64 // the seq of each intent, by its call
}

// check is [reader.checkUnended] for the calls that are open in the index.
func (c *endCheck) check(ctx context.Context, r *reader, intents []*logfile.Record) error {
	began := map[string]uint64{}
	for _, intent := range intents {
		began[intent.Call] = intent.Seq
	}
	c.mu.Lock()
	from := c.upTo
	known := from.Seq > 0 && from.Seq <= r.upTo.Seq
	for _, intent := range intents {
		known = known && (intent.Seq > from.Seq || c.open[intent.Call] == intent.Seq)
	}
	c.mu.Unlock()
	if !known || from.Seq < intents[0].Seq || !from.holds(&r.lines) {
		from = Mark{Seq: intents[0].Seq, At: r.open[0]}
	}
	if err := r.checkBehind(ctx, began, from, r.upTo.Seq); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.upTo, c.open = r.upTo, began
	return nil
}
