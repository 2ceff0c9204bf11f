package catalog

import (
	"cmp"
	"slices"
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
	t, err := parse(operationsCSV, factsCSV, actsCSV)
	if err != nil { // the data is part of the binary: only a programmer's error gets here, and a test would have seen it
		panic(err)
	}
	return t
})

// Currency returns what amounts are in at a site where neither a call nor its upstream says; "" if it is not known.
func Currency(site string) string {
	switch site {
	case "cn":
		return "CNY"
	case "intl":
		return "USD"
	}
	return ""
}

// Sites lists the sites of the catalog, sorted. The slice is the caller's.
func Sites() []string { return slices.Clone(loaded().sites) }

// Operations lists a site's operations sorted by name, current and deprecated; nil for an unknown site. The slice is
// the caller's, the operations are shared and must not be changed.
func Operations(site string) []*Operation { return slices.Clone(loaded().bySite[site]) }

// Find returns the operation of that exact name, or nil.
func Find(site, name string) *Operation {
	operations := loaded().bySite[site]
	i, ok := slices.BinarySearchFunc(operations, name, func(o *Operation, name string) int { return cmp.Compare(o.Name, name) })
	if !ok {
		return nil
	}
	return operations[i]
}
