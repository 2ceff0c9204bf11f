package upstream

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Network is one entry of `addresses`: where connections may lead. The zero value is "any".
type Network struct {
	Public bool         // every address of the public internet
	Prefix netip.Prefix // this network; invalid: all, or those that are public
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *Network) UnmarshalText(b []byte) error {
	*n = Network{}
	switch text := string(b); text {
	case "any":
		return nil
	case "public":
		n.Public = true
		return nil
	default:
		prefix, err := parsePrefix(text)
		if err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
			return errors.New(`want "any", "public", or a network such as "10.1.0.0/16" or "2001:db8::/32", without bits beyond its length`)
		}
		n.Prefix = prefix
		return nil
	}
}

// parsePrefix reads a network, or an address, which is a network of its own.
func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" {
		return netip.Prefix{}, errors.New("no address")
	}
	return netip.PrefixFrom(ip, ip.BitLen()), nil
}

// Pattern implements strictyaml.Scalar.
func (n Network) Pattern() string { return `^(any|public|[0-9A-Fa-f:.]+(/[0-9]{1,3})?)$` }

// Kind implements strictyaml.Scalar.
func (n Network) Kind() string { return "network" }

// String returns the network as it would stand in a file.
func (n Network) String() string {
	switch {
	case n.Prefix.IsValid():
		return n.Prefix.String()
	case n.Public:
		return "public"
	}
	return "any"
}

func (n Network) has(ip netip.Addr) bool {
	if n.Prefix.IsValid() {
		return n.Prefix.Contains(ip)
	}
	return !n.Public || isPublic(ip)
}

// AddressError is the cause of an [Error] where the way to an upstream leads to an address that must not be connected to.
type AddressError struct {
	Address netip.Addr
	Rule    string // that forbids it
}

func (e *AddressError) Error() string { return fmt.Sprintf("address %s %s", e.Address, e.Rule) }

// CheckAddress reports an address that must not be connected to: by the rules that hold for every upstream, or since it is in none of the
// networks. Without networks only the former count. The error is an *[AddressError].
func CheckAddress(ip netip.Addr, networks []Network) error {
	ip = ip.Unmap().WithZone("")
	for _, end := range ends(ip) {
		for _, f := range forbidden {
			if f.has(end) {
				return &AddressError{ip, "is never connected to: " + f.what}
			}
		}
	}
	if len(networks) > 0 && !slices.ContainsFunc(networks, func(n Network) bool { return n.has(ip) }) {
		texts := make([]string, len(networks))
		for i, n := range networks {
			texts[i] = n.String()
		}
		return &AddressError{ip, "is not among the addresses of the upstream: " + strings.Join(texts, ", ")}
	}
	return nil
}

// isPublic reports whether an address is one of the public internet (IANA's registries of special-purpose addresses).
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() && !within(ip, global) {
		return false
	}
	return !slices.ContainsFunc(ends(ip), func(end netip.Addr) bool { return within(end, special) })
}

// IsPrivate reports whether an address is neither public nor one of this machine.
func IsPrivate(ip netip.Addr) bool { return !ip.Unmap().IsLoopback() && !isPublic(ip) }

// class is a set of addresses with what they are in common.
type class struct {
	what     string
	prefixes []netip.Prefix
}

func (c class) has(ip netip.Addr) bool { return within(ip, c.prefixes) }

// forbidden are the addresses that no upstream has. Some are good for asking a cloud's machines for the keys of their roles.
var forbidden = []class{
	{"it serves the metadata of a cloud's machine", prefixes(
		"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fe80::a9fe:a9fe", // most clouds, AWS, Google, Oracle
		"100.100.100.200", "168.63.129.16", "192.0.0.192")}, // Alibaba, Azure, Oracle
	{"it is link-local", prefixes("169.254.0.0/16", "fe80::/10")},
	{"it is a multicast address", prefixes("224.0.0.0/4", "ff00::/8")},
	{"it is a broadcast address", prefixes("255.255.255.255")},
	{"it is unspecified", prefixes("0.0.0.0/8", "::")},
}

var (
	// global is what of IPv6 may be public.
	global = prefixes("2000::/3", "64:ff9b::/96")
	// special are the addresses within IPv4 and global that are not public.
	special = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "168.63.129.16",
		"2001::/23", "2001:db8::/32", "3fff::/20")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefix, err := parsePrefix(text)
		if err != nil {
			panic("upstream: " + text)
		}
		list[i] = prefix
	}
	return list
}

func within(ip netip.Addr, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// embedding is a network of IPv6 whose addresses hold one of IPv4 that a translator or a tunnel leads to.
type embedding struct {
	prefix netip.Prefix
	octets [4]int
}

var embeddings = []embedding{
	{netip.MustParsePrefix("::/96"), [4]int{12, 13, 14, 15}},           // IPv4-compatible
	{netip.MustParsePrefix("::ffff:0:0:0/96"), [4]int{12, 13, 14, 15}}, // IPv4-translated (RFC 2765)
	{netip.MustParsePrefix("64:ff9b::/96"), [4]int{12, 13, 14, 15}},    // NAT64 (RFC 6052)
	{netip.MustParsePrefix("64:ff9b:1::/48"), [4]int{12, 13, 14, 15}},  // NAT64 of a network's own (RFC 8215), by the lengths of RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), [4]int{9, 10, 11, 12}},
	{netip.MustParsePrefix("64:ff9b:1::/48"), [4]int{7, 9, 10, 11}},
	{netip.MustParsePrefix("64:ff9b:1::/48"), [4]int{6, 7, 9, 10}},
	{netip.MustParsePrefix("2002::/16"), [4]int{2, 3, 4, 5}}, // 6to4 (RFC 3056)
}

// ends are the addresses that a connection to an address may end at: itself, and those of IPv4 that it holds. Where it is not known which
// octets they are, zeros are none: "::1" holds no address.
func ends(ip netip.Addr) []netip.Addr {
	all := []netip.Addr{ip}
	if !ip.Is6() {
		return all
	}
	octets := ip.As16()
	for _, e := range embeddings {
		if !e.prefix.Contains(ip) {
			continue
		}
		held := netip.AddrFrom4([4]byte{octets[e.octets[0]], octets[e.octets[1]], octets[e.octets[2]], octets[e.octets[3]]})
		if held.As4()[0] != 0 {
			all = append(all, held)
		}
	}
	return all
}
