package snapshot

import (
	"encoding/json"
	"maps"
	"slices"

	"tollgate/internal/text"
)

// caller compares a caller. All that a new one may do is said.
func (c *comparison) caller(at path, before, after json.RawMessage) {
	if after == nil {
		c.add(at, "is gone: its calls are refused")
		return
	}
	if before == nil {
		c.add(at, "is added")
	}
	c.object(at, before, after)
}

// identity compares a person who may sign in.
func (c *comparison) identity(at path, before, after json.RawMessage) {
	if after == nil {
		c.add(at, "is gone: the sessions of this person end")
		return
	}
	if before == nil {
		c.add(at, "is added")
	}
	c.object(at, before, after)
}

// auth compares how a caller is known.
func (c *comparison) auth(at path, before, after json.RawMessage) {
	c.ways(at, before, after, "what is known by it is refused")
}

// proofs compares what a person shows.
func (c *comparison) proofs(at path, before, after json.RawMessage) {
	c.ways(at, before, after, "sessions that it began end")
}

// ways compares lists of ways to be known; gone says what that of one comes to.
func (c *comparison) ways(at path, before, after json.RawMessage, gone string) {
	was, is := byIdentity(before), byIdentity(after)
	for _, name := range namesOf(was, is) {
		switch {
		case was[name] == nil:
			c.add(at, "%s is added%s", name, expiry(is[name]))
		case is[name] == nil:
			c.add(at, "%s is gone: %s", name, gone)
		default:
			c.compare(at.element(name), was[name], is[name])
		}
	}
}

func namesOf[T any](was, is map[string]T) []string {
	names := map[string]bool{}
	for name := range was {
		names[name] = true
	}
	for name := range is {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// way is what identifies one entry of auth, or of proofs.
type way struct {
	AccessKey *struct {
		ID       string `json:"id"`
		NotAfter string `json:"not_after"`
	} `json:"access_key"`
	Certificate map[string]string `json:"certificate"`
	Token       *struct {
		SHA256 string `json:"sha256"`
	} `json:"token"`
}

func byIdentity(list json.RawMessage) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for _, entry := range elements(list) {
		all[decode[way](entry).name(entry)] = entry
	}
	return all
}

// name returns what an operator calls an entry; another kind of entry than this program knows is shown as it is.
func (i way) name(entry json.RawMessage) string {
	if i.AccessKey != nil {
		return "access key " + i.AccessKey.ID
	}
	if i.Token != nil {
		return "token " + text.Truncate(i.Token.SHA256, 8, "") + "…"
	}
	for _, kind := range slices.Sorted(maps.Keys(i.Certificate)) {
		return "certificate " + kind + " " + i.Certificate[kind]
	}
	return shown(entry)
}

func expiry(entry json.RawMessage) string {
	if i := decode[way](entry); i.AccessKey != nil && i.AccessKey.NotAfter != "" {
		return ", until " + i.AccessKey.NotAfter
	}
	return ""
}

// grant is one entry of grants.
type grant struct {
	Operations     []string `json:"operations"`
	Credential     string   `json:"credential"`
	Upstream       string   `json:"upstream"`
	Customers      []string `json:"customers"`
	ClassConfirmed bool     `json:"class_confirmed"`
	MayRepeat      bool     `json:"may_repeat"`
}

// terms returns what is granted of operations: "with credential acme for customers c-1".
func (g grant) terms() string {
	terms := " with credential " + g.Credential
	if g.Credential == "" {
		terms = " of upstream " + g.Upstream
	}
	if len(g.Customers) > 0 {
		terms += " for " + listed(slices.Sorted(slices.Values(g.Customers))) + " only"
	}
	if g.ClassConfirmed {
		terms += ", their class confirmed"
	}
	if g.MayRepeat {
		terms += ", and repeat them on purpose"
	}
	return terms
}

// grants compares what a caller may do, operation by operation, whichever way the file puts them together.
func (c *comparison) grants(at path, before, after json.RawMessage) {
	was, is := byTerms(before), byTerms(after)
	if c.granted(at, "may no longer call", was, is)+c.granted(at, "may call", is, was) == 0 {
		c.add(at, "are written in another way, and allow the same")
	}
}

// byTerms returns the operations of grants by their terms.
func byTerms(list json.RawMessage) map[string][]string {
	operations := map[string][]string{}
	for _, g := range decode[[]grant](list) {
		operations[g.terms()] = append(operations[g.terms()], g.Operations...)
	}
	return operations
}

// granted describes which operations are among some and not among others, and returns how many they are.
func (c *comparison) granted(at path, words string, some, others map[string][]string) (n int) {
	for _, terms := range slices.Sorted(maps.Keys(some)) {
		if more := without(some[terms], others[terms]); len(more) > 0 {
			c.add(at, "%s %s%s", words, listed(more), terms)
			n += len(more)
		}
	}
	return n
}
