package service

import (
	"fmt"
	"net/http"
	"time"

	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/signing"
	"tollgate/upstream"
)

// Plan returns what a configuration says of calls, for [gateway.Plan.Explain]. Nothing is opened for it and no secret is read, so no call
// can be made by it.
func Plan(c *config.Config) (*gateway.Plan, error) {
	operations, err := c.Operations()
	if err != nil {
		return nil, fmt.Errorf("upstreams: %w", err)
	}
	limiter, err := ratelimit.New(c.Limits)
	if err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	upstreams := map[string]*gateway.Upstream{}
	for _, u := range c.Upstreams {
		upstreams[u.Name] = gatewayUpstream(u, nil)
	}
	plan, err := planOf(c, operations, upstreams, limiter)
	if err != nil {
		return nil, err
	}
	plan.Callers, err = caller.NewRegistry(c.Callers, signing.Known(), nil)
	return plan, err
}

// planCalls makes the plan that calls follow.
func (s *Service) planCalls(limiter *ratelimit.Limiter) (*gateway.Plan, error) {
	plan, err := planOf(s.config, s.operations, s.upstreams, limiter)
	if err != nil {
		return nil, err
	}
	if plan.Callers, err = caller.NewRegistry(s.config.Callers, signing.Known(), s.secrets.Read); err != nil {
		return nil, fmt.Errorf("callers: %w", err)
	}
	plan.Credentials = s.credentials
	return plan, s.protect(plan)
}

// planOf makes a plan of a configuration and of what outlives plans. Callers and credentials, which have secrets, are not in it yet.
func planOf(
	c *config.Config, operations map[string][]*catalog.Operation, upstreams map[string]*gateway.Upstream, limiter *ratelimit.Limiter,
) (*gateway.Plan, error) {
	table, problems := c.GrantTable(operations)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s: %s", c.GrantPlace(problems[0].Grant), problems[0].Message)
	}
	plan := &gateway.Plan{
		Grants: table, Limits: limiter, Listeners: map[string]*gateway.Listener{},
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

func gatewayUpstream(u *upstream.Config, transport http.RoundTripper) *gateway.Upstream {
	return &gateway.Upstream{
		Name: u.Name, Scheme: u.URL.Scheme, Host: u.URL.Host, Site: u.Catalog, Currency: u.Currency(), Signed: u.Signed(),
		Timeout: time.Duration(u.Timeout), MaxConns: u.MaxConnections, Transport: transport, Skew: new(gateway.Skew),
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
