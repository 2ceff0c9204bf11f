package ratelimit

import (
	"fmt"
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

// known returns a subject that can be a map key: NaN equals nothing, not even itself, and would be stored for every call.
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

// Limit is one limit that applies to a call.
type Limit struct {
	Name string
	Per  []Dimension // what it counts separately
	Rate Flow
	// Counted is the call as far as the limit counts it separately. Name, Per and Counted say which count it is.
	Counted Subject
}

// Demand is what a call asks of limits. It must not be changed.
type Demand struct {
	Subject Subject // the call, for what is fair between callers that share a count
	Limits  []Limit // in the order of the rules, with a published quota last; none for a call that nothing limits
	MaxWait time.Duration
}

// Rules say which limits apply to which calls. They never change, and know nothing of calls so far.
type Rules struct {
	maxWait   time.Duration
	published bool
	rules     []matcher
	rates     map[counting]Flow
	demands   demandCache
}

// counting is the name of a limit, and the set of what it counts by.
type counting struct {
	name string
	per  dimensions
}

// dimensions is a set of them.
type dimensions uint8

func setOf(per []Dimension) (set dimensions) {
	for _, d := range per {
		set |= 1 << slices.Index(Dimensions(), d)
	}
	return set
}

// NewRules makes rules. The error joins every problem of the settings.
func NewRules(c Config) (*Rules, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	r := &Rules{maxWait: time.Duration(c.MaxWait), published: c.Published, rates: map[counting]Flow{}, demands: newDemandCache()}
	for _, rule := range c.Rules {
		r.rules = append(r.rules, newMatcher(rule))
		r.rates[counting{rule.Name, setOf(rule.Per)}] = rule.flow()
	}
	return r, nil
}

// Of returns what a call asks of the limits; for the same subject always the same Demand.
func (r *Rules) Of(s Subject) *Demand { return r.demands.get(s.known(), r.demand) }

func (r *Rules) demand(s Subject) *Demand {
	d := &Demand{Subject: s, MaxWait: r.maxWait}
	for _, m := range r.rules {
		if m.matches(s) {
			d.Limits = append(d.Limits, Limit{m.Name, m.Per, m.flow(), m.counted(s)})
		}
	}
	if r.published && s.Quota > 0 && s.Credential != "" {
		counted := s
		counted.Caller = "" // the provider sees the credential, not who used it
		d.Limits = append(d.Limits, Limit{PublishedName, []Dimension{ByCredential, ByOperation}, publishedRate(s.Quota), counted})
	}
	return d
}

// rate returns the rate of what is counted under a key; not if no limit of the rules counts so.
func (r *Rules) rate(k key) (rate Flow, ok bool) {
	if k.name == PublishedName {
		return publishedRate(k.counted.Quota), r.published
	}
	rate, ok = r.rates[k.counting]
	return rate, ok
}

// demandCache keeps demands by subject. It is sharded, so that decisions about different subjects share no lock.
type demandCache struct {
	seed   maphash.Seed
	shards *[16]demandShard
}

type demandShard struct {
	mu      sync.RWMutex
	demands map[Subject]*Demand
}

func newDemandCache() demandCache {
	c := demandCache{seed: maphash.MakeSeed(), shards: new([16]demandShard)}
	for i := range c.shards {
		c.shards[i].demands = make(map[Subject]*Demand)
	}
	return c
}

// get returns the demand of a subject, made by a function if it is not there yet.
func (c *demandCache) get(s Subject, made func(Subject) *Demand) *Demand {
	shard := &c.shards[maphash.Comparable(c.seed, s)%uint64(len(c.shards))]
	shard.mu.RLock()
	d := shard.demands[s]
	shard.mu.RUnlock()
	if d != nil {
		return d
	}
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if d = shard.demands[s]; d == nil { // else another call was quicker
		d = made(s)
		shard.demands[s] = d
	}
	return d
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
