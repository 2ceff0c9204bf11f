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
	prune  int              // from this number on those that mean nothing any more are forgotten
}

type sight struct {
	limit    *ratelimit.Limit
	at       time.Time
	standing standing
}

const fewestSights = 1024

// note keeps what an answer says.
func (s *seen) note(d *ratelimit.Demand, a *answer) {
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
		s.forget(now)
		s.prune = max(fewestSights, 2*len(s.limits))
	}
}

// forget drops the sights that say no more than none would; the lock is held.
func (s *seen) forget(now time.Time) {
	for key, sight := range s.limits {
		if now.Sub(sight.at) > sight.standing.full {
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

// memory is what a member says of a limit that it has seen: join.lua says what the members mean.
type memory struct {
	Limit fact    `json:"l"`
	Age   int64   `json:"a"`
	Value float64 `json:"v"`
	Own   int64   `json:"c"`
	Begin int64   `json:"s"`
}

func (s *seen) memories(now, fleetNow time.Time) (all []memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	for _, sight := range s.limits {
		f, _ := factOf(sight.limit, fleetNow)
		m := memory{Limit: f, Age: now.Sub(sight.at).Microseconds(), Value: float64(sight.standing.two), Own: sight.standing.one}
		if sight.limit.Kind == ratelimit.Bucket {
			m.Value /= 1e6
		}
		if sight.limit.Kind == ratelimit.Calendar {
			begins, _ := period(&sight.limit.Terms, fleetNow.Add(-now.Sub(sight.at)))
			m.Begin = begins.UnixMicro()
		}
		all = append(all, m)
	}
	return all
}

const memoriesAtOnce = 100

// Join tells Redis what this member has seen of limits.
func (l *Limiter) Join(ctx context.Context, s *fleet.Session) error {
	if was := l.view.Load(); was.epoch.Number != s.Epoch() {
		fresh := *was
		fresh.epoch, fresh.at = fleet.Epoch{Number: s.Epoch()}, time.Now()
		l.view.Store(&fresh)
	}
	all := l.seen.memories(time.Now(), l.facts.now())
	for len(all) > 0 {
		some := all[:min(len(all), memoriesAtOnce)]
		all = all[len(some):]
		if _, err := s.Do(ctx, joinScript, l.view.Load().fleet, text(some)); err != nil {
			return err
		}
	}
	return nil
}
