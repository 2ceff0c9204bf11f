// Package grants decides which credential a caller's call is made with, or why it is refused.
//
// A [Grant] joins a caller, a set of operations and a credential. [New] turns grants into an index by caller, upstream
// and operation, and reports every grant that could never be honoured: a named operation of the wrong class, a pattern
// that covers nothing, an account that is missing. [Table.Decide] looks a call up, and checks class and accounts again.
//
// What no grant covers is refused.
package grants

import (
	"fmt"
	"slices"
	"strings"

	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/setting"
	"tollgate/internal/words"
)

// Upstream is what the table knows of an upstream.
type Upstream struct {
	Name             string
	Operations       []*catalog.Operation
	Signed           bool // calls are signed: every grant needs a credential
	ForbidDeprecated bool // deprecated operations are refused
}

// Grant is one entry of a caller's `grants`: it lets the caller call operations of one upstream, with one credential where the upstream
// is signed. The configuration fills in the upstream where the file leaves it out.
type Grant struct {
	Caller string `yaml:"-"`
	// Operation names, or patterns: `effect:read`, `effect:write`, `effect:spend`, `site:cn`, `site:intl`, `"*"`. A
	// pattern covers what the credential may sign; a name that it may not sign is an error.
	Operations []string `yaml:"operations" need:"yes"`
	// The credential that signs these calls. For signed upstreams.
	Credential string `yaml:"credential"`
	// The upstream. It follows from the credential; without one it may be left out when the file has only one unsigned upstream.
	Upstream string `yaml:"upstream"`
	// Account ids: a call must name one (`customer_id` and the like, `{domain_id}` of `queryOrderDetail`), and may name no other. Left
	// out: all.
	Customers []setting.Account `yaml:"customers"`
	// Needed for the operations of which no source says which class may call them, once you know.
	ClassConfirmed bool `yaml:"class_confirmed"`
	// Whether the caller may repeat an act that was done, on purpose: by a call with the header `Tollgate-Repeat`, which names the call that
	// holds the act now.
	MayRepeat bool `yaml:"may_repeat"`
}

// Problem is a grant that cannot be honoured.
type Problem struct {
	Grant    int // index into the grants given to New
	Selector int // index into the grant's operations; -1: the grant itself
	Message  string
	Nearest  []string // known names like the wrong one
}

// Coverage says how many operations a pattern covers, how many of these spend money, and how many it leaves out because the credential
// may not sign them.
type Coverage struct {
	Grant    int
	Selector string
	Covers   int
	Spend    int
	LeftOut  int
}

// Table is a checked, immutable set of grants.
type Table struct {
	rules    map[key][]*rule
	leftOut  map[key]words.Message // why a pattern of the caller's does not cover the operation
	coverage []Coverage
	covered  map[target]bool
}

// target is an operation of an upstream.
type target struct{ upstream, operation string }

type key struct{ caller, upstream, operation string }

// grant is a Grant with what its names lead to.
type grant struct {
	*Grant
	index      int
	upstream   *Upstream
	credential *credential.Facts // nil for an unsigned upstream
}

// rule is one grant as it applies to one operation.
type rule struct {
	*grant
	forbidden bool // deprecated, and the upstream forbids that
	// domainIsCustomer: {domain_id} in the path is a customer of the partner, and not the account of the credential.
	domainIsCustomer bool
}

// New checks the grants, which name some of the upstreams and credentials. The problems are all that were found; with any, the table is
// nil.
func New(upstreams []Upstream, credentials []*credential.Facts, grants []Grant) (*Table, []Problem) {
	b := builder{
		table:       &Table{rules: map[key][]*rule{}, leftOut: map[key]words.Message{}, covered: map[target]bool{}},
		upstreams:   map[string]*Upstream{},
		credentials: map[string]*credential.Facts{},
	}
	for i := range upstreams {
		b.upstreams[upstreams[i].Name] = &upstreams[i]
	}
	for _, c := range credentials {
		b.credentials[c.Name] = c
	}
	for i := range grants {
		b.add(i, &grants[i])
	}
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return b.table, nil
}

// Coverage lists what each pattern covers, in the order of the grants.
func (p *Table) Coverage() []Coverage { return p.coverage }

// Covers reports whether some grant lets a caller call an operation of an upstream.
func (p *Table) Covers(upstream, operation string) bool {
	return p.covered[target{upstream, operation}]
}

// Allowing returns the indices of the grants that let a caller call an operation of an upstream, under conditions on accounts.
func (p *Table) Allowing(caller, upstream, operation string) (all []int) {
	for _, r := range p.rules[key{caller, upstream, operation}] {
		if !r.forbidden {
			all = append(all, r.index)
		}
	}
	return all
}

// place is where a selector stands.
type place struct{ grant, selector int }

type builder struct {
	table       *Table
	upstreams   map[string]*Upstream
	credentials map[string]*credential.Facts
	problems    []Problem
}

func (b *builder) problem(at place, nearest []string, format string, args ...any) {
	b.problems = append(b.problems, Problem{at.grant, at.selector, fmt.Sprintf(format, args...), nearest})
}

func (b *builder) add(index int, given *Grant) {
	g := &grant{given, index, b.upstreams[given.Upstream], b.credentials[given.Credential]}
	at := place{index, -1}
	switch {
	case g.upstream == nil:
		b.problem(at, nil, "unknown upstream %q", g.Upstream)
	case g.upstream.Signed && g.Credential == "":
		b.problem(at, nil, "upstream %s is signed: the grant needs a credential", g.Upstream)
	case !g.upstream.Signed && g.Credential != "":
		b.problem(at, nil, "upstream %s is not signed: the grant takes no credential", g.Upstream)
	case g.upstream.Signed && g.credential == nil:
		b.problem(at, nil, "unknown credential %q", g.Credential)
	case g.upstream.Signed && g.credential.Upstream != g.Upstream:
		b.problem(at, nil, "credential %s belongs to upstream %s, not to %s", g.Credential, g.credential.Upstream, g.Upstream)
	case len(g.Operations) == 0:
		b.problem(at, nil, "the grant names no operations")
	default:
		for i, selector := range g.Operations {
			b.addSelector(place{index, i}, selector, g)
		}
	}
}

func (b *builder) addSelector(at place, selector string, g *grant) {
	matches, err := parsePattern(selector)
	switch {
	case err != nil:
		b.problem(at, nil, "%v", err)
	case matches != nil:
		b.addPattern(at, selector, matches, g)
	default:
		b.addNamed(at, selector, g)
	}
}

// parsePattern returns the matcher of a pattern, or nil for a plain name.
func parsePattern(selector string) (func(*catalog.Operation) bool, error) {
	if selector == "*" {
		return func(*catalog.Operation) bool { return true }, nil
	}
	kind, value, isPattern := strings.Cut(selector, ":")
	if !isPattern {
		return nil, nil
	}
	switch kind {
	case "effect":
		effect, err := catalog.ParseEffect(value)
		return func(o *catalog.Operation) bool { return o.Effect == effect }, err
	case "site":
		if !slices.Contains(catalog.Sites(), value) {
			return nil, fmt.Errorf("unknown site %q: use one of %s", value, strings.Join(catalog.Sites(), ", "))
		}
		return func(o *catalog.Operation) bool { return o.Site == value }, nil
	}
	return nil, fmt.Errorf("unknown pattern %q: use effect:read, effect:write, effect:spend, site:NAME or *", selector)
}

func (b *builder) addPattern(at place, selector string, matches func(*catalog.Operation) bool, g *grant) {
	coverage := Coverage{Grant: at.grant, Selector: selector}
	for _, operation := range g.upstream.Operations {
		if !matches(operation) {
			continue
		}
		if why := b.tryAdd(operation, g, false); !why.IsZero() {
			b.table.leftOut[key{g.Caller, g.Upstream, operation.Name}] = why
			coverage.LeftOut++
			continue
		}
		coverage.Covers++
		if operation.Effect == catalog.Spend {
			coverage.Spend++
		}
	}
	if coverage.Covers == 0 {
		b.problem(at, nil, "%s covers no operation that %s", selector, g.grantee())
	}
	b.table.coverage = append(b.table.coverage, coverage)
}

func (g *grant) grantee() string {
	if g.credential == nil {
		return "upstream " + g.Upstream + " has"
	}
	return "credential " + g.Credential + " may sign"
}

func (b *builder) addNamed(at place, name string, g *grant) {
	found := slices.IndexFunc(g.upstream.Operations, func(o *catalog.Operation) bool { return o.Name == name })
	if found < 0 {
		b.problem(at, nearestNames(name, g.upstream.Operations), "upstream %s has no operation %q", g.Upstream, name)
		return
	}
	if why := b.tryAdd(g.upstream.Operations[found], g, true); !why.IsZero() {
		b.problem(at, nil, "%v", why)
	}
}

// tryAdd adds a rule for the operation, or says why the grant cannot cover it.
func (b *builder) tryAdd(operation *catalog.Operation, g *grant, named bool) words.Message {
	r := &rule{grant: g, forbidden: operation.Deprecated && g.upstream.ForbidDeprecated}
	if g.credential != nil {
		if err := g.credential.Permits(operation); err != nil {
			return words.Of(err)
		}
		r.domainIsCustomer = domainIsCustomer(operation, g.credential)
		if why := accountMissing(operation, g.credential); !why.IsZero() {
			return why
		}
	}
	if g.Customers != nil && !namesAccounts(operation) {
		return words.Say("error.grant.names_none", "Operation", operation.Name)
	}
	if operation.Class == catalog.ClassUnknown && (!named || !g.ClassConfirmed) {
		return words.Say("error.grant.class_unknown", "Operation", operation.Name)
	}
	k := key{g.Caller, g.Upstream, operation.Name}
	if !slices.ContainsFunc(b.table.rules[k], func(have *rule) bool { return have.grant == g }) {
		b.table.rules[k] = append(b.table.rules[k], r)
		b.table.covered[target{g.Upstream, operation.Name}] = true
	}
	return words.Message{}
}

// namesAccounts reports whether calls of an operation say whose account they are about. Of a declared endpoint only the call
// itself can say.
func namesAccounts(operation *catalog.Operation) bool {
	if operation.Site == "" || operation.AddressesResellersOnly {
		return true
	}
	return slices.ContainsFunc(operation.Request, func(f catalog.Field) bool { return f.Kind == catalog.FieldCustomer })
}

// domainIsCustomer reports whether {domain_id} in the path of the operation names a customer of the credential's account.
func domainIsCustomer(operation *catalog.Operation, c *credential.Facts) bool {
	return c.Class == catalog.ClassPartner && operation.DomainIsCustomer()
}

// accountMissing returns which account id the credential lacks for the operation's path.
func accountMissing(operation *catalog.Operation, c *credential.Facts) words.Message {
	for name, account := range map[string]setting.Account{catalog.DomainID: c.DomainID, "partner_id": c.Partner()} {
		if name == catalog.DomainID && domainIsCustomer(operation, c) {
			continue
		}
		if account == "" && strings.Contains(operation.Path, "{"+name+"}") {
			return words.Say("error.grant.no_account", "Operation", operation.Name, "Variable", "{"+name+"}", "Credential", c.Name, "Name", name)
		}
	}
	return words.Message{}
}
