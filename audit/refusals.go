package audit

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tollgate/audit/logfile"
	"tollgate/internal/source"
)

const (
	refusalWindow = time.Minute
	// maxCounts bounds the lines of one summary; what is beyond is counted under the source [logfile.Other].
	maxCounts = 256
	// maxReasons bounds the lines for [logfile.Other]; reasons are short codes, so this is never reached in good order.
	maxReasons = 64
	// maxKnown is how many refusals of one known caller get a record of their own in a minute.
	maxKnown = 600
)

// Queuer takes records that no caller waits for, and the last ones before it is closed; a [Log] is one.
type Queuer interface {
	Queue(r *logfile.Record) error
	QueueLast(r *logfile.Record) error
}

var _ Queuer = (*Log)(nil)

// RefusalBounds bound what refused peers can write. Zero values mean the defaults.
type RefusalBounds struct {
	// PerSource is how many records a minute one unauthenticated source has; the site around an IPv6 source has four times
	// as many. Default: 5.
	PerSource int
	// Sources is how many unauthenticated sources have records in a minute, and how many records they have together.
	// Default: 1000.
	Sources int
	// Daily is how many bytes all records of unauthenticated peers and all summaries may take in any 24 hours, a twenty-fourth
	// of it at once. Default: 32 MiB; the least is 2 MiB, with which a whole summary fits.
	Daily int64
}

const (
	// partsOfDay divides RefusalBounds.Daily into what may be written at once, and what comes back over the rest of a day.
	partsOfDay = 24
	// siteSources is how many times the records of one source the site around it has.
	siteSources = 4
)

// Refusals decides which refusals get a record of their own, so that the log cannot be filled with them: those of known
// callers each, up to 600 per caller and minute, those of unauthenticated peers the first few per source and minute, as long as
// [RefusalBounds].Daily lasts. The rest is counted, and a summary record a minute says how often what was refused to whom. IPv6
// sources are taken by their /64, of which one host has all.
//
// Its methods may be called concurrently. It has no goroutine: the owner calls Flush now and then, and Close at the end.
type Refusals struct {
	log    Queuer
	bounds RefusalBounds
	daily  *rate.Limiter // bytes of records of unauthenticated peers and of summaries

	mu       sync.Mutex
	minute   time.Time                // when the minute began; zero before the first refusal of one
	since    time.Time                // from when the counts are
	full     int                      // records of unauthenticated peers in this minute
	sources  map[source.Source]int    // the same by source, and by the site around it
	known    map[string]int           // records of known callers in this minute, by caller: names of the configuration only
	counts   map[logfile.Count]uint64 // by Count without its number
	others   map[logfile.Count]uint64 // the same without source and caller, for sources beyond maxCounts
	withheld uint64                   // records that Daily had no space for
}

// NewRefusals returns a Refusals that writes to log.
func NewRefusals(log Queuer, bounds RefusalBounds) *Refusals {
	bounds.PerSource = cmp.Or(bounds.PerSource, 5)
	bounds.Sources = cmp.Or(bounds.Sources, 1000)
	bounds.Daily = cmp.Or(bounds.Daily, 32<<20)
	atOnce := bounds.Daily / partsOfDay
	return &Refusals{
		log: log, bounds: bounds, daily: rate.NewLimiter(rate.Limit(float64(bounds.Daily-atOnce)/(24*time.Hour).Seconds()), int(atOnce)),
		sources: map[source.Source]int{}, known: map[string]int{}, counts: map[logfile.Count]uint64{}, others: map[logfile.Count]uint64{},
	}
}

// Unknown takes a refusal of a peer that proved no identity. why has the Reason, Stage and TLSFailure that a summary counts it
// under. full makes the record; it is called only if one may be written. Unknown reports whether it was.
func (s *Refusals) Unknown(now time.Time, from source.Source, why logfile.Count, full func() *logfile.Record) (written bool) {
	s.Flush(now)
	if s.first(now, from) && s.write(now, full()) {
		return true
	}
	why.Source = from.String()
	s.count(now, why)
	return false
}

// write queues a record of an unauthenticated peer, and reports whether the day had space for it. What a summary may need is left.
func (s *Refusals) write(now time.Time, r *logfile.Record) bool {
	size := len(r.Append(nil)) + 1
	s.mu.Lock()
	fits := s.daily.TokensAt(now) >= float64(size+logfile.MaxLine) && s.daily.AllowN(now, size)
	if !fits {
		s.withheld++
	}
	s.mu.Unlock()
	return fits && s.log.Queue(r) == nil
}

// Withheld returns how many records of unauthenticated peers were only counted because [RefusalBounds].Daily was spent.
func (s *Refusals) Withheld() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.withheld
}

// Known takes a refusal of a known caller, and reports whether its record was written. If not, it is counted.
func (s *Refusals) Known(now time.Time, r *logfile.Record) (written bool) {
	s.Flush(now)
	if s.mayRecord(now, r.Caller) && s.log.Queue(r) == nil {
		return true
	}
	s.count(now, logfile.Count{Reason: r.Reason, Stage: r.Stage, Source: source.Parse(r.Source).String(), Caller: r.Caller})
	return false
}

// mayRecord reports whether there may be one more record of a known caller in this minute, and counts it.
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
	summary := func(r *logfile.Record) error {
		if !s.daily.AllowN(now, len(r.Append(nil))+1) {
			return errNoRoomToday
		}
		return s.log.Queue(r)
	}
	if !s.flush(summary) {
		s.minute = now // the next attempt is a minute away
	}
}

var errNoRoomToday = errors.New("the bytes that refusals may take in a day are spent")

// Close writes what was counted, also on a full disk. The log is to be closed next.
func (s *Refusals) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush(s.log.QueueLast)
}

// flush writes the summary and reports whether nothing is left to write. mu is held, so that nothing is counted into a
// summary that is being written; Queue does not wait for the disk.
func (s *Refusals) flush(queue func(*logfile.Record) error) bool {
	if len(s.counts) == 0 && len(s.others) == 0 {
		return true
	}
	r := logfile.Record{Kind: logfile.KindRefusals, Decision: logfile.Refused, Since: s.since.UTC(), Counts: s.summary()}
	if err := queue(&r); err != nil {
		return false
	}
	clear(s.counts)
	clear(s.others)
	s.since = time.Time{}
	return true
}

// summary returns the counts, largest first.
func (s *Refusals) summary() []logfile.Count {
	lines := make([]logfile.Count, 0, len(s.counts)+len(s.others))
	for c, n := range s.counts {
		c.Count = n
		lines = append(lines, c)
	}
	for c, n := range s.others {
		c.Source, c.Count = logfile.Other, n
		lines = append(lines, c)
	}
	slices.SortFunc(lines, func(a, b logfile.Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Source, b.Source),
			cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.TLSFailure, b.TLSFailure))
	})
	return lines
}

// first reports whether a source still has a record of its own in this minute, and counts it.
func (s *Refusals) first(now time.Time, from source.Source) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open(now)
	if s.full >= s.bounds.Sources || s.sources[from] >= s.bounds.PerSource || s.sources[from.Site()] >= siteSources*s.bounds.PerSource {
		return false
	}
	s.full++
	for _, network := range from.Networks() {
		s.sources[network]++
	}
	return true
}

func (s *Refusals) count(now time.Time, key logfile.Count) {
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
	key.Source, key.Caller = "", ""
	if _, ok := s.others[key]; !ok && len(s.others) >= maxReasons {
		key = logfile.Count{Reason: logfile.Other}
	}
	s.others[key]++
}

func (s *Refusals) open(now time.Time) {
	if s.minute.IsZero() {
		s.minute = now
	}
}
