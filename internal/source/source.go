// Package source says under which network a peer is counted: the part of its address that it cannot change at will.
package source

import (
	"net"
	"net/netip"
)

// Prefix lengths of IPv6. A host usually has a /64 to choose addresses from, a site a /48 to choose networks from
// (RFC 6177 section 2).
const (
	hostBits = 64
	siteBits = 48
)

// Source is the network under which a peer is counted. It is comparable. The zero Source are the peers that have no IP
// address: those of unix sockets.
type Source struct{ prefix netip.Prefix }

// Of returns the source of an address: an IPv4 address and ::1 by itself, the /64 of any other IPv6 address. An IPv4 address
// that is mapped into IPv6 is taken for what it is, and zones are left out. The zero Addr has the zero Source.
func Of(addr netip.Addr) Source {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() || addr.IsLoopback() {
		return Source{netip.PrefixFrom(addr, addr.BitLen())}
	}
	return Source{netip.PrefixFrom(addr, hostBits).Masked()}
}

// Parse returns the source of a remote address as net/http reports it ("192.0.2.1:5000", "[2001:db8::1]:5000"), or of an
// address without a port. Anything else has the zero Source.
func Parse(remote string) Source {
	if both, err := netip.ParseAddrPort(remote); err == nil {
		return Of(both.Addr())
	}
	addr, _ := netip.ParseAddr(remote) // the zero Addr where it is none
	return Of(addr)
}

// OfPeer returns the source of a connection's remote address.
func OfPeer(remote net.Addr) Source {
	if tcp, ok := remote.(*net.TCPAddr); ok && tcp != nil {
		return Of(tcp.AddrPort().Addr())
	}
	return Source{}
}

// Site returns the /48 around an IPv6 source, and any other source itself.
func (s Source) Site() Source {
	if s.prefix.Bits() != hostBits {
		return s
	}
	return Source{netip.PrefixFrom(s.prefix.Addr(), siteBits).Masked()}
}

// Networks returns the source and the site around it, which are the same but for IPv6: the networks that a peer is counted for.
func (s Source) Networks() []Source {
	if site := s.Site(); site != s {
		return []Source{s, site}
	}
	return []Source{s}
}

// IsLocal reports whether the peers are on this machine: loopback addresses and unix sockets.
func (s Source) IsLocal() bool { return !s.prefix.IsValid() || s.prefix.Addr().IsLoopback() }

// String returns "192.0.2.7", "2001:db8::/64", or "local" for the zero Source.
func (s Source) String() string {
	switch {
	case !s.prefix.IsValid():
		return "local"
	case s.prefix.IsSingleIP():
		return s.prefix.Addr().String()
	}
	return s.prefix.String()
}
