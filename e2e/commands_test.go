package e2e

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"tollgate/internal/bsssim"
)

// TestHelpShowsExamples walks all commands that do something.
func TestHelpShowsExamples(t *testing.T) {
	t.Parallel()
	leaves := 0
	for _, path := range commandPaths(t, nil) {
		leaves++
		got := run(t, nil, append(path, "--help")...)
		name := "tollgate " + strings.Join(path, " ")
		if got.code != 0 || !strings.Contains(got.stdout, "Examples:\n  "+name) {
			t.Errorf("%s --help: exit code %d, no example:\n%s", name, got.code, got.stdout)
		}
	}
	if leaves < 30 {
		t.Errorf("the test finds %d commands only", leaves)
	}
}

var commandLine = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*)  +\S`)

// commandPaths returns the commands below a path that have none below themselves, as --help lists them.
func commandPaths(t *testing.T, path []string) [][]string {
	t.Helper()
	help := run(t, nil, append(path, "--help")...).stdout
	list, _, _ := strings.Cut(help, "\nFlags:\n")
	if !strings.Contains(list, " [command]\n") {
		return [][]string{path}
	}
	var leaves [][]string
	for _, match := range commandLine.FindAllStringSubmatch(list, -1) {
		if match[1] != "help" {
			leaves = append(leaves, commandPaths(t, append(path[:len(path):len(path)], match[1]))...)
		}
	}
	return leaves
}

// TestExitCodes: usage errors are 2, other failures 1, a refusal of explain 3. Messages are on stderr.
// sourceLine is what a command says that has read a log.
var sourceLine = regexp.MustCompile("(?m)^source: .*\n")

func TestExitCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	balance(t, w.shop(p).bss(t))
	p.stop()
	dir := w.file("audit")
	call := w.firstCall()
	for _, c := range []struct {
		args string
		code int
		part string // of stdout where the code is 0 or 3, else of stderr
	}{
		{"check --config CONFIG", 0, "the configuration is good"},
		{"explain --config CONFIG --caller shop --upstream bss POST /v3/orders/customer-orders/pay", 0, "callers.shop.grants[0]"},
		{"explain --config CONFIG --caller shop --upstream bss GET /v2/orders/customer-orders?order_id=1", 0, "ListCustomerOrders"},
		{"explain --config CONFIG --caller office --upstream bss POST /v3/orders/customer-orders/pay", 3, "no_grant"},
		{"explain --config CONFIG --caller shop GET /v2/nothing", 3, "unknown_operation"},
		{"explain --config CONFIG --caller shop GET /v2/../orders", 3, "ambiguous_path"},
		{"catalog pay site:cn", 0, "PayOrders"},
		{"tls policy huawei-high", 0, "TLS_AES_256_GCM_SHA384"},
		{"version", 0, "tollgate "},
		{"audit list --dir DIR", 0, "ShowCustomerAccountBalances"},
		{"audit list --dir DIR --effect spend", 0, "no calls match"},
		{"audit list --dir DIR --last 1h --zone Asia/Shanghai --format csv", 0, `"ShowCustomerAccountBalances"`},
		{"audit records --dir DIR --kind start", 0, "start"},
		{"audit records --dir DIR --kind prune", 0, "no records match"},
		{"audit report --dir DIR --by caller", 0, "TOTAL"},
		{"audit tail --dir DIR", 0, "ShowCustomerAccountBalances"},
		{"audit show --dir DIR CALL", 0, "The outcome, recorded at"},
		{"audit show --dir DIR --json CALL", 0, `"kind":"outcome"`},

		{"", 0, "Usage:"},
		{"rum", 2, `did you mean "run"?`},
		{"run", 2, "--config"},
		{"run --confg x", 2, "did you mean \"--config\"?"},
		{"run --config CONFIG surplus", 2, "argument"},
		{"audit", 0, "Usage:"},
		{"audit lits", 2, `did you mean "list"?`},
		{"audit list", 2, "--dir"},
		{"audit list --dir DIR --effect spent", 2, "spend"},
		{"audit list --dir DIR --since yesterday", 2, "yesterday"},
		{"audit list --dir DIR --zone Mars", 2, "Mars"},
		{"audit show --dir DIR", 2, "CALL-ID"},
		{"explain --config CONFIG POST /a", 2, "shop"},
		{"explain --config CONFIG --caller shp POST /a", 2, `did you mean shop`},
		{"explain --config CONFIG --caller shop POST", 2, "PATH"},
		{"explain --config CONFIG --caller shop POST /v3/orders/customer-orders/pay", 2, "--upstream"},
		{"simulate", 2, "--listen"},
		{"simulate --listen 127.0.0.1:0 --site mars", 2, "cn, intl"},
		{"tls policy a b", 2, "at most one"},

		{"run --config NOWHERE", 1, "no such file"},
		{"check --config NOWHERE", 1, "no such file"},
		{"audit list --dir NOWHERE", 1, "no such file"},
		{"audit show --dir DIR 00000000-0000-7000-8000-000000000000", 1, "no record"},
		{"tls policy huawei-hihg", 1, "huawei-high"},
		{"catalog no-such-operation-anywhere", 1, "no operation matches"},
		{"health --config CONFIG", 1, ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			args := strings.Fields(strings.NewReplacer("CONFIG", w.config, "NOWHERE", w.file("nowhere"), "DIR", dir, "CALL-ID", "CALL-ID", "CALL", call).Replace(c.args))
			got := run(t, w.env, args...)
			said := got.stderr
			if c.code == 0 || c.code == 3 {
				said = got.stdout
			}
			if got.code != c.code || !strings.Contains(said, c.part) {
				t.Errorf("exit code %d, want %d with %q\nstdout: %s\nstderr: %s", got.code, c.code, c.part, got.stdout, got.stderr)
			}
			failure := sourceLine.ReplaceAllString(got.stderr, "")
			if (c.code == 1 || c.code == 2) && (got.stdout != "" || !strings.HasPrefix(failure, "tollgate: ")) {
				t.Errorf("a failure must speak on stderr only\nstdout: %s\nstderr: %s", got.stdout, got.stderr)
			}
		})
	}
}

// TestBadConfigurationListsEveryProblem opens nothing and exits with 1.
func TestBadConfigurationListsEveryProblem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.configure(strings.NewReplacer(
		"catalog: cn, timeout: 20s", "catalog: cm, timeout: 20",
		"caller: shop, upstreams", "caller: shob, upstreams",
		"credential: distributor}", "credential: customer}",
		"admin: {address:", "admin: {adress:",
		"{env: SHOP_SK}", "{env: NO_SUCH_VARIABLE}",
	).Replace(standard))
	for _, command := range []string{"check", "run"} {
		got := run(t, w.env, command, "--config", w.config)
		if got.code != 1 || got.stdout != "" {
			t.Errorf("%s: exit code %d, stdout %s", command, got.code, got.stdout)
		}
		for _, part := range []string{"cm", "20s", "shob", "did you mean", "adress", "NO_SUCH_VARIABLE", "tollgate.yaml:", " | "} {
			if !strings.Contains(got.stderr, part) {
				t.Errorf("%s does not say %q:\n%s", command, part, got.stderr)
			}
		}
		if _, err := w.stat("audit"); err == nil {
			t.Errorf("%s made the audit directory", command)
		}
	}
}

// TestExplainJSON is for programs: the whole answer is one JSON object.
func TestExplainJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	got := run(t, w.env, "explain", "--json", "--config", w.config, "--caller", "office", "--upstream", "bss", "POST", "/v2/partners/sub-customers")
	var e struct {
		Allowed                      bool
		Operation, Credential, Class string
		Limits                       []any
	}
	if err := json.Unmarshal([]byte(got.stdout), &e); err != nil {
		t.Fatalf("%v: %s", err, got.stdout)
	}
	if got.code != 0 || !e.Allowed || e.Operation != "CreateSubCustomer" || e.Credential != "partner" || e.Class != "partner" || len(e.Limits) == 0 {
		t.Errorf("%d %+v", got.code, e)
	}
}

// TestHealth asks a running gateway.
func TestHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.configure(replaceOnce(t, standard, `admin: {address: "127.0.0.1:0"}`, `admin: {address: "unix:admin.sock"}`))
	p := launch(t, w.config, w.env)
	<-p.up
	for _, page := range [][]string{nil, {"--live"}} {
		if got := run(t, w.env, append([]string{"health", "--config", w.config}, page...)...); got.code != 0 {
			t.Errorf("health %v: exit code %d: %s", page, got.code, got.stderr)
		}
	}
	p.stop()
}
