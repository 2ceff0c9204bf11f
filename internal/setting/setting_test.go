package setting

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// scalar is what package strictyaml wants of a value.
type scalar interface {
	encoding.TextUnmarshaler
	Pattern() string
	Kind() string
}

func TestScalars(t *testing.T) {
	for _, test := range []struct {
		value scalar
		text  string
		want  string // what it prints as, or "" for an error
	}{
		{new(Duration), "2s", "2s"},
		{new(Duration), "1m30s", "1m30s"},
		{new(Duration), "90s", "1m30s"},
		{new(Duration), "60s", "1m"},
		{new(Duration), "1h", "1h"},
		{new(Duration), "1.5s", "1.5s"},
		{new(Duration), "250ms", "250ms"},
		{new(Duration), "0s", "0s"},
		{new(Duration), "2", ""},
		{new(Duration), "0", ""},
		{new(Duration), "-2s", ""},
		{new(Duration), "+2s", ""},
		{new(Duration), "2 s", ""},
		{new(Duration), "2us", ""},
		{new(Duration), "2d", "2d"},
		{new(Duration), "24h", "1d"},
		{new(Duration), "1d12h", "36h"},
		{new(Duration), "0d", "0s"},
		{new(Duration), "1h2d", ""},
		{new(Duration), "1.5d", ""},
		{new(Duration), "d", ""},
		{new(Duration), "", ""},
		{new(Duration), "-1d", ""},
		{new(Duration), "36500d", "36500d"},
		{new(Duration), "65535d2000000h", ""},
		{new(Duration), "65536d", ""},
		{new(Duration), "9999999999h", ""},
		{new(Size), "12MiB", "12MiB"},
		{new(Size), "64KB", "64KB"},
		{new(Size), "1024KiB", "1MiB"},
		{new(Size), "0B", "0B"},
		{new(Size), "7B", "7B"},
		{new(Size), "12", ""},
		{new(Size), "12M", ""},
		{new(Size), "-1B", ""},
		{new(Size), "1.5MiB", ""},
		{new(Size), "12 MiB", ""},
		{new(Size), "MiB", ""},
		{new(Size), "9223372036854775807GiB", ""},
	} {
		err := test.value.UnmarshalText([]byte(test.text))
		if got := fmt.Sprint(reflect.ValueOf(test.value).Elem().Interface()); err == nil && got != test.want || err != nil && test.want != "" {
			t.Errorf("%T %q: got %s, %v, want %q", test.value, test.text, got, err, test.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:8080":                   "tcp 127.0.0.1:8080 local",
		"localhost:8080":                   "tcp 127.0.0.1:8080 local",
		"127.9.9.9:0":                      "tcp 127.9.9.9:0 local",
		"[::1]:8080":                       "tcp [::1]:8080 local",
		"[::ffff:127.0.0.1]:80":            "tcp 127.0.0.1:80 local",
		":8443":                            "tcp :8443 open",
		"0.0.0.0:8443":                     "tcp 0.0.0.0:8443 open",
		"[::]:8443":                        "tcp :8443 open",
		"10.1.2.3:8443":                    "tcp 10.1.2.3:8443 open",
		"unix:gw.sock":                     "unix /etc/tollgate/gw.sock local",
		"unix:/run/gw.sock":                "unix /run/gw.sock local",
		"":                                 "",
		"8080":                             "",
		"127.0.0.1":                        "",
		"::1:8080":                         "",
		"[127.0.0.1]:8080":                 "",
		"[::1:8080":                        "",
		"127.0.0.1:99999":                  "",
		"127.0.0.1:http":                   "",
		"127.0.0.1:+80":                    "",
		"localhost.localdomain:1":          "",
		"0x7f.1:80":                        "",
		"unix:":                            "",
		"unix:/run/":                       "",
		"unix:@abstract":                   "",
		"unix:///run/gw.sock":              "",
		"unix:" + strings.Repeat("x", 108): "",
	} {
		var a Address
		got := ""
		if err := a.UnmarshalText([]byte(text)); err == nil {
			got = fmt.Sprintf("%s %s %s", a.Network(), a.In("/etc/tollgate").Listen(), map[bool]string{true: "local", false: "open"}[a.Local()])
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestPlainTargetsAreLocal is part of the rule that nothing leaves the machine unencrypted: no spelling of a plain url
// that is not literally a loopback address may pass.
func TestPlainTargetsAreLocal(t *testing.T) {
	for text, want := range map[string]bool{
		"https://bss.myhuaweicloud.com":      true,
		"https://bss.myhuaweicloud.com/":     true,
		"https://10.0.0.1:8443":              true,
		"http://127.0.0.1":                   true,
		"http://127.0.0.1:3000":              true,
		"http://[::1]:3000":                  true,
		"unix:/run/app.sock":                 true,
		"http://localhost:3000":              false,
		"http://127.0.0.1.example.com":       false,
		"http://127.1":                       false,
		"http://0x7f000001":                  false,
		"http://2130706433":                  false,
		"http://0.0.0.0:3000":                false,
		"http://[::]:3000":                   false,
		"http://10.0.0.1":                    false,
		"http://127.0.0.1@evil.example":      false,
		"http://evil.example#@127.0.0.1":     false,
		"http://127.0.0.1:3000/app":          false,
		"http://127.0.0.1:3000?x=1":          false,
		"https://bss.myhuaweicloud.com?":     false,
		"https://user@bss.myhuaweicloud.com": false,
		"https://bss.myhuaweicloud.com:0":    false,
		"https://bss.myhuaweicloud.com:":     false,
		"https://bss_x":                      false,
		"ftp://127.0.0.1":                    false,
		"//127.0.0.1":                        false,
		"127.0.0.1:3000":                     false,
		"https:///path":                      false,
	} {
		var u Target
		if err := u.UnmarshalText([]byte(text)); (err == nil) != want {
			t.Errorf("%q: got error %v, want it to pass: %v", text, err, want)
		}
	}
}

// TestHosts shows which names a Host is compared with.
func TestHosts(t *testing.T) {
	for text, want := range map[string]string{
		"gateway.corp.example": "gateway.corp.example", "Gateway.Corp.Example": "gateway.corp.example", "10.0.0.1": "10.0.0.1",
		"::1": "::1", "0:0:0:0:0:0:0:1": "::1", "::ffff:10.0.0.1": "10.0.0.1", "gateway": "gateway",
		"gateway:80": "", "https://gateway": "", "*.corp.example": "", "": "", "-x": "", "a..b": "", "a_b": "", "fe80::1%eth0": "",
	} {
		var h Host
		if err := h.UnmarshalText([]byte(text)); (err == nil) != (want != "") || err == nil && string(h) != want {
			t.Errorf("%q: got %q, %v, want %q", text, h, err, want)
		}
	}
}

// TestReferences: what is no name of an environment variable may be a secret, and is not shown.
func TestReferences(t *testing.T) {
	for name, want := range map[string]bool{"": true, "SK": true, "A_1": true, strings.Repeat("A", 128): true, strings.Repeat("A", 129): false, "sk": false, "1A": false, "A B": false} {
		if err := (Reference{Env: name}).Check(); (err == nil) != want || err != nil && strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestShownPath: what stands in the place of a path is shown unless it may be the secret itself.
func TestShownPath(t *testing.T) {
	for path, shown := range map[string]bool{
		"/run/secrets/tollgate/app1": true, "secrets/billing-app.SK1": true, "./app": true,
		"wJalrXUtnFEMI7MDENG": false, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": false, "/q8zK1mHn0d+5b7F3wLrXUtnFEMI7MDENGbPxRfiCYE=": false,
	} {
		_, err := Secrets{Dir: t.TempDir()}.Read(Reference{File: path})
		if err == nil || strings.Contains(err.Error(), path) != shown {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestReachedAs: a listener is reached by its own address, and by loopback if it takes all.
func TestReachedAs(t *testing.T) {
	for _, c := range []struct {
		listener, url string
		want          bool
	}{
		{"127.0.0.1:8080", "http://127.0.0.1:8080", true}, {"127.0.0.1:8080", "http://127.0.0.1:8081", false}, {"127.0.0.1:8080", "http://127.0.0.2:8080", false},
		{"127.0.0.1:80", "http://127.0.0.1", true}, {":443", "https://localhost", true}, {":443", "https://10.0.0.1", false}, {"10.0.0.1:443", "https://10.0.0.1", true},
		{":8443", "https://[::1]:8443", true}, {"0.0.0.0:8443", "https://[::1]:8443", false}, {"0.0.0.0:8443", "https://127.0.0.9:8443", true}, {"127.0.0.1:8443", "https://0.0.0.0:8443", true},
		{"[::1]:8443", "https://[::1]:8443", true}, {"[::1]:8443", "https://127.0.0.1:8443", false}, {":8443", "https://gw.corp.example:8443", false}, {"127.0.0.1:0", "http://127.0.0.1:1", false},
		{"unix:a.sock", "unix:/d/a.sock", true}, {"unix:a.sock", "unix:b.sock", false}, {"unix:a.sock", "http://127.0.0.1:80", false}, {"127.0.0.1:80", "unix:a.sock", false},
	} {
		var a Address
		var to Target
		if err := a.UnmarshalText([]byte(c.listener)); err != nil {
			t.Fatal(err)
		}
		if err := to.UnmarshalText([]byte(c.url)); err != nil {
			t.Fatal(err)
		}
		if got := a.ReachedAs(to, "/d"); got != c.want {
			t.Errorf("listener %s, upstream %s: %v", c.listener, c.url, got)
		}
	}
}
