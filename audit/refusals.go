package audit

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	refusalWindow = time.Minute
	// maxCounts bounds the lines of one summary; what is beyond is counted under the source Other.
	maxCounts = 256
	// maxReasons bounds the lines for Other; reasons are short codes, so this is never reached in good order.
	maxReasons = 64
	// maxKnown is how many refusals of one known caller get a record of their own in a minute.
	maxKnown = 600
)

// Other stands in a summary for sources beyond its bound, and for reasons beyond theirs.
const Other = "other"

// Queuer takes records that nobody waits for, and the last ones before it is closed; a [Log] is one.
type Queuer interface {
	Queue(r *Record) error
	QueueLast(r *Record) error
}

var _ Queuer = (*Log)(nil)

// Refusals decides which refusals get a record of their own, so that nobody can fill the log with them: those of known
// callers each, up to 600 per caller and minute, those of unknown peers the first few per source and minute. The rest is counted, and a summary record
// a minute says how often what was refused to whom. IPv6 sources are taken by their /64, of which one host has all.
//
// Its methods may be called concurrently. It has no goroutine: the owner calls Flush now and then, and Close at the end.
type Refusals struct {
	log        Queuer
	perSource  int
	maxSources int

	mu      sync.Mutex
	minute  time.Time         // when the minute began; zero before the first refusal of one
	since   time.Time         // from when the counts are
	full    int               // records of unknown peers in this minute
	sources map[string]int    // the same by source
	known   map[string]int    // records of known callers in this minute, by caller: names of the configuration only
	counts  map[Count]uint64  // by Count without its number
	others  map[string]uint64 // by reason, for sources beyond maxCounts
}

// NewRefusals makes a Refusals that records perSource refusals per unknown source and minute (0 means 5), of at most
// maxSources sources, and at most maxSources such records a minute in all (0 means 1000).
func NewRefusals(log Queuer, perSource, maxSources int) *Refusals {
	s := &Refusals{
		log: log, perSource: cmp.Or(perSource, 5), maxSources: cmp.Or(maxSources, 1000),
		sources: map[string]int{}, known: map[string]int{}, counts: map[Count]uint64{}, others: map[string]uint64{},
	}
	return s
}

// Unknown takes a refusal of a peer that proved no identity. full makes the record; it is called only if one is
// written.
func (s *Refusals) Unknown(now time.Time, source, reason string, full func() *Record) {
	s.Flush(now)
	source = sourceKey(source)
	if !s.first(now, source) {
		s.count(now, Count{Reason: reason, Source: source})
		return
	}
	if err := s.log.Queue(full()); err != nil {
		s.count(now, Count{Reason: reason, Source: source})
	}
}

// Known takes a refusal of a known caller. If the log does not take the record, it is counted.
func (s *Refusals) Known(now time.Time, r *Record) {
	s.Flush(now)
	if !s.mayRecord(now, r.Caller) || s.log.Queue(r) != nil {
		s.count(now, Count{Reason: r.Reason, Source: sourceKey(r.Source), Caller: r.Caller})
	}
}

// mayRecord counts a record of a known caller, if there may be one more in this minute.
func (s *Refusals) mayRecord(now time.Time, caller string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open(now)
	s.known[caller]++
	return s.known[caller] <= maxKnown
}

// Flush writes the summary when its minute is over. If the log does not take it, its counts go into the next one.
func (s *Refusals) Flush(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A clock that was set back ends the minute, too: otherwise none might end for hours.
	if s.minute.IsZero() || (now.Sub(s.minute) < refusalWindow && !now.Before(s.minute)) {
		return
	}
	s.minute, s.full = time.Time{}, 0
	clear(s.sources)
	clear(s.known)
	if !s.flush(s.log.Queue) {
		s.minute = now // the next attempt is a minute away
	}
}

// Close writes what was counted, also on a full disk. The log is to be closed next.
func (s *Refusals) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush(s.log.QueueLast)
}

// flush writes the summary and says whether nothing is left to write. mu is held, so that nothing is counted into a
// summary that is being written; Queue does not wait for the disk.
func (s *Refusals) flush(queue func(*Record) error) bool {
	if len(s.counts) == 0 && len(s.others) == 0 {
		return true
	}
	r := Record{Kind: KindRefusals, Decision: Refused, Since: s.since.UTC(), Counts: s.summary()}
	if err := queue(&r); err != nil {
		return false
	}
	clear(s.counts)
	clear(s.others)
	s.since = time.Time{}
	return true
}

// summary gives the counts, largest first.
func (s *Refusals) summary() []Count {
	lines := make([]Count, 0, len(s.counts)+len(s.others))
	for c, n := range s.counts {
		c.Count = n
		lines = append(lines, c)
	}
	for reason, n := range s.others {
		lines = append(lines, Count{Reason: reason, Source: Other, Count: n})
	}
	slices.SortFunc(lines, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Source, b.Source))
	})
	return lines
}

// first says whether a source still has a record of its own in this minute, and counts it.
func (s *Refusals) first(now time.Time, source string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open(now)
	n, known := s.sources[source]
	if n >= s.perSource || s.full >= s.maxSources || (!known && len(s.sources) >= s.maxSources) {
		return false
	}
	s.sources[source]++
	s.full++
	return true
}

func (s *Refusals) count(now time.Time, key Count) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open(now)
	if s.since.IsZero() {
		s.since = now
	}
	if _, ok := s.counts[key]; ok || len(s.counts) < maxCounts {
		s.counts[key]++
		return
	}
	if _, ok := s.others[key.Reason]; !ok && len(s.others) >= maxReasons {
		key.Reason = Other
	}
	s.others[key.Reason]++
}

func (s *Refusals) open(now time.Time) {
	if s.minute.IsZero() {
		s.minute = now
	}
}

// sourceKey is what one peer cannot change at will.
func sourceKey(source string) string {
	addr, err := netip.ParseAddr(source)
	if err != nil || addr.Unmap().Is4() {
		return source
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return source
	}
	return prefix.String()
}
