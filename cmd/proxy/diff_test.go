package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"tollgate/internal/cli"
	"tollgate/service"
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

// TestDiffRunning: a file is compared with what a gateway has, also when the gateway's own file was changed since.
func TestDiffRunning(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, pairs ...string) string {
		t.Helper()
		const text = `
listeners: [{name: app, address: "127.0.0.1:0", caller: app}]
upstreams: {bss: {url: "https://bss.myhuaweicloud.com", catalog: cn}}
credentials: {main: {class: customer, access_key: {file: ak}, secret_key: {file: sk}}}
callers: {app: {grants: [{operations: [PayOrders], credential: main}]}}
limits: {rules: [{name: all, rate: 10/s}]}
audit: {dir: audit}
admin: {socket: admin.sock}
`
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, text := range map[string]string{"ak": "AKMAIN", "sk": "SK0123456789abcdefghijklmn"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := write("tollgate.yaml")
	c, err := cli.LoadConfig(file, true)
	if err != nil {
		t.Fatal(err)
	}
	s, err := service.Start(t.Context(), c, service.Process{Version: "test", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Drain(); err != nil {
			t.Error(err)
		}
	}()
	const lowered = "limits.rules.all.rate is lowered to 5/s (was 10/s)\n"
	differs := func(want string, args ...string) {
		t.Helper()
		code, stdout, stderr := run(t, append([]string{"diff"}, args...)...)
		if (code == cli.ExitDiffers) != strings.Contains(want, "lowered") || stdout != want || stderr != "" {
			t.Errorf("%v: %d, %s%s; want %s", args, code, stdout, stderr, want)
		}
	}
	other := write("new.yaml", "10/s", "5/s, burst: 10")
	differs("no difference\n", "--config", file)
	differs(lowered, "--config", other, "--against", file, "--running")
	differs(lowered, "--config", other, "--socket", filepath.Join(dir, "admin.sock"))
	write("tollgate.yaml", "10/s", "5/s, burst: 10")
	differs(lowered, "--config", file)
	differs("no difference\n", "--config", other, "--against", file)
	differs(lowered, "--config", other, "--against", file, "--running")
}
