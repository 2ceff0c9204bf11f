package replay

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// Window is how far a signed date may be off the clock, either way: caller.MaxSkew.
	Window = 15 * time.Minute
	// ClockSlack is how much longer than needed entries are kept, and so how far the clock may be set back.
	ClockSlack = 5 * time.Minute

	// grain is the span of dates that are dropped together.
	grain = time.Minute
	// second covers that dates are whole seconds.
	second = time.Second
)

var (
	// ErrReplay says that the signature was marked before.
	ErrReplay = errors.New("this signature was used before: sign the request again to repeat it")
	// ErrFull says that no more signatures can be remembered now. The call must not go out.
	ErrFull = errors.New("the memory of used signatures is full")
	// ErrDate says that the signed date is not, or no longer, inside the window. A date that was valid when the call came
	// can run out while the call waits for its limits; its signature may be dropped by then, so it must not go out.
	ErrDate = errors.New("the signed date is outside its window of 15 minutes: sign the request again")
	// ErrUnavailable says that it is not known which signatures were marked before. The call must not go out. A [Memory] never
	// returns it; one that is shared by several processes may, and its text says to operators what is to be corrected.
	ErrUnavailable = errors.New("the memory of used signatures does not answer")
)

// Memory remembers signatures. It is safe for concurrent use and starts no goroutine.
type Memory struct {
	max int

	mu    sync.Mutex
	start time.Time // of the memory's own timeline, with a monotonic reading if its user's times have one
	count int
	// groups holds the signatures by the minute of their date. One key always comes with one date, since the date is
	// part of what it is the hash of, so it is looked for in one group.
	groups map[int64]*group
	next   time.Duration // no group expires before, on the timeline
}

// group is the signatures whose dates are of one minute.
type group struct {
	keys    map[Key]struct{}
	expires time.Duration // on the timeline
}

// New returns a memory for at most max signatures; with max below 1 it is always full. For n signed write calls a second,
// max must be about 2400 times n: dates of 15 minutes ahead are kept for 35 minutes, and some more for the grain.
func New(max int) *Memory { return &Memory{max: max, groups: make(map[int64]*group)} }

// Mark remembers a signature, or says why its call must not go out: [ErrReplay], [ErrFull] or [ErrDate]. Of several calls
// that mark the same key at the same time exactly one succeeds. The date is the signed one, now the time of the call,
// straight from time.Now. It never waits, so the context is of no interest.
func (m *Memory) Mark(_ context.Context, k Key, date, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	elapsed := m.elapsed(now)
	if now.After(date.Add(Window+second)) || date.After(now.Add(Window+second)) {
		return ErrDate
	}
	return m.add(k, date, now, elapsed)
}

// Refill remembers a signature that was marked before a restart; call it before the first Mark. Dates that have run out,
// and repeated keys, are no errors. The only error is [ErrFull]: the memory is too small to start with. The clock may be wrong
// at a restart, and right soon after: what would run out by it is kept as long as if it showed earliest now, if that is before, but
// no longer than a date can be valid, and in no more than half of the memory: call it for the newest dates first.
func (m *Memory) Refill(k Key, date, now, earliest time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	elapsed := m.elapsed(now)
	ends := Ends(date)
	if now.After(ends) && m.count >= m.max/2 {
		return nil
	}
	if earliest.Before(now) {
		now = earliest
	}
	if now.After(ends) {
		return nil
	}
	if err := m.add(k, date, now, elapsed); !errors.Is(err, ErrReplay) {
		return err
	}
	return nil
}

// Len is how many signatures are remembered. Those that have run out count until the next Mark.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// Max returns how many signatures the memory has room for.
func (m *Memory) Max() int { return m.max }

// Batch is signatures whose dates are of one minute.
type Batch struct {
	Keys []Key
	Last time.Time // no date of theirs is later
}

// Batches returns what is remembered. A signature that is marked meanwhile may be left out.
func (m *Memory) Batches() iter.Seq[Batch] {
	return func(yield func(Batch) bool) {
		for _, minute := range m.minutes() {
			if b := m.batch(minute); len(b.Keys) > 0 && !yield(b) {
				return
			}
		}
	}
}

func (m *Memory) minutes() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.groups))
}

// batch copies one group, so that the memory is not locked for long.
func (m *Memory) batch(minute int64) Batch {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := Batch{Last: time.Unix(minute, 0).Add(grain)}
	if g := m.groups[minute]; g != nil {
		b.Keys = slices.Collect(maps.Keys(g.keys))
	}
	return b
}

// Ends returns when a date is certain to have run out: for all clocks that are at most [ClockSlack] apart.
func Ends(date time.Time) time.Time { return date.Add(Window + second + ClockSlack) }

// elapsed is the time on the timeline; it also drops what has expired by then.
func (m *Memory) elapsed(now time.Time) time.Duration {
	if m.start.IsZero() {
		m.start = now
	}
	elapsed := now.Sub(m.start)
	if m.count > 0 && elapsed >= m.next {
		m.expire(elapsed)
	}
	return elapsed
}

// add puts k into the group of its date, whose life it prolongs if need be.
func (m *Memory) add(k Key, date, now time.Time, elapsed time.Duration) error {
	minute := date.Truncate(grain)
	g := m.groups[minute.Unix()]
	if g != nil {
		if _, marked := g.keys[k]; marked {
			return ErrReplay
		}
	}
	if m.count >= m.max {
		return ErrFull
	}
	if g == nil {
		g = &group{keys: make(map[Key]struct{})}
		m.groups[minute.Unix()] = g
	}
	g.keys[k] = struct{}{}
	validFor := min(minute.Add(grain+Window+second).Sub(now), grain+2*(Window+second))
	g.expires = max(g.expires, elapsed+validFor+ClockSlack)
	if m.count == 0 || g.expires < m.next {
		m.next = g.expires
	}
	m.count++
	return nil
}

// expire drops the groups that have expired and finds when the next will.
func (m *Memory) expire(elapsed time.Duration) {
	m.next = 1<<63 - 1
	for minute, g := range m.groups {
		if elapsed >= g.expires {
			m.count -= len(g.keys)
			delete(m.groups, minute)
			continue
		}
		m.next = min(m.next, g.expires)
	}
}
