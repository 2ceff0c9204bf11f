package setting

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// Address is where to listen: "127.0.0.1:8080", ":8443", "[::1]:8080", "localhost:8080" or "unix:/path.sock".
type Address struct {
	IP     netip.Addr // invalid for a unix socket; unspecified for ":8443"
	Port   uint16     // 0: any free one
	Socket string     // path; empty for TCP
}

const addressPattern = `^(unix:.+|[^ ]*:[0-9]{1,5})$`

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *Address) UnmarshalText(b []byte) error {
	text := string(b)
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		a.Socket = path
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
	a.IP, a.Port = ip, uint16(port)
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

// goodZone reports whether a zone, if there is one, means something: "::" with a zone would not be taken for all addresses.
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
		return errors.New("abstract sockets have no file permissions and are not supported: write a path")
	case strings.ContainsFunc(path, unicode.IsControl):
		return errors.New("the path of a socket may not have control characters")
	case strings.HasPrefix(path, "//"):
		return errors.New(`write "unix:/path", with one slash`)
	case len(path) > maxSocketPath:
		return fmt.Errorf("the path of a socket may have at most %d bytes", maxSocketPath)
	}
	return nil
}

func (a Address) Pattern() string { return addressPattern }
func (a Address) Kind() string    { return "address" }

// String returns the address as it would stand in a file; "" for the zero value.
func (a Address) String() string {
	switch {
	case a.Socket != "":
		return "unix:" + a.Socket
	case !a.IP.IsValid():
		return ""
	}
	return a.Listen()
}

// Network returns the first argument of net.Listen.
func (a Address) Network() string {
	if a.Socket != "" {
		return "unix"
	}
	return "tcp"
}

// In returns the address with an absolute path: a socket that is relative is in dir.
func (a Address) In(dir string) Address {
	a.Socket = Resolve(dir, a.Socket)
	return a
}

// Listen returns the second argument of net.Listen.
func (a Address) Listen() string {
	if a.Socket != "" {
		return a.Socket
	}
	if a.IP == netip.IPv6Unspecified() {
		return fmt.Sprintf(":%d", a.Port)
	}
	return netip.AddrPortFrom(a.IP, a.Port).String()
}

// Local reports whether only this machine reaches the address.
func (a Address) Local() bool { return a.Socket != "" || a.IP.IsLoopback() }

// Overlaps reports whether two addresses cannot be listened on at once.
func (a Address) Overlaps(other Address) bool {
	if a.Socket != "" || other.Socket != "" {
		return a.Socket != "" && filepath.Clean(a.Socket) == filepath.Clean(other.Socket)
	}
	wildcard := a.IP.IsUnspecified() || other.IP.IsUnspecified()
	return a.Port == other.Port && a.Port != 0 && (wildcard || a.IP == other.IP)
}

// Resolve returns a path made absolute: a relative one is in dir, the folder of the configuration. An empty one stays empty.
func Resolve(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
