package config

import (
	"fmt"
	"slices"
)

// routes divides what a listener serves by Host: one route for each upstream that has hosts, and one that all others
// share. Within a route, no two operations may answer the same call.
func (b *builder) routes(path string, l *Listener, upstreams []*Upstream) []Route {
	var routes []Route
	var shared []*Upstream
	for i, u := range upstreams {
		if len(u.Hosts) == 0 {
			shared = append(shared, u)
			continue
		}
		if b.hostsTaken(path, l, u, upstreams[:i]) {
			continue
		}
		if r, ok := b.route(path, []*Upstream{u}); ok {
			r.Hosts = slices.Sorted(slices.Values(u.Hosts))
			routes = append(routes, r)
		}
	}
	if len(shared) == 0 || b.overlap(path, l, shared) {
		return routes
	}
	if r, ok := b.route(path, shared); ok {
		routes = append(routes, r)
	}
	return routes
}

// hostsTaken reports a host that an earlier upstream of the listener has.
func (b *builder) hostsTaken(path string, l *Listener, u *Upstream, earlier []*Upstream) bool {
	for _, other := range earlier {
		for _, h := range u.Hosts {
			if slices.Contains(other.Hosts, h) {
				b.problem(path+".upstreams", "", "host %s belongs to both upstreams %s and %s on listener %s", h, other.Name, u.Name, l.Name)
				return true
			}
		}
	}
	return false
}

// overlap reports pairs of upstreams that share a route and have operations for the same calls.
func (b *builder) overlap(path string, l *Listener, upstreams []*Upstream) bool {
	found := false
	for i, u := range upstreams {
		for _, other := range upstreams[:i] {
			_, _, err := Router([]string{other.Name, u.Name}, b.operations)
			if err == nil {
				continue
			}
			all := leaves(err)
			b.problem(path+".upstreams", fmt.Sprintf("give one of them hosts: of its own, such as hosts: [%s.gateway.corp.example], or a listener of its own", u.Name),
				"upstreams %s and %s overlap on listener %s: %v%s", other.Name, u.Name, l.Name, all[0], more(len(all)-1))
			found = true
		}
	}
	return found
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}

func (b *builder) route(path string, upstreams []*Upstream) (r Route, ok bool) {
	for _, u := range upstreams {
		r.Upstreams = append(r.Upstreams, u.Name)
	}
	slices.Sort(r.Upstreams)
	if _, _, err := Router(r.Upstreams, b.operations); err != nil {
		b.problem(path+".upstreams", "", "%v", firstLeaf(err))
		return r, false
	}
	return r, true
}
