package ratelimit

import (
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"tollgate/internal/source"
)

// MaxSources is the highest Unauthenticated.Sources; a remembered source takes about half a kilobyte.
const MaxSources = 1 << 20

const maxSourceShards = 16

// Sources limits failed authentications by source address. Only failures cost: a source that authenticates is not slowed
// down. It is safe for concurrent use, and its memory is bounded by Unauthenticated.Sources.
//
// It remembers only sources that have failed. When a new one fails and no room is left, the source that failed
// longest ago is dropped, which favours that source: it starts again with a full bucket. A source that keeps trying,
// refused or not, stays remembered, so to free one address an attacker needs failures from about Sources others; [Sources.Evicted]
// counts such losses. Sources whose buckets have filled up again are dropped without loss and not counted.
type Sources struct {
	seed    maphash.Seed
	shards  []sourceShard
	evicted atomic.Uint64
}

type sourceShard struct {
	mu      sync.Mutex
	rate    Flow
	sources *simplelru.LRU[source.Source, *bucketOfSource]
	max     int
}

// bucketOfSource is guarded by its shard's lock.
type bucketOfSource struct {
	tokens *rate.Limiter
	last   time.Time // the latest time seen; see [bucket] for why it must not step back
}

func (c Unauthenticated) flow() Flow { return Flow{float64(c.Rate), c.Burst} }

func (c Unauthenticated) check() error {
	if err := c.flow().check(); err != nil {
		return err
	}
	if c.Sources < 1 || c.Sources > MaxSources {
		return fmt.Errorf("%d sources: must be from 1 to %d", c.Sources, MaxSources)
	}
	return nil
}

// NewSources returns the memory. The error says which setting is wrong.
func NewSources(c Unauthenticated) (*Sources, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("limit on failed authentications: %w", err)
	}
	s := &Sources{seed: maphash.MakeSeed(), shards: make([]sourceShard, min(maxSourceShards, c.Sources))}
	for i := range s.shards {
		shard := &s.shards[i]
		shard.rate, shard.max = c.flow(), c.Sources/len(s.shards) // rounded down: all together never exceed Sources
		lru, err := simplelru.NewLRU[source.Source, *bucketOfSource](shard.max, nil)
		if err != nil {
			return nil, fmt.Errorf("limit on failed authentications: %w", err)
		}
		shard.sources = lru
	}
	return s, nil
}

// Follow makes failures be counted by other settings from now on. What sources have left stays, but for what a smaller burst has no room for. If
// there are more sources than are to be remembered, those that failed longest ago are dropped.
func (s *Sources) Follow(c Unauthenticated) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("limit on failed authentications: %w", err)
	}
	for i := range s.shards {
		s.evicted.Add(s.shards[i].follow(c.flow(), max(c.Sources/len(s.shards), 1), time.Now()))
	}
	return nil
}

func (shard *sourceShard) follow(r Flow, most int, now time.Time) (lost uint64) {
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for shard.sources.Len() > most {
		if shard.drop(now) {
			lost++
		}
	}
	shard.sources.Resize(most)
	if shard.max = most; shard.rate == r {
		return lost
	}
	shard.rate = r
	for _, src := range shard.sources.Values() {
		src.tokensAt(now) // so that last is the time of all that follows
		src.tokens.SetLimitAt(src.last, rate.Limit(r.PerSecond))
		src.tokens.SetBurstAt(src.last, r.Burst)
	}
	return lost
}

// Allowed reports whether a source, and the site around it, may try to authenticate, and if not, when they may again. It takes
// nothing.
func (s *Sources) Allowed(from source.Source, now time.Time) (ok bool, retryAfter time.Duration) {
	for _, network := range from.Networks() {
		retryAfter = max(retryAfter, s.wait(network, now))
	}
	return retryAfter == 0, retryAfter
}

func (s *Sources) wait(name source.Source, now time.Time) time.Duration {
	shard := s.shard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	src, known := shard.sources.Get(name)
	if !known {
		return 0
	}
	return shard.rate.durationOf(1 - src.tokensAt(now))
}

// Failed counts a failed authentication, for the source and for the site around it: one peer may choose among the 65,536
// sources of an IPv6 site. Attempts that ran at the same time and fail after the bucket is empty still
// count, down to a debt of one more burst: so parallel attempts gain little, and no source is shut out for longer than it
// takes to get Burst+1 tokens after its last failure.
func (s *Sources) Failed(from source.Source, now time.Time) {
	for _, network := range from.Networks() {
		s.count(network, now)
	}
}

func (s *Sources) count(name source.Source, now time.Time) {
	shard := s.shard(name)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	src, known := shard.sources.Get(name)
	if !known {
		src = &bucketOfSource{tokens: rate.NewLimiter(rate.Limit(shard.rate.PerSecond), shard.rate.Burst)}
		if shard.sources.Len() >= shard.max && shard.drop(now) {
			s.evicted.Add(1)
		}
		shard.sources.Add(name, src)
	}
	if src.tokensAt(now) >= float64(1-shard.rate.Burst)-tokenSlack {
		src.tokens.ReserveN(src.last, 1)
	}
}

// Evicted is how many sources were dropped that had not yet regained their full bucket. If it grows, Sources are too few
// or an attacker fails from very many addresses.
func (s *Sources) Evicted() uint64 { return s.evicted.Load() }

// Len is how many sources are remembered, at most Unauthenticated.Sources.
func (s *Sources) Len() int {
	total := 0
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		total += shard.sources.Len()
		shard.mu.Unlock()
	}
	return total
}

// shard finds where a source is kept. The hash is seeded, so that addresses cannot be chosen to crowd one shard.
func (s *Sources) shard(name source.Source) *sourceShard {
	return &s.shards[maphash.Comparable(s.seed, name)%uint64(len(s.shards))]
}

// drop removes the source that failed longest ago, and reports whether that lost anything.
func (shard *sourceShard) drop(now time.Time) (lost bool) {
	_, oldest, ok := shard.sources.RemoveOldest()
	return ok && oldest.tokensAt(now) < float64(shard.rate.Burst)-tokenSlack
}

// tokensAt is the tokens at now, or at the latest time seen if that is later.
func (src *bucketOfSource) tokensAt(now time.Time) float64 {
	if now.After(src.last) {
		src.last = now
	}
	return src.tokens.TokensAt(src.last)
}
