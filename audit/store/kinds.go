package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// kind is what many calls have in common, one value for each of kindColumns: a text or an int64.
type kind [len(kindColumns)]any

// kindColumn is a column of the table kinds. A call's value follows from its lines alone, and only from members that brief records have.
type kindColumn struct {
	name, sqlType string
	call          func(*calls.Call) any
	filter        func(*calls.Filter) any // "", 0 and nil: the filter does not ask for it
}

var kindColumns = [...]kindColumn{
	text("caller", (*calls.Call).Caller, func(f *calls.Filter) string { return f.Caller }),
	text("caller_text", (*calls.Call).CallerText, nil),
	text("operation", (*calls.Call).Operation, func(f *calls.Filter) string { return f.Operation }),
	text("effect", (*calls.Call).Effect, func(f *calls.Filter) string { return f.Effect }),
	text("site", (*calls.Call).Site, func(f *calls.Filter) string { return f.Site }),
	text("credential", (*calls.Call).Credential, func(f *calls.Filter) string { return f.Credential }),
	text("class", (*calls.Call).Class, func(f *calls.Filter) string { return f.Class }),
	text("account", (*calls.Call).Account, func(f *calls.Filter) string { return f.Account }),
	text("decision", (*calls.Call).Decision, func(f *calls.Filter) string { return f.Decision }),
	text("state", (*calls.Call).State, func(f *calls.Filter) string { return f.State }),
	text("reason", (*calls.Call).Reason, func(f *calls.Filter) string { return f.Reason }),
	text("error_code", (*calls.Call).ErrorCode, func(f *calls.Filter) string { return f.ErrorCode }),
	text("currency", (*calls.Call).Currency, func(f *calls.Filter) string { return f.Currency }),
	number("status", (*calls.Call).Status, func(f *calls.Filter) int { return f.Status }),
	number("deprecated", func(c *calls.Call) int { return one(c.Deprecated()) }, func(f *calls.Filter) int { return one(f.Deprecated) }),
	number("amounts", nil, func(f *calls.Filter) int { return one(f.Currency != "" || f.MinAmount != nil || f.MaxAmount != nil) }),
}

func text(name string, call func(*calls.Call) string, filter func(*calls.Filter) string) kindColumn {
	c := kindColumn{name: name, sqlType: "TEXT", call: func(c *calls.Call) any { return call(c) }, filter: func(*calls.Filter) any { return "" }}
	if filter != nil {
		c.filter = func(f *calls.Filter) any { return filter(f) }
	}
	return c
}

func number(name string, call func(*calls.Call) int, filter func(*calls.Filter) int) kindColumn {
	return kindColumn{name, "INTEGER", func(c *calls.Call) any { return int64(call(c)) }, func(f *calls.Filter) any { return int64(filter(f)) }}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// kindOf returns the kind of a call as it ended: a settlement, which may come later, is no part of it. The last column is whether there are
// amounts, which take a while to find.
func kindOf(c *calls.Call, amounts bool) (k kind) {
	ended := *c
	ended.Settled = nil
	last := len(kindColumns) - 1
	for i := range last {
		k[i] = kindColumns[i].call(&ended)
	}
	k[last] = int64(one(amounts))
	return k
}

// columnNamed returns the place of a column.
func columnNamed(name string) int {
	return slices.IndexFunc(kindColumns[:], func(c kindColumn) bool { return c.name == name })
}

var keyColumns = [...]int{
	columnNamed("caller_text"), columnNamed("operation"), columnNamed("credential"), columnNamed("account"), columnNamed("effect"), columnNamed("state"),
	columnNamed("reason"), columnNamed("currency"),
}

// key returns what entries of reports have of a kind.
func (k *kind) key() calls.Key {
	var t [len(keyColumns)]string
	for i, column := range keyColumns {
		t[i], _ = k[column].(string)
	}
	return calls.Key{Caller: t[0], Operation: t[1], Credential: t[2], Account: t[3], Effect: t[4], State: t[5], Reason: t[6], Currency: t[7]}
}

// condition is what a filter asks of one column of a kind: one of some values.
type condition struct {
	column int
	values []any
}

// kindConditions are the conditions that a filter puts on a kind.
func kindConditions(f *calls.Filter) (all []condition) {
	for i, c := range kindColumns {
		switch value := c.filter(f); {
		case value == "" || value == int64(0):
		case c.name == "state" && slices.Contains(calls.SettledStates, f.State):
			// An unknown outcome may be settled by a record behind the call, which changes no row.
			all = append(all, condition{i, []any{value, logfile.Unknown}})
		default:
			all = append(all, condition{i, []any{value}})
		}
	}
	return all
}

// meets reports whether a kind meets all conditions.
func (k *kind) meets(all []condition) bool {
	for _, c := range all {
		if !slices.Contains(c.values, k[c.column]) {
			return false
		}
	}
	return true
}

// kindSet is a set of ids of kinds, as bits.
type kindSet []uint64

// maxKind is the greatest id: that of a kind is never used again, and a set must not take all memory because an id was forged.
const maxKind = 1 << 26

func (s *kindSet) add(id int64) {
	if more := int(id/64) + 1 - len(*s); more > 0 && id < maxKind {
		*s = append(*s, make([]uint64, more)...)
	}
	if uint64(id) < maxKind {
		(*s)[id/64] |= 1 << (id % 64)
	}
}

func (s kindSet) has(id int64) bool {
	return uint64(id) < 64*uint64(len(s)) && s[id/64]&(1<<(id%64)) != 0
}

var (
	kindNames = strings.Join(kindTexts(func(c kindColumn) string { return c.name }), ", ")
	// RETURNING has no row for a conflict that nothing is done about.
	kindID = "INSERT INTO kinds (" + kindNames + ") VALUES (" + strings.Repeat(", ?", len(kindColumns))[2:] + ") ON CONFLICT DO UPDATE SET id = id RETURNING id"
)

func kindTexts(of func(kindColumn) string) (list []string) {
	for _, c := range kindColumns {
		list = append(list, of(c))
	}
	return list
}

// idOf returns the id of a kind, within a transaction that writes.
func (d *database) idOf(ctx context.Context, k kind) (int64, error) {
	if id, ok := d.ids.Get(k); ok {
		return id, nil
	}
	id, err := d.number(ctx, kindID, k[:]...)
	if err == nil {
		d.ids.Add(k, id)
	}
	return id, err
}

// kind returns the kind of an id.
func (d *database) kind(ctx context.Context, id int64) (*kind, error) {
	if k := d.known.kind(id); k != nil {
		return k, nil
	}
	if k, ok := d.kinds.Get(id); ok {
		return k, nil
	}
	found, err := fetch(ctx, d, (*knownKind).columns, "SELECT id, "+kindNames+" FROM kinds WHERE id = ?", id)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%w: there is no kind %d", errMisfit, id)
	}
	d.kinds.Add(id, &found[0].kind)
	return &found[0].kind, nil
}

// maxKnown bounds the kinds that an [Index] holds in memory. There are some ten thousand of them; the provider's error codes may make more, which
// are read one by one.
const maxKnown = 1 << 17

// knownKind is a row of the table kinds.
type knownKind struct {
	id int64
	kind
}

// knownKinds are the first kinds of a database, in the order of their ids. Elements never change.
type knownKinds []knownKind

// kind returns the kind of an id; nil if it is not known.
func (k knownKinds) kind(id int64) *kind {
	if len(k) > 0 { // mostly none is missing
		if i := id - k[0].id; i >= 0 && i < int64(len(k)) && k[i].id == id {
			return &k[i].kind
		}
	}
	i, found := slices.BinarySearchFunc(k, id, func(k knownKind, id int64) int { return cmp.Compare(k.id, id) })
	if !found {
		return nil
	}
	return &k[i].kind
}

func (k *knownKind) columns() []any { return append([]any{&k.id}, k.kind.columns()...) }

// kindCache holds the kinds of one database for all queries of a process.
type kindCache struct {
	mu     sync.Mutex
	build  string // of the database
	known  knownKinds
	values map[any]any // those of kinds, each once
}

// load sets the kinds that a database knows, and reads those that came to it since the last call.
func (c *kindCache) load(ctx context.Context, d *database) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.build != d.build {
		c.build, c.known, c.values = d.build, nil, map[any]any{}
	}
	upTo := int64(0)
	if n := len(c.known); n > 0 {
		upTo = c.known[n-1].id
	}
	err := each(ctx, d, (*knownKind).columns, func(k *knownKind) error {
		for i, value := range k.kind {
			if c.values[value] == nil {
				c.values[value] = value
			}
			k.kind[i] = c.values[value]
		}
		c.known = append(c.known, *k)
		return nil
	}, "SELECT id, "+kindNames+" FROM kinds WHERE id > ? ORDER BY id LIMIT ?", upTo, maxKnown-len(c.known))
	d.known = c.known
	return err
}

func (k *kind) columns() (list []any) {
	for i := range k {
		list = append(list, &k[i])
	}
	return list
}
