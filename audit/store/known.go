package store

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// maxKnown bounds the kinds that an [Index] holds in memory. There are some ten thousand of them; the provider's error codes may make more, which
// are read one by one.
const maxKnown = 1 << 17

// knownKinds are the first kinds of a database, in the order of their ids. What is in its lists never changes.
type knownKinds struct {
	list   []packedKind
	values []any // of all columns
}

// packedKind is a kind in a form that the collector of garbage need not look into.
type packedKind struct {
	id      int64
	columns [len(kindColumns)]uint32 // places among the values
}

// find returns the kind of an id; nil if it is not known.
func (k *knownKinds) find(id int64) *packedKind {
	if len(k.list) == 0 {
		return nil
	}
	if i := id - k.list[0].id; i >= 0 && i < int64(len(k.list)) && k.list[i].id == id { // mostly none is missing
		return &k.list[i]
	}
	i, found := slices.BinarySearchFunc(k.list, id, func(k packedKind, id int64) int { return cmp.Compare(k.id, id) })
	if !found {
		return nil
	}
	return &k.list[i]
}

func (k *knownKinds) unpack(p *packedKind) *kind {
	whole := new(kind)
	for i, value := range p.columns {
		whole[i] = k.values[value]
	}
	return whole
}

// meeting returns the ids of the kinds that meet all conditions.
func (k *knownKinds) meeting(all []condition) (ids kindSet) {
	ids = kindSet{}
	meets := make([][]bool, len(all)) // for each value
	for i, c := range all {
		for _, value := range k.values {
			meets[i] = append(meets[i], slices.Contains(c.values, value))
		}
	}
	for i := range k.list {
		p, ok := &k.list[i], true
		for n := 0; n < len(all) && ok; n++ {
			ok = meets[n][p.columns[all[n].column]]
		}
		if ok {
			ids.add(p.id)
		}
	}
	return ids
}

// kindCache holds the kinds of one database for all queries of a process.
type kindCache struct {
	mu     sync.Mutex
	build  string // of the database
	known  knownKinds
	places map[any]uint32 // of values
}

// load sets the kinds that a database knows, and reads those that came to it since the last call.
func (c *kindCache) load(ctx context.Context, d *database) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.build != d.build {
		c.build, c.known, c.places = d.build, knownKinds{}, map[any]uint32{}
	}
	upTo := int64(0)
	if n := len(c.known.list); n > 0 {
		upTo = c.known.list[n-1].id
	}
	err := each(ctx, d, (*kindRow).columns, func(k *kindRow) error {
		c.add(k)
		return nil
	}, "SELECT id, "+kindNames+" FROM kinds WHERE id > ? ORDER BY id LIMIT ?", upTo, maxKnown-len(c.known.list))
	d.known = c.known
	return err
}

func (c *kindCache) add(k *kindRow) {
	p := packedKind{id: k.id}
	for i, value := range k.kind {
		place, ok := c.places[value]
		if !ok {
			place = uint32(len(c.known.values))
			c.places[value], c.known.values = place, append(c.known.values, value)
		}
		p.columns[i] = place
	}
	c.known.list = append(c.known.list, p)
}

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
