package rights

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/internal/setting"
)

// Effects are those of operations, in the order of the columns of a table.
var Effects = []catalog.Effect{catalog.Read, catalog.Write, catalog.Spend}

// Row is what a caller may do.
type Row struct {
	Caller  string
	Cells   []Cell   // by effect, as Effects
	Unknown []string // operations that this program does not know, or that the credential may not sign
}

// Cell is what a caller may do of one effect.
type Cell struct {
	Effect catalog.Effect
	Rights []Right
}

// Count returns how many operations there are; one that several rights have counts once for each.
func (c *Cell) Count() (n int) {
	for i := range c.Rights {
		n += len(c.Rights[i].Operations)
	}
	return n
}

// Only leaves one operation in the row, and reports whether the caller may call it.
func (r *Row) Only(operation string) (may bool) {
	r.Unknown = nil
	for i := range r.Cells {
		var kept []Right
		for _, right := range r.Cells[i].Rights {
			at := slices.IndexFunc(right.Operations, func(o *catalog.Operation) bool { return strings.EqualFold(o.Name, operation) })
			if at >= 0 {
				right.Operations = right.Operations[at : at+1]
				kept = append(kept, right)
			}
		}
		r.Cells[i].Rights, may = kept, may || len(kept) > 0
	}
	return may
}

// Right is what a grant allows of one effect.
type Right struct {
	Upstream       string
	Site           string
	Credential     string // empty: the upstream is not signed
	Class, Account string // of the credential
	AccessKey      string // that is in use; never a secret
	Customers      []string
	ClassConfirmed bool
	MayRepeat      bool
	Operations     []*catalog.Operation
}

// resolver has what all grants of a plan refer to.
type resolver struct {
	upstreams   []grants.Upstream
	credentials []*credential.Facts
}

// resolved returns the plan's resolver.
func (p *Plan) resolved() *resolver {
	if p.resolver == nil {
		p.resolver = &resolver{p.upstreams(), p.credentials()}
	}
	return p.resolver
}

func (p *Plan) upstreams() (list []grants.Upstream) {
	for _, name := range slices.Sorted(maps.Keys(p.document.Upstreams)) {
		u := p.document.Upstreams[name]
		one := grants.Upstream{Name: name, Signed: p.signed(name), ForbidDeprecated: u.Deprecated == "forbid"}
		one.Operations = append(one.Operations, catalog.Operations(u.Catalog)...)
		for _, e := range u.Endpoints {
			declared := &catalog.Operation{Name: e.Name, Method: e.Method, Path: e.Path, Deprecated: e.Deprecated}
			_ = declared.Effect.UnmarshalText([]byte(e.Effect)) // one of another version has no effect, and stands in no column
			_ = declared.Class.UnmarshalText([]byte(cmp.Or(e.Class, "either")))
			one.Operations = append(one.Operations, declared)
		}
		list = append(list, one)
	}
	return list
}

// signed reports whether calls of an upstream are signed: then it has credentials.
func (p *Plan) signed(upstream string) bool {
	for _, c := range p.document.Credentials {
		if c.Upstream == upstream {
			return true
		}
	}
	return false
}

func (p *Plan) credentials() (list []*credential.Facts) {
	for _, name := range slices.Sorted(maps.Keys(p.document.Credentials)) {
		c := p.document.Credentials[name]
		facts := &credential.Facts{Name: name, Upstream: c.Upstream, DomainID: setting.Account(c.DomainID), PartnerID: setting.Account(c.PartnerID)}
		_ = facts.Class.UnmarshalText([]byte(c.Class)) // as above
		for _, kind := range c.Kinds {
			facts.Kinds = append(facts.Kinds, catalog.Kind(kind))
		}
		list = append(list, facts)
	}
	return list
}

// Rows returns what some callers may do, as a gateway with this program's catalog decides it.
func (p *Plan) Rows(callers []string) []Row {
	rows := make([]Row, len(callers))
	var granted []grants.Grant
	var row []int // of each grant
	for i, caller := range callers {
		rows[i].Caller = caller
		for _, effect := range Effects {
			rows[i].Cells = append(rows[i].Cells, Cell{Effect: effect})
		}
		for _, g := range p.document.Callers[caller].Grants {
			granted, row = append(granted, g.of(caller)), append(row, i)
		}
	}
	table := p.table(granted, func(grant int, selector string) {
		rows[row[grant]].Unknown = append(rows[row[grant]].Unknown, selector)
	})
	if table == nil {
		return rows
	}
	for i := range rows {
		p.fill(&rows[i], table, granted)
	}
	return rows
}

func (g *grant) of(caller string) grants.Grant {
	one := grants.Grant{Caller: caller, Operations: slices.Clone(g.Operations), Credential: g.Credential, Upstream: g.Upstream, ClassConfirmed: g.ClassConfirmed, MayRepeat: g.MayRepeat}
	for _, c := range g.Customers {
		one.Customers = append(one.Customers, setting.Account(c))
	}
	return one
}

// table returns the table of the grants, without those parts that this program refuses, for which it calls unknown: the plan may be of a
// program that knew others.
func (p *Plan) table(granted []grants.Grant, unknown func(grant int, selector string)) *grants.Table {
	r := p.resolved()
	for {
		table, problems := grants.New(r.upstreams, r.credentials, granted)
		if len(problems) == 0 {
			return table
		}
		if !without(granted, problems, unknown) {
			return nil
		}
	}
}

// without removes from the grants what there are problems with, and reports whether that was anything.
func without(granted []grants.Grant, problems []grants.Problem, unknown func(grant int, selector string)) (removed bool) {
	for _, problem := range slices.Backward(problems) {
		g := &granted[problem.Grant]
		from, to := problem.Selector, problem.Selector+1
		if problem.Selector < 0 {
			from, to = 0, len(g.Operations)
		}
		if from >= len(g.Operations) {
			continue
		}
		for _, selector := range g.Operations[from:to] {
			unknown(problem.Grant, selector)
		}
		g.Operations, removed = slices.Delete(g.Operations, from, to), true
	}
	return removed
}

// fill adds to a row what its caller may do.
func (p *Plan) fill(row *Row, table *grants.Table, granted []grants.Grant) {
	for _, u := range p.resolved().upstreams {
		for _, o := range u.Operations {
			if o.Deprecated && u.ForbidDeprecated {
				continue
			}
			for _, g := range table.Allowing(row.Caller, u.Name, o.Name) {
				row.add(p, &granted[g], u.Name, o)
			}
		}
	}
}

// add adds an operation that a grant allows.
func (row *Row) add(p *Plan, g *grants.Grant, upstream string, o *catalog.Operation) {
	i := slices.Index(Effects, o.Effect)
	if i < 0 {
		return
	}
	cell := &row.Cells[i]
	right := p.right(g, upstream, o.Site)
	at := slices.IndexFunc(cell.Rights, func(other Right) bool { return other.same(&right) })
	if at < 0 {
		cell.Rights = append(cell.Rights, right)
		at = len(cell.Rights) - 1
	}
	cell.Rights[at].Operations = append(cell.Rights[at].Operations, o)
}

// right returns what a grant says of its operations.
func (p *Plan) right(g *grants.Grant, upstream, site string) Right {
	c := p.document.Credentials[g.Credential]
	return Right{
		Upstream: upstream, Site: site, Credential: g.Credential, Class: c.Class, Account: c.DomainID, AccessKey: c.Generation.AccessKey,
		Customers: setting.Texts(g.Customers), ClassConfirmed: g.ClassConfirmed, MayRepeat: g.MayRepeat,
	}
}

// same reports whether two rights have the same terms.
func (r *Right) same(other *Right) bool {
	return r.Upstream == other.Upstream && r.Credential == other.Credential && r.ClassConfirmed == other.ClassConfirmed && r.MayRepeat == other.MayRepeat &&
		slices.Equal(r.Customers, other.Customers)
}
