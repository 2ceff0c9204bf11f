package spend

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/setting"
)

func dayCap(change func(*CapConfig)) Config {
	c := CapConfig{Name: "c", Each: EachDay, Amount: cny(9)}
	change(&c)
	return Config{Caps: []CapConfig{c}}
}

// TestConflicts: what a hard cap counts by is not changed under its name, as long as it counts or its period lasts.
func TestConflicts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*CapConfig)
		want   bool
	}{
		"the limit":    {func(c *CapConfig) { c.Amount = cny(50) }, false},
		"for whom":     {func(c *CapConfig) { c.Match.Callers = []string{"x"} }, false},
		"soft":         {func(c *CapConfig) { c.Mode = Soft }, false},
		"another name": {func(c *CapConfig) { c.Name, c.Per = "d", PerCaller }, false},
		"by caller":    {func(c *CapConfig) { c.Per = PerCaller }, true},
		"each month":   {func(c *CapConfig) { c.Each = EachMonth }, true},
		"each call":    {func(c *CapConfig) { c.Each = EachCall }, true},
		"the zone":     {func(c *CapConfig) { c.Zone = "UTC" }, true},
		"currencies":   {func(c *CapConfig) { c.Amount["USD"] = 1 }, true},
		"calls":        {func(c *CapConfig) { c.Amount, c.Count = nil, 5 }, true},
		"coupons":      {func(c *CapConfig) { c.Units = []Unit{Coupon} }, true},
	} {
		m, before := NewMemory(), mustRules(t, dayCap(func(*CapConfig) {}))
		if fresh := m.Follow(before, noon); len(fresh) != 1 {
			t.Fatalf("new: %v", fresh)
		}
		if fresh, turned := m.Follow(before, noon), m.Turned(before); fresh != nil || turned != nil {
			t.Fatalf("nothing is new: %v, %v", fresh, turned)
		}
		after := mustRules(t, dayCap(c.change))
		if err := m.Conflicts(after, noon); (err != nil) != c.want || err != nil && !strings.Contains(err.Error(), `"c"`) {
			t.Errorf("%s: %v", name, err)
		}
		restored := NewMemory()
		if err := restored.Restore(m.Snapshot()); err != nil || (restored.Conflicts(after, noon) != nil) != c.want {
			t.Errorf("%s, after a start: %v", name, err)
		}
		if later := noon.Add(72 * time.Hour); restored.Conflicts(after, later) != nil || (m.Conflicts(after, later) != nil) != c.want {
			t.Errorf("%s: after its day only a cap that is in force is not changed", name)
		}
	}
	onRecord := NewMemory()
	onRecord.Record(&Claim{Call: "a", At: noon, Charges: []Charge{{Cap: &Cap{Name: "c", Definition: "another"}, Period: "2026-11", Amount: 1}}})
	if onRecord.Conflicts(mustRules(t, dayCap(func(*CapConfig) {})), noon) == nil {
		t.Error("a record does not say that a cap is soft, so it is hard")
	}
	m, soft := NewMemory(), mustRules(t, dayCap(func(c *CapConfig) { c.Mode = Soft }))
	m.Follow(soft, noon)
	other := mustRules(t, dayCap(func(c *CapConfig) { c.Per = PerCaller }))
	if err := m.Conflicts(other, noon); err != nil {
		t.Errorf("a soft cap: %v", err)
	}
	hard := mustRules(t, dayCap(func(*CapConfig) {}))
	turned := m.Turned(hard)
	if fresh := m.Follow(hard, noon); fresh != nil || len(turned) != 1 || turned[0] != hard.Caps()[0] || m.Conflicts(other, noon) == nil {
		t.Errorf("it is hard now: %v, %v", fresh, turned)
	}
}

// TestRemovedCap: a cap that was removed is remembered while its period lasts, if it has counted in it.
func TestRemovedCap(t *testing.T) {
	r, none := mustRules(t, dayCap(func(*CapConfig) {})), mustRules(t, Config{})
	other := mustRules(t, dayCap(func(c *CapConfig) { c.Per = PerCaller }))
	m := NewMemory()
	m.Follow(r, noon)
	must(t, m, &Claim{Call: "a", Caller: "shop", At: noon, Charges: []Charge{{Cap: r.Caps()[0], Currency: "CNY", Amount: 1}}})
	m.Follow(none, noon.Add(time.Hour))
	if m.Conflicts(other, noon.Add(time.Hour)) == nil {
		t.Error("its count would be lost")
	}
	if m.Follow(r, noon.Add(time.Hour)) != nil || m.Snapshot().Counts[0].Used != 1 {
		t.Error("it has counted all the time")
	}
	m.Follow(none, noon.Add(time.Hour))
	if err := m.Conflicts(other, noon.Add(72*time.Hour)); err != nil {
		t.Errorf("its day is over: %v", err)
	}
	m.Follow(none, noon.Add(72*time.Hour))
	if err := m.Conflicts(other, noon.Add(72*time.Hour)); err != nil {
		t.Error(err)
	}
	if fresh := m.Follow(r, noon); len(fresh) != 1 || m.caps.number != 0 {
		t.Errorf("%v, %d counts", fresh, m.caps.number)
	}
}

// TestCount: a cap that is new counts the calls of its period that are on record, and what one of them returns.
func TestCount(t *testing.T) {
	m, day := NewMemory(), mustRules(t, dayCap(func(*CapConfig) {})).Caps()[0]
	charge := func(amount Money) []Charge { return []Charge{{Cap: day, Currency: "CNY", Amount: amount}} }
	must(t, m, paying("open", 1, time.Hour))
	must(t, m, paying("done", 2, time.Hour))
	succeeded(m, "done")
	own := paying("own", 3, time.Hour)
	own.Charges = charge(perUnit)
	must(t, m, own)
	m.Count("open", noon, append(charge(2*perUnit), Charge{Cap: day, Counted: "x", Currency: "CNY", Amount: 7}))
	m.Count("own", noon, charge(100*perUnit))
	m.Count("done", noon, charge(3*perUnit))
	m.Count("gone", noon, charge(4*perUnit))
	m.Count("yesterday", noon.Add(-24*time.Hour), charge(5*perUnit))
	m.CountedSince(day, noon.Add(-12*time.Hour))
	used := map[string]Money{}
	for _, n := range m.Snapshot().Counts {
		used[n.Period+n.Counted] = n.Used
	}
	if want := (map[string]Money{"2026-11-10": 10 * perUnit, "2026-11-10x": 7, "2026-11-09": 5 * perUnit}); !maps.Equal(used, want) {
		t.Errorf("%v, want %v", used, want)
	}
	for _, call := range []string{"open", "own", "done", "gone"} {
		m.Settle(call, Settlement{Outcome: logfile.Failed, At: noon})
	}
	if s := m.Snapshot(); s.Counts[len(s.Counts)-1].Used != 7*perUnit || !s.Caps[0].Since.Equal(noon.Add(-12*time.Hour)) {
		t.Errorf("%+v", s)
	}
}

func TestPeriodOf(t *testing.T) {
	summer := CapConfig{Name: "c", Each: EachDay, Count: 1, Zone: "America/Havana"} // where clocks change at midnight
	c := mustRules(t, Config{Caps: []CapConfig{summer}}).Caps()[0]
	var labels []string
	at := time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)
	for range 3 {
		p := c.period(at)
		labels = append(labels, p.label)
		if begins := c.PeriodBegins(at); begins.After(at) || !p.ends.After(at) || c.period(begins).label != p.label {
			t.Errorf("%v is not within %v and %v", at, begins, p.ends)
		}
		at = p.ends
	}
	if want := []string{"2026-03-07", "2026-03-08", "2026-03-09"}; !slices.Equal(labels, want) {
		t.Errorf("%q, want %q", labels, want)
	}
	month := mustRules(t, Config{Caps: []CapConfig{{Name: "c", Each: EachMonth, Count: 1}}}).Caps()[0]
	if p, begins := month.period(noon), month.PeriodBegins(noon); p.label != "2026-11" || p.ends.Sub(begins) != 30*setting.Day || begins.Hour() != 0 {
		t.Errorf("%+v from %v", p, begins)
	}
}
