package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"tollgate/internal/cli"
	"tollgate/internal/testcli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run executes one command line in this process.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return testcli.Run(t, rootCommand(), args...)
}

// TestDemo is the main job, end to end, on embedded parts.
func TestDemo(t *testing.T) {
	code, stdout, stderr := run(t, "demo", "--once")
	if code != cli.ExitOK || strings.Count(stdout, " ok\n") != 13 {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	for _, a := range []string{"demo-shop-secret-for-loopback", "simulated-partner-secret", "simulated-customer-secret", "Demo-Passw0rd"} {
		if strings.Contains(stdout+stderr, a) {
			t.Errorf("the tour prints the secret %q", a)
		}
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if !c.HasSubCommands() && c.Name() != "help" && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand())
}

// TestSchema: the schema is that of the source, whole, and is named by a URN, since no address has it.
func TestSchema(t *testing.T) {
	code, stdout, stderr := run(t, "schema")
	want, err := os.ReadFile("../../config/schema.json")
	if err != nil || code != cli.ExitOK || stdout != string(want) {
		t.Errorf("exit %d, %d bytes, want %d (%v)\n%s", code, len(stdout), len(want), err, stderr)
	}
	var schema struct {
		ID         string `json:"$id"`
		Properties map[string]any
	}
	if err := json.Unmarshal([]byte(stdout), &schema); err != nil || schema.ID != "urn:tollgate:config" || schema.Properties["listeners"] == nil {
		t.Errorf("got %q, %v", schema.ID, err)
	}
	if code, _, _ := run(t, "schema", "more"); code != cli.ExitUsage {
		t.Errorf("a word too many: exit %d", code)
	}
}

// TestExplainForeseesWhatTheLogCannotHold: by the function that the gateway calls.
func TestExplainForeseesWhatTheLogCannotHold(t *testing.T) {
	file, dir := sampleFile(t), t.TempDir()
	long := strings.Repeat("a", 1025)
	for _, c := range []struct{ path, body, want string }{
		{"/v2/promotions/benefits/partner-coupons", `{"quota_id":"q","customer_ids":["c-17"],"face_value":"5.00"}`, "allowed by"},
		{"/v2/promotions/benefits/partner-coupons", `{"quota_id":"q","customer_ids":["c-17"],"face_value":" 5.00"}`, "REFUSED (bad_amount): face_value must be"},
		{"/v2/promotions/benefits/partner-coupons", `{"quota_id":"q","customer_ids":["c-17"],"face_value":{}}`, "REFUSED (bad_amount): face_value is not of"},
		{"/v2/promotions/benefits/partner-coupons", `{"quota_id":"q","memo":"` + long + `"}`, "REFUSED (not_recordable): memo is too long"},
		{"/v2/promotions/benefits/partner-coupons?x=" + strings.Repeat("金", 2000), `{}`, "REFUSED (not_recordable): query is too long"},
		{"/v2/promotions/benefits/partner-coupons", `{"a":1,"A":2}`, "REFUSED (bad_body)"},
	} {
		body := filepath.Join(dir, "body.json")
		if err := os.WriteFile(body, []byte(c.body), 0o600); err != nil {
			t.Fatal(err)
		}
		_, stdout, stderr := run(t, "explain", "--config", file, "--caller", "app", "--body", body, "POST", c.path)
		if !strings.Contains(stdout, c.want) {
			t.Errorf("%.60s: %s%s, want %q", c.body, stdout, stderr, c.want)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{"rum"}, {"run"}, {"run", "--confg", "x"}, {"check"}, {"check", "x"}, {"explain"}, {"explain", "--config", "x", "GET"},
		{"audit", "lst"}, {"audit", "list"}, {"audit", "list", "--dir", ".", "--effect", "spnd"}, {"audit", "list", "--dir", ".", "--since", "yesterday"},
		{"audit", "show", "--dir", "."}, {"simulate"}, {"simulate", "--listen", "127.0.0.1:0", "--site", "ct"},
		{"simulate", "--listen", "127.0.0.1:0", "--cert", "x"}, {"tls", "policy", "a", "b"}, {"version", "x"},
	} {
		code, stdout, stderr := run(t, args...)
		if code != cli.ExitUsage || stdout != "" || !strings.HasPrefix(stderr, "tollgate: ") {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, args := range [][]string{
		{"run", "--config", "/nonexistent.yaml"}, {"check", "--config", "/nonexistent.yaml"}, {"audit", "list", "--dir", "/nonexistent"},
		{"tls", "policy", "huawei-hihg"}, {"catalog", "no such operation at all"}, {"audit", "show", "--dir", t.TempDir(), "nothing"},
	} {
		if code, _, stderr := run(t, args...); code != cli.ExitFailure || stderr == "" {
			t.Errorf("%v: exit %d, stderr %q", args, code, stderr)
		}
	}
}

// sample is a configuration for explain; it needs no secrets.
const sample = `
listeners: [{address: 127.0.0.1:8080, caller: app, upstreams: [bss, desk]}]
upstreams:
  bss: {url: https://bss.myhuaweicloud.com, catalog: cn}
  desk: {url: "http://127.0.0.1:3000", endpoints: [{name: All, method: GET, path: "/desk/{path...}", effect: read}, {name: Keys, method: GET, path: /desk/keys, effect: spend}, {name: Reset, method: POST, path: "/desk/reset/{code}", effect: write, sensitive: true}]}
credentials:
  acme: {class: customer, domain_id: d-1, access_key: {env: A}, secret_key: {env: B}}
  main: {class: partner, domain_id: p-1, access_key: {env: A}, secret_key: {env: B}}
callers:
  app:
    grants:
      - {operations: [PayOrders, ListCustomerOrders, orderPay], credential: acme}
      - {operations: [effect:read], credential: main}
      - {operations: [CreatePartnerCoupons], credential: main, customers: [c-17]}
      - {operations: ["*"], upstream: desk}
audit: {dir: audit}
`

func sampleFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tollgate.yaml")
	if err := os.WriteFile(file, []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestExplain(t *testing.T) {
	file := sampleFile(t)
	body := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(body, []byte(`{"quota_id":"q","face_value":"5.00","customer_ids":["c-17"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		text string
	}{
		{[]string{"POST", "/v3/orders/customer-orders/pay"}, cli.ExitOK, "acme (customer)"},
		{[]string{"POST", "/v3/orders/customer-orders/pay"}, cli.ExitOK, "allowed by callers.app.grants[0]"},
		{[]string{"post", "/v3/orders/customer-orders/pay"}, cli.ExitUsage, "upper case"},
		{[]string{"GET", "/v2/orders/customer-orders"}, cli.ExitRefused, "acme, main"},
		{[]string{"--credential", "main", "GET", "/v2/orders/customer-orders?limit=1"}, cli.ExitOK, "main (partner)"},
		{[]string{"POST", "/v2/orders/subscriptions/resources/renew"}, cli.ExitRefused, "no_grant"},
		{[]string{"POST", "/v3/payments/free-resources/query"}, cli.ExitRefused, "wrong_class"},
		{[]string{"POST", "/v1.0/d-2/customer/order-mgr/order/pay"}, cli.ExitRefused, "wrong_account"},
		{[]string{"POST", "/v1.0/d-1/customer/order-mgr/order/pay"}, cli.ExitOK, "replaced by PayOrders"},
		{[]string{"POST", "/v1.0/d-1/customer/order-mgr/order/pay"}, cli.ExitOK, "by 2025-02-28, as the provider announced on 2024-08-27"},
		{[]string{"--json", "POST", "/v1.0/d-1/customer/order-mgr/order/pay"}, cli.ExitOK, `"sunset": "2025-02-28"`},
		{[]string{"GET", "/v1.0/c-17/common/order-mgr/orders/CS-1"}, cli.ExitOK, "main (partner)"}, // the partner's customer
		{[]string{"PUT", "/v3/orders/customer-orders/pay"}, cli.ExitRefused, "POST only"},
		{[]string{"GET", "/nothing"}, cli.ExitRefused, "unknown_operation"},
		{[]string{"--upstream", "bss", "GET", "/desk/x"}, cli.ExitRefused, "no listener that the caller can reach serves this path"},
		{[]string{"GET", "/v2/orders//x"}, cli.ExitRefused, "ambiguous_path"},
		{[]string{"GET", "/v2/orders/customer-orders?a;b"}, cli.ExitRefused, "ambiguous_query"},
		{[]string{"GET", "/v2/orders/customer-orders?%EF%BD%9E=1"}, cli.ExitRefused, "ambiguous_query"},
		{[]string{"POST", "/v2/promotions/benefits/partner-coupons"}, cli.ExitRefused, "customer_not_granted"},
		{[]string{"--body", body, "--header", "Content-Type: application/x-www-form-urlencoded", "POST", "/v2/promotions/benefits/partner-coupons"}, cli.ExitRefused, "(content_type)"},
		{[]string{"--body", body, "--header", "Content-Type: application/json; charset=utf-7", "POST", "/v2/promotions/benefits/partner-coupons"}, cli.ExitRefused, "(encoded_body)"},
		{[]string{"--body", body, "--header", "Content-Type: application/json; charset=utf8", "POST", "/v2/promotions/benefits/partner-coupons"}, cli.ExitOK, "only c-17"},
		{[]string{"--body", body, "POST", "/v2/promotions/benefits/partner-coupons"}, cli.ExitOK, "only c-17"},
		{[]string{"--body", body, "POST", "/v2/promotions/benefits/partner-coupons"}, cli.ExitOK, "coupon-give of customer_id c-17, quota_id q, face_value 5.00, held for 10m after success"},
		{[]string{"--json", "--body", body, "POST", "/v2/promotions/benefits/partner-coupons"}, cli.ExitOK, `"price": "5.00 CNY"`},
		{[]string{"POST", "/v3/orders/customer-orders/pay"}, cli.ExitOK, "pay; --body says of what"},
		{[]string{"--header", "Tollgate-Repeat: x", "POST", "/v3/orders/customer-orders/pay"}, cli.ExitRefused, "bad_act"},
		{[]string{"--body", body, "GET", "/v2/orders/customer-orders"}, cli.ExitRefused, "body_not_taken"},
		{[]string{"--upstream", "bs", "GET", "/x"}, cli.ExitUsage, "did you mean bss?"},
		{[]string{"--header", "X-Domain-Id: d-2", "POST", "/v3/orders/customer-orders/pay"}, cli.ExitRefused, "wrong_account"},
		{[]string{"--header", "x-domain-id:d-1", "POST", "/v3/orders/customer-orders/pay"}, cli.ExitOK, "acme (customer)"},
		{[]string{"--header", "X-Domain-Id: p-1", "GET", "/v2/orders/customer-orders"}, cli.ExitOK, "main (partner)"},
		{[]string{"--header", "X-Domain-Id: p-1", "--credential", "acme", "GET", "/v2/orders/customer-orders"}, cli.ExitRefused, "wrong_account"},
		{[]string{"--header", "X-Domain-Id: d-1", "--header", "X-Domain-Id: d-1", "GET", "/v2/orders/customer-orders"}, cli.ExitRefused, "bad_request"},
		{[]string{"--header", "X-Auth-Token: t", "GET", "/v2/orders/customer-orders"}, cli.ExitRefused, "foreign_token"},
		{[]string{"--header", "Authorization: Bearer t", "GET", "/v2/orders/customer-orders"}, cli.ExitRefused, "unknown_scheme"},
		{[]string{"--header", "Authorization: Bearer t", "--upstream", "desk", "GET", "/desk/x"}, cli.ExitOK, "grants[3]"},
		{[]string{"--header", "Authorization: V11-HMAC-SHA256 t", "--upstream", "desk", "GET", "/desk/x"}, cli.ExitRefused, "unknown_scheme"},
		{[]string{"--header", "X-Domain-Id", "GET", "/v2/orders/customer-orders"}, cli.ExitUsage, "Name: value"},
		{[]string{"GET", "/v2/orders/customer-orders/"}, cli.ExitRefused, "ends in a slash"},
		{[]string{"--upstream", "desk", "GET", "/desk/Keys"}, cli.ExitRefused, "ambiguous_path"},
		{[]string{"--upstream", "desk", "GET", "/desk/list/"}, cli.ExitOK, "grants[3]"},
		{[]string{"--upstream", "desk", "GET", "/desk/x?otp=1"}, cli.ExitOK, "names and lengths of the query; keyed hash of the body"},
		{[]string{"--json", "--upstream", "desk", "POST", "/desk/reset/1"}, cli.ExitOK, `"recorded": "path as its template; length of query and body"`},
		{[]string{"POST", "/v3/orders/customer-orders/pay"}, cli.ExitOK, "hash of the body"},
		{[]string{"--body", "/nonexistent", "GET", "/x"}, cli.ExitFailure, "nonexistent"},
	} {
		code, stdout, stderr := run(t, append([]string{"explain", "--config", file, "--caller", "app"}, c.args...)...)
		if code != c.code || !strings.Contains(stdout+stderr, c.text) {
			t.Errorf("%v: exit %d, want %d with %q:\n%s%s", c.args, code, c.code, c.text, stdout, stderr)
		}
	}
	if code, _, stderr := run(t, "explain", "--config", file, "--caller", "ap", "GET", "/x"); code != cli.ExitUsage || !strings.Contains(stderr, "did you mean app?") {
		t.Errorf("wrong caller: exit %d, %s", code, stderr)
	}
}

// TestExplainInAFleet: each limit of a gateway in a fleet says what it does without Redis, and one of a gateway alone does not.
func TestExplainInAFleet(t *testing.T) {
	args := []string{"--caller", "app", "POST", "/v3/orders/customer-orders/pay"}
	file := filepath.Join(t.TempDir(), "tollgate.yaml")
	section := "\nfleet: {redis: {address: \"127.0.0.1:6379\"}, members: [a, b], name: a}\n"
	if err := os.WriteFile(file, []byte(sample+section), 0o600); err != nil {
		t.Fatal(err)
	}
	_, together, stderr := run(t, append([]string{"explain", "--config", file}, args...)...)
	_, alone, _ := run(t, append([]string{"explain", "--config", sampleFile(t)}, args...)...)
	if !strings.Contains(together, "; without Redis: share\n") || strings.Contains(alone, "without Redis") {
		t.Errorf("in a fleet: %s%s\nalone: %s", together, stderr, alone)
	}
}

// TestExplainMethods: methods that no call may have are refused, also for an endpoint that takes any.
func TestExplainMethods(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tollgate.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(sample, "method: POST", `method: "*"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for method, text := range map[string]string{"POST": "allowed", "M-SEARCH": "allowed", "TRACE": "(bad_request)", "CONNECT": "(bad_request)", "GE_T": "(bad_request)"} {
		if _, stdout, stderr := run(t, "explain", "--config", file, "--caller", "app", method, "/desk/reset/1"); !strings.Contains(stdout, text) {
			t.Errorf("%s: %s%s, want %s", method, stdout, stderr, text)
		}
	}
}

// TestExplainUnknownCaller: a call by a caller that no listener of the upstream can know is refused, whatever is granted.
func TestExplainUnknownCaller(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tollgate.yaml")
	config := strings.Replace(sample, "listeners: [", "listeners: [{name: other, address: 127.0.0.1:8081, upstreams: [desk]}, ", 1)
	config = strings.Replace(config, "upstreams: [bss, desk]", "name: own, upstreams: [bss]", 1)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, args := range map[string][]string{
		"REFUSED (no_identity)":    {"GET", "/desk/x"},
		"REFUSED (unknown_scheme)": {"--header", "Authorization: Bearer t", "GET", "/desk/x"},
		"acme (customer)":          {"POST", "/v3/orders/customer-orders/pay"},
	} {
		if _, stdout, stderr := run(t, append([]string{"explain", "--config", file, "--caller", "app"}, args...)...); !strings.Contains(stdout, text) {
			t.Errorf("%v: %s%s, want %s", args, stdout, stderr, text)
		}
	}
}

// TestExplainAuthorization: one for the app is taken where listener or certificate can say who calls.
func TestExplainAuthorization(t *testing.T) {
	const config = `
listeners: [{address: 127.0.0.1:8443, hosts: [gateway.test], tls: {certificates: [{internal: {dir: pki, hosts: [gateway.test]}}]%s}, upstreams: [desk]}]
upstreams:
  desk: {url: "http://127.0.0.1:3000", endpoints: [{name: All, method: GET, path: "/desk/{path...}", effect: read}]}
callers:
  signing: {auth: [{access_key: {id: TG1, secret: {env: A}}}], grants: [{operations: ["*"], upstream: desk}]}
  certified: {auth: [{certificate: {uri: "spiffe://corp/x"}}], grants: [{operations: ["*"], upstream: desk}]}
audit: {dir: audit}
`
	for _, c := range []struct {
		clients, caller string
		code            int
		text            string
		without         string // the header
	}{
		{", client_ca: ca.pem", "certified", cli.ExitOK, "allowed", "allowed"},
		{", client_ca: ca.pem", "signing", cli.ExitRefused, "unknown_scheme", "allowed"},
		{"", "certified", cli.ExitRefused, "unknown_scheme", "no_identity"},
	} {
		file := filepath.Join(t.TempDir(), "tollgate.yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, config, c.clients), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := run(t, "explain", "--config", file, "--caller", c.caller, "--header", "Authorization: Bearer t", "GET", "/desk/x")
		if code != c.code || !strings.Contains(stdout, c.text) {
			t.Errorf("%s%s: exit %d, want %d with %q:\n%s%s", c.caller, c.clients, code, c.code, c.text, stdout, stderr)
		}
		if _, stdout, stderr = run(t, "explain", "--config", file, "--caller", c.caller, "GET", "/desk/x"); !strings.Contains(stdout, c.without) {
			t.Errorf("%s%s without a header: want %q:\n%s%s", c.caller, c.clients, c.without, stdout, stderr)
		}
	}
}

func TestExplainJSON(t *testing.T) {
	_, stdout, _ := run(t, "explain", "--config", sampleFile(t), "--caller", "app", "--json", "POST", "/v3/orders/customer-orders/pay")
	var e explanation
	if err := json.Unmarshal([]byte(stdout), &e); err != nil {
		t.Fatal(err)
	}
	if !e.Allowed || e.Operation != "PayOrders" || e.Credential != "acme" || e.Effect != "spend" || len(e.Limits) == 0 {
		t.Errorf("%+v", e)
	}
}

// objects reads a JSON object a line.
func objects[T any](t *testing.T, text string) (all []T) {
	t.Helper()
	for line := range strings.Lines(text) {
		var one T
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, one)
	}
	return all
}

// TestTablesFit: no table of the catalog is wider than a page, nor is what explain says, but for words that are longer.
func TestTablesFit(t *testing.T) {
	file := sampleFile(t)
	for _, args := range [][]string{
		{"catalog"}, {"catalog", "--acts"}, {"explain", "-c", file, "--caller", "app", "POST", "/v3/orders/customer-orders/pay"},
		{"explain", "-c", file, "--caller", "app", "GET", "/v2/nothing?" + strings.Repeat("a=1&", 3)},
	} {
		_, stdout, stderr := run(t, args...)
		if stdout == "" {
			t.Errorf("%v: %s", args, stderr)
		}
		for line := range strings.Lines(stdout) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > cli.MaxWidth {
				t.Errorf("%v: %d columns: %s", args, n, line)
			}
		}
	}
}

// TestHelpFits: the help of each command fits a page, but for its examples, and the chapters have a line for each command.
func TestHelpFits(t *testing.T) {
	each(func(words []string, _ *cobra.Command) {
		_, stdout, _ := run(t, append(words, "--help")...)
		section := ""
		for line := range strings.Lines(stdout) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " ") {
				section = line
			}
			if n := utf8.RuneCountInString(line); n > cli.MaxWidth && section != "Examples:" && section != "Usage:" {
				t.Errorf("%v --help: %d columns: %s", words, n, line)
			}
		}
	})
}

func TestCatalog(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
	}{
		{nil, 216}, {[]string{"class:unknown"}, 1}, {[]string{"site:cn", "payorders"}, 3},
	} {
		_, stdout, _ := run(t, append([]string{"catalog", "--json"}, c.args...)...)
		if operations := objects[listedOperation](t, stdout); len(operations) != c.want || operations[0].Operation == "" {
			t.Errorf("catalog %v: %d operations, want %d", c.args, len(operations), c.want)
		}
	}
	if _, stdout, _ := run(t, "catalog", "-o", "wide", "orderpay"); !strings.Contains(stdout, "deprecated PayOrders; to end by 2025-02-28") {
		t.Error(stdout)
	}
	if _, stdout, _ := run(t, "catalog", "-o", "wide", "PayOrders"); !strings.Contains(stdout, "/v3/orders/customer-orders/pay") {
		t.Error(stdout)
	}
}

func TestCatalogActs(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
	}{
		{nil, 38}, {[]string{"site:intl"}, 12}, {[]string{"payorder"}, 6},
	} {
		_, stdout, _ := run(t, append([]string{"catalog", "--acts", "--json"}, c.args...)...)
		if acts := objects[listedAct](t, stdout); len(acts) != c.want || acts[0].Act == "" {
			t.Errorf("%v: %d acts, want %d", c.args, len(acts), c.want)
		}
	}
	_, stdout, _ := run(t, "catalog", "--acts", "-o", "wide", "UpdateSubEnterpriseAmount")
	for _, want := range []string{"member-give", "cash out", "request", "trans_id? (31d); customer_id + amount + balance_type=BALANCE_TYPE_DEBIT (10m)", "has trans_id as optional"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if code, _, stderr := run(t, "catalog", "--acts", "effect:read"); code == 0 || !strings.Contains(stderr, "no operation matches") {
		t.Errorf("reads have acts: %d, %s", code, stderr)
	}
}

func TestTLSPolicyAndVersion(t *testing.T) {
	if _, stdout, _ := run(t, "tls", "policy"); !strings.Contains(stdout, "huawei-high") || !strings.Contains(stdout, "TLS_AES_128_CCM_SHA256") {
		t.Error(stdout)
	}
	if _, stdout, _ := run(t, "tls", "policy", "--config", sampleFile(t)); !strings.Contains(stdout, "huawei-high") {
		t.Error(stdout)
	}
	if _, stdout, _ := run(t, "version"); !strings.HasPrefix(stdout, "tollgate ") {
		t.Error(stdout)
	}
}

// TestRunRefusesWhatCheckFinds: what check calls an error, run refuses in the same words, before it makes anything.
func TestRunRefusesWhatCheckFinds(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("AK", "AKTEST")
	t.Setenv("SK", "s3cr3t-0f-the-environment")
	t.Setenv("APP_SK", "s3cr3t-0f-a-caller")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("damaged.pem", "-----BEGIN CERTIFICATE-----\nMII#\n-----END CERTIFICATE-----\n")
	const config = `
listeners: [{address: "127.0.0.1:18080", upstreams: [bss]}]
upstreams:
  bss: {url: "https://bss.myhuaweicloud.com", catalog: cn}
credentials: {main: {class: partner, access_key: {env: AK}, secret_key: {env: SK}}}
callers:
  one: {auth: [{access_key: {id: TGONE, secret: {env: APP_SK}}}], grants: [{operations: [effect:read], credential: main}]}
audit: {dir: audit}
`
	for _, c := range []struct{ old, new, want string }{
		{"audit: {dir", "  two: {auth: [{access_key: {id: TGTWO, secret: {env: APP_SK}}}]}\naudit: {dir", "secret is the same as that of callers.one.auth[0].access_key.secret"},
		{"{env: APP_SK}", "{env: SK}", "secret is the same as that of credentials.main.secret_key"},
		{"id: TGONE", "id: AKTEST", "id is the same as that of credentials.main.access_key"},
		{"https://bss.myhuaweicloud.com", "https://localhost:18080", "this is the address of listener 127.0.0.1:18080"},
		{"{dir: audit}", "{dir: audit, key: {file: keys/signing.key}}", "there is no folder " + filepath.Join(dir, "keys")},
		{"catalog: cn}", "catalog: cn, tls: {ca: damaged.pem}}", "PEM block number 1, from line 1, is damaged: line 2 is not base64"},
	} {
		file := write("tollgate.yaml", strings.Replace(config, c.old, c.new, 1))
		code, _, found := run(t, "check", "--config", file)
		if code != cli.ExitFailure || !strings.Contains(found, c.want) || strings.Contains(found, "s3cr3t") {
			t.Errorf("check: exit %d, want %q:\n%s", code, c.want, found)
		}
		if code, _, refused := run(t, "run", "--config", file); code != cli.ExitFailure || refused != found {
			t.Errorf("run: exit %d with\n%s\ncheck found\n%s", code, refused, found)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "audit")); err == nil {
		t.Error("a refused start has made the log's folder")
	}
	if code, stdout, stderr := run(t, "check", "--config", write("tollgate.yaml", config)); code != cli.ExitOK {
		t.Errorf("unchanged: exit %d\n%s%s", code, stdout, stderr)
	}
}
