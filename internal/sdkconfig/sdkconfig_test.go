package sdkconfig

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var full = Settings{
	Caller: "billing-app", Endpoint: "https://gateway.corp.example:8443", TLS: true, CA: "/etc/ca.pem", AccessKey: "TGBILLING", SecretIn: "/run/sk", SecretFile: "/run/sk",
	Until: "2126-12-31", DomainID: "0a1b", Site: "cn", Operation: "ShowCustomerAccountBalances", Path: "/v2/accounts/customer-accounts/balances",
}

// TestLines: the parts of the lines that the SDKs' documentation has. The end-to-end tests run those for Go, Node and curl.
func TestLines(t *testing.T) {
	intl := full
	intl.Site, intl.Operation, intl.CA = "intl", "", ""
	odd := full
	odd.CA, odd.SecretFile = `/etc/it's "ours".pem`, "/run/$(id)"
	socket := Settings{Caller: "app", Endpoint: "http://localhost", Socket: "/run/app.sock", Path: "/v2/x"}
	for _, c := range []struct {
		language string
		settings Settings
		want     []string
	}{
		{"go", full, []string{`bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"`, "bss.BssClientBuilder()", "client.ShowCustomerAccountBalances(&model.ShowCustomerAccountBalancesRequest{})", "SSL_CERT_FILE=/etc/ca.pem", "The key ends: 2126-12-31"}},
		{"go", intl, []string{"bssintl.BssintlClientBuilder()", "bssintl.NewBssintlClient(http)", "SSL_CERT_FILE=/path/to/ca.pem", "your calls"}},
		{"python", full, []string{"from huaweicloudsdkbss.v2 import BssClient, ShowCustomerAccountBalancesRequest", `config.ssl_ca_cert = "/etc/ca.pem"`, "client.show_customer_account_balances(ShowCustomerAccountBalancesRequest())", `os.environ["TOLLGATE_SECRET"]`, `export TOLLGATE_SECRET="$(cat /run/sk)"`}},
		{"python", intl, []string{"from huaweicloudsdkbssintl.v2 import BssintlClient\n", `# config.ssl_ca_cert`}},
		{"java", full, []string{"import com.huaweicloud.sdk.bss.v2.BssClient;", "client.showCustomerAccountBalances(new ShowCustomerAccountBalancesRequest())", `Collections.singletonList("https://gateway.corp.example:8443")`, "-file /etc/ca.pem"}},
		{"java", intl, []string{"com.huaweicloud.sdk.bssintl.v2.BssintlClient;", "BssintlClient.newBuilder()"}},
		{"node", full, []string{"NODE_EXTRA_CA_CERTS=/etc/ca.pem", `url: "/v2/accounts/customer-accounts/balances"`, "process.env.TOLLGATE_SECRET"}},
		{"php", intl, []string{"use HuaweiCloud\\SDK\\Bssintl\\V2\\BssintlClient;", "BssintlClient::newBuilder()", "curl.cainfo=/path/to/ca.pem"}},
		{"terraform", intl, []string{`region     = "ap-southeast-1"`, "SSL_CERT_FILE=/path/to/ca.pem"}},
		{"php", odd, []string{`curl.cainfo='/etc/it'\''s "ours".pem'`}},
		{"terraform", odd, []string{`export TF_VAR_tollgate_secret="$(cat '/run/$(id)')"`}},
		{"curl", full, []string{"curl --fail-with-body --cacert /etc/ca.pem https://gateway.corp.example:8443/v2/accounts/customer-accounts/balances\n"}},
		{"python", odd, []string{`config.ssl_ca_cert = "/etc/it's \"ours\".pem"`, `export TOLLGATE_SECRET="$(cat '/run/$(id)')"`}},
		{"curl", odd, []string{`--cacert '/etc/it'\''s "ours".pem' https`}},
		{"curl", socket, []string{"curl --fail-with-body --unix-socket /run/app.sock http://localhost/v2/x\n"}},
	} {
		got, err := Lines(c.language, c.settings)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: there is no %q in\n%s", c.language, want, got)
			}
		}
		check(t, c.language, got)
	}
}

// TestGolden: what no tool runs here is compared with what was held against the sources that the templates name.
func TestGolden(t *testing.T) {
	for _, language := range []string{"php", "terraform"} {
		got, err := Lines(language, full)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("testdata/" + language + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", language, got, want)
		}
		check(t, language, got)
	}
}

// check has a reader of the language look at the lines, where there is one.
func check(t *testing.T, language, text string) {
	t.Helper()
	switch language {
	case "go":
		if _, err := parser.ParseFile(token.NewFileSet(), "main.go", text, 0); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	case "python":
		cmd := exec.Command("python3", "-c", "import ast, sys; ast.parse(sys.stdin.read())")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s in\n%s", err, out, text)
		}
	case "php":
		checkWith(t, text, "php", "-l")
	case "terraform":
		checkWith(t, text, "terraform", "fmt", "-no-color", "-check", "-diff", "-")
	case "java":
		if strings.Count(text, "{") != strings.Count(text, "}") || strings.Count(text, "(") != strings.Count(text, ")") {
			t.Errorf("brackets do not fit in\n%s", text)
		}
	}
}

// checkWith has a tool that may be missing read the lines.
func checkWith(t *testing.T, text, tool string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		return
	}
	cmd := exec.Command(tool, args...)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s in\n%s", tool, err, out, text)
	}
}
