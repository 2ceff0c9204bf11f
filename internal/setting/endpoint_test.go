package setting

import (
	"net"
	"regexp"
	"strconv"
	"testing"
)

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"Redis.Corp.example.:6379": "tcp redis.corp.example:6379 false",
		"127.0.0.1:6379":           "tcp 127.0.0.1:6379 true",
		"[::1]:6379":               "tcp [::1]:6379 true",
		"[::ffff:127.0.0.1]:1":     "tcp 127.0.0.1:1 true",
		"10.1.2.3:6379":            "tcp 10.1.2.3:6379 false",
		"localhost:6379":           "tcp localhost:6379 false",
		"unix:/run/r.sock":         "unix /run/r.sock true",
		"unix:r.sock":              "unix /etc/tollgate/r.sock true",
		"unix:":                    "", "unix:@a": "", ":6379": "", "a": "", "a:": "", "a:0": "", "a:65536": "", "a:00006379": "", "a_b:1": "", "::1:6379": "",
		"[1.2.3.4]:1": "", "[a]:1": "", "[fe80::1%eth0]:1": "", "redis://a:1": "", "a@b:1": "", "": "", ".:1": "",
	} {
		var e Endpoint
		got := ""
		if err := e.UnmarshalText([]byte(text)); err == nil {
			e = e.In("/etc/tollgate")
			got = e.Network() + " " + e.Dial() + " " + strconv.FormatBool(e.Local())
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := (Endpoint{}).String(); got != "" {
		t.Errorf("the zero value is %q", got)
	}
}

// FuzzEndpoint: an endpoint that is accepted reads the same when it is written, and is local only where its host is a loopback address.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range []string{"a.example:1", "[::1]:2", "127.0.0.1:65535", "unix:/x", "a..b:1", "[::]:1", "A:1", "1:1", "0x7f.1:2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, second Endpoint
		if first.UnmarshalText([]byte(text)) != nil {
			return
		}
		if !regexp.MustCompile(first.Pattern()).MatchString(text) {
			t.Errorf("%q is accepted, and not by the schema's pattern", text)
		}
		if err := second.UnmarshalText([]byte(first.String())); err != nil || first != second {
			t.Errorf("%q becomes %q, which becomes %q, %v", text, first, second, err)
		}
		if first.Socket != "" {
			return
		}
		host, port, err := net.SplitHostPort(first.Dial())
		if ip := net.ParseIP(host); err != nil || port == "0" || first.Local() != (ip != nil && ip.IsLoopback()) {
			t.Errorf("%q becomes %q, local: %t, %v", text, first.Dial(), first.Local(), err)
		}
	})
}
