package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"tollgate/audit/logfile"
)

// EventFilter chooses events, or records of the log itself. Members that are empty choose all.
type EventFilter struct {
	// Kind is empty for events. Others are start, stop, key, prune, refusals, and refusal: those that are of no call, such as handshakes.
	Kind    logfile.Kind
	Event   logfile.EventCode
	Subject string
	Since   time.Time // events of this time or later
	Until   time.Time // events before this time
}

// Match reports whether the filter chooses a record.
func (f *EventFilter) Match(r *logfile.Record) bool {
	return isEvent(r) && r.Kind == cmp.Or(f.Kind, logfile.KindEvent) && (f.Event == "" || f.Event == r.Event) && (f.Subject == "" || f.Subject == r.Subject) &&
		(f.Since.IsZero() || !r.Time.Before(f.Since)) && (f.Until.IsZero() || r.Time.Before(f.Until))
}

// isEvent reports whether a record is among events.
func isEvent(r *logfile.Record) bool {
	switch r.Kind {
	case logfile.KindEvent, logfile.KindStart, logfile.KindStop, logfile.KindKey, logfile.KindPrune, logfile.KindRefusals:
		return true
	}
	return r.Kind == logfile.KindRefusal && r.Call == ""
}

// kindMark begins what the column event has for records of other kinds than events. A code that begins with it has it twice.
const kindMark = "="

// eventText is what the column event has of a record.
func eventText(kind logfile.Kind, event logfile.EventCode) string {
	if kind != logfile.KindEvent {
		return kindMark + string(kind)
	}
	if strings.HasPrefix(string(event), kindMark) {
		return kindMark + string(event)
	}
	return string(event)
}

// subjectKey is the key of an event's subject.
func subjectKey(subject string) int64 { return hash48("subject", subject) }

// Events calls yield for each event that the filter chooses, in the order of the log, or the newest first, until yield returns an error,
// which is returned as it is. Records are read from the log's lines; those that the index does not have yet as well.
func (x *Index) Events(ctx context.Context, f *EventFilter, newestFirst bool, yield func(*logfile.Record) error) error {
	r, err := x.reader(ctx)
	if err != nil {
		return err
	}
	defer r.close() // opened for reading: nothing can be lost
	if !newestFirst {
		if err := r.events(ctx, f, forwards, yield); err != nil {
			return err
		}
		return r.eventsBehind(ctx, f, yield)
	}
	var newest []*logfile.Record
	err = r.eventsBehind(ctx, f, func(e *logfile.Record) error { newest = append(newest, e); return nil })
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(newest) {
		if err := yield(e); err != nil {
			return err
		}
	}
	return r.events(ctx, f, backwards, yield)
}

// events yields those that the index has.
func (r *reader) events(ctx context.Context, f *EventFilter, to direction, yield func(*logfile.Record) error) error {
	low, high := int64(0), int64(r.upTo.Seq)
	for {
		some, err := r.eventRows(ctx, f, to, low, high)
		if err != nil || len(some) == 0 {
			return r.failed(err)
		}
		for _, e := range some {
			record, err := readRecord(&r.lines, e.at)
			if err == nil && (!isEvent(record) || int64(record.Seq) != e.seq || micros(record.Time) != e.time) {
				err = errMisfit
			}
			if err != nil {
				return r.failed(err)
			}
			if !f.Match(record) {
				continue
			}
			if err := yield(record); err != nil {
				return err
			}
		}
		if last := some[len(some)-1].seq; to == forwards {
			low = last + 1
		} else {
			high = last - 1
		}
	}
}

type eventRow struct {
	seq, time int64
	at        logfile.Position
}

func (r *reader) eventRows(ctx context.Context, f *EventFilter, to direction, low, high int64) ([]eventRow, error) {
	since, until := timeBounds(f.Since, f.Until)
	text, args := "SELECT seq, time, segment, offset FROM events WHERE seq BETWEEN ? AND ? AND time BETWEEN ? AND ?", []any{low, high, since, until}
	switch kind := cmp.Or(f.Kind, logfile.KindEvent); {
	case f.Event != "" || kind != logfile.KindEvent:
		text, args = text+" AND event = ?", append(args, eventText(kind, f.Event))
	default:
		text, args = text+" AND event NOT GLOB ?", append(args, kindMark+"[a-z]*")
	}
	if f.Subject != "" {
		text, args = text+" AND subject = ?", append(args, subjectKey(f.Subject))
	}
	columns := func(e *eventRow) []any { return []any{&e.seq, &e.time, &e.at.Segment, &e.at.Offset} }
	return fetch(ctx, r.database, columns, text+" ORDER BY seq "+string(to)+" LIMIT ?", append(args, pageRows)...)
}

// timeBounds are the least and the greatest time of a filter.
func timeBounds(since, until time.Time) (low, high int64) {
	low, high = math.MinInt64, math.MaxInt64
	if !since.IsZero() {
		low = micros(since)
	}
	if !until.IsZero() {
		high = micros(until)
	}
	return low, high
}

// eventsBehind yields those that the index does not have yet.
func (r *reader) eventsBehind(ctx context.Context, f *EventFilter, yield func(*logfile.Record) error) error {
	log := logfile.FollowBehind(r.index.log, r.upTo.Seq, r.upTo.At)
	defer log.Close() // opened for reading: nothing can be lost
	return log.Read(func(record *logfile.Record, _ []byte, _ logfile.Position) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !f.Match(record) {
			return nil
		}
		return yield(record)
	})
}
