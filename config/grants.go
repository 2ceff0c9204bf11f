package config

import (
	"fmt"

	"tollgate/grants"
	"tollgate/internal/nearest"
)

// buildGrants collects the grants and makes the table of them.
func (b *builder) buildGrants() {
	for _, c := range b.config.Callers {
		for i, g := range b.file.Callers[c.Name].Grants {
			g.Caller = c.Name
			b.addGrant(fmt.Sprintf("%s.grants[%d]", b.callerPaths[c.Name], i), g)
		}
	}
	var problems []grants.Problem
	b.table, problems = b.config.GrantTable(b.operations)
	for _, p := range problems {
		path := b.config.grantPlaces[p.Grant]
		if p.Selector >= 0 {
			path = fmt.Sprintf("%s.operations[%d]", path, p.Selector)
		}
		b.problem(path, nearest.Meant(p.Nearest), "%s", p.Message)
	}
}

func (b *builder) addGrant(path string, g grants.Grant) {
	if b.Failed(path) {
		return
	}
	if g.Customers != nil && len(g.Customers) == 0 {
		b.problem(path+".customers", "leave it out where the grant is for all", "customers is empty")
		return
	}
	if g.Credential != "" && !b.named(path+".credential", "credential", g.Credential, b.credentialNames) {
		return
	}
	var ok bool
	if g.Upstream, ok = b.grantUpstream(path, g); !ok {
		return
	}
	b.config.Grants = append(b.config.Grants, g)
	b.config.grantPlaces = append(b.config.grantPlaces, path)
}

// grantUpstream finds the upstream of a grant: the one it names, that of its credential, or the only unsigned one. An upstream or a
// credential with problems of its own, which are reported at its place, is not found.
func (b *builder) grantUpstream(path string, g grants.Grant) (string, bool) {
	c := b.credentials[g.Credential]
	switch {
	case g.Credential != "" && c == nil:
		return "", false
	case g.Upstream != "":
		ok := b.named(path+".upstream", "upstream", g.Upstream, b.upstreamNames)
		return g.Upstream, ok && b.upstreams[g.Upstream] != nil
	case c != nil:
		return c.Upstream, true
	}
	unsigned := b.upstreamsSigned(false)
	switch len(unsigned) {
	case 1:
		return unsigned[0], b.upstreams[unsigned[0]] != nil
	case 0:
		b.problem(path, nearest.List(b.credentialNames), "the grant needs a credential")
	default:
		b.problem(path, nearest.List(unsigned), "the grant needs a credential, or the name of an unsigned upstream")
	}
	return "", false
}
