package audit

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/source"
)

// queue keeps what it is given, or refuses it.
type queue struct {
	mu      sync.Mutex
	records []logfile.Record
	full    bool
}

func (q *queue) Queue(r *logfile.Record) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full {
		return errors.New("full")
	}
	q.records = append(q.records, *r)
	return nil
}

func (q *queue) QueueLast(r *logfile.Record) error { return q.Queue(r) }

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

func refusal(reason string) func() *logfile.Record {
	return func() *logfile.Record { return &logfile.Record{Kind: logfile.KindRefusal, Reason: reason} }
}

// split separates full records from summaries.
func (q *queue) split() (full int, summaries []logfile.Record) {
	for _, r := range q.records {
		if r.Kind == logfile.KindRefusals {
			summaries = append(summaries, r)
		} else {
			full++
		}
	}
	return full, summaries
}

func TestUnknownPeersAreSummarised(t *testing.T) {
	q := &queue{}
	s := NewRefusals(q, RefusalBounds{PerSource: 2, Sources: 10})
	for range 5 {
		s.Unknown(noon, source.Parse("10.0.0.1"), logfile.Count{Reason: "no_signature"}, refusal("no_signature"))
	}
	s.Unknown(noon, source.Parse("10.0.0.2"), logfile.Count{Reason: "no_signature"}, refusal("no_signature"))
	s.Flush(noon.Add(59 * time.Second))
	if full, summaries := q.split(); full != 3 || len(summaries) != 0 {
		t.Fatalf("within the minute: %d records, %d summaries; want 3 and 0", full, len(summaries))
	}
	s.Flush(noon.Add(time.Minute))
	s.Flush(noon.Add(2 * time.Minute))
	full, summaries := q.split()
	if full != 3 || len(summaries) != 1 {
		t.Fatalf("after the minute: %d records, %d summaries; want 3 and 1", full, len(summaries))
	}
	want := []logfile.Count{{Reason: "no_signature", Source: "10.0.0.1", Count: 3}}
	if got := summaries[0]; !reflect.DeepEqual(got.Counts, want) || !got.Since.Equal(noon) || got.Decision != logfile.Refused {
		t.Errorf("summary %+v, want %+v", got, want)
	}
	s.Unknown(noon.Add(2*time.Minute), source.Parse("10.0.0.1"), logfile.Count{Reason: "no_signature"}, refusal("no_signature"))
	if full, _ := q.split(); full != 4 {
		t.Error("the next minute begins with no records of its own")
	}
}

// TestFloodIsBounded: unauthenticated peers with any number of addresses get a bounded number of records, and each is counted.
func TestFloodIsBounded(t *testing.T) {
	q := &queue{}
	s := NewRefusals(q, RefusalBounds{PerSource: 5, Sources: 100})
	const n = 20000
	for i := range n {
		from := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		s.Unknown(noon, source.Parse(from), logfile.Count{Reason: fmt.Sprint("reason-", i%200)}, refusal("r"))
	}
	if len(s.sources) > 200 || len(s.counts) > maxCounts || len(s.others) > maxReasons+1 {
		t.Errorf("memory grew to %d sources, %d counts, %d reasons", len(s.sources), len(s.counts), len(s.others))
	}
	s.Close()
	full, summaries := q.split()
	if full > 100 || len(summaries) != 1 {
		t.Fatalf("%d records and %d summaries", full, len(summaries))
	}
	total := uint64(full)
	for _, c := range summaries[0].Counts {
		total += c.Count
	}
	if total != n {
		t.Errorf("%d refusals are accounted for, of %d", total, n)
	}
	if line := summaries[0].Append(nil); len(line) >= logfile.MaxLine {
		t.Errorf("the summary has %d bytes", len(line))
	}
}

// TestFullSummaryIsWhole: a summary with as many lines as it can have holds them all, with the longest codes and sources that there are.
func TestFullSummaryIsWhole(t *testing.T) {
	q := &queue{}
	s := NewRefusals(q, RefusalBounds{PerSource: 1, Sources: 1})
	const n = 20000
	for i := range n {
		why := logfile.Count{Reason: "too many from source", Stage: logfile.StageConnection, TLSFailure: fmt.Sprintf("alert_bad_certificate_status_response%02d", i%100)}
		s.Unknown(noon, source.Parse(fmt.Sprintf("2001:db8:%x:ffff::1", 0x1000+i%2000)), why, refusal("r"))
	}
	s.Close()
	full, summaries := q.split()
	total, line := uint64(full), summaries[0].Append(nil)
	var read logfile.Record
	if err := logfile.ParseLine(line, &read); err != nil {
		t.Fatal(err)
	}
	for _, c := range read.Counts {
		total += c.Count
	}
	if total != n || read.Cut || len(read.Counts) < maxCounts {
		t.Errorf("%d refusals are accounted for, of %d, in %d lines; cut %v", total, n, len(read.Counts), read.Cut)
	}
}

// TestOneHostIsOneSource: the addresses of an IPv6 /64 share their records.
func TestOneHostIsOneSource(t *testing.T) {
	q := &queue{}
	s := NewRefusals(q, RefusalBounds{PerSource: 2, Sources: 10})
	for i := range 9 {
		s.Unknown(noon, source.Parse(fmt.Sprintf("2001:db8::%d", i)), logfile.Count{Reason: "r"}, refusal("r"))
	}
	s.Close()
	full, summaries := q.split()
	if full != 2 || len(summaries) != 1 || summaries[0].Counts[0].Source != "2001:db8::/64" {
		t.Errorf("%d records, summaries %+v", full, summaries)
	}
}

// TestSiteHasAShare: the networks of an IPv6 site share records, too.
func TestSiteHasAShare(t *testing.T) {
	q := &queue{}
	s := NewRefusals(q, RefusalBounds{PerSource: 2})
	for i := range 99 {
		s.Unknown(noon, source.Parse(fmt.Sprintf("2001:db8:1:%x::1", i)), logfile.Count{Reason: "r"}, refusal("r"))
	}
	s.Unknown(noon, source.Parse("2001:db8:2::1"), logfile.Count{Reason: "r"}, refusal("r"))
	if full, _ := q.split(); full != 2*siteSources+1 {
		t.Errorf("%d records, want %d of one site and 1 of another", full, 2*siteSources)
	}
}

// TestDailyBound: whatever unauthenticated peers do for two days, in no 24 hours are there more bytes than the bound, summaries
// included, every refusal is counted, and the bound is used.
func TestDailyBound(t *testing.T) {
	t.Parallel()
	const daily = 2 << 20
	q := &queue{}
	s := NewRefusals(q, RefusalBounds{Daily: daily})
	total := uint64(0)
	var written [48]int // bytes by hour
	for minute := range 48 * 60 {
		now := noon.Add(time.Duration(minute) * time.Minute)
		before := len(q.records)
		for i := range 60 {
			s.Unknown(now, source.Parse(fmt.Sprintf("10.0.%d.%d", i>>8, i&255)), logfile.Count{Reason: "no_identity"}, func() *logfile.Record {
				return &logfile.Record{Kind: logfile.KindRefusal, Reason: "no_identity", Path: strings.Repeat("p", 1000)}
			})
			total++
		}
		for _, r := range q.records[before:] {
			written[minute/60] += len(r.Append(nil)) + 1
		}
	}
	for start := range 25 {
		sum := 0
		for _, n := range written[start : start+24] {
			sum += n
		}
		if sum > daily || sum < daily/2 {
			t.Fatalf("%d bytes in the 24 hours from hour %d; the bound is %d", sum, start, daily)
		}
	}
	s.Close()
	full, summaries := q.split()
	counted := uint64(full)
	for _, r := range summaries {
		for _, c := range r.Counts {
			counted += c.Count
		}
	}
	if counted != total {
		t.Errorf("%d refusals are accounted for, of %d", counted, total)
	}
	if s.Withheld() == 0 {
		t.Error("nothing was withheld")
	}
}

// TestKnownCallersAreRecordedEach, and counted when the log does not take the record.
func TestKnownCallersAreRecordedEach(t *testing.T) {
	q := &queue{}
	s := NewRefusals(q, RefusalBounds{PerSource: 1, Sources: 10})
	r := &logfile.Record{Kind: logfile.KindRefusal, Caller: "app", Source: "10.0.0.1", Reason: "no_grant"}
	for range 50 {
		s.Known(noon, r)
	}
	q.full = true
	s.Known(noon, r)
	s.Unknown(noon, source.Parse("10.0.0.9"), logfile.Count{Reason: "r"}, refusal("r"))
	s.Flush(noon.Add(time.Minute)) // not taken either: nothing is lost
	q.full = false
	s.Flush(noon.Add(2 * time.Minute))
	full, summaries := q.split()
	if full != 50 || len(summaries) != 1 {
		t.Fatalf("%d records and %d summaries, want 50 and 1", full, len(summaries))
	}
	want := []logfile.Count{
		{Reason: "no_grant", Source: "10.0.0.1", Caller: "app", Count: 1},
		{Reason: "r", Source: "10.0.0.9", Count: 1},
	}
	if !reflect.DeepEqual(summaries[0].Counts, want) || !summaries[0].Since.Equal(noon) {
		t.Errorf("summary %+v, want %+v", summaries[0], want)
	}
}

func TestClockSetBackEndsTheMinute(t *testing.T) {
	q := &queue{}
	s := NewRefusals(q, RefusalBounds{PerSource: 1, Sources: 10})
	s.Unknown(noon, source.Parse("10.0.0.1"), logfile.Count{Reason: "r"}, refusal("r"))
	s.Unknown(noon, source.Parse("10.0.0.1"), logfile.Count{Reason: "r"}, refusal("r"))
	s.Flush(noon.Add(-time.Hour))
	if _, summaries := q.split(); len(summaries) != 1 {
		t.Error("no summary was written")
	}
}

func TestRefusalsConcurrently(t *testing.T) {
	q := &queue{}
	s := NewRefusals(q, RefusalBounds{})
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 200 {
				now := noon.Add(time.Duration(i) * time.Second)
				s.Unknown(now, source.Parse(fmt.Sprint("10.0.0.", w)), logfile.Count{Reason: "r"}, refusal("r"))
				s.Known(now, &logfile.Record{Kind: logfile.KindRefusal, Caller: "app"})
			}
		})
	}
	all.Wait()
	s.Close()
	total := uint64(0)
	for _, r := range q.records {
		if r.Kind == logfile.KindRefusal {
			total++
		}
		for _, c := range r.Counts {
			total += c.Count
		}
	}
	if total != 2*8*200 {
		t.Errorf("%d refusals are accounted for, want %d", total, 2*8*200)
	}
}

// TestKnownCallersCannotFillTheLog: beyond the bound the refusals of a caller are counted, and another caller's are not
// touched by it.
func TestKnownCallersCannotFillTheLog(t *testing.T) {
	q := new(queue)
	s := NewRefusals(q, RefusalBounds{})
	now := time.Unix(1000, 0)
	for range maxKnown + 7 {
		s.Known(now, &logfile.Record{Kind: logfile.KindRefusal, Caller: "loud", Reason: "over_limit", Source: "127.0.0.1"})
	}
	s.Known(now, &logfile.Record{Kind: logfile.KindRefusal, Caller: "quiet", Reason: "no_grant", Source: "127.0.0.1"})
	if len(q.records) != maxKnown+1 {
		t.Fatalf("%d records, want %d", len(q.records), maxKnown+1)
	}
	s.Flush(now.Add(refusalWindow))
	if last := q.records[len(q.records)-1]; len(last.Counts) != 1 || last.Counts[0].Count != 7 || last.Counts[0].Caller != "loud" {
		t.Errorf("summary %+v", last)
	}
}
