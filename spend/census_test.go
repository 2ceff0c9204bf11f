package spend

import (
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
)

// TestCensus: calls that are unknown are counted until they are settled, also those that a ledger was restored with.
func TestCensus(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	m := NewMemory()
	want := func(of *Memory, calls, unknown int) {
		t.Helper()
		if got := of.Census(); got.Calls != calls || got.Unknown != unknown {
			t.Errorf("%+v, want %d calls, %d unknown", got, calls, unknown)
		}
	}
	for _, id := range []string{"a", "b"} {
		claim := Claim{Call: id, Caller: "app", Act: "pay", At: now, Keys: []Key{{Digest: Digest{id[0]}, Window: time.Hour}}}
		if _, err := m.Reserve(t.Context(), &claim); err != nil {
			t.Fatal(err)
		}
		m.Settle(id, Settlement{Outcome: logfile.Unknown, At: now})
		m.Settle(id, Settlement{Outcome: logfile.Unknown, At: now})
	}
	want(m, 2, 2)
	restored := NewMemory()
	if err := restored.Restore(m.Snapshot()); err != nil {
		t.Fatal(err)
	}
	m.HoldAct("pay", "a")
	if act := m.Census().Acts["pay"]; act != "a" {
		t.Errorf("the act is held by %q", act)
	}
	for _, of := range []*Memory{m, restored} {
		of.Settle("a", Settlement{Outcome: logfile.Succeeded, At: now})
		want(of, 2, 1)
		of.Settle("b", Settlement{Outcome: logfile.Failed, At: now})
		want(of, 1, 0)
	}
}

// TestUse: what is used of a cap is that of the period of now.
func TestUse(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	rules, err := NewRules(Config{Caps: []CapConfig{{Name: "day", Each: EachDay, Count: 3}, {Name: "month", Each: EachMonth, Count: 9}}})
	if err != nil {
		t.Fatal(err)
	}
	m, day := NewMemory(), rules.Caps()[0]
	if use := m.Use(day, now); !use.Since.IsZero() || len(use.Counts) > 0 {
		t.Errorf("before: %+v", use)
	}
	m.Follow(rules, now)
	charges, err := rules.Of(day).Charges(nil, &Subject{Effect: "spend"})
	if err != nil || len(charges) != 1 || charges[0].Cap.Name != "day" {
		t.Fatalf("the rules of one cap charge %+v, %v", charges, err)
	}
	if _, err := m.Reserve(t.Context(), &Claim{Call: "a", At: now, Charges: charges}); err != nil {
		t.Fatal(err)
	}
	if use := m.Use(day, now); !use.Since.Equal(now) || len(use.Counts) != 1 || use.Counts[0].Used != 1 || !strings.HasPrefix(use.Counts[0].Period, "2026-11-30") {
		t.Errorf("%+v", use)
	}
	if use := m.Use(day, now.Add(24*time.Hour)); len(use.Counts) != 0 {
		t.Errorf("the next day: %+v", use)
	}
}
