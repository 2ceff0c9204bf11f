package accept

import (
	"net"
	"testing"
)

func TestSourceOf(t *testing.T) {
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 4711} }
	for name, c := range map[string]struct {
		addr     net.Addr
		source   string
		loopback bool
	}{
		"IPv4":           {tcp("192.0.2.7"), "192.0.2.7", false},
		"IPv4 in IPv6":   {tcp("::ffff:192.0.2.7"), "192.0.2.7", false},
		"IPv4 loopback":  {tcp("127.0.0.1"), "127.0.0.1", true},
		"IPv4 loopback2": {tcp("127.3.2.1"), "127.3.2.1", true},
		"mapped":         {tcp("::ffff:127.0.0.1"), "127.0.0.1", true},
		"IPv6":           {tcp("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64", false},
		"IPv6 same net":  {tcp("2001:db8:1:2:ffff::"), "2001:db8:1:2::/64", false},
		"IPv6 loopback":  {tcp("::1"), "::/64", true},
		"with a zone":    {&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "fe80::/64", false},
		"any address":    {tcp("0.0.0.0"), "0.0.0.0", false},
		"unix":           {&net.UnixAddr{Name: "/run/x", Net: "unix"}, SourceUnix, true},
		"unnamed unix":   {&net.UnixAddr{Net: "unix"}, SourceUnix, true},
		"no address":     {&net.TCPAddr{}, SourceUnknown, false},
		"nil":            {nil, SourceUnknown, false},
		"nil TCP":        {(*net.TCPAddr)(nil), SourceUnknown, false},
		"nil unix":       {(*net.UnixAddr)(nil), SourceUnknown, false},
		"something else": {&net.IPAddr{IP: net.ParseIP("127.0.0.1")}, SourceUnknown, false},
	} {
		if got := SourceOf(c.addr); got != c.source {
			t.Errorf("%s: source %q, want %q", name, got, c.source)
		}
		if got := IsLoopback(c.addr); got != c.loopback {
			t.Errorf("%s: loopback %t", name, got)
		}
	}
}
