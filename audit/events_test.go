package audit

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
)

func eventOf(code logfile.EventCode, subject string, data ...string) logfile.Record {
	r := logfile.Record{Event: code, Subject: subject}
	for i := 0; i+1 < len(data); i += 2 {
		if r.Data == nil {
			r.Data = map[string]string{}
		}
		r.Data[data[i]] = data[i+1]
	}
	return r
}

// codes lists what was written, as CODE of SUBJECT, with how often where that is said.
func (q *queue) codes() (all []string) {
	for _, r := range q.records {
		text := fmt.Sprintf("%s of %s", r.Event, r.Subject)
		if n := r.Data["count"]; n != "" {
			text += " ×" + n
		}
		all = append(all, text)
	}
	return all
}

// TestFlappingIsCounted: of a state that changes all the time two records a minute are written, the last of them is how things
// are, and no change is missing from the counts.
func TestFlappingIsCounted(t *testing.T) {
	q := &queue{}
	e := NewEvents(q)
	for s := range 100 {
		now := noon.Add(time.Duration(s) * time.Second)
		code := []logfile.EventCode{"down", "up"}[s%2]
		e.Add(now, eventOf(code, "x", "n", fmt.Sprint(s)))
		e.Flush(now)
	}
	e.Flush(noon.Add(3 * time.Minute))
	e.Flush(noon.Add(4 * time.Minute))
	// The first two are written as they happen; what comes in the minute behind them is held until both may be written again.
	want := []string{"down of x", "up of x", "down of x ×30", "up of x ×30", "down of x ×19", "up of x ×19"}
	got := q.codes()
	counts := map[logfile.EventCode]int{}
	for _, r := range q.records {
		n := 1
		if text := r.Data["count"]; text != "" {
			_, _ = fmt.Sscan(text, &n)
		}
		counts[r.Event] += n
	}
	if counts["down"] != 50 || counts["up"] != 50 || !slices.Equal(got, want) {
		t.Errorf("%v, in %q", counts, got)
	}
	last := q.records[len(q.records)-1]
	if last.Kind != logfile.KindEvent || last.Event != "up" || last.Data["n"] != "99" || last.Data["at"] != "2026-10-03T12:01:39Z" {
		t.Errorf("the last record is %+v", last)
	}
	for _, r := range q.records {
		if r.Data["since"] > r.Data["at"] {
			t.Errorf("%+v", r)
		}
	}
	if len(e.subjects) != 0 {
		t.Error("a quiet subject is remembered")
	}
}

// TestEventsAreWrittenAsTheyHappen where none of the code was written in the last minute; other codes and subjects do not matter.
func TestEventsAreWrittenAsTheyHappen(t *testing.T) {
	q := &queue{}
	e := NewEvents(q)
	for _, r := range []logfile.Record{eventOf("down", "x", "a", "1"), eventOf("down", "y"), eventOf("up", "x")} {
		e.Add(noon, r)
	}
	e.Add(noon.Add(time.Minute), eventOf("down", "x"))
	e.Add(noon, eventOf("down", "x")) // the clock was set back
	want := []string{"down of x", "down of y", "up of x", "down of x", "down of x"}
	if got := q.codes(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := map[string]string{"a": "1"}; !reflect.DeepEqual(q.records[0].Data, want) || q.records[1].Data != nil {
		t.Errorf("data %v and %v", q.records[0].Data, q.records[1].Data)
	}
}

// TestEventsWaitForTheLog: what a log that takes nothing does not take is written when it does, in the order in which it happened
// last, and memory is bounded meanwhile.
func TestEventsWaitForTheLog(t *testing.T) {
	q := &queue{full: true}
	e := NewEvents(q)
	for i, code := range []logfile.EventCode{"stalled", "recovered", "stalled", "recovered", "stalled"} {
		e.Add(noon.Add(time.Duration(i)*time.Hour), eventOf(code, ""))
	}
	for i := range 5000 {
		e.Add(noon, eventOf("e", fmt.Sprint(i)))
	}
	if len(e.subjects) > maxSubjects+1 {
		t.Errorf("%d subjects", len(e.subjects))
	}
	e.Flush(noon.Add(5 * time.Hour))
	q.full = false
	e.Flush(noon.Add(6 * time.Hour))
	var got []string
	total := 0
	for i, text := range q.codes() {
		if q.records[i].Event != "e" {
			got = append(got, text)
			continue
		}
		n := 1
		if count := q.records[i].Data["count"]; count != "" {
			_, _ = fmt.Sscan(count, &n)
		}
		total += n
	}
	if want := []string{"recovered of  ×2", "stalled of  ×3"}; !slices.Equal(got, want) || total != 5000 {
		t.Errorf("got %q, and %d others", got, total)
	}
}

// TestEventsAtTheEnd: what is held is written when the log is about to be closed.
func TestEventsAtTheEnd(t *testing.T) {
	q := &queue{}
	e := NewEvents(q)
	e.Add(noon, eventOf("down", "x"))
	e.Add(noon.Add(time.Second), eventOf("down", "x"))
	e.Close(noon.Add(2 * time.Second))
	if want := []string{"down of x", "down of x"}; !slices.Equal(q.codes(), want) || q.records[1].Data["at"] != "2026-10-03T12:00:01Z" {
		t.Errorf("got %+v", q.records)
	}
}

func TestEventsConcurrently(t *testing.T) {
	q := &queue{}
	e := NewEvents(q)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 200 {
				e.Add(noon.Add(time.Duration(i)*time.Second), eventOf("e", fmt.Sprint(w%3)))
				e.Flush(noon.Add(time.Duration(i) * time.Second))
			}
		})
	}
	all.Wait()
	e.Close(noon)
	total := 0
	for _, r := range q.records {
		n := 1
		if count := r.Data["count"]; count != "" {
			_, _ = fmt.Sscan(count, &n)
		}
		total += n
	}
	if total != 8*200 {
		t.Errorf("%d events are accounted for", total)
	}
}
