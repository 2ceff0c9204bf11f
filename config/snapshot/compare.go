package snapshot

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"tollgate/config"
)

// MaxText bounds a text that is read. 10,000 callers have 3 MB.
const MaxText = 256 << 20

// Change is one difference between two configurations, in an operator's words.
type Change struct {
	Where string `json:"where"` // the key: "callers.billing-app.grants"
	Text  string `json:"text"`  // "may call PayOrders with credential acme"
	// Restart says that it needs a restart: a reload is refused.
	Restart bool `json:"restart,omitempty"`
}

// Compare returns how two configurations differ, sorted by place. It does not know the contents of secrets.
func Compare(before, after *config.Config) []Change {
	c := comparison{}
	c.compare(nil, Of(before, nil), Of(after, nil))
	return c.changes
}

// CompareTexts returns how two texts of plans differ, sorted by place. The keys in use are compared where both have them.
func CompareTexts(before, after []byte) ([]Change, error) {
	for _, text := range []*[]byte{&before, &after} {
		if err := check(*text); err != nil {
			return nil, err
		}
		var compact bytes.Buffer // one that is not canonical differs in what it says only
		_ = json.Compact(&compact, *text)
		*text = compact.Bytes()
	}
	c := comparison{}
	c.compare(nil, before, after)
	return c.changes, nil
}

// check reports a text that is none of a plan.
func check(text []byte) error {
	if len(text) > MaxText {
		return fmt.Errorf("the text of a plan has at most %d bytes", MaxText)
	}
	var plan struct {
		Version int `json:"version"`
	}
	switch err := json.Unmarshal(text, &plan); {
	case err != nil:
		return fmt.Errorf("this is not the text of a plan: %w", err)
	case plan.Version < 1:
		return errors.New("this is not the text of a plan: it has no version")
	case plan.Version > Version:
		return fmt.Errorf("the text of this plan has version %d, and this program knows up to %d: use a newer one", plan.Version, Version)
	}
	return nil
}

// comparison goes through two texts at once. A value that is not there is nil.
type comparison struct{ changes []Change }

func (c *comparison) add(where path, format string, args ...any) {
	restart := where[0] == "tls_suites" || config.NeedsRestart(where)
	c.changes = append(c.changes, Change{where.String(), fmt.Sprintf(format, args...), restart})
}

// compare compares the values at a path. Texts are canonical: equal values are equal bytes.
func (c *comparison) compare(at path, before, after json.RawMessage) {
	if bytes.Equal(before, after) {
		return
	}
	if special := at.special(); special != nil {
		special(c, at, before, after)
		return
	}
	switch kind(before, after) {
	case '{':
		c.object(at, before, after)
	case '[':
		c.list(at, before, after)
	default:
		c.scalar(at, before, after)
	}
}

// kind returns the first character of the values, which is that of the second where they differ.
func kind(before, after json.RawMessage) byte {
	if len(after) > 0 {
		return after[0]
	}
	return before[0]
}

func (c *comparison) object(at path, before, after json.RawMessage) {
	c.members(at, members(before), members(after))
}

// members compares what has names, by name.
func (c *comparison) members(at path, was, is map[string]json.RawMessage) {
	for _, name := range namesOf(was, is) {
		c.compare(at.member(name), was[name], is[name])
	}
}

// list compares lists: by name where elements have names, as sets where they are texts, by place otherwise.
func (c *comparison) list(at path, before, after json.RawMessage) {
	was, is := elements(before), elements(after)
	if wasNamed, isNamed := byName(was), byName(is); wasNamed != nil && isNamed != nil {
		known := len(c.changes)
		if c.members(at, wasNamed, isNamed); len(c.changes) == known {
			c.add(at, "are in another order")
		}
		return
	}
	if all := slices.Concat(is, was); len(all) == 0 || all[0][0] != '{' {
		c.set(at, texts(was), texts(is))
		return
	}
	for i := range max(len(was), len(is)) {
		c.compare(at.element(strconv.Itoa(i)), element(was, i), element(is, i))
	}
}

func element(list []json.RawMessage, i int) json.RawMessage {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// byName returns the elements of a list by their names; nil if not all have one.
func byName(list []json.RawMessage) map[string]json.RawMessage {
	named := make(map[string]json.RawMessage, len(list))
	for _, element := range list {
		if element[0] != '{' {
			return nil
		}
		name := decode[struct{ Name string }](element).Name
		if name == "" || named[name] != nil {
			return nil
		}
		named[name] = element
	}
	return named
}

// set says what a list of texts gains and loses.
func (c *comparison) set(at path, was, is []string) {
	gained, lost := without(is, was), without(was, is)
	switch {
	case len(gained) == 0 && len(lost) == 0:
		c.add(at, "the order is %s (was %s)", listed(is), listed(was))
	case len(was) == 0:
		c.add(at, "is %s (was not set)", listed(is))
	case len(is) == 0:
		c.add(at, "is no longer set (was %s)", listed(was))
	case len(lost) == 0:
		c.add(at, "has %s besides", listed(gained))
	case len(gained) == 0:
		c.add(at, "no longer has %s", listed(lost))
	default:
		c.add(at, "has %s, and no longer %s", listed(gained), listed(lost))
	}
}

// scalar says how one value changes. Texts leave out what is false or zero.
func (c *comparison) scalar(at path, before, after json.RawMessage) {
	was, is, order := shown(before), shown(after), 0
	if at.measured() {
		order = compareMeasures(was, is)
	}
	switch {
	case was == "true" || is == "true":
		c.add(at, "is %s (was %s)", cmp.Or(is, "false"), cmp.Or(was, "false"))
	case before == nil:
		c.add(at, "is %s (was %s)", is, at.unset(is))
	case after == nil:
		c.add(at, "is %s (was %s)", at.unset(was), was)
	case order < 0:
		c.add(at, "is raised to %s (was %s)", is, was)
	case order > 0:
		c.add(at, "is lowered to %s (was %s)", is, was)
	default:
		c.add(at, "is %s (was %s)", is, was)
	}
}

// unset is what a value is that the text leaves out, by what it is in the other text.
func (p path) unset(other string) string {
	if _, amount := measure(other); amount && p.measured() {
		return "0 or not set"
	}
	return "not set"
}

// compareMeasures compares two numbers, rates, sizes or times; 0 if they are none.
func compareMeasures(was, is string) int {
	a, isMeasure := measure(was)
	b, too := measure(is)
	if !isMeasure || !too {
		return 0
	}
	return cmp.Compare(a, b)
}

// decode returns a value of a text that was checked; of one of another form, the zero.
func decode[T any](text json.RawMessage) (value T) {
	if len(text) > 0 {
		_ = json.Unmarshal(text, &value) // a text of another form has none of what is asked for
	}
	return value
}
