package config

import (
	"slices"

	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/fleet"
	"tollgate/grants"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// The parts that are made of a configuration, by its checks and by a running gateway alike.

// Operations returns the operations of each upstream, by its name: those of its catalog, and its declared endpoints.
func (c *Config) Operations() (map[string][]*catalog.Operation, error) {
	all := make(map[string][]*catalog.Operation, len(c.Upstreams))
	for _, u := range c.Upstreams {
		operations := slices.Clip(catalog.Operations(u.Catalog))
		for _, declared := range u.Endpoints {
			o, err := catalog.Declare(declared)
			if err != nil {
				return nil, err
			}
			operations = append(operations, o)
		}
		all[u.Name] = operations
	}
	return all, nil
}

// GrantTable returns the table of the grants, or what is wrong with them. operations are those of [Config.Operations].
func (c *Config) GrantTable(operations map[string][]*catalog.Operation) (*grants.Table, []grants.Problem) {
	var upstreams []grants.Upstream
	for _, u := range c.Upstreams {
		upstreams = append(upstreams, grants.Upstream{
			Name: u.Name, Operations: operations[u.Name], Signed: u.Signed(), ForbidDeprecated: u.ForbidsDeprecated(),
		})
	}
	var credentials []*credential.Facts
	for _, known := range c.Credentials {
		credentials = append(credentials, &known.Facts)
	}
	return grants.New(upstreams, credentials, c.Grants)
}

// Router returns a router over the operations of some upstreams, and the upstream of each operation. operations are those of
// [Config.Operations].
func Router(upstreams []string, operations map[string][]*catalog.Operation) (*catalog.Router, map[*catalog.Operation]string, error) {
	var all []*catalog.Operation
	of := map[*catalog.Operation]string{}
	for _, name := range upstreams {
		for _, o := range operations[name] {
			of[o] = name
			all = append(all, o)
		}
	}
	router, err := catalog.NewRouter(all)
	return router, of, err
}

// Policies returns the TLS policies by name, the built-in ones included.
func (c *Config) Policies() (map[string]*tlspolicy.Policy, error) {
	policies := map[string]*tlspolicy.Policy{}
	for _, name := range tlspolicy.Names() {
		p, err := tlspolicy.Named(name)
		if err != nil {
			return nil, err
		}
		policies[name] = p
	}
	for _, name := range sortedNames(c.TLSPolicies) {
		p, err := tlspolicy.New(name, c.TLSPolicies[name])
		if err != nil {
			return nil, err
		}
		policies[name] = p
	}
	return policies, nil
}

// TLSPlan returns the process-wide plan for TLS 1.3, which must be fixed before the first handshake. policies are those of
// [Config.Policies].
func (c *Config) TLSPlan(policies map[string]*tlspolicy.Policy) (tlspolicy.Plan, error) {
	return planTLS(c.Upstreams, c.Fleet, c.Secured(), policies)
}

func planTLS(
	upstreams []*upstream.Config, of *fleet.Config, listeners []*Listener, policies map[string]*tlspolicy.Policy,
) (tlspolicy.Plan, error) {
	var uses []tlspolicy.Use
	for _, u := range upstreams {
		if u.TLS != nil && policies[u.TLS.Policy] != nil {
			uses = append(uses, tlspolicy.Use{Where: "upstream " + u.Name, Policy: policies[u.TLS.Policy], Role: tlspolicy.RoleClient})
		}
	}
	if of != nil && of.Redis.TLS != nil && policies[of.Redis.TLS.Policy] != nil {
		uses = append(uses, tlspolicy.Use{Where: "fleet.redis", Policy: policies[of.Redis.TLS.Policy], Role: tlspolicy.RoleClient})
	}
	for _, l := range listeners {
		if l.TLS != nil && policies[l.TLS.Policy] != nil {
			uses = append(uses, tlspolicy.Use{Where: "listener " + l.Name, Policy: policies[l.TLS.Policy], Role: tlspolicy.RoleServer})
		}
	}
	return tlspolicy.NewPlan(uses)
}
