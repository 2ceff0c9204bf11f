package ratelimit

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Subject is the call that a decision is about. Its names come from configuration (see the package comment).
type Subject struct {
	Caller, Operation, Credential, Upstream string
	// Quota is the operation's published quota per second; zero means that none is published.
	Quota float64
	// Own says that the gateway itself makes the call, for Caller: limits that count by caller do not count it.
	Own bool
}

// known returns a subject that can be a map key: NaN equals nothing, not even itself, and would be stored for every call.
func (s Subject) known() Subject {
	if !(s.Quota > 0) || math.IsInf(s.Quota, 0) {
		s.Quota = 0
	}
	return s
}

// Limit is one limit that applies to a call.
type Limit struct {
	Name string
	Per  []Dimension // what it counts separately
	// Counted is the call as far as the limit counts it separately. Name, Per, Counted and Kind say which count it is.
	Counted Subject
	Terms
	Shadow  bool    // it holds no call back, and says which it would have refused
	Without Without // Refuse or Share: what it does where several gateways share it, and cannot be asked
	key     string
}

// Key returns the name of the count, the same in every process with the same rules. It has no control characters, and no two counts
// have the same.
func (l *Limit) Key() string { return l.key }

// makeKey writes the key: name, kind, dimensions, and the values of what is counted, each in quotes; of a calendar also its periods.
func (l *Limit) makeKey() string {
	text := append([]byte(l.Name), ':', "bwc"[l.Kind])
	for _, d := range Dimensions() {
		if slices.Contains(l.Per, d) || l.Counted.named(d) != "" {
			text = append(append(text, ':'), d...)
			text = strconv.AppendQuoteToASCII(append(text, '='), l.Counted.named(d))
		}
	}
	if l.Kind == Calendar { // counts do not go on in other periods
		text = append(append(append(append(text, ':'), l.Period...), '='), l.zone()...)
	}
	if l.Counted.Quota > 0 {
		text = strconv.AppendFloat(append(text, ":quota="...), l.Counted.Quota, 'g', -1, 64)
	}
	return string(text)
}

// named returns the name that a dimension has in the call.
func (s Subject) named(d Dimension) string {
	switch d {
	case ByCaller:
		return s.Caller
	case ByOperation:
		return s.Operation
	case ByCredential:
		return s.Credential
	}
	return s.Upstream
}

// Demand is what a call asks of limits. It must not be changed.
type Demand struct {
	Subject Subject // the call, for what is fair between callers that share a count
	Limits  []Limit // in the order of the rules, with a published quota last; none for a call that nothing limits
	MaxWait time.Duration
}

// published reports whether the last limit is a published quota.
func (d *Demand) published() bool {
	last := len(d.Limits) - 1
	return last >= 0 && d.Limits[last].Kind == Window
}

// Rules say which limits apply to which calls. They never change, and know nothing of calls so far.
type Rules struct {
	maxWait   time.Duration
	published bool
	without   Without // of published quotas
	rules     []matcher
	terms     map[counting]Terms
	demands   demandCache
}

// counting is the name of a limit, the set of what it counts by, and how.
type counting struct {
	name string
	per  dimensions
	kind Kind
}

// counting describes how the rule counts.
func (r Rule) counting() counting {
	kind := Bucket
	if r.Quota != (Quota{}) {
		kind = Calendar
	}
	return counting{r.Name, setOf(r.Per), kind}
}

// dimensions is a set of them.
type dimensions uint8

func setOf(per []Dimension) (set dimensions) {
	for _, d := range per {
		set |= 1 << slices.Index(Dimensions(), d)
	}
	return set
}

// NewRules returns rules. The error joins every problem of the settings.
func NewRules(c Config) (*Rules, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	r := &Rules{maxWait: time.Duration(c.MaxWait), published: c.Published, without: cmp.Or(c.Without, Share), terms: map[counting]Terms{}, demands: newDemandCache()}
	for _, rule := range c.Rules {
		terms, err := rule.terms()
		if err != nil {
			return nil, fmt.Errorf("limits: %w", err) // never: it was checked
		}
		rule.Without = cmp.Or(rule.Without, r.without)
		r.rules = append(r.rules, newMatcher(rule, terms))
		r.terms[rule.counting()] = terms
	}
	return r, nil
}

// Of returns what a call asks of the limits; for the same subject always the same Demand.
func (r *Rules) Of(s Subject) *Demand { return r.demands.get(s.known(), r.demand) }

func (r *Rules) demand(s Subject) *Demand {
	d := &Demand{Subject: s, MaxWait: r.maxWait}
	for _, m := range r.rules {
		if m.matches(s) {
			d.Limits = append(d.Limits, m.limit(s))
		}
	}
	if r.published && s.Quota > 0 && s.Credential != "" {
		counted := s
		counted.Caller, counted.Own = "", false // the provider sees the credential, not who used it
		d.Limits = append(d.Limits, Limit{
			Name: PublishedName, Per: []Dimension{ByCredential, ByOperation}, Counted: counted, Terms: publishedTerms(s.Quota), Without: r.without,
		})
	}
	for i := range d.Limits {
		d.Limits[i].key = d.Limits[i].makeKey()
	}
	return d
}

// Newest returns the terms that these rules have for a limit of former ones: its own, if they do not count it.
func (r *Rules) Newest(l *Limit) Terms {
	t, counted := r.of(l.count())
	if !counted || t.Period != l.Period || t.zone() != l.zone() {
		return l.Terms
	}
	return t
}

// of returns the terms of what is counted under a key; not if no limit of the rules counts so.
func (r *Rules) of(k key) (t Terms, ok bool) {
	if k.name == PublishedName {
		return publishedTerms(k.counted.Quota), r.published
	}
	t, ok = r.terms[k.counting]
	return t, ok
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
	terms                                       Terms
	callers, operations, credentials, upstreams nameSet
}

func newMatcher(r Rule, t Terms) matcher {
	r.Per = slices.Clone(r.Per)
	return matcher{r, t, newNameSet(r.Callers), newNameSet(r.Operations), newNameSet(r.Credentials), newNameSet(r.Upstreams)}
}

func (m matcher) matches(s Subject) bool {
	return m.callers.has(s.Caller) && !(s.Own && m.countsByCaller()) && m.operations.has(s.Operation) && m.credentials.has(s.Credential) && m.upstreams.has(s.Upstream)
}

func (m matcher) countsByCaller() bool { return m.callers != nil || slices.Contains(m.Per, ByCaller) }

func (m matcher) limit(s Subject) Limit {
	return Limit{Name: m.Name, Per: m.Per, Counted: m.counted(s), Terms: m.terms, Shadow: m.Mode == Shadow, Without: m.Without}
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
