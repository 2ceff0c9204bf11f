package ratelimit

import "cmp"

// Reset returns the names of the limits that stay under another configuration and count otherwise there: their counts begin at zero, where
// those of all others go on.
func Reset(before, after Config) (names []string) {
	counted := map[string]Rule{}
	for _, r := range before.Rules {
		counted[r.Name] = r
	}
	for _, r := range after.Rules {
		if was, known := counted[r.Name]; known && was.countsUnlike(&r) {
			names = append(names, r.Name)
		}
	}
	return names
}

// countsUnlike reports whether the counts of a rule do not go on under another.
func (r *Rule) countsUnlike(other *Rule) bool {
	return r.counting() != other.counting() || r.Quota.Period != other.Quota.Period ||
		cmp.Or(r.Zone, DefaultZone) != cmp.Or(other.Zone, DefaultZone)
}
