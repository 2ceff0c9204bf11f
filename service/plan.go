package service

import (
	"net/http"

	"tollgate/catalog"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/gateway"
	"tollgate/ratelimit"
)

// Plan returns what a configuration says of calls, for [gateway.Plan.Explain]. Nothing is opened for it, and no call can be made by it.
func Plan(c *config.Config) (*gateway.Plan, error) {
	limiter, err := ratelimit.New(c.Limits)
	if err != nil {
		return nil, err
	}
	upstreams := map[*config.Upstream]*gateway.Upstream{}
	for _, u := range c.Upstreams {
		upstreams[u] = gatewayUpstream(u, nil)
	}
	return planOf(c, limiter, upstreams), nil
}

// planOf makes a plan of a configuration and of what outlives plans.
func planOf(c *config.Config, limiter *ratelimit.Limiter, upstreams map[*config.Upstream]*gateway.Upstream) *gateway.Plan {
	b := c.Bounds
	plan := &gateway.Plan{
		Callers: c.Callers, Grants: c.GrantTable, Credentials: map[string]*credential.Credential{}, Limits: limiter,
		Listeners: map[string]*gateway.Listener{},
		Bounds: gateway.Bounds{
			Body: b.Body, Bodies: b.Bodies, HeldAnswer: b.HeldAnswer, Headers: b.Headers, AllHeaders: b.AllHeaders, Calls: b.Calls,
			BodyTimeout: b.BodyTimeout, WriteTimeout: b.WriteTimeout, LogDeadline: c.Audit.Deadline,
		},
	}
	for _, k := range c.Credentials {
		plan.Credentials[k.Name()] = k
	}
	for _, l := range c.Listeners {
		plan.Listeners[l.Name] = gatewayListener(l, upstreams)
	}
	return plan
}

func gatewayUpstream(u *config.Upstream, transport http.RoundTripper) *gateway.Upstream {
	return &gateway.Upstream{
		Name: u.Name, Scheme: u.URL.Scheme, Host: u.URL.Host, Site: u.Site, Currency: u.Currency, Signed: u.Signed, Timeout: u.Timeout, MaxConns: u.MaxConns, Transport: transport, Skew: new(gateway.Skew),
	}
}

func gatewayListener(l *config.Listener, upstreams map[*config.Upstream]*gateway.Upstream) *gateway.Listener {
	out := &gateway.Listener{
		Name: l.Name, Hosts: l.Hosts, Local: l.Loopback, Caller: l.Caller, Certificates: l.TLS != nil && l.TLS.Clients.CA != "",
	}
	for _, route := range l.Routes {
		r := gateway.Route{Hosts: route.Hosts, Router: route.Router}
		r.Upstreams = make(map[*catalog.Operation]*gateway.Upstream, len(route.Upstreams))
		for operation, u := range route.Upstreams {
			r.Upstreams[operation] = upstreams[u]
		}
		out.Routes = append(out.Routes, r)
	}
	return out
}
