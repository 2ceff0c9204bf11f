package gateway_test

import (
	"net"
	"strings"
	"testing"

	"tollgate/accept"
	"tollgate/gateway"
	"tollgate/ratelimit"
)

// FuzzHostName: a Host header is one of the listener's names only if it is that name, in whatever case, alone or with a
// port of digits; IPv6 addresses in brackets, others without.
func FuzzHostName(f *testing.F) {
	names := []string{"desk.gateway.test", "127.0.0.1", "::1", "2001:db8::5"}
	for _, seed := range []string{
		"Desk.Gateway.test:8443", "[::1]:1", "::1:80", "[desk.gateway.test]", "[127.0.0.1]:1", "des\u212a.gateway.test", "desk.gateway.test.", "desk.gateway.test:",
		"[::1", "::1]", "[[::1]]", "desk.gateway.test:80:80", "desk.gateway.test:\u0661", "", ":", "[]", "[2001:DB8::5]", "2001:db8::5",
	} {
		f.Add(seed)
	}
	listener := gateway.Listener{Hosts: names}
	f.Fuzz(func(t *testing.T, header string) {
		var want bool
		for _, name := range names {
			alone := name
			if strings.Contains(name, ":") {
				alone = "[" + name + "]"
			}
			rest, same := strings.CutPrefix(lowerASCII(header), alone)
			port, colon := strings.CutPrefix(rest, ":")
			want = want || same && (rest == "" || colon && strings.Trim(port, "0123456789") == "")
		}
		if got := listener.Serves(header); got != want {
			t.Errorf("Host %q is taken: %v", header, got)
		}
	})
}

func lowerASCII(s string) string {
	lower := []byte(s)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	return string(lower)
}

// FuzzPeer: what is counted by connection and what is counted by request has one name for each peer.
func FuzzPeer(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, "", uint16(1))
	f.Add([]byte(net.ParseIP("2001:db8::1")), "eth0", uint16(2))
	f.Add([]byte(net.ParseIP("::ffff:192.0.2.1")), "", uint16(65535))
	f.Add([]byte{1}, "", uint16(0))
	f.Fuzz(func(t *testing.T, ip []byte, zone string, port uint16) {
		if len(ip) != net.IPv4len && len(ip) != net.IPv6len || strings.ContainsAny(zone, "]%[") || zone != "" && net.IP(ip).To4() != nil {
			return // not what a system gives
		}
		addr := &net.TCPAddr{IP: ip, Zone: zone, Port: int(port)}
		connection, request := accept.SourceOf(addr), ratelimit.SourceOf(addr.String())
		if connection != request {
			t.Errorf("%v is %q as a connection and %q as a request", addr, connection, request)
		}
	})
}
