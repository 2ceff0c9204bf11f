package logfile

import "slices"

const (
	// maxAsked bounds the members that a caller chooses, in a record that is not cut.
	maxAsked = 48 << 10
	// minSpending is reserved for Spending beside them: enough for [MaxActKeys] keys, their price and some caps. The rest of a line is enough
	// for all other members of an intent: names of the configuration, and a TLS connection with what the peer offered.
	minSpending = 8 << 10
)

// Overlong returns which of the members that a caller chooses, Method, Path, Query and Fields, an intent cannot hold whole: its
// name, or that of the field; "act" for Spending; "" if it holds them all. Each text may have 16 KiB and all together 48 KiB, both of their
// encoded form; Spending has 8 KiB, and what the others leave of theirs. The other members do not count.
func (r *Record) Overlong() string {
	if r.surelyFits() {
		return ""
	}
	e := encoder{limits: cuts[0], end: maxAsked}
	over := func() bool { return e.cut || len(e.b) > e.end }
	for _, text := range [...]struct{ name, value string }{{"method", r.Method}, {"path", r.Path}, {"query", r.Query}} {
		if e.asked(text.name, text.value, 0, "", false); over() {
			return text.name
		}
	}
	if e.withheldList(r.QueryWithheld); over() {
		return "query"
	}
	left := e.values
	for i := range r.Fields {
		f := &r.Fields[i]
		if left -= e.field(f, left); f.Omitted > 0 || i >= e.fields || over() {
			return f.Name
		}
	}
	e.end += minSpending
	if e.spending(r.Spending); over() {
		return "act"
	}
	return ""
}

// surelyFits is a cheap check for records far below the bounds, as nearly all are.
func (r *Record) surelyFits() bool {
	if r.Spending != nil {
		return false
	}
	const (
		growth = 6   // \u00ff for one byte
		frame  = 256 // a field beside its texts
		value  = 4   // quotes and comma; 4096 values do not pass
	)
	texts, rest := len(r.Method)+len(r.Path)+len(r.Query), frame*(1+len(r.QueryWithheld))
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.Omitted > 0 {
			return false
		}
		texts, rest = texts+len(f.Name)+len(f.Kind), rest+frame+value*len(f.Values)
		for _, v := range f.Values {
			texts += len(v)
		}
	}
	return texts*growth+rest < MaxText
}

// mustBeWhole reports whether an intent is of a call that may change something.
func (r *Record) MustBeWhole() bool { return r.Effect != "" && r.Effect != "read" }

func (r *Record) Omits() bool {
	return slices.ContainsFunc(r.Fields, func(f Field) bool { return f.Omitted > 0 })
}
