package inbox

import (
	"path/filepath"
	"slices"
	"testing"

	"tollgate/review/evidence"
	"tollgate/review/reviewtest"
)

// TestFixture: what is to be found in seven weeks of a company's log.
func TestFixture(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	made := reviewtest.Log(dir)
	logs := evidence.Logs{bothWays(t, dir)["index"]}
	s := &Scope{Since: reviewtest.Now.AddDate(0, 0, -31), Until: reviewtest.Now.AddDate(0, 0, 1), Zone: reviewtest.Zone, Now: reviewtest.Now}
	found := Find(t.Context(), logs, s)
	rows := rowsOf(found)
	for _, want := range []string{
		"unknown at_risk 3 shop PayOrders 935.00 CNY",
		"unknown at_risk 1 billing-app PayOrders 2400.00 USD",
		"unknown at_risk 1 shop CancelResourcesSubscription", // by a crash
		"copy at_risk 1 file /mnt/witness/tollgate-checkpoints.jsonl",
		"paused access 1 partner-intl",
		"repeat access 6 shop PayOrders",
		"burst access 1 203.0.113.77 unknown_access_key x352", // 40 with records of their own, and 312 in a summary
		"burst access 1 203.0.113.77 too_many_failures x1804",
		"burst access 1 198.51.100.21 no common suite x66",
		"stalled hygiene 1",
		"expiry hygiene 1 billing-app caller spiffe://corp.example/billing-app",
	} {
		if !slices.Contains(rows, want) {
			t.Errorf("there is no row %q", want)
		}
	}
	var unknown []string
	for _, r := range found.Rows {
		for _, e := range r.Newest {
			if r.Kind == Unknown {
				unknown = append(unknown, e.Call)
			}
		}
		if slices.Contains([]Kind{Fault, Gap, Loss, Open, KeyLost, Uncovered}, r.Kind) {
			t.Errorf("there is the row %q", summarized(r))
		}
	}
	slices.Sort(unknown)
	want := slices.Sorted(slices.Values(made.Unknown))
	if !slices.Equal(unknown, want) || len(found.Missed) > 0 || found.Unpriced != 1 {
		t.Errorf("unknown are %q, want %q; missed %v, %d without an amount", unknown, want, found.Missed, found.Unpriced)
	}
	eachIsFound(t, logs, s, found)
}
