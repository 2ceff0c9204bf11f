package catalog

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// DefaultQuota is the number of calls per second that an operation gets when no page publishes one: the figure that
// most published rows show.
const DefaultQuota = 10

// table is the parsed catalog. It is built once and never changed.
type table struct {
	sites  []string
	bySite map[string][]*Operation // sorted by name
}

var loaded = sync.OnceValue(func() table {
	t, err := parse(operationsCSV, factsCSV)
	if err != nil { // the data is part of the binary: only a programmer's error gets here, and a test would have seen it
		panic(err)
	}
	return t
})

// Sites lists the sites of the catalog, sorted. The slice is the caller's.
func Sites() []string { return slices.Clone(loaded().sites) }

// Operations lists a site's operations sorted by name, current and deprecated; nil for an unknown site. The slice is
// the caller's, the operations are shared and must not be changed.
func Operations(site string) []*Operation { return slices.Clone(loaded().bySite[site]) }

// Find gives the operation of that exact name, or nil.
func Find(site, name string) *Operation {
	operations := loaded().bySite[site]
	i, ok := slices.BinarySearchFunc(operations, name, func(o *Operation, name string) int { return cmp.Compare(o.Name, name) })
	if !ok {
		return nil
	}
	return operations[i]
}

// maxSuggestions bounds what [Nearest] gives, maxNameLength what it looks at (its work grows with the name's length).
const (
	maxSuggestions = 3
	maxNameLength  = 128
)

// Nearest suggests up to three of the site's operation names for a name that [Find] does not know, best first: names
// that differ only in case, then those a few typing errors away, then those that contain the given text. It is empty
// when nothing is near.
func Nearest(site, name string) []string {
	if name == "" || len(name) > maxNameLength {
		return nil
	}
	type candidate struct {
		name string
		cost int
	}
	var near []candidate
	for _, o := range loaded().bySite[site] {
		if cost, ok := remoteness(o.Name, name); ok {
			near = append(near, candidate{o.Name, cost})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.cost, b.cost) })
	var names []string
	for _, c := range near[:min(len(near), maxSuggestions)] {
		names = append(names, c.name)
	}
	return names
}

// remoteness rates how far name is from what was written; smaller is nearer.
func remoteness(name, written string) (cost int, near bool) {
	name, written = strings.ToLower(name), strings.ToLower(written)
	if d := editDistance(name, written); d <= max(2, len(written)/4) {
		return d, true
	}
	if len(written) >= 4 && strings.Contains(name, written) {
		return maxNameLength + len(name) - len(written), true
	}
	return 0, false
}

// editDistance is the Levenshtein distance in bytes, which is exact for operation names (ASCII).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
