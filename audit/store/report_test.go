package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// zones are some whose days begin at different times, one without a midnight in spring.
var zones = []string{"UTC", "Asia/Shanghai", "America/Santiago"}

func zoneNamed(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// period returns a filter for whole days, for parts of days, or for all.
func (l *randomLog) period(zone *time.Location) *calls.Filter {
	f := l.filter()
	f.Since, f.Until, f.Last = time.Time{}, time.Time{}, 0
	day := func() time.Time {
		t := startOf(dayOf(time.Unix(1_790_000_000, 0).In(zone))+l.rng.Int64N(20), zone)
		if l.rng.IntN(3) == 0 {
			t = t.Add(time.Duration(l.rng.Int64N(int64(24 * time.Hour))))
		}
		return t
	}
	if l.rng.IntN(4) > 0 {
		f.Since = day()
	}
	if l.rng.IntN(4) > 0 {
		f.Until = day()
	}
	return f
}

// reported returns all of a report.
func reported(t testing.TB, by []calls.Dimension, source calls.Source, add func(*calls.Report) error) string {
	t.Helper()
	r := calls.NewReport(by, func() (calls.Refunds, error) { return calls.ReadRefunds(t.Context(), source) })
	if err := add(r); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent([]any{r.Groups(), r.Total(), r.Money()}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// zoneOf returns the zone whose days an index sums up.
func zoneOf(t testing.TB, x *Index) *time.Location {
	t.Helper()
	zone, err := x.Zone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// daily is what calls add to the reports of days.
type daily map[string]*calls.Report

func (d daily) add(refunds func() (calls.Refunds, error)) func(time.Time, *calls.Entry) error {
	return func(day time.Time, e *calls.Entry) error {
		name := day.Format(time.RFC3339)
		if d[name] == nil {
			d[name] = calls.NewReport([]calls.Dimension{calls.ByCaller}, refunds)
		}
		return d[name].AddEntry(e)
	}
}

func (d daily) text() (lines []string) {
	for day, r := range d {
		text, err := json.Marshal([]any{r.Groups(), r.Total(), r.Money()})
		lines = append(lines, fmt.Sprint(day, " ", string(text), err))
	}
	slices.Sort(lines)
	return lines
}

// sameDays compares days from sums with those of a scan, in the index's zone and in another.
func (l *randomLog) sameDays(t *testing.T, dir string, x *Index) {
	t.Helper()
	for _, zone := range []*time.Location{zoneOf(t, x), zoneNamed(t, "Europe/Berlin")} {
		f, scan := l.period(zone), calls.Scan{Dir: dir}
		refunds := func() (calls.Refunds, error) { return calls.ReadRefunds(t.Context(), scan) }
		want, got := daily{}, daily{}
		add := want.add(refunds)
		err := scan.Calls(t.Context(), f, func(c *calls.Call) error {
			return calls.AddEntries(c, refunds, func(e *calls.Entry) error {
				return add(startOf(dayOf(c.Time().In(zone)), zone), e)
			})
		})
		if err == nil {
			err = x.Days(t.Context(), f, zone, got.add(nil))
		}
		if err != nil || !slices.Equal(got.text(), want.text()) {
			t.Fatalf("%s, filter %+v: %v\n%s", zone, *f, err, difference(got.text(), want.text()))
		}
	}
}

// sameReports compares reports from sums with those of a scan.
func (l *randomLog) sameReports(t *testing.T, dir string, x *Index, reports int) {
	t.Helper()
	zone := zoneOf(t, x)
	all := [][]calls.Dimension{nil, {calls.ByCaller, calls.ByOperation}, {calls.ByCustomer}, {calls.ByCustomer, calls.ByAccount, calls.ByCaller}}
	for i := range reports {
		f, by := l.period(zone), all[l.rng.IntN(len(all))]
		if i == 0 {
			f = &calls.Filter{}
		}
		scan := calls.Scan{Dir: dir}
		want := reported(t, by, scan, func(r *calls.Report) error { return scan.Calls(t.Context(), f, r.Add) })
		got := reported(t, by, x, func(r *calls.Report) error {
			return x.Report(t.Context(), f, slices.Contains(by, calls.ByCustomer), r)
		})
		if got != want {
			t.Fatalf("%s, by %v, filter %+v:\n%s", zone, by, *f, difference(strings.Split(got, "\n"), strings.Split(want, "\n")))
		}
	}
	l.sameDays(t, dir, x)
}

// TestReports: what sums and the calls beside them add up to is what all calls add up to: when the index was built at once, or follows, or is
// behind; after pruning; and after it stepped back.
func TestReports(t *testing.T) {
	for seed := range uint64(rounds(t)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l := newRandomLog(dir, 500+seed)
			l.stride = 2 * time.Hour
			zone := zoneNamed(t, zones[seed%uint64(len(zones))])
			l.records(200)
			built := New(dir, filepath.Join(t.TempDir(), "built")).InZone(zone)
			rebuild(t, built)
			l.sameReports(t, dir, built, 6)
			l.records(60)
			l.sameReports(t, dir, built, 3) // behind

			followed := New(dir, "").InZone(zone)
			followed.batch = 1 + l.rng.IntN(40)
			step(t, followed)
			l.sameReports(t, dir, followed, 6)
			for range 3 {
				pruneFirst(t, dir)
			}
			step(t, followed)
			l.sameReports(t, dir, followed, 6)

			l.records(30)
			step(t, followed)
			l.cutBack(t, dir, 1+l.rng.IntN(20))
			step(t, followed)
			l.sameReports(t, dir, followed, 6)
			expectSummed(t, followed)
		})
	}
}

// expectSummed looks that most calls are in sums, as the test of reports would hold nothing otherwise.
func expectSummed(t *testing.T, x *Index) {
	t.Helper()
	d, err := connect(t.Context(), x.log, x.file, "ro", reading)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	summed, err := d.number(t.Context(), "SELECT sum(summed) FROM calls")
	if err != nil {
		t.Fatal(err)
	}
	in := int64(0)
	err = each(t.Context(), d, func(list *[]byte) []any { return []any{list} }, func(list *[]byte) error {
		return eachSum(*list, func(s *savedSum) error { in += int64(s.calls); return nil })
	}, "SELECT totals FROM days")
	if err != nil || in != summed || in == 0 {
		t.Errorf("%d calls are in the sums of days, %d are said to be, %v", in, summed, err)
	}
}

// TestZoneOfDays: an index of another zone is replaced, one whose zone is not named stays; a rebuild keeps the zone.
func TestZoneOfDays(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 9)
	l.records(50)
	for i, c := range []struct{ zone, want string }{{"", "UTC"}, {"Asia/Shanghai", "Asia/Shanghai"}, {"", "Asia/Shanghai"}, {"UTC", "UTC"}} {
		x := New(dir, "")
		if c.zone != "" {
			x.InZone(zoneNamed(t, c.zone))
		}
		for _, make := range []func(){func() { step(t, x) }, func() { rebuild(t, x) }} {
			make()
			if zone := zoneOf(t, x); zone.String() != c.want {
				t.Errorf("%d: zone %v, want %s", i, zone, c.want)
			}
		}
	}
	x := New(dir, "")
	alter(t, x, "UPDATE begin SET zone = 'Nowhere/Atall'")
	expectUnusable(t, x, "not known here")
}

// TestForgedSums: a call that is said to be in no sum, and is, is noticed.
func TestForgedSums(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 12)
	l.records(60)
	built := New(dir, filepath.Join(t.TempDir(), "built"))
	rebuild(t, built)
	x := copied(t, built)
	alter(t, x, "UPDATE calls SET summed = 0")
	forgeBlocks(t, x, func(e *entry) { e.summed = false })
	if err := x.Report(t.Context(), &calls.Filter{}, false, calls.NewReport(nil, nil)); !errors.Is(err, errMisfit) {
		t.Errorf("calls that are in no sum: %v", err)
	}
	for change, noticed := range map[string]bool{
		"UPDATE days SET totals = x'ff'":             true,
		"UPDATE days SET totals = x'20010101780161'": true,  // money "a"
		"DELETE FROM days":                           false, // hidden
		"UPDATE days SET totals = x'000101'":         false, // sums are not proven
	} {
		x := copied(t, built)
		alter(t, x, change)
		err := x.Report(t.Context(), &calls.Filter{}, false, calls.NewReport(nil, nil))
		if (err != nil) != noticed {
			t.Errorf("%s: %v", change, err)
		}
	}
}

// TestErrorsOfReports: an error of what takes the sums is nothing wrong with the index.
func TestErrorsOfReports(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 14)
	l.records(60)
	x := New(dir, "")
	step(t, x)
	err := x.Days(t.Context(), &calls.Filter{}, time.UTC, func(time.Time, *calls.Entry) error { return errStop })
	if err != errStop {
		t.Errorf("%v, want %v", err, errStop)
	}
}

// forgeBlocks changes the entries of all blocks.
func forgeBlocks(t *testing.T, x *Index, change func(*entry)) {
	t.Helper()
	d, err := connect(t.Context(), x.log, x.file, "rw", following)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	blocks, err := fetch(t.Context(), d, (*block).columns, "SELECT "+blockColumns+" FROM blocks")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		var list []entry
		for e, err := range entries(b.last>>spanShift, b.calls) {
			if err != nil {
				t.Fatal(err)
			}
			change(&e)
			list = append(list, e)
		}
		if err := d.exec(t.Context(), "UPDATE blocks SET calls = ? WHERE last = ?", appendBlock(nil, list), b.last); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStartOfDay: a day begins at its first instant, also where there is no midnight.
func TestStartOfDay(t *testing.T) {
	for _, name := range zones {
		zone := zoneNamed(t, name)
		for day := int64(20_000); day < 22_000; day++ {
			start := startOf(day, zone)
			if dayOf(start) != day || dayOf(start.Add(-time.Second)) != day-1 {
				t.Errorf("%s: day %d begins at %v", name, day, start)
			}
		}
	}
}

// TestEvents: events by code, subject and time, and records of the log itself, of the index and behind it, are those of the log, in both orders.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 13)
	l.add(&logfile.Record{Kind: logfile.KindEvent, Event: "=start"}) // no code of ours, and like what the index has for starts
	l.records(400)
	x := New(dir, "")
	x.batch = 50
	step(t, x)
	l.records(50)
	for i := range 60 {
		f := &EventFilter{}
		if l.rng.IntN(2) == 0 {
			f.Event = []logfile.EventCode{logfile.EventResolved, logfile.EventFrozen, "=start"}[l.rng.IntN(3)]
		} else if l.rng.IntN(2) == 0 {
			f.Kind = []logfile.Kind{logfile.KindStart, logfile.KindKey, logfile.KindRefusals, logfile.KindRefusal}[l.rng.IntN(4)]
		}
		if l.rng.IntN(3) == 0 && len(l.unknown) > 0 {
			f.Subject = l.unknown[l.rng.IntN(len(l.unknown))]
		}
		if l.rng.IntN(3) == 0 {
			f.Since, f.Until = l.now.Add(-time.Hour), l.now.Add(-time.Duration(l.rng.IntN(60))*time.Minute)
		}
		var want, got []uint64
		err := logfile.Read(dir, func(r *logfile.Record, _ []byte) error {
			if f.Match(r) {
				want = append(want, r.Seq)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		newest := i%2 == 0
		if newest {
			slices.Reverse(want)
		}
		if err := x.Events(t.Context(), f, newest, func(r *logfile.Record) error { got = append(got, r.Seq); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v, newest first %t: %v, want %v", *f, newest, got, want)
		}
	}
}
