package e2e

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"tollgate/internal/bsssim"
)

// TestWhoPaid: what an account paid with its own key is found by the account, listed and summed up, with the index and without.
func TestWhoPaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{Unthrottled: true})
	w.configure(standard + unlimited)
	p := w.start()
	call := func(method, target, body string) {
		send(t, http.DefaultTransport, request(t, method, "http://"+p.address("plain")+target, body))
	}
	call("POST", "/v3/orders/customer-orders/pay", `{"order_id":"CS-1001","use_coupon":"NO","use_discount":"NO"}`)
	call("POST", "/v2/orders/customer-orders/pay", `{"order_id":"CS-1002"}`) // deprecated
	call("GET", "/v2/orders/customer-orders/details/CS-1001", "")
	call("POST", "/v2/accounts/partner-accounts/adjust-amount", `{"customer_id":"c-17","amount":"5"}`) // not for a customer's key
	p.stop()
	w.verified()
	dir := w.file("audit")
	if out, err := exec.Command("python3", "../audit/export/verify.py", dir).CombinedOutput(); err != nil {
		t.Errorf("verify.py: %v\n%s", err, out)
	}
	for args, want := range map[string]string{
		"--account c-17 --operation PayOrders":                          `"operation":"PayOrders","effect":"spend","method":"POST"`,
		"--customer c-17 --operation PayOrders":                         "",
		"--deprecated":                                                  `"operation":"oldPayOrderV2","effect":"spend","deprecated":true`,
		"--account c-17 --min-amount 99 --max-amount 99 --currency CNY": `"operation":"ShowCustomerOrderDetails"`,
		"--decision refused":                                            `"reason":"wrong_class","detail":"`,
	} {
		for _, index := range []string{"", " --index none"} {
			got := run(t, nil, append([]string{"audit", "list", "--json", "--dir", dir}, strings.Fields(args+index)...)...)
			if lines := strings.Count(got.stdout, "\n"); !strings.Contains(got.stdout, want) || (lines == 1) != (want != "") || !strings.HasPrefix(got.stderr, "source: ") {
				t.Errorf("%s%s: %s%s", args, index, got.stdout, got.stderr)
			}
		}
	}
	report := run(t, nil, "audit", "report", "--json", "--dir", dir, "--by", "account", "--effect", "spend", "--decision", "allowed")
	var sums struct {
		Rows  []struct{ Account string }
		Total struct{ Calls int }
	}
	if err := json.Unmarshal([]byte(report.stdout), &sums); err != nil || len(sums.Rows) != 1 || sums.Rows[0].Account != "c-17" || sums.Total.Calls != 2 {
		t.Errorf("%v: %s", err, report.stdout)
	}
}
