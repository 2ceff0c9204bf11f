package acts

import (
	"iter"
	"slices"
	"strings"

	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/internal/words"
	"tollgate/spend"
)

// reader reads one request, and fills in the act.
type reader struct {
	*Act
	op      *catalog.Operation
	request *bss.Request
	power   int     // of ten, that turns amounts into the currency's main unit
	read    []value // of all parts so far
}

// value is what a request says of a part.
type value struct {
	text   string // as the request spells it
	same   string // the same for all spellings
	amount spend.Money
}

// field returns what was read of a field; nil if the request does not have it.
func (r *reader) field(name string) *bss.Value {
	for i := range r.request.Fields {
		if f := &r.request.Fields[i]; f.Name == name && len(f.Values) > 0 {
			return f
		}
	}
	return nil
}

// values returns what stands under any of some names.
func (r *reader) values(names []string) (all []string) {
	for _, name := range names {
		if f := r.field(name); f != nil {
			all = append(all, f.Values...)
		}
	}
	return all
}

func (r *reader) readParts() (err error) {
	for i := range r.request.Fields {
		switch f := &r.request.Fields[i]; {
		case f.Omitted > 0:
			return refuse("error.act.values", "Field", f.Name)
		case f.InQuery && r.inBody() && !slices.Contains(r.op.Query, f.Name):
			return refuse("error.act.in_query", "Field", f.Name, "Method", r.op.Method)
		}
	}
	if err = r.readMeasure(); err != nil {
		return err
	}
	r.found, r.read = r.space.found[:0], r.space.values[:0]
	for i := range r.of.Parts {
		values, err := r.readPart(&r.of.Parts[i])
		if err != nil {
			return err
		}
		r.found = append(r.found, values)
	}
	return nil
}

// inBody reports whether the provider reads from the body what a call does. A query that says so instead, or besides, would have it done
// under another key, or for another amount. Of an endpoint that was declared all places count.
func (r *reader) inBody() bool {
	return r.op.Site != "" && (r.op.Method == "POST" || r.op.Method == "PUT")
}

func (r *reader) readMeasure() error {
	said := r.values(r.of.Measure)
	for _, v := range said {
		power, known := catalog.Measure(v)
		if !known || v == "" || v != said[0] {
			return refuse("error.act.measure", "Field", r.of.Measure[0])
		}
		r.power = power
	}
	return nil
}

// readPart returns what a request says of a part under all its spellings, each value once.
func (r *reader) readPart(p *catalog.Part) ([]value, error) {
	start := len(r.read)
	for _, name := range p.Fields {
		f := r.field(name)
		if f == nil {
			continue
		}
		if err := r.readField(p, f, start); err != nil {
			return nil, err
		}
	}
	all := r.read[start:len(r.read):len(r.read)]
	switch {
	case len(all) > 1 && p.Kind == catalog.FieldAmount:
		return nil, refuse("error.act.amounts", "Field", p.Fields[0])
	case len(all) > 0 || p.Optional:
		return all, nil
	case p.Default != "":
		return []value{{text: p.Default, same: strings.ToLower(p.Default)}}, nil
	}
	return nil, refuse("error.act.missing", "Field", p.Fields[0])
}

// readField reads the values of one field of a part, whose values begin at start. A value that it has twice would be done twice, or is a
// mistake.
func (r *reader) readField(p *catalog.Part, f *bss.Value, start int) (err error) {
	r.read = slices.Grow(r.read, len(f.Values))
	for i, text := range f.Values {
		v := value{text: text}
		if p.Kind == catalog.FieldAmount {
			v.amount, v.same, err = r.readAmount(f.Name, text)
		} else {
			v.same, err = readID(p, f, text)
		}
		if err != nil {
			return err
		}
		if slices.ContainsFunc(f.Values[:i], func(other string) bool { return strings.EqualFold(other, text) }) {
			return refuse("error.act.twice", "Field", f.Name, "Value", text)
		}
		if !slices.ContainsFunc(r.read[start:], func(other value) bool { return other.same == v.same }) { // in another spelling
			r.read = append(r.read, v)
		}
	}
	return nil
}

// readID returns an id in lower case, or one of the values that a part can have.
func readID(p *catalog.Part, f *bss.Value, text string) (string, error) {
	same := strings.ToLower(text)
	switch {
	case f.Inexact > 0:
		return "", refuse("error.act.string", "Field", f.Name)
	case !isID(text):
		return "", noID(words.Plain(f.Name))
	case len(p.Values) > 0 && !slices.ContainsFunc(p.Values, func(v string) bool { return strings.ToLower(v) == same }):
		return "", refuse("error.act.choice", "Field", f.Name, "Values", words.Join("error.or", p.Values))
	}
	return same, nil
}

func noID(name words.Message) error {
	return refuse("error.act.id", "Field", name, "Most", maxID)
}

func isID(text string) bool {
	return text != "" && len(text) <= maxID && !strings.ContainsFunc(text, notOfIDs)
}

func notOfIDs(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-'
}

// makeKeys makes a key of each combination of values of its parts.
func (r *reader) makeKeys(upstream string, hash Hash) error {
	count := 0
	for i := range r.of.Keys {
		count += r.number(&r.of.Keys[i])
	}
	if count > maxKeys {
		return refuse("error.act.keys", "Most", maxKeys)
	}
	r.Keys = slices.Grow(r.space.keys[:0], count)
	head := appendHead(r.space.text[:0], r.op, upstream)
	for key, n := range r.combinations() {
		made := spend.Key{Window: key.Window}
		if hash != nil {
			made.Digest = hash(r.appendParts(head, key, n))
		}
		r.Keys = append(r.Keys, made)
	}
	return nil
}

// appendHead appends the lines that all keys of a call have.
func appendHead(text []byte, op *catalog.Operation, upstream string) []byte {
	text = append(append(text, "act "...), op.Act.Name...)
	if op.Site != "" {
		return append(append(text, "\nsite "...), op.Site...)
	}
	return append(append(text, "\nupstream "...), upstream...)
}

// appendParts appends the lines of a key's parts.
func (a *Act) appendParts(text []byte, key *catalog.ActKey, n int) []byte {
	for i, p := range key.Parts {
		text = append(append(text, '\n'), p.Name...)
		text = append(append(text, ' '), a.value(key, i, n).same...)
	}
	return text
}

// combinations yields all keys of the call, by the combinations of values that they are of.
func (a *Act) combinations() iter.Seq2[*catalog.ActKey, int] {
	return func(yield func(*catalog.ActKey, int) bool) {
		for i := range a.of.Keys {
			key := &a.of.Keys[i]
			for n := range a.number(key) {
				if !yield(key, n) {
					return
				}
			}
		}
	}
}

// number returns how many combinations of values of its parts a key has.
func (a *Act) number(key *catalog.ActKey) int {
	n := 1
	for _, p := range key.Parts {
		n *= len(a.valuesOf(p))
	}
	return n
}

// value returns that of the i-th part in a combination, which are counted as digits do: the last part's fastest.
func (a *Act) value(key *catalog.ActKey, i, n int) *value {
	for _, p := range key.Parts[i+1:] {
		n /= len(a.valuesOf(p))
	}
	values := a.valuesOf(key.Parts[i])
	return &values[n%len(values)]
}

func (a *Act) valuesOf(p *catalog.Part) []value {
	i := slices.IndexFunc(a.of.Parts, func(other catalog.Part) bool { return other.Name == p.Name })
	return a.found[i]
}
