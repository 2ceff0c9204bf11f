package tlscmd

import (
	"encoding/json"
	"strings"
	"testing"

	"tollgate/internal/cli"
	"tollgate/internal/text"
	"tollgate/tlspolicy"
)

// TestPolicy: the table fits, a wide one has the names of OpenSSL, and JSON has what both have.
func TestPolicy(t *testing.T) {
	code, table, stderr := run(t, "tls", "policy", "huawei-high")
	if code != cli.ExitOK || !strings.Contains(table, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") || strings.Contains(table, "ECDHE-RSA-AES128-GCM-SHA256") {
		t.Errorf("exit %d %s\n%s", code, stderr, table)
	}
	_, suites, _ := strings.Cut(table, "\n\n")
	for line := range strings.Lines(suites) {
		if n := text.Width(strings.TrimSuffix(line, "\n")); n > cli.MaxWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if _, wide, _ := run(t, "tls", "policy", "huawei-high", "-o", "wide"); !strings.Contains(wide, "ECDHE-RSA-AES128-GCM-SHA256") {
		t.Error(wide)
	}
	_, printed, _ := run(t, "tls", "policy", "--json")
	var result struct {
		Policies []struct {
			Name, Mode       string
			Versions, Groups []string
			Suites           []struct{ Name, Status string }
		}
	}
	if err := json.Unmarshal([]byte(printed), &result); err != nil || len(result.Policies) != len(tlspolicy.All()) {
		t.Fatal(err, printed)
	}
	for _, p := range result.Policies {
		if p.Name == "" || p.Mode == "" || len(p.Versions) == 0 || len(p.Groups) == 0 || len(p.Suites) == 0 || p.Suites[0].Name == "" || p.Suites[0].Status == "" {
			t.Errorf("%+v", p)
		}
	}
}
