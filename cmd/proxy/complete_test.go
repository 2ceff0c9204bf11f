package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tollgate/internal/cli"
	"tollgate/internal/testcli"
)

// completed is a configuration of which no secret can be read.
const completed = `
listeners: [{name: front, address: 127.0.0.1:8080}]
upstreams: {bss: {url: https://bss.myhuaweicloud.com, catalog: cn}}
credentials: {acme: {class: customer, domain_id: d-1, access_key: {env: NO_SUCH}, secret_key: {file: /nonexistent/secret}}}
callers: {app: {auth: [{access_key: {id: TGAPP1, secret: {file: /nonexistent/app}}}], grants: [{operations: [PayOrders], credential: acme}]}}
caps: [{name: monthly, each: month, amount: {CNY: "100"}}]
audit: {dir: audit}
admin: {}
`

// asked returns what a shell is offered for the last word, without descriptions, and what it is to do with that.
func asked(t *testing.T, words ...string) (offered []string, directive string) {
	t.Helper()
	code, stdout, _ := testcli.Run(t, rootCommand(), append([]string{cobra.ShellCompRequestCmd}, words...)...)
	if code != cli.ExitOK {
		t.Fatalf("%v: exit %d", words, code)
	}
	for line := range strings.Lines(stdout) {
		value, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		offered = append(offered, value)
	}
	return offered[:len(offered)-1], offered[len(offered)-1]
}

const nothing, anyFile, fileTypes, directories = ":4", ":0", ":8", ":16"

// each calls fn for each command of the program that a user may give.
func each(fn func(words []string, c *cobra.Command)) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() != "help" {
			fn(strings.Fields(c.CommandPath())[1:], c)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand())
}

// TestFlagsComplete: each flag of each command offers the values of its kind, or files, or is free text by name, so that a flag which is
// added has to be one of them.
func TestFlagsComplete(t *testing.T) {
	t.Setenv(cli.EnvConfig, "")
	t.Chdir(t.TempDir())
	if err := os.WriteFile(cli.DefaultConfig, []byte(completed), 0o600); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{ // one of them
		"caller": "app", "credential": "acme", "operation": "PayOrders", "effect": "spend", "site": "intl", "class": "partner", "decision": "refused",
		"outcome": "failed", "event": "credential_paused", "kind": "intent", "lang": "python", "policy": "huawei-high", "upstream": "bss",
		"listener": "front", "month": time.Now().Format("2006-01"), "zone": "Asia/Shanghai", "currency": "CNY", "format": "json", "output": "wide", "by": "account",
		"last": "7d", "since": "24h", "expires": "90d", "caps --name": "monthly", "audit show --lang": "zh", "audit report --lang": "zh", "audit verify --lang": "zh", "status --lang": "zh",
	}
	files := []string{"against", "body", "bundle", "ca", "cert", "index", "key-file", "audit export --out", "audit consistency --out", "since-checkpoint", "socket", "simulate --key", "seed"}
	free := []string{"port", // what only the user can know
		"account", "audit tail --limit", "call", "checkpoint-every", "checkpoint-records", "control", "coupon", "customer", "error-code", "from", "from-seq",
		"gap", "header", "host", "key", "limit", "listen", "max-amount", "min-amount", "name", "order", "plan", "reason", "request-id", "status",
		"timeout", "to", "to-seq", "until", "without",
	}
	each(func(words []string, c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" {
				return
			}
			offered, directive := asked(t, append(slices.Clone(words), "--"+f.Name, "")...)
			own := strings.Join(words, " ") + " --" + f.Name
			want, known := values[own]
			if !known {
				want, known = values[f.Name]
			}
			ok := false
			switch {
			case f.Name == "config":
				ok = directive == fileTypes && slices.Equal(offered, []string{"yaml", "yml"})
			case f.Name == "dir", f.Name == "write-config":
				ok = directive == directories
			case slices.Contains(files, own) || slices.Contains(files, f.Name):
				ok = directive == anyFile
			case known:
				ok = directive == nothing && slices.Contains(offered, want)
			case slices.Contains(free, f.Name):
				ok = directive == nothing && len(offered) == 0
			}
			if !ok {
				t.Errorf("%s: offers %q with %s; a flag has values (internal/cli/complete.go), files, or is free text (this test)", own, offered, directive)
			}
		})
	})
}

// TestArgumentsComplete: arguments of commands.
func TestArgumentsComplete(t *testing.T) {
	t.Setenv(cli.EnvConfig, "")
	t.Chdir(t.TempDir())
	file := filepath.Join(t.TempDir(), "tollgate.yaml")
	if err := os.WriteFile(file, []byte(completed), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ words, want, directive string }{
		{"run ", "", nothing}, {"audit verify ", "", nothing}, {"audit hash ", "", anyFile}, {"completion z", "zsh", nothing}, {"catalog effect:s", "effect:spend", nothing},
		{"catalog site:cn PayO", "PayOrders", nothing}, {"explain P", "POST PUT", nothing}, {"explain POST /v3/orders/customer-orders/p", "/v3/orders/customer-orders/pay", nothing},
		{"tls policy huawei-h", "huawei-high", nothing}, {"tls policy huawei ", "", nothing}, {"key revoke --config " + file + " T", "TGAPP1", nothing},
		{"audit list --config " + file + " --caller ", "app", nothing}, {"audit list --caller ", "", nothing}, {"audit list --config /nonexistent --caller ", "", nothing},
		{"unfreeze --config " + file + " ", "", nothing}, {"resolve --config " + file + " ", "", nothing}, {"resolve x --outcome ", "failed succeeded", nothing},
		{"acts --socket /nonexistent --call ", "", nothing},
	} {
		words := strings.Split(c.words, " ")
		offered, directive := asked(t, words...)
		slices.Sort(offered)
		if got := strings.Join(offered, " "); got != c.want || directive != c.directive {
			t.Errorf("%q offers %q with %s, want %q with %s", c.words, got, directive, c.want, c.directive)
		}
	}
}

// TestCompletionScripts: the command is in the help, and its scripts are those of the shells.
func TestCompletionScripts(t *testing.T) {
	if _, stdout, _ := run(t, "help"); !strings.Contains(stdout, "\n  completion ") {
		t.Errorf("not in the help:\n%s", stdout)
	}
	for shell, want := range map[string]string{"bash": "complete -o default", "zsh": "#compdef tollgate", "fish": "complete -c tollgate"} {
		if code, stdout, stderr := run(t, "completion", shell); code != cli.ExitOK || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit %d, %d bytes, %s", shell, code, len(stdout), stderr)
		}
	}
	if code, _, stderr := run(t, "completion", "tcsh"); code != cli.ExitUsage || !strings.Contains(stderr, "bash, zsh, fish") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
