package config

import (
	"cmp"
	"fmt"
	"math"

	"tollgate/ratelimit"
)

func (b *builder) buildLimits() {
	l := &b.file.Limits
	seen := map[string]int{}
	for i := range l.Rules {
		b.checkRule(fmt.Sprintf("limits.rules[%d]", i), &l.Rules[i], seen, i)
	}
	b.config.Limits = *l
	if b.Failed("limits") {
		return
	}
	if _, err := ratelimit.NewRules(*l); err != nil {
		b.problem("limits", "", "%v", err)
	}
	if _, err := ratelimit.NewSources(l.Unauthenticated); err != nil {
		b.problem("limits.unauthenticated", "", "%v", err)
	}
}

func (b *builder) checkRule(path string, r *ratelimit.Rule, seen map[string]int, index int) {
	b.allNamed(path+".callers", "caller", r.Callers, b.callerNames)
	b.allNamed(path+".credentials", "credential", r.Credentials, b.credentialNames)
	b.allNamed(path+".upstreams", "upstream", r.Upstreams, b.upstreamNames)
	if !b.Failed("upstreams") {
		b.allNamed(path+".operations", "operation", r.Operations, b.operationNames())
	}
	if first, twice := seen[r.Name]; twice && r.Name != "" {
		b.problem(path+".name", "", "limit %q is already limits.rules[%d]", b.Shown(r.Name), first)
	}
	seen[r.Name] = index
	if b.Failed(path) {
		return
	}
	switch quota := r.Quota != (ratelimit.Quota{}); {
	case quota && (r.Rate != 0 || r.Burst != 0):
		b.problem(path+".quota", "make two rules of them: all that fit a call hold", "a rule has either rate and burst, or quota")
		return
	case quota:
		r.Zone = cmp.Or(r.Zone, ratelimit.DefaultZone)
	case r.Rate == 0:
		b.problem(path, "", "rate is missing, or quota: how many calls the rule lets through")
		return
	case r.Zone != "":
		b.problem(path+".zone", "remove it, or count by quota", "a rate has no days and months that could begin in a zone")
		return
	default:
		r.Burst = cmp.Or(r.Burst, max(1, int(math.Ceil(float64(r.Rate))))) // so that an even flow at the rate passes
	}
	if _, err := ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{*r}}); err != nil {
		for _, cause := range leaves(err) {
			b.problem(path, "", "%v", cause)
		}
	}
}
