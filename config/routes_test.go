package config

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRoutes follows a route and a path to the upstream.
func TestRoutes(t *testing.T) {
	c := parseFile(t, "testdata/two_sites_by_host.good.yml")
	operations, err := c.Operations()
	if err != nil {
		t.Fatal(err)
	}
	sites := map[string]string{"": "cn", "intl.localhost": "intl"} // by host; the route without one is for all others
	for _, route := range c.Routes(c.Listeners[0]) {
		want := sites[strings.Join(route.Hosts, " ")]
		router, of, err := Router(route.Upstreams, operations)
		if err != nil {
			t.Fatal(err)
		}
		o, _, ok := router.Match("POST", "/v2/orders/customer-orders/pay")
		if !ok {
			o, _, ok = router.Match("POST", "/v3/orders/customer-orders/pay")
		}
		if !ok || of[o] != want {
			t.Errorf("%s leads to %v, want %s", route.Hosts, of[o], want)
		}
		for o, name := range of {
			if name != want || o.Site != c.Upstream(name).Catalog {
				t.Errorf("route of %s has %s of %s", route.Hosts, o.Name, name)
			}
		}
		delete(sites, strings.Join(route.Hosts, " "))
	}
	if len(sites) > 0 {
		t.Errorf("no routes for %v", sites)
	}
}

// TestEuropeanSite: what the European site's amounts are in is not known, by whichever of its names it is reached.
func TestEuropeanSite(t *testing.T) {
	for upstream, want := range map[string]string{
		"{url: https://bss.myhuaweicloud.eu, catalog: intl}":                                        "XXX",
		"{url: https://BSS.MyHuaweiCloud.EU:443, catalog: intl}":                                    "XXX",
		"{url: https://10.1.2.3, catalog: intl, tls: {server_name: bss.myhuaweicloud.eu}}":          "XXX",
		"{url: https://bss-intl.myhuaweicloud.com, catalog: intl}":                                  "",
		"{url: https://bss.myhuaweicloud.com, catalog: cn}":                                         "",
		"{url: https://bss.notmyhuaweicloud.eu, catalog: intl}":                                     "",
		"{url: https://myhuaweicloud.eu.corp.example, catalog: intl}":                               "",
		"{url: http://127.0.0.1:8081, endpoints: [{name: X, method: GET, path: /x, effect: read}]}": "",
		"{url: 'unix:/run/app.sock', endpoints: [{name: X, method: GET, path: /x, effect: read}]}":  "",
	} {
		c, err := Parse("x.yml", []byte("listeners: [{address: 127.0.0.1:8080, caller: app}]\nupstreams: {up: "+upstream+"}\n"+
			"callers: {app: {}}\naudit: {dir: audit}\n"), t.TempDir(), Options{LookupEnv: noEnv})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Upstreams[0].Currency(); got != want {
			t.Errorf("%s: currency %q, want %q", upstream, got, want)
		}
	}
}

// TestSocketOfAListener: a listener has the name that stands in the file, and a path that depends on no folder.
func TestSocketOfAListener(t *testing.T) {
	dir := testDir(t)
	l := parseFile(t, "testdata/unix_sockets.good.yml").Listeners[0]
	if l.Name != "unix:gw.sock" || l.Address.Socket == "gw.sock" || !filepath.IsAbs(l.Address.Socket) {
		t.Errorf("%+v", l)
	}
	text := "listeners: [{address: 'unix:gw.sock', caller: app}]\nadmin: {address: 'unix:" + filepath.Join(dir, "gw.sock") + "'}\n" +
		"upstreams: {up: {url: https://bss.myhuaweicloud.com, catalog: cn}}\ncallers: {app: {}}\naudit: {dir: audit}\n"
	if _, err := Parse("x.yml", []byte(text), dir, testOptions()); err == nil || !strings.Contains(err.Error(), "this is the address of listener unix:gw.sock too") {
		t.Errorf("one socket, written in two ways: %v", err)
	}
}

// TestAcceptedHosts holds loopback listeners to names of this machine and configured ones: a web page that resolves its own name
// to 127.0.0.1 must not be served.
func TestAcceptedHosts(t *testing.T) {
	for file, want := range map[string][]string{
		"minimal":      {"127.0.0.1", "::1", "localhost"},
		"inward":       {"ledger.corp.example"},
		"unix_sockets": nil,
	} {
		got := parseFile(t, "testdata/"+file+".good.yml").Listeners[0].Hosts
		if len(got) != len(want) {
			t.Errorf("%s: accepts %v, want %v", file, got, want)
			continue
		}
		for i := range got {
			if string(got[i]) != want[i] {
				t.Errorf("%s: accepts %v, want %v", file, got, want)
			}
		}
	}
}
