package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tollgate/internal/certs"
	"tollgate/internal/nearest"
	"tollgate/internal/setting"
	"tollgate/upstream"
)

// Listener is one entry of `listeners`. Loading it adds to Hosts those of its upstreams, and the names of the machine.
type Listener struct {
	// How the listener is called in records, logs and metrics. Unique. Default: its address.
	Name string `yaml:"name"`
	// Where to listen: `127.0.0.1:8080`, `:8443`, `[::1]:8080` or `unix:/run/tollgate.sock`. Port 0 takes any free port.
	Address setting.Address `yaml:"address" need:"yes"`
	// `Host` names that are accepted, without port; other names are answered 421. Needed unless the address is a loopback
	// one or a unix socket. A loopback listener accepts `localhost`, `127.0.0.1` and `::1` besides; a unix socket
	// without `hosts` accepts any.
	Hosts []setting.Host `yaml:"hosts"`
	// Everybody who reaches this listener is this caller. For plain listeners on loopback or a unix socket only.
	Caller string `yaml:"caller"`
	// The upstreams whose operations are served here. May be left out when the file has only one.
	Upstreams []string `yaml:"upstreams"`
	// Who may connect to a unix socket. Without it only the gateway's own user may (mode 0600). Root always may.
	Socket *Socket `yaml:"socket"`
	// TLS. Without it the listener is plain HTTP, which is allowed on loopback and unix sockets only.
	TLS *certs.ListenerTLS `yaml:"tls"`
	// Open connections at a time. For one more, the one that has been without a request for longest is closed; where all have
	// requests under way, the new one is. Fewer, where the process may not have as many files open.
	MaxConnections int `yaml:"max_connections" range:"1..1000000"`
	// Open connections at a time of one source (an IPv4 address or an IPv6 /64); twice as many of an IPv6 /48. 0: no bound of its
	// own. A loopback address, and all peers of a unix socket together, may have three quarters of `max_connections` instead.
	MaxConnectionsPerSource int `yaml:"max_connections_per_source" range:"0..1000000"`
}

func (Listener) Default() Listener {
	return Listener{MaxConnections: 1024, MaxConnectionsPerSource: 256}
}

// Socket is `socket` of a listener.
type Socket struct {
	// Who may connect, as of a file: `0660` is owner and group. Only reading and writing count, and the owner has both. Those who
	// connect must also be able to reach the socket through its folders.
	Mode setting.Mode `yaml:"mode" need:"yes"`
	// The group that the socket is given to, by name or number. The gateway's user must be a member of it, or root. Default: that of
	// other files that the gateway creates.
	Group setting.Group `yaml:"group"`
}

func listenerPath(i int) string { return fmt.Sprintf("listeners[%d]", i) }

// checkLoops reports upstreams that are at the address of a listener: a call would come back to the gateway, and perhaps go round.
func (b *builder) checkLoops() {
	for _, name := range b.upstreamNames {
		u, path := b.file.Upstreams[name].URL, "upstreams."+name+".url"
		for i, l := range b.file.Listeners {
			if u.Scheme != "" && !b.Failed(path) && !b.Failed(listenerPath(i)+".address") && l.Address.ReachedAs(u, b.dir) {
				b.problem(path, "give the address of what is to be called", "this is the address of listener %s: calls would come back to the gateway", l.Name)
			}
		}
	}
}

// buildListeners completes the listeners, in the order of the file.
func (b *builder) buildListeners() {
	names := map[string]bool{}
	for i := range b.file.Listeners {
		path, l := listenerPath(i), &b.file.Listeners[i]
		l.Name = cmp.Or(l.Name, l.Address.String())
		l.Address = l.Address.In(b.dir)
		b.allNamed(path+".upstreams", "upstream", l.Upstreams, b.upstreamNames)
		if l.Caller != "" {
			b.named(path+".caller", "caller", l.Caller, b.callerNames)
		}
		if b.Failed(path + ".address") {
			continue
		}
		if !b.addressTaken(path, l) && names[l.Name] { // listeners on port 0 differ, but not in their default name
			b.problem(path, "give each listener a name of its own", "listener %q is there already", b.Shown(l.Name))
		}
		names[l.Name] = true
		b.config.Listeners = append(b.config.Listeners, l)
		b.buildListener(path, l)
	}
}

// addressTaken reports whether an earlier listener has the address, and adds a problem if so.
func (b *builder) addressTaken(path string, l *Listener) bool {
	for _, earlier := range b.config.Listeners {
		if l.Address.Overlaps(earlier.Address) {
			b.problem(path+".address", "", "this address is taken by listener %s", earlier.Name)
			return true
		}
	}
	return false
}

func (b *builder) buildListener(path string, l *Listener) {
	if len(l.Name) > 128 || strings.ContainsFunc(l.Name, func(r rune) bool { return r < ' ' || r > '~' }) {
		b.problem(path+".name", "", "the name of a listener may have up to 128 printable ASCII characters")
	}
	b.listenerTLS(path, l)
	b.checkSocket(path+".socket", l)
	upstreams := b.served(path, l)
	b.acceptedHosts(path, l, upstreams)
	if !b.Failed(path) {
		b.checkRoutes(path, l, upstreams)
	}
}

// checkSocket checks who may connect to a unix socket.
func (b *builder) checkSocket(path string, l *Listener) {
	if l.Socket == nil || b.Failed(path) {
		return
	}
	const ours, all = 0o600, 0o666
	switch mode := l.Socket.Mode; {
	case l.Address.Socket == "":
		b.problem(path, "remove socket, or listen on unix:/path.sock", "the listener is no unix socket")
	case mode&^all != 0:
		b.problem(path+".mode", "", "a socket is read and written only: mode %v has more", mode)
	case mode&ours != ours:
		b.problem(path+".mode", "", "mode %v keeps the gateway's own user out", mode)
	}
	if _, err := l.Socket.Group.ID(); l.Socket.Group != "" && b.options.Secrets && err != nil {
		b.problem(path+".group", "", "%v", err)
	}
}

// listenerTLS checks what protects the listener: TLS, or that only this machine reaches it.
func (b *builder) listenerTLS(path string, l *Listener) {
	switch {
	case l.TLS == nil && !b.Failed(path+".tls") && !l.Address.Local():
		b.problem(path+".address", "add tls, or use 127.0.0.1, [::1] or unix:/path.sock",
			"plain HTTP is allowed on loopback addresses and unix sockets only")
	case l.TLS != nil && l.Address.Socket != "":
		b.problem(path+".tls", "", "a unix socket takes no tls: its file permissions say who may connect")
		l.TLS = nil
	case l.TLS != nil:
		if l.Caller != "" {
			b.problem(path+".caller", "use callers with auth: certificate or access_key",
				"a fixed caller is allowed on plain loopback and unix listeners only")
		}
		b.policy(path+".tls.policy", l.TLS.Policy)
		b.certificates(path+".tls", l.TLS)
		b.clients(path+".tls", l)
	}
}

// served are the upstreams of a listener that could be made: those it names, or the only one of the file.
func (b *builder) served(path string, l *Listener) []*upstream.Config {
	if all := b.upstreamNames; len(l.Upstreams) == 0 && len(all) == 1 {
		l.Upstreams = all
	} else if len(l.Upstreams) == 0 && len(all) > 1 && !b.Failed(path+".upstreams") {
		b.problem(path, nearest.List(all), "upstreams is missing in %s: it may be left out only when the file has one upstream", path)
	}
	var upstreams []*upstream.Config
	for _, name := range l.Upstreams {
		if u := b.upstreams[name]; u != nil && !slices.Contains(upstreams, u) {
			upstreams = append(upstreams, u)
		}
	}
	return upstreams
}

// acceptedHosts are the listener's own names, those of its upstreams, and on loopback those that the machine has for
// itself. A browser that was led to a loopback address by a foreign name is refused by this.
func (b *builder) acceptedHosts(path string, l *Listener, upstreams []*upstream.Config) {
	hosts := slices.DeleteFunc(l.Hosts, func(h setting.Host) bool { return h == "" }) // reported when it was read
	if l.Address.Socket != "" && len(hosts) == 0 {
		return
	}
	for _, u := range upstreams {
		hosts = append(hosts, u.Hosts...)
	}
	if l.Address.IP.IsLoopback() {
		hosts = append(hosts, "localhost", "127.0.0.1", "::1")
	}
	if len(hosts) == 0 && !b.Failed(path+".hosts") && !b.Failed("upstreams") {
		b.problem(path, "name what callers put into their URLs: hosts: [gateway.corp.example]", "hosts is missing in %s", path)
	}
	slices.Sort(hosts)
	l.Hosts = slices.Compact(hosts)
}
