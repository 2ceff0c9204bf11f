package ratelimit

// Reset returns the names of the limits that stay under another configuration and count by something else there: their counts begin at zero,
// where those of all others go on.
func Reset(before, after Config) (names []string) {
	counted := map[string]dimensions{}
	for _, r := range before.Rules {
		counted[r.Name] = setOf(r.Per)
	}
	for _, r := range after.Rules {
		if per, known := counted[r.Name]; known && per != setOf(r.Per) {
			names = append(names, r.Name)
		}
	}
	return names
}
