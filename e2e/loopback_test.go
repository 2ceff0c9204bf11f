package e2e

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tollgate/internal/bsssim"
)

// curl runs the system's curl and returns status and body.
func curl(t testing.TB, args ...string) (status int, body string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("curl", append([]string{"--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--write-out", "\n%{http_code}"}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("curl %q: %v: %s", args, err, stderr.String())
	}
	text := stdout.String()
	end := strings.LastIndexByte(text, '\n')
	status, err := strconv.Atoi(text[end+1:])
	if err != nil {
		t.Fatalf("curl %q says %q", args, text)
	}
	return status, text[:end]
}

// TestCurl needs no keys on the loopback port, as the README shows it.
func TestCurl(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	base := "http://" + p.address("plain")
	_, port, _ := net.SplitHostPort(p.address("plain"))
	large := w.write("large.json", `{"order_id":"`+strings.Repeat("x", 13<<20)+`"}`)
	for _, c := range []struct {
		name   string
		args   []string
		status int
		part   string // of the body
	}{
		{"a read", []string{base + "/v2/accounts/customer-accounts/balances"}, 200, `"account_balances"`},
		{"a hard query", []string{"--get", base + "/v2/orders/customer-orders", "--data-urlencode", "order_id=a b+/中&c"}, 200, `"total_count":0`},
		{"a query with bare characters", []string{"--globoff", base + "/v2/orders/customer-orders?order_id=中[a]|b"}, 200, `"total_count":0`},
		{"a payment", []string{base + "/v3/orders/customer-orders/pay", "--json", `{"order_id":"CS-1001","use_coupon":"NO","use_discount":"NO"}`}, 204, ""},
		{"chunked", []string{base + "/v2/orders/suscriptions/resources/query", "-H", "Content-Type: application/json", "-H", "Transfer-Encoding: chunked", "-d", `{}`}, 200, "res-1"},
		{"100-continue", []string{base + "/v2/orders/suscriptions/resources/query", "--json", `{}`, "-H", "Expect: 100-continue"}, 200, "res-1"},
		{"an offer of h2c", []string{"--http2", base + "/v2/accounts/customer-accounts/balances"}, 200, `"account_balances"`},
		{"a body with an offer of h2c", []string{"--http2", base + "/v2/orders/suscriptions/resources/query", "--json", `{}`}, 200, "res-1"},
		{"Node's fetch", []string{base + "/v2/accounts/customer-accounts/balances", "-A", "node", "-H", "sec-fetch-mode: cors"}, 200, `"account_balances"`},
		{"PowerShell", []string{base + "/v2/accounts/customer-accounts/balances", "-A", "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1"}, 200, `"account_balances"`},
		{"its account", []string{base + "/v2/accounts/customer-accounts/balances", "-H", "X-Domain-Id: c-17"}, 200, `"account_balances"`},
		{"a final dot", []string{"http://localhost.:" + port + "/v2/accounts/customer-accounts/balances", "--resolve", "localhost.:" + port + ":127.0.0.1", "-H", "Host: localhost."}, 200, `"account_balances"`},
		{"another name of this machine", []string{"http://localhost:" + port + "/v2/accounts/customer-accounts/balances"}, 200, `"account_balances"`},

		{"a foreign Host", []string{base + "/v2/accounts/customer-accounts/balances", "-H", "Host: evil.example"}, 421, "TG.4006"},
		{"an Origin", []string{base + "/v2/accounts/customer-accounts/balances", "-H", "Origin: http://127.0.0.1"}, 403, "TG.3008"},
		{"a null Origin", []string{base + "/v3/orders/customer-orders/pay", "-d", `{"order_id":"CS-2"}`, "-H", "Origin: null"}, 403, "TG.3008"},
		{"Sec-Fetch-Site", []string{base + "/v2/accounts/customer-accounts/balances", "-H", "Sec-Fetch-Site: cross-site"}, 403, "TG.3008"},
		{"Sec-Fetch-Dest", []string{base + "/v2/accounts/customer-accounts/balances", "-H", "Sec-Fetch-Mode: no-cors", "-H", "Sec-Fetch-Dest: image"}, 403, "TG.3008"},
		{"an old browser", []string{base + "/v2/accounts/customer-accounts/balances", "-A", "Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Firefox/60.0"}, 403, "TG.3008"},
		{"another account", []string{base + "/v2/accounts/customer-accounts/balances", "-H", "X-Domain-Id: c-18"}, 403, "TG.3003"},
		{"a token", []string{base + "/v2/accounts/customer-accounts/balances", "-H", "X-Auth-Token: t"}, 403, "TG.3009"},
		{"an unknown path", []string{base + "/v2/nothing/here"}, 404, "TG.4001"},
		{"the wrong method", []string{"-X", "DELETE", base + "/v2/accounts/customer-accounts/balances"}, 404, "GET"},
		{"dots in the path", []string{"--path-as-is", base + "/v2/accounts/../accounts/customer-accounts/balances"}, 400, "TG.1002"},
		{"encoded dots", []string{"--path-as-is", base + "/v2/accounts/%2e%2e/customer-accounts/balances"}, 400, "TG.1002"},
		{"an encoded slash", []string{base + "/v2/accounts%2Fcustomer-accounts/balances"}, 400, "TG.1002"},
		{"a trailing slash", []string{base + "/v2/accounts/customer-accounts/balances/"}, 400, "TG.1002"},
		{"a semicolon in the query", []string{base + "/v2/orders/customer-orders?a=1;b=2"}, 400, "TG.1003"},
		{"an Upgrade", []string{base + "/v2/accounts/customer-accounts/balances", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket"}, 400, "TG.1001"},
		{"a compressed body", []string{base + "/v3/orders/customer-orders/pay", "--json", `{"order_id":"CS-2"}`, "-H", "Content-Encoding: gzip"}, 415, "TG.4005"},
		{"a payment that is no JSON", []string{base + "/v3/orders/customer-orders/pay", "--json", "order_id=CS-2"}, 400, "TG.1005"},
		{"a payment of the type of forms", []string{base + "/v3/orders/customer-orders/pay", "-d", `{"order_id":"CS-2"}`}, 415, "TG.4007"},
		{"two order ids in one payment", []string{base + "/v3/orders/customer-orders/pay", "--json", `{"order_id":"CS-2","Order_Id":"CS-3"}`}, 400, "TG.1005"},
		{"a body over the bound", []string{base + "/v3/orders/customer-orders/pay", "--json", "@" + large, "-H", "Expect:"}, 413, "TG.4004"},
		{"another's keys", []string{base + "/v2/accounts/customer-accounts/balances", "-H", "Authorization: Bearer abc"}, 401, "TG.2003"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(w.simulator.Calls())
			status, body := curl(t, c.args...)
			if status != c.status || !strings.Contains(body, c.part) {
				t.Errorf("%d %s, want %d with %q", status, body, c.status, c.part)
			}
			if arrived, want := len(w.simulator.Calls())-before, taken(c.status); arrived != want {
				t.Errorf("%d calls reached the provider, want %d", arrived, want)
			}
		})
	}
	p.stop()
}

func taken(status int) int {
	if status < 300 {
		return 1
	}
	return 0
}

// TestPlainListenersAreLocal has the gateway refuse to listen in plain HTTP where others could reach it.
func TestPlainListenersAreLocal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.configure(strings.Replace(standard, `{name: plain, address: "127.0.0.1:0", caller: shop, `, `{name: plain, address: "0.0.0.0:0", hosts: [a.example], caller: shop, `, 1))
	got := run(t, w.env, "run", "--config", w.config)
	if got.code != 1 || !strings.Contains(got.stderr, "plain HTTP is allowed on loopback addresses and unix sockets only") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
}

// TestUnixSocket serves a caller over a socket that only its owner may open.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(strings.Replace(standard, `- {name: plain, address: "127.0.0.1:0"`, `- {name: plain, address: "unix:shop.sock"`, 1))
	p := w.start()
	info, err := w.stat("shop.sock")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the socket: %v, %v; want mode 0600", info, err)
	}
	status, body := curl(t, "--unix-socket", w.file("shop.sock"), "http://anything/v2/accounts/customer-accounts/balances")
	if status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	p.stop()
	if _, err := w.stat("shop.sock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if matches, _ := filepath.Glob(w.file("*.sock")); len(matches) != 0 {
		t.Errorf("left behind: %v", matches)
	}
}
