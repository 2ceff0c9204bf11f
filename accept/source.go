package accept

import (
	"net"
	"net/netip"
)

// The sources of peers without an IP address.
const (
	SourceUnix    = "unix"
	SourceUnknown = "unknown"
)

// SourceOf gives the key under which a peer is counted: its IPv4 address ("192.0.2.7"), the /64 network of its IPv6
// address ("2001:db8::/64", since whoever has one address there has them all), or [SourceUnix] for a unix socket.
func SourceOf(addr net.Addr) string {
	if isUnix(addr) {
		return SourceUnix
	}
	ip := ipOf(addr)
	if ip.Is4() {
		return ip.String()
	}
	if !ip.Is6() {
		return SourceUnknown
	}
	return netip.PrefixFrom(ip.WithZone(""), 64).Masked().String()
}

// IsLoopback tells whether an address can be reached from this host only: a loopback IP address or a unix socket.
func IsLoopback(addr net.Addr) bool { return isUnix(addr) || ipOf(addr).IsLoopback() }

func isUnix(addr net.Addr) bool {
	unix, ok := addr.(*net.UnixAddr)
	return ok && unix != nil
}

// ipOf gives the address without IPv4-in-IPv6 mapping, or the zero Addr.
func ipOf(addr net.Addr) netip.Addr {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || tcp == nil {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}
