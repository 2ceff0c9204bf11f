package store

import (
	"context"
	"slices"
)

// Known returns values that calls in the index have had of members by which they are found: "caller", "operation", "credential", "account",
// "reason", "error_code"; up to a number of each, sorted. They may be those of calls that were pruned since.
func (x *Index) Known(ctx context.Context, limit int, members ...string) (map[string][]string, error) {
	r, err := x.reader(ctx)
	if err != nil {
		return nil, err
	}
	known := make(map[string][]string, len(members))
	for _, member := range members {
		if column := columnNamed(member); column >= 0 {
			texts := r.known.texts(column)
			known[member] = texts[:min(len(texts), limit)]
		}
	}
	return known, r.close()
}

// texts returns the texts that kinds have in a column, sorted.
func (k *knownKinds) texts(column int) []string {
	has := make([]bool, len(k.values))
	for i := range k.list {
		has[k.list[i].columns[column]] = true
	}
	texts := []string{}
	for i, value := range k.values {
		if text, ok := value.(string); has[i] && ok && text != "" {
			texts = append(texts, text)
		}
	}
	slices.Sort(texts)
	return texts
}
