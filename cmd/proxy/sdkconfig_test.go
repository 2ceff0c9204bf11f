package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/internal/cli"
)

// sdkText has a listener of each kind, and a caller for each way to be known.
const sdkText = `listeners:
  - {name: socket, address: "unix:app.sock", caller: fixed}
  - {name: plain, address: "127.0.0.1:8080"}
  - {name: tls, address: ":8443", hosts: [gw.corp.example, other.example], tls: {certificate: {internal: {dir: ca, hosts: [gw.corp.example]}}, client_ca: ca.pem}}
upstreams: {bss: {url: https://bss.myhuaweicloud.com, catalog: cn}}
credentials: {acme: {class: customer, domain_id: c-17, access_key: {env: AK}, secret_key: {env: SK}}}
callers:
  fixed: {grants: [{operations: [PayOrders], credential: acme}]}
  named: {auth: [{certificate: {dns: app.corp.example}}], grants: [{operations: [effect:read], credential: acme}]}
  keyed:
    auth:
      - access_key: {id: TGOVER, secret: {file: over.sk}, not_after: 2026-01-02}
      - access_key: {id: TGLAST, secret: {file: it's last.sk}, not_after: 2126-01-02}
      - access_key: {id: TGNEXT, secret: {file: next.sk}, not_after: 2125-01-02}
    grants: [{operations: [effect:read], credential: acme}]
  over: {auth: [{access_key: {id: TGENDED, secret: {file: ended.sk}, not_after: 2026-01-02}}], grants: [{operations: [effect:read], credential: acme}]}
audit: {dir: audit}
`

func TestSDKConfigChooses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gw.yaml")
	if err := os.WriteFile(file, []byte(sdkText), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(file)
	for _, c := range []struct {
		args string
		code int
		want string // of stdout where the code is 0, else of stderr
	}{
		{"--caller keyed --lang go", 0, `WithEndpoints([]string{"https://gw.corp.example:8443"})`},
		{"--caller keyed --lang go --host lb.example", 0, `"https://lb.example:8443"`},
		{"--caller keyed --lang go --listener plain", 0, `"http://127.0.0.1:8080"`},
		{"--caller keyed --lang go", 0, `WithAk("TGLAST").WithSk(os.Getenv("TOLLGATE_SECRET")).WithDomainId("c-17")`},
		{"--caller keyed --lang go", 0, `export TOLLGATE_SECRET="$(cat '` + dir + `/it'\''s last.sk')"`},
		{"--caller keyed --lang go", 0, "client.ShowCustomerAccountBalances("},
		{"--caller keyed --lang php", 0, "->withEndpoint('https://gw.corp.example:8443')"},
		{"--caller keyed --lang terraform --listener plain", 0, `bss = "http://127.0.0.1:8080"`},
		{"--caller fixed --lang curl", 0, "curl --fail-with-body --unix-socket " + dir + "/app.sock http://localhost/PATH"},
		{"--caller named --lang curl", 0, `curl --fail-with-body --cert "$CERT" --key "$KEY" https://gw.corp.example:8443/v2/accounts`},
		{"--caller keyed --lang curl", cli.ExitFailure, "curl cannot sign calls"},
		{"--caller named --lang node", cli.ExitFailure, "tollgate key new --caller named"},
		{"--caller over --lang java", cli.ExitFailure, "has no virtual key that has not ended"},
		{"--caller keyed --lang go --listener socket", cli.ExitFailure, "no listener over TCP"},
		{"--caller keyed --lang go --listener plane", cli.ExitUsage, `did you mean "plain"?`},
		{"--caller keyed --lang rust", cli.ExitUsage, "choose from go, python, java, node, php, terraform, curl"},
		{`--caller keyed --lang go --host a"b`, cli.ExitUsage, "want a name or an IP address"},
		{"--lang go", cli.ExitUsage, "--caller is needed"},
	} {
		code, stdout, stderr := run(t, append([]string{"sdk-config", "--config", file}, strings.Fields(c.args)...)...)
		if out := map[bool]string{true: stdout, false: stderr}[c.code == 0]; code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d, want %d with %q\n%s%s", c.args, code, c.code, c.want, stdout, stderr)
		}
	}
}
