package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// TestNothingIsSentThatTheLogCannotTell: what is sent stands in the log whole and in every sum; explain says so beforehand, and
// both verifiers take the log.
func TestNothingIsSentThatTheLogCannotTell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{Unthrottled: true})
	w.configure(replaceOnce(t, standard, `"127.0.0.1:0", caller: shop`, `"127.0.0.1:0", caller: office`) + unlimited)
	p := w.start()
	const transfer, coupons = "/v2/accounts/partner-accounts/adjust-amount", "/v2/promotions/benefits/partner-coupons"
	amount := func(text string) string { return `{"customer_id":"c-17","amount":` + text + `}` }
	long := strings.Repeat("金", 5400)
	customers, _ := json.Marshal(paddedIDs(100, 1024))
	for _, c := range []struct{ name, target, body, code, reason string }{
		{"a blank", transfer, amount(`" 777777"`), "TG.1008", "bad_amount"},
		{"a unit", transfer, amount(`"777780f"`), "TG.1008", "bad_amount"},
		{"thousands", transfer, amount(`"777,779"`), "TG.1008", "bad_amount"},
		{"padding", transfer, amount(`"` + strings.Repeat(" ", 1100) + `5"`), "TG.1008", "bad_amount"},
		{"customers", coupons, `{"quota_id":"q","face_value":"5","customer_ids":` + string(customers) + `}`, "TG.1007", "not_recordable"},
		{"a query", transfer + "?x=" + long, amount("5"), "TG.1007", "not_recordable"},
		{"a plain amount", transfer, amount(`"100.50"`), "", ""},
		{"a JSON number", transfer, amount(`100`), "", ""},
	} {
		got := send(t, http.DefaultTransport, request(t, "POST", "http://"+p.address("plain")+c.target, c.body))
		if got.code != c.code || (got.status == http.StatusBadRequest) != (c.code != "") {
			t.Errorf("%s: %d %.300s", c.name, got.status, got.body)
		}
		foreseen := run(t, w.env, "explain", "--json", "--config", w.config, "--caller", "office", "--upstream", "bss", "--body", w.write("body.json", c.body), "POST", c.target)
		var e struct{ Reason string }
		if err := json.Unmarshal([]byte(foreseen.stdout), &e); err != nil || e.Reason != c.reason {
			t.Errorf("%s: explain says %q, %v %s", c.name, e.Reason, err, foreseen.stderr)
		}
	}
	if sent := len(arrived(w.simulator, "UpdateCustomerAccountAmount")) + len(arrived(w.simulator, "CreatePartnerCoupons")); sent != 2 {
		t.Errorf("%d calls arrived, want the 2 with a number", sent)
	}
	read := send(t, http.DefaultTransport, request(t, "GET", "http://"+p.address("plain")+"/v2/accounts/partner-accounts/balances?indirect_partner_id="+long, ""))
	r := w.recorded(logfile.KindIntent, read.header.Get("Tollgate-Call-Id"))
	sum := sha256.Sum256([]byte("indirect_partner_id=" + strings.Repeat("%E9%87%91", 5400)))
	if !r.Cut || r.QueryBytes != 20+9*5400 || r.QueryHash != hex.EncodeToString(sum[:]) {
		t.Errorf("of a read that is too long the record has %d bytes, hash %s", r.QueryBytes, r.QueryHash)
	}
	p.stop()
	w.verified()
	if out, err := exec.Command("python3", "../audit/export/verify.py", w.file("audit")).CombinedOutput(); err != nil {
		t.Errorf("verify.py: %v\n%s", err, out)
	}
	list := run(t, nil, "audit", "list", "--json", "--dir", w.file("audit"), "--min-amount", "100", "--decision", "allowed")
	if strings.Count(list.stdout, "\n") != 2 {
		t.Errorf("calls of 100 or more:\n%s%s", list.stdout, list.stderr)
	}
	report := run(t, nil, "audit", "report", "--json", "--dir", w.file("audit"), "--effect", "spend")
	var sums struct {
		Total struct{ Unsummed int }
		Money []struct{ Moved string }
	}
	if err := json.Unmarshal([]byte(report.stdout), &sums); err != nil || len(sums.Money) != 1 || sums.Money[0].Moved != "200.50" || sums.Total.Unsummed != 0 {
		t.Errorf("%v: %s", err, report.stdout)
	}
}

func paddedIDs(n, length int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%*d", length, i)
	}
	return ids
}
