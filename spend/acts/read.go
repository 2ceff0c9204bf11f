package acts

import (
	"slices"
	"strings"

	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/spend"
)

// reader reads one request.
type reader struct {
	op      *catalog.Operation
	act     *catalog.Act
	request *bss.Request
	power   int       // of ten, that turns amounts into the currency's main unit
	found   [][]value // of each part
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
		if f := &r.request.Fields[i]; f.Omitted > 0 {
			return refuse("%s has more than 100 values, or one that is longer than 1 KiB", f.Name)
		}
	}
	if err = r.readMeasure(); err != nil {
		return err
	}
	for i := range r.act.Parts {
		if r.found[i], err = r.readPart(&r.act.Parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) readMeasure() error {
	said := r.values(r.act.Measure)
	for _, v := range said {
		power, known := catalog.Measure(v)
		if !known || v == "" || v != said[0] {
			return refuse("%s must be 1, 2 or 3: it says in which unit the amount is", r.act.Measure[0])
		}
		r.power = power
	}
	return nil
}

// readPart returns what a request says of a part under all its spellings, each value once.
func (r *reader) readPart(p *catalog.Part) (all []value, err error) {
	for _, name := range p.Fields {
		f := r.field(name)
		if f == nil {
			continue
		}
		values, err := r.readField(p, f)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if !contains(all, v) {
				all = append(all, v)
			}
		}
	}
	switch {
	case len(all) > 1 && p.Kind == catalog.FieldAmount:
		return nil, refuse("%s is given twice, with different amounts", p.Fields[0])
	case len(all) > 0 || p.Optional:
		return all, nil
	case p.Default != "":
		return []value{{text: p.Default, same: strings.ToLower(p.Default)}}, nil
	}
	return nil, refuse("%s must be given, since it identifies what is done", p.Fields[0])
}

// readField returns the values of one field. A value that it has twice would be done twice, or is a mistake.
func (r *reader) readField(p *catalog.Part, f *bss.Value) (values []value, err error) {
	for _, text := range f.Values {
		v := value{text: text}
		if p.Kind == catalog.FieldAmount {
			v.amount, v.same, err = r.readAmount(f.Name, text)
		} else {
			v.same, err = readID(p, f, text)
		}
		if err != nil {
			return nil, err
		}
		if contains(values, v) {
			return nil, refuse("%s names %s twice", f.Name, text)
		}
		values = append(values, v)
	}
	return values, nil
}

func contains(values []value, v value) bool {
	return slices.ContainsFunc(values, func(other value) bool { return other.same == v.same })
}

// readID returns an id in lower case, or one of the values that a part can have.
func readID(p *catalog.Part, f *bss.Value, text string) (string, error) {
	same := strings.ToLower(text)
	switch {
	case f.Inexact > 0:
		return "", refuse("%s must be given as a string, since readers turn such numbers into different texts", f.Name)
	case !isID(text):
		return "", noID(f.Name)
	case len(p.Values) > 0 && !slices.ContainsFunc(p.Values, func(v string) bool { return strings.ToLower(v) == same }):
		return "", refuse("%s must be %s", f.Name, strings.Join(p.Values, " or "))
	}
	return same, nil
}

func noID(name string) error {
	return refuse("%s must be of 1 to %d letters, digits, and _ . -", name, maxID)
}

func isID(text string) bool {
	return text != "" && len(text) <= maxID && !strings.ContainsFunc(text, notOfIDs)
}

func notOfIDs(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-'
}

// keyMaker makes the keys of an act.
type keyMaker struct {
	act     *Act
	head    string        // of the canonical text of all keys
	subject *catalog.Part // that answers say of whether it failed; nil: none
	hash    Hash
}

func (r *reader) makeKeys(k *keyMaker) error {
	n := 0
	for i := range r.act.Keys {
		n += r.combinations(&r.act.Keys[i])
	}
	if n > maxKeys {
		return refuse("the call names more than %d things that are done at once", maxKeys)
	}
	for i := range r.act.Keys {
		key := &r.act.Keys[i]
		for at := range r.combinations(key) {
			k.add(r, key, at)
		}
	}
	return nil
}

// combinations returns of how many combinations of values of its parts there are keys.
func (r *reader) combinations(key *catalog.ActKey) int {
	n := 1
	for _, p := range key.Parts {
		n *= len(r.valuesOf(p))
	}
	return n
}

func (r *reader) valuesOf(p *catalog.Part) []value {
	i := slices.IndexFunc(r.act.Parts, func(other catalog.Part) bool { return other.Name == p.Name })
	return r.found[i]
}

// add makes the key of one combination of values: at counts them as digits do, the last part's fastest.
func (k *keyMaker) add(r *reader, key *catalog.ActKey, at int) {
	canonical, subject, names := k.head, "", make([]string, len(key.Parts))
	for i, v := range r.combination(key, at) {
		p := key.Parts[i]
		canonical += "\n" + p.Name + " " + v.same
		names[i] = p.Name + " " + v.text
		if p == k.subject {
			subject = v.same
		}
	}
	made := spend.Key{Window: key.Window}
	if k.hash != nil {
		made.Digest = k.hash(canonical)
	}
	k.act.Keys = append(k.act.Keys, made)
	k.act.Names = append(k.act.Names, strings.Join(names, ", "))
	k.act.subjects = append(k.act.subjects, subject)
}

func (r *reader) combination(key *catalog.ActKey, at int) []value {
	chosen := make([]value, len(key.Parts))
	for i := len(key.Parts) - 1; i >= 0; i-- {
		values := r.valuesOf(key.Parts[i])
		chosen[i] = values[at%len(values)]
		at /= len(values)
	}
	return chosen
}
