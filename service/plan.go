package service

import (
	"fmt"
	"time"

	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/config/snapshot"
	"tollgate/credential"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/signing"
	"tollgate/spend"
	"tollgate/upstream"
)

// Plan returns what a configuration says of calls, for [gateway.Plan.Explain]. Nothing is opened for it and no secret is read, so no call
// can be made by it.
func Plan(c *config.Config) (*gateway.Plan, error) {
	operations, err := c.Operations()
	if err != nil {
		return nil, fmt.Errorf("upstreams: %w", err)
	}
	upstreams := map[string]*gateway.Upstream{}
	for _, u := range c.Upstreams {
		upstreams[u.Name] = gatewayUpstream(u, nil, nil)
	}
	plan, err := planOf(c, operations, upstreams)
	if err != nil {
		return nil, err
	}
	plan.Callers, err = caller.NewRegistry(c.Callers, signing.Known(), nil)
	return plan, err
}

// makePlan makes the plan of a configuration, by which calls go through what was opened for it.
func (o *opened) makePlan(c *config.Config, kept setting.Secrets) (*gateway.Plan, error) {
	operations, err := c.Operations()
	if err != nil {
		return nil, fmt.Errorf("upstreams: %w", err)
	}
	upstreams := map[string]*gateway.Upstream{}
	for name, u := range o.upstreams {
		upstreams[name] = u.Upstream
	}
	plan, err := planOf(c, operations, upstreams)
	if err != nil {
		return nil, err
	}
	if plan.Callers, err = caller.NewRegistry(c.Callers, signing.Known(), kept.Read); err != nil {
		return nil, fmt.Errorf("callers: %w", err)
	}
	plan.Credentials = map[string]*credential.Credential{}
	generations := map[string]snapshot.Generation{}
	for name, known := range o.credentials {
		plan.Credentials[name], generations[name] = known.Credential, snapshot.Generation{AccessKey: known.AccessKey(), Number: known.Generation()}
	}
	o.text = snapshot.Of(c, generations)
	plan.ID = snapshot.ID(o.text)
	for name, l := range plan.Listeners {
		o.listeners[name].checked(l)
	}
	plan.Servers = o.servers(c, plan, func(l *config.Listener) (*gateway.Listener, error) {
		return gatewayListener(c, l, operations, upstreams)
	})
	return plan, nil
}

// checked makes each request check the client certificate.
func (l *liveListener) checked(as *gateway.Listener) *gateway.Listener {
	if clients := l.clients(); clients != nil {
		as.CheckClient = clients.Check
	}
	return as
}

// planOf makes a plan of a configuration and of what outlives plans. Callers and credentials, which have secrets, are not in it yet.
func planOf(
	c *config.Config, operations map[string][]*catalog.Operation, upstreams map[string]*gateway.Upstream,
) (*gateway.Plan, error) {
	table, problems := c.GrantTable(operations)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s: %s", c.GrantPlace(problems[0].Grant), problems[0].Message)
	}
	limits, err := ratelimit.NewRules(c.Limits)
	if err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	rules, err := spend.NewRules(c.Spend)
	if err != nil {
		return nil, err
	}
	plan := &gateway.Plan{
		Grants: table, Limits: limits, Spend: rules, Listeners: map[string]*gateway.Listener{},
		Bounds: c.Bounds, LogDeadline: time.Duration(c.Audit.Deadline),
	}
	for _, l := range c.Listeners {
		listener, err := gatewayListener(c, l, operations, upstreams)
		if err != nil {
			return nil, fmt.Errorf("listener %s: %w", l.Name, err)
		}
		plan.Listeners[l.Name] = listener
	}
	return plan, nil
}

func gatewayUpstream(u *upstream.Config, transport gateway.Transport, skew *gateway.Skew) *gateway.Upstream {
	return &gateway.Upstream{
		Name: u.Name, Scheme: u.URL.Scheme, Host: u.URL.Host, Site: u.Catalog, Currency: u.Currency(), Signed: u.Signed(),
		Timeout: time.Duration(u.Timeout), MaxConns: u.MaxConnections, Transport: transport, Skew: skew,
	}
}

func gatewayListener(
	c *config.Config, l *config.Listener, operations map[string][]*catalog.Operation, upstreams map[string]*gateway.Upstream,
) (*gateway.Listener, error) {
	out := &gateway.Listener{
		Name: l.Name, Hosts: setting.Texts(l.Hosts), Local: l.Address.Local(), Caller: l.Caller, Certificates: l.TLS != nil && l.TLS.ClientCA != "",
	}
	for _, route := range c.Routes(l) {
		router, of, err := config.Router(route.Upstreams, operations)
		if err != nil {
			return nil, err
		}
		r := gateway.Route{Hosts: route.Hosts, Router: router, Upstreams: make(map[*catalog.Operation]*gateway.Upstream, len(of))}
		for operation, name := range of {
			r.Upstreams[operation] = upstreams[name]
		}
		out.Routes = append(out.Routes, r)
	}
	return out, nil
}
