package source_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"tollgate/internal/source"
)

func TestParse(t *testing.T) {
	for remote, want := range map[string]struct{ source, site string }{
		"192.0.2.1:5000":                 {"192.0.2.1", "192.0.2.1"},
		"192.0.2.1":                      {"192.0.2.1", "192.0.2.1"},
		"[::ffff:192.0.2.1]:5000":        {"192.0.2.1", "192.0.2.1"},
		"[2001:db8:1:2:3:4:5:6]:443":     {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"[2001:db8:1:2:ffff::1]:1":       {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"[2001:db8:1:3::1]:1":            {"2001:db8:1:3::/64", "2001:db8:1::/48"},
		"[fe80::1%eth0]:443":             {"fe80::/64", "fe80::/48"},
		"[fe80::1%" + "long-zone" + "]:": {"local", "local"},
		"@":                              {"local", "local"},
		"":                               {"local", "local"},
		"/run/app.sock":                  {"local", "local"},
	} {
		if got := source.Parse(remote); got.String() != want.source || got.Site().String() != want.site {
			t.Errorf("%q: %v in %v, want %v", remote, got, got.Site(), want)
		}
	}
}

func TestIsLocal(t *testing.T) {
	for remote, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true, "@": true,
		"192.0.2.1:1": false, "[2001:db8::1]:1": false, "[::2]:1": false,
	} {
		if got := source.Parse(remote).IsLocal(); got != want {
			t.Errorf("%q is local: %t", remote, got)
		}
	}
}

// Peers of unix sockets have addresses of another type, and some systems report none.
func TestOfPeer(t *testing.T) {
	var none *net.TCPAddr
	for _, addr := range []net.Addr{nil, none, &net.UnixAddr{Name: "@", Net: "unix"}} {
		if got := source.OfPeer(addr); got != (source.Source{}) || !got.IsLocal() {
			t.Errorf("%v has the source %v", addr, got)
		}
	}
}

// FuzzParse holds the source against package net's reading of the address: addresses that one peer can choose among have one
// source, others have another.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"192.0.2.1:1", "[2001:db8::1%z]:2", "@", "[::ffff:1.2.3.4]:0", "::1", "1.2.3.4", "[1.2.3.4]:5", "2001:db8::1:80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, remote string) {
		got := source.Parse(remote).String()
		if got == "local" {
			return
		}
		ip, key := readByNet(remote), net.ParseIP(strings.TrimSuffix(got, "/64"))
		switch v4 := ip.To4(); {
		case ip == nil:
			t.Errorf("%q has the source %q, and is no address", remote, got)
		case v4 != nil && got != v4.String():
			t.Errorf("%q has the source %q, package net reads %v", remote, got, ip)
		case ip.IsLoopback() && got != ip.String() && v4 == nil:
			t.Errorf("%q has the source %q", remote, got)
		case v4 == nil && !ip.IsLoopback() && (!key.Equal(ip.Mask(net.CIDRMask(64, 128))) || !strings.HasSuffix(got, "/64")):
			t.Errorf("%q has the source %q, package net reads %v", remote, got, ip)
		}
	})
}

// readByNet reads an address with or without port and zone; nil if it is none. A zone may hold anything, brackets too.
func readByNet(addr string) net.IP {
	if before, _, zone := strings.Cut(addr, "%"); zone {
		return net.ParseIP(strings.TrimPrefix(before, "["))
	}
	if host, _, err := net.SplitHostPort(addr); err == nil {
		addr = host
	}
	return net.ParseIP(addr)
}

// FuzzPeer: what is counted by connection and what is counted by request has one source for each peer.
func FuzzPeer(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, "", uint16(1))
	f.Add([]byte(net.ParseIP("2001:db8::1")), "eth0", uint16(2))
	f.Add([]byte(net.ParseIP("::ffff:192.0.2.1")), "", uint16(65535))
	f.Add([]byte{1}, "", uint16(0))
	f.Fuzz(func(t *testing.T, ip []byte, zone string, port uint16) {
		if len(ip) != net.IPv4len && len(ip) != net.IPv6len || strings.ContainsAny(zone, "]%[") || zone != "" && net.IP(ip).To4() != nil {
			return // not what a system reports
		}
		addr := &net.TCPAddr{IP: ip, Zone: zone, Port: int(port)}
		if connection, request := source.OfPeer(addr), source.Parse(addr.String()); connection != request {
			t.Errorf("%v is %v as a connection and %v as a request", addr, connection, request)
		}
	})
}

// A source is a key of maps: making one must not allocate.
func TestOfAllocatesNothing(t *testing.T) {
	addr := netip.MustParseAddr("2001:db8::1")
	if n := testing.AllocsPerRun(100, func() { _ = source.Of(addr).Site() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
