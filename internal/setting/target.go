package setting

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// Target is where an upstream is: "https://host", "http://127.0.0.1:3000" or "unix:/path.sock".
type Target struct {
	Scheme, Host string // http and localhost for a unix socket; empty for the zero value
	Socket       string // path; empty for TCP
}

const targetPattern = `^(https?://[^/?#@ ]+/?|unix:.+)$`

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *Target) UnmarshalText(b []byte) error {
	text := string(b)
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		*t = Target{"http", "localhost", path}
		return checkSocket(path)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return errors.New(`want "https://host", "http://127.0.0.1:3000" or "unix:/path.sock"`)
	case u.User != nil:
		return errors.New("an upstream's url takes no user name or password")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return errors.New("an upstream's url has neither path nor query: calls bring their own")
	}
	if err := checkTargetHost(u); err != nil {
		return err
	}
	*t = Target{Scheme: u.Scheme, Host: strings.ToLower(withoutFinalDot(u.Host))}
	return nil
}

// withoutFinalDot takes one final dot off the name of a host, which may have a port: it is no part of the name (RFC 1034 section 3.1),
// and neither sent as Host nor in TLS.
func withoutFinalDot(host string) string {
	if strings.HasPrefix(host, "[") {
		return host
	}
	name, port, found := strings.Cut(host, ":")
	if name = strings.TrimSuffix(name, "."); found {
		return name + ":" + port
	}
	return name
}

func checkTargetHost(u *url.URL) error {
	host := u.Hostname()
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("the port must be a number from 1 to 65535")
		}
	}
	if ip, err := netip.ParseAddr(host); (err != nil || ip.Zone() != "") && !hostExpr.MatchString(host) { // a zone is not sent, so not signed either
		return errors.New("the host must be a name of letters, digits, \"-\" and \".\", or an IP address")
	}
	if u.Scheme == "http" && !IsLoopback(host) {
		return errors.New("plain http is allowed to loopback addresses (127.0.0.1, [::1]; no names) and unix sockets only: use https")
	}
	return nil
}

// IsLoopback reports whether a host is a loopback address. "localhost" is none: what a name leads to is up to a resolver.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// URL returns scheme and host.
func (t Target) URL() *url.URL { return &url.URL{Scheme: t.Scheme, Host: t.Host} }

func (t Target) Pattern() string { return targetPattern }
func (t Target) Kind() string    { return "url" }

// String returns the target as it would stand in a file; "" for the zero value.
func (t Target) String() string {
	if t.Socket != "" {
		return "unix:" + t.Socket
	}
	return t.URL().String()
}

// Local reports whether the upstream is on this machine.
func (t Target) Local() bool { return t.Socket != "" || IsLoopback(t.URL().Hostname()) }

// ReachedAs reports whether a connection to the target comes to a listener at the address. Of names only "localhost" is known, since
// none is resolved; one that stands in front of the gateway may lead elsewhere from here.
func (a Address) ReachedAs(to Target, dir string) bool {
	if a.Socket != "" || to.Socket != "" {
		return a.Socket != "" && filepath.Clean(Resolve(dir, a.Socket)) == filepath.Clean(Resolve(dir, to.Socket))
	}
	ip, err := parseTargetIP(to.URL().Hostname())
	if err != nil || a.Port == 0 || to.port() != int(a.Port) {
		return false
	}
	wildcard := a.IP.IsUnspecified() && (a.IP.Is6() || ip.Is4()) // [::] takes IPv4 too
	return ip == a.IP || wildcard && ip.IsLoopback()
}

// parseTargetIP returns the IP address that a connection to a host of a URL goes to; to the unspecified one it goes to this machine.
func parseTargetIP(host string) (netip.Addr, error) {
	ip := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if host == "localhost" {
		return ip, nil
	}
	parsed, err := netip.ParseAddr(host)
	if parsed = parsed.Unmap(); parsed == netip.IPv6Unspecified() {
		return netip.IPv6Loopback(), err
	} else if parsed.IsUnspecified() {
		return ip, err
	}
	return parsed, err
}

// HostPort returns the host with its port, also where that follows from the scheme.
func (t Target) HostPort() string {
	return net.JoinHostPort(t.URL().Hostname(), strconv.Itoa(t.port()))
}

// port is the port of a target that is no socket.
func (t Target) port() int {
	if port, err := strconv.Atoi(t.URL().Port()); err == nil {
		return port
	}
	if t.Scheme == "http" {
		return 80
	}
	return 443
}
