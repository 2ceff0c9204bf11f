package acts

import (
	"slices"

	"tollgate/catalog"
)

// Failed returns the positions of the keys whose part failed, of an act that was done in part: failed are the items that the answer names
// ([bss.Outcome.Failed]). It reports false where the answer names none, or any that the call did not: then it is not known which failed.
func (a *Act) Failed(failed []string) (keys []int, ok bool) {
	of := make(map[string]bool, len(failed)) // whether a key has the item
	for _, id := range failed {
		of[id] = false
	}
	i := 0
	for key, n := range a.combinations() {
		item := a.itemOf(key, n)
		if _, named := of[item]; named {
			of[item] = true
			keys = append(keys, i)
		}
		i++
	}
	for _, known := range of {
		if !known {
			return nil, false
		}
	}
	return keys, len(keys) > 0
}

// itemOf returns what a key is about of several things that the call names, in lower case; empty where it names one.
func (a *Act) itemOf(key *catalog.ActKey, n int) string {
	if i := slices.Index(key.Parts, a.items); a.items != nil && i >= 0 {
		return a.value(key, i, n).same
	}
	return ""
}
