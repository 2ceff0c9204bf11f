package config

import (
	"fmt"
	"slices"
	"tollgate/internal/setting"
	"tollgate/upstream"
)

// Route is what is served under some Host names of a listener.
type Route struct {
	// Hosts are lower case, without port; empty: every host that no other route of the listener names.
	Hosts     []string
	Upstreams []string // names, sorted; see [Router]
}

// Routes divide what a listener serves by Host: one route for each upstream that has hosts, and one that all others share.
func (c *Config) Routes(l *Listener) []Route {
	var routes []Route
	var shared Route
	for _, name := range l.Upstreams {
		if u := c.Upstream(name); len(u.Hosts) > 0 {
			routes = append(routes, Route{Hosts: setting.Texts(slices.Sorted(slices.Values(u.Hosts))), Upstreams: []string{name}})
		} else {
			shared.Upstreams = append(shared.Upstreams, name)
		}
	}
	if len(shared.Upstreams) > 0 {
		slices.Sort(shared.Upstreams)
		routes = append(routes, shared)
	}
	return routes
}

// checkRoutes reports hosts that belong to two upstreams of a listener, and pairs of upstreams that share a route and have operations for
// the same calls.
func (b *builder) checkRoutes(path string, l *Listener, upstreams []*upstream.Config) {
	for i, u := range upstreams {
		for _, other := range upstreams[:i] {
			if b.hostTaken(path, l, u, other) {
				break
			}
			if len(u.Hosts) == 0 && len(other.Hosts) == 0 {
				b.overlap(path, l, u, other)
			}
		}
	}
}

func (b *builder) hostTaken(path string, l *Listener, u, other *upstream.Config) bool {
	i := slices.IndexFunc(u.Hosts, func(h setting.Host) bool { return slices.Contains(other.Hosts, h) })
	if i >= 0 {
		b.problem(path+".upstreams", "", "host %s belongs to both upstreams %s and %s on listener %s", u.Hosts[i], other.Name, u.Name, l.Name)
	}
	return i >= 0
}

func (b *builder) overlap(path string, l *Listener, u, other *upstream.Config) {
	if _, _, err := Router([]string{other.Name, u.Name}, b.operations); err != nil {
		all := leaves(err)
		b.problem(path+".upstreams", fmt.Sprintf("give one of them hosts: of its own, such as hosts: [%s.gateway.corp.example], or a listener of its own", u.Name),
			"upstreams %s and %s overlap on listener %s: %v%s", other.Name, u.Name, l.Name, all[0], more(len(all)-1))
	}
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}
