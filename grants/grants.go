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
)

// Upstream is what the table knows of an upstream.
type Upstream struct {
	Name             string
	Operations       []*catalog.Operation
	Signed           bool // calls are signed: every grant needs a credential
	ForbidDeprecated bool // deprecated operations are refused
}

// Grant lets a caller call operations of one upstream, with one credential where the upstream is signed.
type Grant struct {
	Caller   string
	Upstream string
	// Operations are names ("PayOrders") or patterns ("effect:read", "site:cn", "*" for all). A pattern covers only
	// what the credential may sign.
	Operations []string
	// Credential is nil for an unsigned upstream.
	Credential *credential.Facts
	// Customers, if not nil, are the account ids that a call must name, and the only ones that it may: an empty list
	// covers no call. Nil means all.
	Customers []string
	// ClassConfirmed admits named operations whose class no source states.
	ClassConfirmed bool
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
	leftOut  map[key]string // why a pattern of the caller's does not cover the operation
	coverage []Coverage
	covered  map[target]bool
}

// target is an operation of an upstream.
type target struct{ upstream, operation string }

type key struct{ caller, upstream, operation string }

// rule is one grant as it applies to one operation.
type rule struct {
	index     int // of the grant
	grant     *Grant
	forbidden bool // deprecated, and the upstream forbids that
	// domainIsCustomer: {domain_id} in the path is a customer of the partner, and not the account of the credential.
	domainIsCustomer bool
}

// New checks the grants. The problems are all that were found; with any, the table is nil.
func New(upstreams []Upstream, grants []Grant) (*Table, []Problem) {
	b := builder{
		table:     &Table{rules: map[key][]*rule{}, leftOut: map[key]string{}, covered: map[target]bool{}},
		upstreams: map[string]*Upstream{},
	}
	for i := range upstreams {
		b.upstreams[upstreams[i].Name] = &upstreams[i]
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

// place is where a selector stands.
type place struct{ grant, selector int }

type builder struct {
	table     *Table
	upstreams map[string]*Upstream
	problems  []Problem
}

func (b *builder) problem(at place, nearest []string, format string, args ...any) {
	b.problems = append(b.problems, Problem{at.grant, at.selector, fmt.Sprintf(format, args...), nearest})
}

func (b *builder) add(index int, grant *Grant) {
	upstream := b.upstreams[grant.Upstream]
	switch {
	case upstream == nil:
		b.problem(place{index, -1}, nil, "unknown upstream %q", grant.Upstream)
	case upstream.Signed && grant.Credential == nil:
		b.problem(place{index, -1}, nil, "upstream %s is signed: the grant needs a credential", upstream.Name)
	case !upstream.Signed && grant.Credential != nil:
		b.problem(place{index, -1}, nil, "upstream %s is not signed: the grant takes no credential", upstream.Name)
	case grant.Credential != nil && grant.Credential.Upstream != upstream.Name:
		b.problem(place{index, -1}, nil, "credential %s belongs to upstream %s, not to %s",
			grant.Credential.Name, grant.Credential.Upstream, upstream.Name)
	case len(grant.Operations) == 0:
		b.problem(place{index, -1}, nil, "the grant names no operations")
	default:
		for i, selector := range grant.Operations {
			b.addSelector(place{index, i}, selector, grant, upstream)
		}
	}
}

func (b *builder) addSelector(at place, selector string, grant *Grant, upstream *Upstream) {
	matches, err := parsePattern(selector)
	switch {
	case err != nil:
		b.problem(at, nil, "%v", err)
	case matches != nil:
		b.addPattern(at, selector, matches, grant, upstream)
	default:
		b.addNamed(at, selector, grant, upstream)
	}
}

// parsePattern gives the matcher of a pattern, or nil for a plain name.
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

func (b *builder) addPattern(at place, selector string, matches func(*catalog.Operation) bool, grant *Grant, upstream *Upstream) {
	coverage := Coverage{Grant: at.grant, Selector: selector}
	for _, operation := range upstream.Operations {
		if !matches(operation) {
			continue
		}
		if why := b.tryAdd(at, operation, grant, upstream, false); why != "" {
			b.table.leftOut[key{grant.Caller, upstream.Name, operation.Name}] = why
			coverage.LeftOut++
			continue
		}
		coverage.Covers++
		if operation.Effect == catalog.Spend {
			coverage.Spend++
		}
	}
	if coverage.Covers == 0 {
		b.problem(at, nil, "%s covers no operation that %s", selector, grantee(grant, upstream))
	}
	b.table.coverage = append(b.table.coverage, coverage)
}

func grantee(grant *Grant, upstream *Upstream) string {
	if grant.Credential == nil {
		return "upstream " + upstream.Name + " has"
	}
	return "credential " + grant.Credential.Name + " may sign"
}

func (b *builder) addNamed(at place, name string, grant *Grant, upstream *Upstream) {
	found := slices.IndexFunc(upstream.Operations, func(o *catalog.Operation) bool { return o.Name == name })
	if found < 0 {
		b.problem(at, nearestNames(name, upstream.Operations), "upstream %s has no operation %q", upstream.Name, name)
		return
	}
	if why := b.tryAdd(at, upstream.Operations[found], grant, upstream, true); why != "" {
		b.problem(at, nil, "%s", why)
	}
}

// tryAdd adds a rule for the operation, or says why the grant cannot cover it.
func (b *builder) tryAdd(at place, operation *catalog.Operation, grant *Grant, upstream *Upstream, named bool) string {
	r := &rule{index: at.grant, grant: grant, forbidden: operation.Deprecated && upstream.ForbidDeprecated}
	if grant.Credential != nil {
		if err := grant.Credential.Permits(operation); err != nil {
			return err.Error()
		}
		r.domainIsCustomer = domainIsCustomer(operation, grant.Credential)
		if why := accountMissing(operation, grant.Credential); why != "" {
			return why
		}
	}
	if grant.Customers != nil && !namesAccounts(operation) {
		return fmt.Sprintf("%s names no customer, so a grant for some customers cannot cover it", operation.Name)
	}
	if operation.Class == catalog.ClassUnknown && (!named || !grant.ClassConfirmed) {
		return fmt.Sprintf("no source says which credential class %s takes: "+
			"name it in a grant of its own with class_confirmed: true when you know", operation.Name)
	}
	k := key{grant.Caller, upstream.Name, operation.Name}
	if !slices.ContainsFunc(b.table.rules[k], func(have *rule) bool { return have.grant == grant }) {
		b.table.rules[k] = append(b.table.rules[k], r)
		b.table.covered[target{upstream.Name, operation.Name}] = true
	}
	return ""
}

// namesAccounts tells whether calls of an operation say whose account they are about. Of a declared endpoint only the call
// can tell.
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

// accountMissing says which account id the credential lacks for the operation's path.
func accountMissing(operation *catalog.Operation, c *credential.Facts) string {
	for name, account := range map[string]string{catalog.DomainID: c.DomainID, "partner_id": c.Partner()} {
		if name == catalog.DomainID && domainIsCustomer(operation, c) {
			continue
		}
		if account == "" && strings.Contains(operation.Path, "{"+name+"}") {
			return fmt.Sprintf("the path of %s carries {%s}, but credential %s has no %s", operation.Name, name, c.Name, name)
		}
	}
	return ""
}
