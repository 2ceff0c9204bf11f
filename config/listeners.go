package config

import (
	"fmt"
	"slices"
	"strings"

	"tollgate/internal/nearest"
)

func listenerPath(i int) string { return fmt.Sprintf("listeners[%d]", i) }

// listenerName is the name that a listener has, or gets from its address.
func (b *builder) listenerName(i int) string {
	l := b.file.Listeners[i]
	if l.Name != "" {
		return l.Name
	}
	return l.Address.String()
}

// checkLoops reports upstreams that are at the address of a listener: a call would come back to the gateway, and perhaps go round.
func (b *builder) checkLoops() {
	for _, name := range sortedNames(b.file.Upstreams) {
		u, path := b.file.Upstreams[name].URL, "upstreams."+name+".url"
		for i, l := range b.file.Listeners {
			if u.URL != nil && !b.Failed(path) && !b.Failed(listenerPath(i)+".address") && l.Address.ReachedAs(u, b.dir) {
				b.problem(path, "give the address of what is to be called", "this is the address of listener %s: calls would come back to the gateway", b.listenerName(i))
			}
		}
	}
}

// buildListeners makes the listeners, in the order of the file.
func (b *builder) buildListeners() {
	names := map[string]bool{}
	var earlier []int
	for i := range b.file.Listeners {
		path, s := listenerPath(i), &b.file.Listeners[i]
		b.allNamed(path+".upstreams", "upstream", s.Upstreams, sortedNames(b.file.Upstreams))
		if s.Caller != "" {
			b.named(path+".caller", "caller", s.Caller, sortedNames(b.file.Callers))
		}
		if b.Failed(path + ".address") {
			continue
		}
		name := b.listenerName(i)
		if !b.addressTaken(i, earlier) && names[name] { // listeners on port 0 differ, but not in their default name
			b.problem(path, "give each listener a name of its own", "listener %q is there already", b.Shown(name))
		}
		names[name], earlier = true, append(earlier, i)
		b.config.Listeners = append(b.config.Listeners, b.buildListener(path, name, s))
	}
}

// addressTaken reports an address that an earlier listener has.
func (b *builder) addressTaken(i int, earlier []int) bool {
	for _, j := range earlier {
		if b.file.Listeners[i].Address.Overlaps(b.file.Listeners[j].Address) {
			b.problem(listenerPath(i)+".address", "", "this address is taken by listener %s", b.listenerName(j))
			return true
		}
	}
	return false
}

func (b *builder) buildListener(path, name string, s *listenerConfig) *Listener {
	l := &Listener{
		Name: name, Network: s.Address.Network(), Address: s.Address.In(b.dir).Listen(), Loopback: s.Address.Local(),
		Caller: s.Caller, MaxConns: s.MaxConnections, MaxConnsPerSource: s.MaxConnectionsPerSource,
	}
	if len(name) > 128 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		b.problem(path+".name", "", "the name of a listener may have up to 128 printable ASCII characters")
	}
	b.listenerTLS(path, l, s)
	upstreams := b.served(path, s)
	l.Hosts = b.acceptedHosts(path, l, s, upstreams)
	if !b.Failed(path) {
		l.Routes = b.routes(path, l, upstreams)
	}
	return l
}

// listenerTLS checks what protects the listener: TLS, or that only this machine reaches it.
func (b *builder) listenerTLS(path string, l *Listener, s *listenerConfig) {
	switch {
	case s.TLS == nil && !b.Failed(path+".tls") && !l.Loopback:
		b.problem(path+".address", "add tls, or use 127.0.0.1, [::1] or unix:/path.sock",
			"plain HTTP is allowed on loopback addresses and unix sockets only")
	case s.TLS != nil && l.Network == "unix":
		b.problem(path+".tls", "", "a unix socket takes no tls: its file permissions say who may connect")
	case s.TLS != nil:
		if s.Caller != "" {
			b.problem(path+".caller", "use callers with auth: certificate or access_key",
				"a fixed caller is allowed on plain loopback and unix listeners only")
		}
		l.TLS = b.buildListenerTLS(path+".tls", l, s.TLS)
	}
}

// served are the upstreams of a listener that could be made: those it names, or the only one of the file.
func (b *builder) served(path string, s *listenerConfig) []*Upstream {
	names := s.Upstreams
	if all := sortedNames(b.file.Upstreams); len(names) == 0 && len(all) == 1 {
		names = all
	} else if len(names) == 0 && len(all) > 1 && !b.Failed(path+".upstreams") {
		b.problem(path, nearest.List(all), "upstreams is missing in %s: it may be left out only when the file has one upstream", path)
	}
	var upstreams []*Upstream
	for _, name := range names {
		if u := b.upstreams[name]; u != nil && !slices.Contains(upstreams, u) {
			upstreams = append(upstreams, u)
		}
	}
	return upstreams
}

// acceptedHosts are the listener's own names, those of its upstreams, and on loopback those that the machine has for
// itself. A browser that was led to a loopback address by a foreign name is refused by this.
func (b *builder) acceptedHosts(path string, l *Listener, s *listenerConfig, upstreams []*Upstream) []string {
	hosts := hostNames(s.Hosts)
	if l.Network == "unix" && len(hosts) == 0 {
		return nil
	}
	for _, u := range upstreams {
		hosts = append(hosts, u.Hosts...)
	}
	if l.Network == "tcp" && l.Loopback {
		hosts = append(hosts, "localhost", "127.0.0.1", "::1")
	}
	if len(hosts) == 0 && !b.Failed(path+".hosts") && !b.Failed("upstreams") {
		b.problem(path, "name what callers put into their URLs: hosts: [gateway.corp.example]", "hosts is missing in %s", path)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
