package acts

// Failed returns the positions of the keys whose part failed, of an act that was done in part: failed are the items that the answer names
// ([bss.Outcome.Failed]). It reports false where the answer names none, or any that the call did not: then it is not known which failed.
func (a *Act) Failed(failed []string) (keys []int, ok bool) {
	of := make(map[string]bool, len(failed)) // whether a key has the item
	for _, id := range failed {
		of[id] = false
	}
	for i, subject := range a.subjects {
		if _, named := of[subject]; named {
			of[subject] = true
			keys = append(keys, i)
		}
	}
	for _, known := range of {
		if !known {
			return nil, false
		}
	}
	return keys, len(keys) > 0
}
