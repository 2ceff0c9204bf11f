package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// address is where to listen: "127.0.0.1:8080", ":8443", "[::1]:8080", "localhost:8080" or "unix:/path.sock".
type address struct {
	ip     netip.Addr // invalid for a unix socket; unspecified for ":8443"
	port   uint16     // 0: any free one
	socket string     // path; empty for TCP
}

const addressPattern = `^(unix:.+|[^ ]*:[0-9]{1,5})$`

func (a *address) parse(text string) error {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		a.socket = path
		return checkSocket(path)
	}
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return errors.New(`want "host:port", ":port" or "unix:/path.sock"`)
	}
	port, err := strconv.ParseUint(text[colon+1:], 10, 16)
	if err != nil || len(text)-colon > len(":65535") {
		return errors.New("the port must be a number from 0 to 65535")
	}
	ip, err := parseHostIP(text[:colon])
	if err != nil {
		return err
	}
	a.ip, a.port = ip, uint16(port)
	return nil
}

// parseHostIP reads the host of an address. Names are not resolved: what "loopback" means must not depend on a resolver.
func parseHostIP(host string) (netip.Addr, error) {
	switch host {
	case "":
		return netip.IPv6Unspecified(), nil
	case "localhost":
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	inner, bracketed := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	ip, err := netip.ParseAddr(inner)
	if err != nil || bracketed != closed || bracketed != ip.Is6() || !goodZone(ip) {
		return netip.Addr{}, errors.New(`the host must be an IP address, "localhost" or empty (IPv6 in brackets: "[::1]:8080")`)
	}
	return ip.Unmap(), nil
}

// goodZone tells whether a zone, if there is one, means something: "::" with a zone would not be taken for all addresses.
func goodZone(ip netip.Addr) bool {
	return ip.Zone() == "" || ip.IsLinkLocalUnicast() && !strings.ContainsAny(ip.Zone(), " %")
}

// maxSocketPath is what every system takes (sun_path has 104 bytes in BSD, 108 in Linux), less what a listener needs to make
// the socket in a private directory first.
const maxSocketPath = 88

func checkSocket(path string) error {
	switch {
	case path == "" || strings.HasSuffix(path, "/"):
		return errors.New(`want the path of a socket: "unix:/run/tollgate.sock"`)
	case strings.HasPrefix(path, "@") || strings.ContainsRune(path, 0):
		return errors.New("abstract sockets have no file permissions and are not supported: give a path")
	case strings.ContainsFunc(path, unicode.IsControl):
		return errors.New("the path of a socket may not have control characters")
	case strings.HasPrefix(path, "//"):
		return errors.New(`write "unix:/path", with one slash`)
	case len(path) > maxSocketPath:
		return fmt.Errorf("the path of a socket may have at most %d bytes", maxSocketPath)
	}
	return nil
}

func (a address) pattern() string { return addressPattern }
func (a address) what() string    { return "address" }

// network and listen give the arguments of net.Listen.
func (a address) network() string {
	if a.socket != "" {
		return "unix"
	}
	return "tcp"
}

func (a address) listen(dir string) string {
	if a.socket != "" {
		return resolve(dir, a.socket)
	}
	if a.ip == netip.IPv6Unspecified() {
		return fmt.Sprintf(":%d", a.port)
	}
	return netip.AddrPortFrom(a.ip, a.port).String()
}

// local tells whether only this machine reaches the address.
func (a address) local() bool { return a.socket != "" || a.ip.IsLoopback() }

// overlaps tells whether two addresses cannot be listened on at once.
func (a address) overlaps(other address) bool {
	if a.socket != "" || other.socket != "" {
		return a.socket != "" && filepath.Clean(a.socket) == filepath.Clean(other.socket)
	}
	wildcard := a.ip.IsUnspecified() || other.ip.IsUnspecified()
	return a.port == other.port && a.port != 0 && (wildcard || a.ip == other.ip)
}

// resolve makes a path absolute, relative to the folder of the configuration.
func resolve(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// target is where an upstream is: "https://host", "http://127.0.0.1:3000" or "unix:/path.sock".
type target struct {
	url    *url.URL
	socket string
}

const targetPattern = `^(https?://[^/?#@ ]+/?|unix:.+)$`

func (t *target) parse(text string) error {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		t.url, t.socket = &url.URL{Scheme: "http", Host: "localhost"}, path
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
	u.Path, u.Host = "", strings.ToLower(withoutFinalDot(u.Host))
	t.url = u
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
	if u.Scheme == "http" && !isLoopbackIP(host) {
		return errors.New("plain http is allowed to loopback addresses (127.0.0.1, [::1]; no names) and unix sockets only: use https")
	}
	return nil
}

// isLoopbackIP does not take "localhost": what a name leads to is up to a resolver.
func isLoopbackIP(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func (t target) pattern() string { return targetPattern }
func (t target) what() string    { return "url" }

// local tells whether the upstream is on this machine.
func (t target) local() bool { return t.socket != "" || isLoopbackIP(t.url.Hostname()) }

// reachedAs reports whether a connection to the target comes to a listener at the address. Of names only "localhost" is known, since
// none is resolved; one that stands in front of the gateway may lead elsewhere from here.
func (a address) reachedAs(to target, dir string) bool {
	if a.socket != "" || to.socket != "" {
		return a.socket != "" && filepath.Clean(resolve(dir, a.socket)) == filepath.Clean(resolve(dir, to.socket))
	}
	ip, err := parseTargetIP(to.url.Hostname())
	if err != nil || a.port == 0 || to.port() != int(a.port) {
		return false
	}
	wildcard := a.ip.IsUnspecified() && (a.ip.Is6() || ip.Is4()) // [::] takes IPv4 too
	return ip == a.ip || wildcard && ip.IsLoopback()
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

// port is the port of a target that is no socket.
func (t target) port() int {
	if port, err := strconv.Atoi(t.url.Port()); err == nil {
		return port
	}
	if t.url.Scheme == "http" {
		return 80
	}
	return 443
}

// host is a Host name: lower case, without port and final dot.
type host string

const (
	hostNamePattern = `^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?$`
	hostPattern     = hostNamePattern + `|^[0-9A-Fa-f:.]+$`
)

var hostExpr = regexp.MustCompile(hostNamePattern)

func (h *host) parse(text string) error {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		*h = host(ip.Unmap().String())
		return nil
	}
	name := strings.TrimSuffix(text, ".")
	switch {
	case strings.Contains(text, ":"):
		return errors.New("want a host name or IP address, without scheme and port")
	case len(name) > 253 || !hostExpr.MatchString(text):
		return errors.New("want a host name (letters, digits, \"-\" and \".\"; no wildcard) or an IP address")
	}
	*h = host(strings.ToLower(name))
	return nil
}

func (h host) pattern() string { return hostPattern }
func (h host) what() string    { return "host name" }

// account is an account id of the provider. It is sent in a header and compared with path parameters.
type account string

const accountPattern = `^[A-Za-z0-9_-]{1,64}$`

var accountExpr = regexp.MustCompile(accountPattern)

func (a *account) parse(text string) error {
	if !accountExpr.MatchString(text) {
		return errors.New("want an account id: up to 64 letters, digits, \"-\" or \"_\"")
	}
	*a = account(text)
	return nil
}

func (a account) pattern() string { return accountPattern }
func (a account) what() string    { return "account id" }
