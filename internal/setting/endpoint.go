package setting

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Endpoint is a server that is connected to: "redis.corp.example:6379", "[::1]:6379" or "unix:/run/redis.sock".
type Endpoint struct {
	Host   string // a name in lower case, or an IP address without brackets; empty for a unix socket
	Port   uint16
	Socket string // path; empty for TCP
}

const endpointPattern = `^(unix:.+|[^ /?#@]+:[0-9]{1,5})$`

// UnmarshalText implements [encoding.TextUnmarshaler].
func (e *Endpoint) UnmarshalText(b []byte) error {
	text := string(b)
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		*e = Endpoint{Socket: path}
		return checkSocket(path)
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New(`want "host:port" (IPv6 in brackets: "[::1]:6379") or "unix:/path.sock"`)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || len(port) > len("65535") {
		return errors.New("the port must be a number from 1 to 65535")
	}
	ip, err := netip.ParseAddr(host)
	switch bracketed := text[0] == '['; {
	case err == nil && ip.Zone() == "" && bracketed == ip.Is6():
		host = ip.Unmap().String()
	case bracketed || len(host) > 253 || !hostExpr.MatchString(host):
		return errors.New("the host must be a name of letters, digits, \"-\" and \".\", or an IP address")
	}
	*e = Endpoint{Host: strings.ToLower(strings.TrimSuffix(host, ".")), Port: uint16(n)}
	return nil
}

func (e Endpoint) Pattern() string { return endpointPattern }
func (e Endpoint) Kind() string    { return "address" }

// String returns the endpoint as it would stand in a file; "" for the zero value.
func (e Endpoint) String() string {
	switch {
	case e.Socket != "":
		return "unix:" + e.Socket
	case e.Host == "":
		return ""
	}
	return e.Dial()
}

// Network returns the first argument of net.Dial.
func (e Endpoint) Network() string {
	if e.Socket != "" {
		return "unix"
	}
	return "tcp"
}

// Dial returns the second argument of net.Dial.
func (e Endpoint) Dial() string {
	if e.Socket != "" {
		return e.Socket
	}
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
}

// In returns the endpoint with an absolute path: a socket that is relative is in dir.
func (e Endpoint) In(dir string) Endpoint {
	e.Socket = Resolve(dir, e.Socket)
	return e
}

// Local reports whether the server is on this machine. Of names none is: what a name leads to is up to a resolver.
func (e Endpoint) Local() bool { return e.Socket != "" || IsLoopback(e.Host) }
