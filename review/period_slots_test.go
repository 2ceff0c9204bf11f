package review

import (
	"testing"
	"time"

	"tollgate/internal/moment"
	"tollgate/review/evidence"
)

// FuzzSlots holds that the slots of each period follow on one another, cover it as a whole, and are no more than a picture can show; and that
// the period behind the one before is the period.
func FuzzSlots(f *testing.F) {
	for _, text := range []string{"2026", "2026-10", "2026-10-03", "2026-10-01..2026-12-15", "2024-02", "2000-01-01..2026-06-30", "1990", "2011-12-30", "2018-11"} {
		f.Add(text, uint8(0))
		f.Add(text, uint8(3))
	}
	zones := []string{"Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe", "UTC"}
	f.Fuzz(func(t *testing.T, text string, zone uint8) {
		in, err := moment.Zone(zones[int(zone)%len(zones)])
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePeriod(text, in)
		if err != nil || p.Until.Sub(p.Since) > maxPeriod || !p.Since.Before(p.Until) {
			return
		}
		v := &periodView{period: p, slots: slotsOf(p)}
		at := p.Since
		for i, s := range v.slots {
			if !s.Since.Equal(at) || !s.Until.After(s.Since) {
				t.Fatalf("%s: slot %d is %v to %v, want it to begin at %v", text, i, s.Since, s.Until, at)
			}
			if v.slotOf(s.Since) != i || v.slotOf(s.Until.Add(-1)) != i {
				t.Fatalf("%s: slot %d is found as %d and %d", text, i, v.slotOf(s.Since), v.slotOf(s.Until.Add(-1)))
			}
			at = s.Until
		}
		if !at.Equal(p.Until) || len(v.slots) > 201 {
			t.Fatalf("%s: %d slots end at %v, want %v", text, len(v.slots), at, p.Until)
		}
		if before, _ := periodsBeside(text); before != "" {
			if _, again := periodsBeside(before); again != text && len(text) != len("2026-10-01..2026-10-01") {
				t.Errorf("behind %s is %s, want %s", before, again, text)
			}
		}
	})
}

func TestSlots(t *testing.T) {
	for _, c := range []struct {
		period      string
		n           int
		first, last string
	}{
		{"2026-10", 31, "2026-10-01", "2026-10-31"},
		{"2026", 53, "2026-01-01 – 2026-01-04", "2026-12-28 – 2026-12-31"}, // weeks begin on Monday
		{"2025-01-01..2026-11-30", 23, "2025-01", "2026-11"},
		{"2010-05-05..2026-11-30", 17, "2010", "2026"},
	} {
		p, err := ParsePeriod(c.period, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		slots := slotsOf(p)
		if first, last := slots[0].name, slots[len(slots)-1].name; len(slots) != c.n || first != c.first || last != c.last {
			t.Errorf("%s: %d slots from %s to %s", c.period, len(slots), first, last)
		}
	}
}

// TestLogStates holds that of what a log lacks on a day the worst is shown.
func TestLogStates(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 10, n, 0, 0, 0, 0, time.UTC) }
	noon := func(n int) time.Time { return day(n).Add(12 * time.Hour) }
	whole := evidence.Coverage{First: 1, Last: 900, Begin: noon(5), End: noon(20), Covered: 900}
	pruned, uncovered, gap := whole, whole, whole
	pruned.Pruned, uncovered.Uncovered = true, noon(18)
	gap.Pruned, gap.Missing = true, []evidence.Missing{{From: 10, To: 20, After: noon(8), Before: noon(10)}}
	for _, c := range []struct {
		name string
		of   evidence.Coverage
		day  int
		want int
	}{
		{"none", evidence.Coverage{}, 5, dayNothing},
		{"before", whole, 4, dayNothing}, {"first", whole, 5, dayCovered}, {"last", whole, 20, dayCovered}, {"behind", whole, 21, dayNothing},
		{"pruned", pruned, 4, dayPruned}, {"pruned in part", pruned, 5, dayPruned}, {"left", pruned, 6, dayCovered},
		{"covered", uncovered, 17, dayCovered}, {"in part", uncovered, 18, dayUncovered}, {"uncovered", uncovered, 20, dayUncovered},
		{"gap", gap, 8, dayGap}, {"in the gap", gap, 9, dayGap}, {"behind the gap", gap, 10, dayGap}, {"beyond", gap, 11, dayCovered}, {"pruned too", gap, 4, dayPruned},
	} {
		l := logCoverage{Coverage: c.of}
		if got := l.state(slot{Since: day(c.day), Until: day(c.day + 1)}, noon(20)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	l := logCoverage{Coverage: uncovered}
	if got := l.state(slot{Since: day(18), Until: day(19)}, noon(18).Add(checkpointWithin)); got != dayCovered {
		t.Error("a record that waits for the next checkpoint is shown as uncovered")
	}
}
