// Package views records who looked at which page: a gateway that shows records to people writes into its own log that it did.
//
// A view is one identity, one page and one query. It is recorded at most once in ten minutes, and at most [Most] are in an hour; those beyond
// are counted in one record. A page is not shown unless its view is recorded, or counted: what the log does not take is an error at once, since
// a page waits for no disk.
package views

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/internal/text"
)

const (
	// Again is how long a view that was recorded stands for the same one.
	Again = 10 * time.Minute
	// Window is how long views are counted for [Most] and for their sum.
	Window = time.Hour
	// Most is how many views are recorded one by one in a window.
	Most = 600

	// MaxWhole is how many bytes of a page, and of a query, a record has whole: what an event may have, without room for the mark of a cut.
	MaxWhole = 1000

	maxText = 1 << 10 // of a page, of a query, and of the names in a sum, in bytes
	// maxKnown bounds the views that are remembered. Of those beyond, a second one in ten minutes is recorded or counted once more.
	maxKnown = 4 * Most
)

// Entries of an event's data.
const (
	dataQuery      = "query"
	dataCount      = "count"      // of a sum: how many views
	dataSince      = "since"      // of a sum: the first of them
	dataIdentities = "identities" // of a sum: who
)

// Log is the part of the audit log that views are written to; see [audit.Log] for what each promises.
type Log interface {
	Queue(r *logfile.Record) error
	Status() audit.Status
}

var _ Log = (*audit.Log)(nil)

// Views records views. Its methods may be called concurrently, and wait for no disk. It has no goroutine: the owner calls Flush now and then,
// and Close at the end.
type Views struct {
	log Log
	now func() time.Time

	mu       sync.Mutex
	known    *simplelru.LRU[view, time.Time] // when a view was recorded, or counted, last
	began    time.Time                       // of the window; zero: none began
	recorded int                             // in it
	beyond   sum                             // and what was not
}

// view is the hash of an identity, a page and a query.
type view [sha256.Size]byte

func viewOf(identity, page, query string) view {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q", identity, page, query))
}

// sum is of views that have no record of their own.
type sum struct {
	count      int
	since      time.Time
	identities map[string]bool // whose; they come from the configuration
}

// New returns a Views that writes to log.
func New(log Log, now func() time.Time) *Views {
	known, err := simplelru.NewLRU[view, time.Time](maxKnown, nil)
	if err != nil {
		panic(err) // the size is no number above 0
	}
	return &Views{log: log, now: now, known: known}
}

// Ready returns why pages that show records cannot be shown: the log takes no record now.
func (v *Views) Ready() error {
	if err := v.log.Status().Err; err != nil {
		return fmt.Errorf("views cannot be recorded: %w", err)
	}
	return nil
}

// Seen records that an identity is about to be shown a page, by its path, with a query in one spelling. After an error nothing was recorded,
// and the page must not be shown.
func (v *Views) Seen(identity, page, query string) error {
	if err := v.Ready(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now, key := v.now(), viewOf(identity, page, query)
	if at, known := v.known.Get(key); known && within(at, now, Again) {
		return nil
	}
	if err := v.turn(now); err != nil {
		return err
	}
	if v.recorded >= Most {
		v.beyond.add(now, identity)
	} else if err := v.queue(record(identity, page, query)); err != nil {
		return err
	} else {
		v.recorded++
	}
	v.known.Add(key, now)
	return nil
}

// Flush writes the sum of a window that is over. What the log does not take is written with the next call, or by Close.
func (v *Views) Flush() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.turn(v.now())
}

// Close writes the sum of the window that is not over yet. The log is to be closed next.
func (v *Views) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.writeSum()
}

// turn begins a window where the last one is over, whose sum it writes. mu is held.
func (v *Views) turn(now time.Time) error {
	if within(v.began, now, Window) {
		return nil
	}
	if err := v.writeSum(); err != nil {
		return err
	}
	v.began, v.recorded = now, 0
	return nil
}

// writeSum is called with mu held.
func (v *Views) writeSum() error {
	if v.beyond.count == 0 {
		return nil
	}
	if err := v.queue(v.beyond.record()); err != nil {
		return err
	}
	v.beyond = sum{}
	return nil
}

func (v *Views) queue(r *logfile.Record) error {
	if err := v.log.Queue(r); err != nil {
		return fmt.Errorf("views cannot be recorded: %w", err)
	}
	return nil
}

// within reports whether what began at a time and lasts so long goes on. A clock that was set back ends it.
func within(began, now time.Time, lasts time.Duration) bool {
	return !began.IsZero() && !now.Before(began) && now.Sub(began) < lasts
}

func record(identity, page, query string) *logfile.Record {
	r := &logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventViewed, Identity: identity, Subject: truncate(page)}
	if query != "" {
		r.Data = map[string]string{dataQuery: truncate(query)}
	}
	return r
}

func (s *sum) add(now time.Time, identity string) {
	if s.count == 0 {
		s.since, s.identities = now, map[string]bool{}
	}
	s.count++
	s.identities[identity] = true
}

func (s *sum) record() *logfile.Record {
	return &logfile.Record{
		Kind: logfile.KindEvent, Event: logfile.EventViewed, Detail: text.Count(s.count, "view") + " beyond those that have a record each",
		Data: map[string]string{
			dataCount: strconv.Itoa(s.count), dataSince: s.since.UTC().Format(time.RFC3339),
			dataIdentities: truncate(strings.Join(slices.Sorted(maps.Keys(s.identities)), ", ")),
		},
	}
}

// truncate leaves room for the mark.
func truncate(s string) string {
	const mark = "…"
	return text.Truncate(s, maxText-len(mark), mark)
}
