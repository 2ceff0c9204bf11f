package inbox

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Row has the exceptions of one subject.
type Row struct {
	Subject
	Exceptions int
	Count      uint64 // what [Exception.Count] of them adds up to
	Recorded   uint64 // likewise
	First      time.Time
	Last       time.Time
	Until      time.Time // the nearest Until
	Held       []Money
	Newest     []*Exception // up to [maxListed]
}

const (
	maxRows   = 10_000 // of which each has some KB at most
	maxListed = 20
)

// fold collects exceptions by subject.
type fold struct {
	rows  map[Subject]*Row
	ids   map[ID]*Exception // of several logs: certificates, and operations that are deprecated
	found Found
	held  map[string]Money
	days  map[time.Time]bool
}

func newFold() *fold {
	return &fold{rows: map[Subject]*Row{}, ids: map[ID]*Exception{}, held: map[string]Money{}, days: map[time.Time]bool{}}
}

// log adds what a log has besides exceptions.
func (f *fold) log(one *finder) {
	f.found.Evicted += one.evicted
	maps.Copy(f.days, one.uncovered)
}

func (f *fold) add(e *Exception) {
	if e.Log == "" && f.merged(e) {
		return
	}
	f.found.Open++
	f.hold(e)
	row := f.rows[e.Subject]
	if row == nil {
		if len(f.rows) == maxRows {
			f.found.More++
			return
		}
		row = &Row{Subject: e.Subject, First: e.Time, Last: e.Time, Until: e.Until}
		f.rows[e.Subject] = row
	}
	row.add(e)
}

// merged adds an exception that another log has, too, to that of the other log, and reports whether there is one.
func (f *fold) merged(e *Exception) bool {
	before := f.ids[e.ID]
	if before == nil {
		if len(f.ids) < maxRows {
			f.ids[e.ID] = e
		}
		return false
	}
	before.Count += e.Count
	if row := f.rows[before.Subject]; row != nil {
		row.Count += e.Count
	}
	return true
}

func (f *fold) hold(e *Exception) {
	if e.Unpriced {
		f.found.Unpriced++
	}
	if e.Held != nil {
		f.held[e.Held.Currency] = e.Held.plus(f.held[e.Held.Currency])
	}
}

func (m Money) plus(other Money) Money {
	return Money{m.Value.Add(other.Value), m.Currency}
}

func (r *Row) add(e *Exception) {
	r.Exceptions++
	r.Count += e.Count
	r.Recorded += e.Recorded
	if e.Time.Before(r.First) {
		r.First = e.Time
	}
	r.Last = later(r.Last, e.Time)
	if r.Until.IsZero() || !e.Until.IsZero() && e.Until.Before(r.Until) {
		r.Until = e.Until
	}
	r.hold(e.Held)
	at, _ := slices.BinarySearchFunc(r.Newest, e, newestFirst)
	if r.Newest = slices.Insert(r.Newest, at, e); len(r.Newest) > maxListed {
		r.Newest = r.Newest[:maxListed]
	}
}

func (r *Row) hold(m *Money) {
	if m == nil {
		return
	}
	for i := range r.Held {
		if r.Held[i].Currency == m.Currency {
			r.Held[i] = r.Held[i].plus(*m)
			return
		}
	}
	r.Held = append(r.Held, *m)
}

func newestFirst(a, b *Exception) int {
	return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.ID.String(), b.ID.String()))
}

// result returns what was found, in order.
func (f *fold) result() *Found {
	rank := map[Kind]int{}
	for i, kind := range Kinds() {
		rank[kind] = i
	}
	f.found.Rows = slices.SortedFunc(maps.Values(f.rows), func(a, b *Row) int {
		return cmp.Or(cmp.Compare(a.Weight, b.Weight), cmp.Compare(rank[a.Kind], rank[b.Kind]), b.Last.Compare(a.Last), newestFirst(a.Newest[0], b.Newest[0]))
	})
	f.found.Held = slices.SortedFunc(maps.Values(f.held), func(a, b Money) int { return strings.Compare(a.Currency, b.Currency) })
	f.found.Uncovered = slices.SortedFunc(maps.Keys(f.days), time.Time.Compare)
	return &f.found
}
