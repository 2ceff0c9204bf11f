package gateway_test

import (
	"strings"
	"testing"

	"tollgate/gateway"
)

// FuzzHostName: a Host header is one of the listener's names only if it is that name, in whatever case, alone or with a
// port of digits; IPv6 addresses in brackets, others without, and perhaps with one final dot.
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
			if !strings.Contains(name, ":") {
				rest = strings.TrimPrefix(rest, ".")
			}
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
