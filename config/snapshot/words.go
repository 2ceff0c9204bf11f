package snapshot

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"tollgate/internal/setting"
	"tollgate/internal/text"
	"tollgate/ratelimit"
)

// special says how two values differ, in words of their own. One of the two may be nil.
type special func(c *comparison, at path, before, after json.RawMessage)

// special returns what compares the values at the path; nil if nothing of its own does.
func (p path) special() special {
	switch p.pattern() {
	case "catalog":
		return (*comparison).catalog
	case "callers.*":
		return (*comparison).caller
	case "callers.*.auth":
		return (*comparison).auth
	case "identities.*":
		return (*comparison).identity
	case "identities.*.proofs":
		return (*comparison).proofs
	case "callers.*.grants":
		return (*comparison).grants
	case "credentials.*":
		return thing("class", "kinds", "upstream", "domain_id", "partner_id")
	case "credentials.*.generation":
		return (*comparison).generation
	case "credentials.*.access_key", "credentials.*.secret_key", "credentials.*.security_token", "credentials.*.keys":
		return (*comparison).place
	case "limits.rules.*":
		return thing("rate", "quota", "burst", "mode", "per", "callers", "operations", "credentials", "upstreams")
	case "caps.*", "caps_default.*":
		return thing("amount", "count", "each", "per", "mode", "zone")
	case "limits.rules.*.per":
		return (*comparison).countedBy
	case "listeners.*":
		return thing("address", "caller", "upstreams")
	case "tls_policies.*":
		return thing("versions", "cipher_suites", "groups")
	case "upstreams.*":
		return thing("url", "catalog")
	case "upstreams.*.endpoints.*":
		return thing("method", "path", "effect", "class")
	}
	return nil
}

// catalog compares which operations are known. A text of an older version does not say.
func (c *comparison) catalog(at path, before, after json.RawMessage) {
	if before != nil && after != nil {
		c.add(at, "is that of another version of the program: patterns in grants may cover other operations")
	}
}

// thing returns what compares things with names: one that comes or goes is described by some of its members, not by all.
func thing(facts ...string) special {
	return func(c *comparison, at path, before, after json.RawMessage) {
		switch {
		case before == nil:
			c.add(at, "is added: %s", described(after, facts))
		case after == nil:
			c.add(at, "is gone (%s)", described(before, facts))
		default:
			c.object(at, before, after)
		}
	}
}

// described returns those of the members that are there: "address :8443, upstreams bss".
func described(of json.RawMessage, facts []string) string {
	members := members(of)
	var there []string
	for _, name := range facts {
		if value := members[name]; value != nil {
			there = append(there, name+" "+shown(value))
		}
	}
	return strings.Join(there, ", ")
}

// generation compares the keys in use. They are not known of a configuration that does not run.
func (c *comparison) generation(at path, before, after json.RawMessage) {
	if before == nil || after == nil {
		return
	}
	type keys struct {
		AccessKey string `json:"access_key"`
		Number    int    `json:"number"`
	}
	was, is := decode[keys](before), decode[keys](after)
	c.add(at, "the keys are replaced: access key %s, set %d (was %s, set %d)", is.AccessKey, is.Number, was.AccessKey, was.Number)
}

// place compares where a secret is kept.
func (c *comparison) place(at path, before, after json.RawMessage) {
	c.add(at, "is taken from %s (was %s)", placeOf(after), placeOf(before))
}

func placeOf(reference json.RawMessage) string {
	switch r := decode[struct{ Env, File string }](reference); {
	case r.Env != "":
		return "environment variable " + r.Env
	case r.File != "":
		return "file " + r.File
	}
	return "nowhere"
}

// countedBy compares what a limit counts by: together with its name it is what a count belongs to.
func (c *comparison) countedBy(at path, before, after json.RawMessage) {
	was, is := decode[[]string](before), decode[[]string](after)
	if len(without(was, is))+len(without(is, was)) == 0 {
		c.set(at, was, is)
		return
	}
	c.add(at, "counts by %s (was %s): its counts start at zero", by(is), by(was))
}

func by(dimensions []string) string { return cmp.Or(listed(dimensions), "nothing: all calls together") }

func without(some, others []string) (left []string) {
	for _, one := range some {
		if !slices.Contains(others, one) && !slices.Contains(left, one) {
			left = append(left, one)
		}
	}
	return left
}

func listed(names []string) string { return printable(strings.Join(names, ", ")) }

// shown returns a value as it would stand in the file.
func shown(value json.RawMessage) string {
	switch {
	case len(value) == 0:
		return ""
	case value[0] == '"':
		return printable(decode[string](value))
	case value[0] == '[' && !strings.Contains(string(value), "{"):
		return listed(texts(elements(value)))
	}
	return printable(string(value))
}

func texts(list []json.RawMessage) []string {
	all := make([]string, len(list))
	for i, value := range list {
		all[i] = shown(value)
	}
	return all
}

// longestShown bounds what is shown of one value.
const longestShown = 1000

func printable(s string) string { return text.Printable(text.Truncate(s, longestShown, "…"), '?') }

// measure returns the amount that a text says.
func measure(value string) (amount float64, ok bool) {
	var rate ratelimit.Rate
	var quota ratelimit.Quota
	var size setting.Size
	var duration setting.Duration
	if number, err := strconv.ParseFloat(value, 64); err == nil {
		return number, true
	}
	switch {
	case rate.UnmarshalText([]byte(value)) == nil:
		return float64(rate), true
	case quota.UnmarshalText([]byte(value)) == nil:
		return quota.PerDay(), true
	case size.UnmarshalText([]byte(value)) == nil:
		return float64(size), true
	case duration.UnmarshalText([]byte(value)) == nil:
		return float64(duration), true
	}
	return 0, false
}
