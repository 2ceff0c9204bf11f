package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tollgate/catalog"
	"tollgate/internal/nearest"
	"tollgate/internal/setting"
	"tollgate/spend"
)

// buildSpend checks guard and caps.
func (b *builder) buildSpend() {
	s := &b.file.Config
	b.config.Spend = *s
	seen := map[string]string{}
	for i := range s.Caps {
		b.checkCap(fmt.Sprintf("caps[%d]", i), &s.Caps[i], seen)
	}
	for i := range s.CapsDefault {
		path := fmt.Sprintf("caps_default[%d]", i)
		b.checkCap(path, &s.CapsDefault[i], seen)
		if len(s.CapsDefault[i].Match.Callers) > 0 {
			b.problem(path+".match.callers", "remove it, or make it an entry of caps", "caps_default is for the callers that no cap names")
		}
	}
	b.checkWindows(s.Guard.Windows)
	if b.Failed("guard") || b.Failed("caps") || b.Failed("caps_default") {
		return
	}
	rules, err := spend.NewRules(*s)
	if err != nil {
		b.problem("caps", "", "%v", err)
		return
	}
	if b.table != nil {
		m := spenders{b, rules, b.spendGrants()}
		m.checkKeep()
		m.notes()
	}
}

// checkCap checks a cap, and that it can count something.
func (b *builder) checkCap(path string, c *spend.CapConfig, seen map[string]string) {
	match := &c.Match
	b.allNamed(path+".match.callers", "caller", match.Callers, b.callerNames)
	b.allNamed(path+".match.credentials", "credential", match.Credentials, b.credentialNames)
	if !b.Failed("upstreams") {
		b.allNamed(path+".match.operations", "operation", match.Operations, b.operationNames())
		b.checkCounted(path+".match.operations", match)
	}
	for i, id := range match.Customers {
		if slices.Contains(match.Customers[:i], id) {
			b.problem(fmt.Sprintf("%s.match.customers[%d]", path, i), "", "customer %q is listed twice", b.Shown(string(id)))
		}
	}
	if first, twice := seen[c.Name]; twice && c.Name != "" {
		b.problem(path+".name", "choose another name: records and counts go by it", "cap %q is already %s", b.Shown(c.Name), first)
	}
	seen[c.Name] = path
	if b.Failed(path) {
		return
	}
	if err := c.Check(); err != nil {
		for _, cause := range leaves(err) {
			b.problem(path, "", "%v", cause)
		}
	}
	if c.Mode != spend.Soft && b.file.Fleet != nil {
		b.problem(path+".mode", "write mode: soft, or run one gateway without a fleet",
			"caps are not shared by the members of a fleet yet: each would let through what a hard cap allows")
	}
}

// checkCounted reports operations whose calls a cap does not count, since they have another effect.
func (b *builder) checkCounted(path string, match *spend.Match) {
	for i, name := range match.Operations {
		at := fmt.Sprintf("%s[%d]", path, i)
		if b.Failed(at) || slices.ContainsFunc(b.operationsOf(name), func(o *catalog.Operation) bool { return o.Effect.String() == match.Effect }) {
			continue
		}
		b.problem(at, "remove it, or set match.effect", "the cap is for calls with the effect %s, and %s has another", match.Effect, name)
	}
}

// operationsOf returns the operations of all upstreams that have a name.
func (b *builder) operationsOf(name string) (all []*catalog.Operation) {
	for _, operations := range b.operations {
		for _, o := range operations {
			if o.Name == name {
				all = append(all, o)
			}
		}
	}
	return all
}

// checkWindows checks that windows are those of acts.
func (b *builder) checkWindows(windows map[string]setting.Duration) {
	if b.Failed("upstreams") {
		return
	}
	known := map[string]bool{}
	for _, operations := range b.operations {
		for _, o := range operations {
			if o.Act != nil {
				known[o.Act.Name] = true
			}
		}
	}
	names := slices.Sorted(maps.Keys(known))
	for _, act := range sortedNames(windows) {
		path := "guard.windows." + act
		if !slices.Contains(names, act) {
			b.problem(path, cmp.Or(nearest.Suggest(act, names), "`tollgate catalog --acts` lists them"), "there is no act %q", b.Shown(act))
		} else if windows[act] > setting.Duration(spend.MaxWindow) {
			b.problem(path, "", "a window has at most %v", setting.Duration(spend.MaxWindow))
		}
	}
}

// describeSpend describes in lines for people what keeps money from moving twice, or beyond a cap.
func describeSpend(s *spend.Config) []string {
	guard := "acts are not done twice"
	if s.Guard.Mode == spend.Shadow {
		guard = "acts may be done twice: the guard is in shadow, and records what it would have refused"
	}
	for _, act := range sortedNames(s.Guard.Windows) {
		guard += fmt.Sprintf("; %s for %v", act, s.Guard.Windows[act])
	}
	lines := []string{guard}
	for i := range s.Caps {
		lines = append(lines, describeCap(&s.Caps[i]))
	}
	for i := range s.CapsDefault {
		lines = append(lines, describeCap(&s.CapsDefault[i])+", for each caller that no cap names")
	}
	if len(lines) == 1 {
		lines = append(lines, "no caps")
	}
	return lines
}

func describeCap(c *spend.CapConfig) string {
	var most []string
	for _, currency := range sortedNames(c.Amount) {
		most = append(most, fmt.Sprintf("%v %s", c.Amount[currency], currency))
	}
	if c.Count > 0 {
		most = append(most, count(c.Count, "call"))
	}
	line := fmt.Sprintf("cap %s (%s): %s each %s", c.Name, c.Mode, strings.Join(most, ", "), c.Each)
	if c.Per != "" && c.Per != spend.PerNone {
		line += " per " + string(c.Per)
	}
	return line
}
