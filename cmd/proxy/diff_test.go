package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/internal/cli"
)

// TestDiff: what another file would change is said in words, and whether it needs a restart; without reading a secret.
func TestDiff(t *testing.T) {
	dir := t.TempDir()
	const text = `
listeners: [{name: app, address: "127.0.0.1:8080", caller: app}]
upstreams: {bss: {url: "https://bss.myhuaweicloud.com", catalog: cn}}
credentials: {main: {class: customer, access_key: {file: none/ak}, secret_key: {file: none/sk}}}
callers: {app: {grants: [{operations: [PayOrders], credential: main}]}}
audit: {dir: audit}
`
	write := func(name string, pairs ...string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	before := write("tollgate.yaml", "PayOrders", "CancelCustomerOrder")
	after := write("new.yaml", "PayOrders", "CancelCustomerOrder, ListCustomerOrders", "dir: audit", "dir: other")
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"--config", after, "--against", before}, cli.ExitDiffers, []string{
			"callers.app.grants may call ListCustomerOrders with credential main\n", "audit.dir is " + dir + "/other (was " + dir + "/audit) (needs a restart)\n",
		}},
		{[]string{"--config", before, "--against", before}, cli.ExitOK, []string{"no difference\n"}},
		{[]string{"--config", before, "--against", before, "--json"}, cli.ExitOK, []string{`"changes": []`}},
		{[]string{"--config", after, "--against", before, "--json"}, cli.ExitDiffers, []string{`"where": "audit.dir"`, `"restart": true`}},
		{[]string{"--config", after, "--against", dir + "/none.yaml"}, cli.ExitFailure, []string{"none.yaml"}},
	} {
		code, stdout, stderr := run(t, append([]string{"diff"}, c.args...)...)
		for _, want := range c.want {
			if code != c.code || !strings.Contains(stdout+stderr, want) {
				t.Errorf("%v: %d, %s%s; want %d, %s", c.args, code, stdout, stderr, c.code, want)
			}
		}
	}
}
