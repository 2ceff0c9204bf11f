package config

import (
	"strings"
	"testing"
)

// TestProxiesOfTheEnvironment are noted where they are set and not used, without what they hold; not on a machine that is another.
func TestProxiesOfTheEnvironment(t *testing.T) {
	dir := testDir(t)
	withProxy := strings.Replace(minimal, "catalog: cn}", `catalog: cn, proxy: "http://proxy:3128"}`, 1)
	local := strings.Replace(minimal, "https://bss.myhuaweicloud.com", "http://127.0.0.1:1", 1)
	for _, c := range []struct {
		text, name, value, want string
		secrets                 bool
	}{
		{minimal, "HTTPS_PROXY", "http://user:sesame@proxy:3128", "HTTPS_PROXY is set and not used: upstreams bss are connected to directly", true},
		{minimal, "https_proxy", "proxy:3128", "https_proxy is set and not used", true},
		{minimal, "HTTPS_PROXY", "", "", true}, {minimal, "HTTP_PROXY", "proxy:3128", "", true}, {minimal, "HTTPS_PROXY", "proxy:3128", "", false},
		{withProxy, "HTTPS_PROXY", "proxy:3128", "", true}, {local, "HTTPS_PROXY", "proxy:3128", "", true},
	} {
		inner := testOptions().LookupEnv
		o := Options{Secrets: c.secrets, LookupEnv: func(name string) (string, bool) {
			if name == c.name {
				return c.value, true
			}
			return inner(name)
		}}
		got := notesOf(t, c.text, dir, o)
		if c.want != "" && !strings.Contains(got, c.want) || c.want == "" && strings.Contains(got, "PROXY") || strings.Contains(got, "sesame") {
			t.Errorf("%s=%s: notes\n%s\nwant %q", c.name, c.value, got, c.want)
		}
	}
}

// TestPrivateAddresses of URLs are noted unless the file says that they are meant.
func TestPrivateAddresses(t *testing.T) {
	const note = "upstream bss is at the private address"
	for url, noted := range map[string]bool{
		"https://10.0.0.1": true, "https://[fd00::1]:8443": true, "https://100.64.0.1": true, "https://[::ffff:192.168.0.1]": true,
		"https://bss.myhuaweicloud.com": false, "https://8.8.8.8": false, "https://127.0.0.1:8443": false, "http://[::1]:80": false,
	} {
		text := strings.Replace(minimal, "https://bss.myhuaweicloud.com", url, 1)
		if got := notesOf(t, text, t.TempDir(), Options{LookupEnv: noEnv}); strings.Contains(got, note) != noted {
			t.Errorf("%s: noted %t, want %t:\n%s", url, !noted, noted, got)
		}
		said := strings.Replace(text, "catalog: cn}", "catalog: cn, addresses: any}", 1)
		if got := notesOf(t, said, t.TempDir(), Options{LookupEnv: noEnv}); strings.Contains(got, note) {
			t.Errorf("%s, addresses: any:\n%s", url, got)
		}
	}
}

// TestOpenSockets: a socket for every user is noted, one for a group is not.
func TestOpenSockets(t *testing.T) {
	for mode, noted := range map[string]bool{"0600": false, "0660": false, "0662": true, "0666": true} {
		text := strings.Replace(minimal, `address: "127.0.0.1:8080"`, `address: "unix:gw.sock", socket: {mode: "`+mode+`"}`, 1)
		if got := notesOf(t, text, t.TempDir(), Options{LookupEnv: noEnv}); strings.Contains(got, "every user of this machine may connect") != noted {
			t.Errorf("mode %s:\n%s", mode, got)
		}
	}
}
