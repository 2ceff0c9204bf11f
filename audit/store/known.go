package store

import "context"

// Known returns values that calls in the index have had of members by which they are found: "caller", "operation", "credential", "account",
// "reason", "error_code"; up to a number of each, sorted. They may be those of calls that were pruned since.
func (x *Index) Known(ctx context.Context, limit int, members ...string) (map[string][]string, error) {
	r, err := x.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close() // opened for reading: nothing can be lost
	known := make(map[string][]string, len(members))
	for _, c := range kindColumns {
		for _, member := range members {
			if c.name != member {
				continue
			}
			known[member], err = fetch(ctx, r.database, func(text *string) []any { return []any{text} },
				"SELECT DISTINCT "+c.name+" FROM kinds WHERE "+c.name+" != '' ORDER BY 1 LIMIT ?", limit)
			if err != nil {
				return nil, r.failed(err)
			}
		}
	}
	return known, nil
}
