package inbox

import (
	"context"
	"errors"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/review/evidence"
)

// Scope is what is looked at, and when.
type Scope struct {
	Since, Until time.Time // the period of what has one
	Zone         *time.Location
	Now          time.Time
	Expiring     []Expiry                               // that the running gateway knows of
	Verified     func(log string) (v Verified, ok bool) // the last verification in this process; nil: there was none
}

// Part is a part of what is looked at, as [Missed] names it.
type Part string

// The parts.
const (
	PartEvents      Part = "events"      // of the log and the gateway
	PartFiles       Part = "files"       // gaps, and what no checkpoint covers
	PartUnknown     Part = "unknown"     // calls whose outcome is unknown
	PartOpen        Part = "open"        // calls without an outcome
	PartRefusals    Part = "refusals"    // of calls
	PartConnections Part = "connections" // refusals of no call, and summaries
	PartPeers       Part = "peers"       // certificates that calls showed
	PartDeprecated  Part = "deprecated"
)

// Missed is a part of a log that was not read to its end.
type Missed struct {
	Log  string
	Part Part
	// Before is the time from which on it was read; zero: nothing is known of how far it was.
	Before time.Time
	Err    error // why; nil: there was no time left
}

// Found is what was found.
type Found struct {
	Rows      []*Row      // by weight and kind, the newest first
	Open      int         // exceptions in all rows
	More      int         // exceptions beyond [maxRows], which are in no row
	Held      []Money     // by unknown and open calls, by currency
	Unpriced  int         // such calls that move money, of an amount that is not known
	Uncovered []time.Time // days of records that no checkpoint covers, in the zone
	Missed    []Missed
	Evicted   uint64 // refusals that were in no count of an hour any more, since there were too many counts
}

// Find looks for exceptions in logs until the context ends. What it could not read by then, or because of faults, is in Found.Missed.
func Find(ctx context.Context, logs evidence.Logs, s *Scope) *Found {
	folded := newFold()
	all := finder{scope: s, yield: folded.add, missed: &folded.found.Missed}
	for _, l := range logs {
		one := all.of(l)
		one.files(ctx)
		one.events(ctx)
		one.unknown(ctx)
		one.deprecated(ctx)
		one.peers(ctx)
		one.refusals(ctx) // last: there may be many
		folded.log(one)
	}
	all.expiring(s.Expiring)
	return folded.result()
}

// finder looks for exceptions in one log.
type finder struct {
	*evidence.Log
	scope  *Scope
	yield  func(*Exception)
	missed *[]Missed

	start     *logfile.Record    // the last one; nil: none was found
	lastStart uint64             // its number
	uncovered map[time.Time]bool // days of records that no checkpoint covers
	evicted   uint64
}

// of returns a finder for a log.
func (f finder) of(l *evidence.Log) *finder {
	f.Log, f.uncovered = l, map[time.Time]bool{}
	return &f
}

// miss notes that a part was not read to its end.
func (f *finder) miss(part Part, before time.Time, err error) {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = nil
	}
	*f.missed = append(*f.missed, Missed{f.Name, part, before, err})
}

// add yields an exception of the log.
func (f *finder) add(e *Exception) {
	e.Kind, e.Log = e.ID.Kind, f.Name
	if e.Weight == AtRisk {
		e.Weight = weights[e.Kind]
	}
	f.yield(e)
}

// byRecord returns an exception that a record shows.
func (f *finder) byRecord(kind Kind, r *logfile.Record) *Exception {
	return &Exception{ID: ID{Kind: kind, Log: short(f.Name), Seq: r.Seq}, Time: r.Time, Record: r}
}

// read calls yield for events and records of the log itself, in order.
func (f *finder) read(ctx context.Context, filter store.EventFilter, yield func(*logfile.Record)) error {
	return evidence.Logs{f.Log}.Events(ctx, &filter, func(_ *evidence.Log, r *logfile.Record) error {
		yield(r)
		return nil
	})
}

// pageSize is how many calls are in memory at a time. Each page opens the index, which takes as long as some hundred calls.
const pageSize = 2000

// pages calls yield for calls that a filter chooses, the newest end first. It returns the time of the last one, behind which all that ended
// were read.
func (f *finder) pages(ctx context.Context, filter *calls.Filter, yield func(calls.Placed) (more bool)) (reached time.Time, err error) {
	pager, cursor := f.Pager(), calls.Cursor{}
	for {
		page, next, err := pager.Page(ctx, filter, cursor, pageSize)
		for _, c := range page {
			reached = c.Time()
			if !yield(c) {
				return reached, nil
			}
		}
		if err != nil || len(page) < pageSize {
			return reached, err
		}
		cursor = next
	}
}

func (f *finder) inPeriod(t time.Time) bool {
	return !t.Before(f.scope.Since) && t.Before(f.scope.Until)
}
