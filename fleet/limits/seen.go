package limits

import (
	"context"
	"sync"
	"time"

	"tollgate/fleet"
	"tollgate/ratelimit"
)

// seen is how limits stood when this member saw them last: what it says again when Redis has lost its data.
type seen struct {
	mu     sync.Mutex
	limits map[string]sight // by key
	prune  int              // from this number on those that mean nothing any more are dropped
}

type sight struct {
	limit    *ratelimit.Limit
	at       time.Time
	standing standing
}

const (
	fewestSights  = 1024
	sightLifetime = time.Hour // beyond its meaning: calls may be let through without Redis later, and are paid by what was lost since
)

// note keeps what an answer says.
func (s *seen) note(d *ratelimit.Demand, a *takeReply) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limits == nil {
		s.limits, s.prune = map[string]sight{}, fewestSights
	}
	for i, standing := range a.limits {
		s.limits[d.Limits[i].Key()] = sight{&d.Limits[i], now, standing}
	}
	if len(s.limits) >= s.prune {
		s.drop(now)
		s.prune = max(fewestSights, 2*len(s.limits))
	}
}

// drop removes the sights that say no more than none would; the lock is held.
func (s *seen) drop(now time.Time) {
	for key, sight := range s.limits {
		if now.Sub(sight.at) > sight.standing.full+sightLifetime {
			delete(s.limits, key)
		}
	}
}

// lost is what a bucket had lost when it was seen last; nil: it was not seen.
func (s *seen) lost(l *ratelimit.Limit) *int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sight, ok := s.limits[l.Key()]; ok && l.Kind == ratelimit.Bucket {
		return &sight.standing.one
	}
	return nil
}

// calls is how many calls of a calendar were counted when it was seen last, unless that is longer ago than a time.
func (s *seen) calls(l *ratelimit.Limit, within time.Duration) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sight, ok := s.limits[l.Key()]; ok && time.Since(sight.at) < within {
		return sight.standing.two
	}
	return 0
}

// reported adds calls that were reported since Redis was asked last.
func (s *seen) reported(debts []*debt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range debts {
		s.count(d.limit, d.calls)
	}
}

// add adds calls that Redis has counted though it answered too late.
func (s *seen) add(d *ratelimit.Demand, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range d.Limits {
		s.count(&d.Limits[i], calls)
	}
}

// count adds calls to what was seen of a calendar; the lock is held.
func (s *seen) count(l *ratelimit.Limit, calls int) {
	if sight, ok := s.limits[l.Key()]; ok && l.Kind == ratelimit.Calendar {
		sight.standing.one += int64(calls)
		sight.standing.two += int64(calls)
		s.limits[l.Key()] = sight
	}
}

// memory is what a member says of a limit that it has seen: join.lua says what the members mean.
type memory struct {
	Limit fact    `json:"l"`
	Age   int64   `json:"a"`
	Value float64 `json:"v"`
	Own   int64   `json:"c"`
	Begin int64   `json:"s"`
	Lost  int64   `json:"o"`
}

func (s *seen) memories(c *factCache) (all []memory) {
	now, fleetNow := time.Now(), c.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sight := range s.limits {
		f := c.fact(sight.limit, fleetNow)
		m := memory{Limit: f, Age: now.Sub(sight.at).Microseconds(), Value: float64(sight.standing.two), Own: sight.standing.one}
		switch sight.limit.Kind {
		case ratelimit.Bucket:
			m.Value, m.Lost = m.Value/1e6, sight.standing.one
		case ratelimit.Calendar:
			begins, _ := sight.limit.In(fleetNow.Add(-now.Sub(sight.at)))
			m.Begin = begins.UnixMicro()
		}
		all = append(all, m)
	}
	return all
}

const memoriesAtOnce = 100

// Join uploads what this member has seen of limits.
func (l *Limiter) Join(ctx context.Context, s *fleet.Session) error {
	if was := l.view.Load(); was.epoch.Number != s.Epoch() {
		fresh := *was
		fresh.epoch, fresh.at = fleet.Epoch{Number: s.Epoch()}, time.Now()
		l.view.Store(&fresh)
	}
	all := l.seen.memories(l.facts)
	for len(all) > 0 {
		some := all[:min(len(all), memoriesAtOnce)]
		all = all[len(some):]
		if _, err := s.Do(ctx, joinScript, l.view.Load().fleet, text(some)); err != nil {
			return err
		}
	}
	return nil
}
