package snapshot

import (
	"slices"
	"strings"
)

// path is where a value is in a text: names from the outermost member on, and "[0]" for elements of lists.
type path []string

func (p path) member(name string) path  { return append(slices.Clip(p), name) }
func (p path) element(name string) path { return append(slices.Clip(p), "["+name+"]") }

func (p path) String() string { return strings.ReplaceAll(strings.Join(p, "."), ".[", "[") }

// pattern returns the path with "*" in place of the names that the operator chose, which may have dots.
func (p path) pattern() string {
	parts := slices.Clone(p)
	given := func(i int) {
		if i < len(parts) {
			parts[i] = "*"
		}
	}
	switch {
	case len(p) > 0 && slices.Contains([]string{"callers", "caps", "caps_default", "credentials", "identities", "listeners", "tls_policies", "upstreams"}, p[0]):
		given(1)
		if len(p) > 2 && p[2] == "endpoints" {
			given(3)
		}
	case len(p) > 1 && p[0] == "limits" && p[1] == "rules":
		given(2)
	}
	return strings.Join(parts, ".")
}

// measured reports whether values at the path may be amounts. Names and ids are none, even if they look like it.
func (p path) measured() bool {
	return p[0] != "callers" && p[0] != "credentials" && p[0] != "identities" && !slices.Contains([]string{"caller", "policy", "catalog"}, p[len(p)-1])
}
