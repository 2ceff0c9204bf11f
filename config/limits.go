package config

import (
	"fmt"
	"math"
	"time"

	"tollgate/ratelimit"
)

func (b *builder) buildLimits() {
	l := &b.file.Limits
	b.config.Limits = ratelimit.Config{MaxWait: time.Duration(l.MaxWait), Published: l.Published}
	seen := map[string]int{}
	for i := range l.Rules {
		b.addRule(fmt.Sprintf("limits.rules[%d]", i), &l.Rules[i], seen, i)
	}
	u := l.Unauthenticated
	b.config.Sources = ratelimit.SourceConfig{Rate: ratelimit.Rate{PerSecond: float64(u.Rate), Burst: u.Burst}, Max: u.Sources}
	if b.Failed("limits") {
		return
	}
	if _, err := ratelimit.NewRules(b.config.Limits); err != nil {
		b.problem("limits", "", "%v", err)
	}
	if _, err := ratelimit.NewSources(b.config.Sources); err != nil {
		b.problem("limits.unauthenticated", "", "%v", err)
	}
}

func (b *builder) addRule(path string, r *ruleConfig, seen map[string]int, index int) {
	b.allNamed(path+".callers", "caller", r.Callers, sortedNames(b.file.Callers))
	b.allNamed(path+".credentials", "credential", r.Credentials, sortedNames(b.file.Credentials))
	b.allNamed(path+".upstreams", "upstream", r.Upstreams, sortedNames(b.file.Upstreams))
	if !b.Failed("upstreams") {
		b.allNamed(path+".operations", "operation", r.Operations, b.operationNames())
	}
	if first, twice := seen[r.Name]; twice && r.Name != "" {
		b.problem(path+".name", "", "limit %q is already limits.rules[%d]", b.Shown(r.Name), first)
	}
	seen[r.Name] = index
	rule := ratelimit.Rule{
		Name: r.Name, Callers: r.Callers, Operations: r.Operations, Credentials: r.Credentials, Upstreams: r.Upstreams,
		Rate: ratelimit.Rate{PerSecond: float64(r.Rate), Burst: r.burst()},
	}
	for _, d := range r.Per {
		rule.Per = append(rule.Per, ratelimit.Dimension(d))
	}
	b.config.Limits.Rules = append(b.config.Limits.Rules, rule)
	if b.Failed(path) {
		return
	}
	if _, err := ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{rule}}); err != nil {
		for _, cause := range leaves(err) {
			b.problem(path, "", "%v", cause)
		}
	}
}

// burst is the calls of one second where none is given, at least one, so that an even flow at the rate passes.
func (r *ruleConfig) burst() int {
	if r.Burst > 0 {
		return r.Burst
	}
	return max(1, int(math.Ceil(float64(r.Rate))))
}
