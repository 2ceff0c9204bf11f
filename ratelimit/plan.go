package ratelimit

import (
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"time"
)

// Subject is the call that a decision is about. Its names come from configuration (see the package comment).
type Subject struct {
	Caller, Operation, Credential, Upstream string
	// Quota is the operation's published quota per second; zero means that none is published.
	Quota float64
}

// known gives a subject that can be a map key: NaN equals nothing, not even itself, and would be stored for every call.
func (s Subject) known() Subject {
	if !(s.Quota > 0) || math.IsInf(s.Quota, 0) {
		s.Quota = 0
	}
	return s
}

// publishedRate is the bucket for a published quota. The provider counts calls in fixed seconds, so after a pause, up to
// Burst + PerSecond calls can fall into one of its seconds. A fifth of the quota as burst keeps that at 1.2 times the
// quota in the worst second, and at the quota in all that follow, while the full quota can be used and a few calls at
// once need not wait.
func publishedRate(quota float64) Flow {
	quota = min(max(quota, MinPerSecond), MaxPerSecond)
	return Flow{PerSecond: quota, Burst: max(1, int(quota/5))}
}

// plan is the buckets that calls of one subject need: at most one of each rule, in the order of the rules, and one for the
// published quota last. All plans lock in this order, so no two can wait for each other's locks.
type plan struct{ buckets []*bucket }

func (p *plan) lock() {
	for _, b := range p.buckets {
		b.mu.Lock()
	}
}

func (p *plan) unlock() {
	for _, b := range p.buckets {
		b.mu.Unlock()
	}
}

// look finds the bucket that holds w back longest, and for how long. For a nil w it asks as for a new call.
func (p *plan) look(now time.Time, w *waiter) (slowest *bucket, delay time.Duration) {
	for _, b := range p.buckets {
		if d := b.delay(now, b.ahead(w)); d > delay {
			slowest, delay = b, d
		}
	}
	return slowest, delay
}

func (p *plan) take(now time.Time) {
	for _, b := range p.buckets {
		b.take(now)
	}
}

// planCache keeps plans by subject. It is sharded, so that decisions about different subjects share no lock.
type planCache struct {
	seed   maphash.Seed
	shards [16]planShard
}

type planShard struct {
	mu    sync.RWMutex
	plans map[Subject]*plan
}

func newPlanCache() *planCache {
	c := &planCache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].plans = make(map[Subject]*plan)
	}
	return c
}

// get gives the plan of a subject, made by resolve if it is not there yet.
func (c *planCache) get(s Subject, resolve func(Subject) *plan) *plan {
	shard := &c.shards[maphash.Comparable(c.seed, s)%uint64(len(c.shards))]
	shard.mu.RLock()
	p := shard.plans[s]
	shard.mu.RUnlock()
	if p != nil {
		return p
	}
	p = resolve(s)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.plans[s] = p // two racing calls resolve to the same buckets
	return p
}

// bucketKey is what a bucket counts: the dimensions that it does not count by are left empty.
type bucketKey struct {
	rule int // index of the rule, or publishedRule
	Subject
}

const publishedRule = -1

// bucketSet makes the buckets and keeps them for good.
type bucketSet struct {
	rules     []matcher
	published bool

	mu      sync.Mutex
	buckets map[bucketKey]*bucket
}

// resolve gives the buckets that a subject needs.
func (set *bucketSet) resolve(s Subject) *plan {
	set.mu.Lock()
	defer set.mu.Unlock()
	p := &plan{}
	for i, m := range set.rules {
		if m.matches(s) {
			p.buckets = append(p.buckets, set.bucket(bucketKey{i, m.counted(s)}, m.Name, m.Per, m.flow()))
		}
	}
	if set.published && s.Quota > 0 && s.Credential != "" {
		key := bucketKey{publishedRule, s}
		key.Caller = "" // the provider sees the credential, not who used it
		per := []Dimension{ByCredential, ByOperation}
		p.buckets = append(p.buckets, set.bucket(key, PublishedName, per, publishedRate(s.Quota)))
	}
	return p
}

func (set *bucketSet) bucket(key bucketKey, name string, per []Dimension, f Flow) *bucket {
	b := set.buckets[key]
	if b == nil {
		b = newBucket(name, per, f)
		set.buckets[key] = b
	}
	return b
}

// matcher is a rule with its lists as sets.
type matcher struct {
	Rule
	callers, operations, credentials, upstreams nameSet
}

func newMatcher(r Rule) matcher {
	r.Per = slices.Clone(r.Per)
	return matcher{r, newNameSet(r.Callers), newNameSet(r.Operations), newNameSet(r.Credentials), newNameSet(r.Upstreams)}
}

func (m matcher) matches(s Subject) bool {
	return m.callers.has(s.Caller) && m.operations.has(s.Operation) && m.credentials.has(s.Credential) && m.upstreams.has(s.Upstream)
}

// counted keeps the dimensions that the rule counts by.
func (m matcher) counted(s Subject) (kept Subject) {
	for _, d := range m.Per {
		switch d {
		case ByCaller:
			kept.Caller = s.Caller
		case ByOperation:
			kept.Operation = s.Operation
		case ByCredential:
			kept.Credential = s.Credential
		case ByUpstream:
			kept.Upstream = s.Upstream
		}
	}
	return kept
}

// nameSet is a set of names; the nil set has all of them.
type nameSet map[string]struct{}

func newNameSet(names []string) nameSet {
	if len(names) == 0 {
		return nil
	}
	set := make(nameSet, len(names))
	for _, n := range names {
		set[n] = struct{}{}
	}
	return set
}

func (set nameSet) has(name string) bool {
	_, ok := set[name]
	return ok || set == nil
}
