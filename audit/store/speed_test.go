package store

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/decimal"
	"tollgate/internal/testlog"
)

var (
	mixedRecords = flag.Int("mixed", 5_000, "how many records the log of TestSpeed has")
	mixedDir     = flag.String("mixedlog", "", "folder of that log and its index; they are made there unless there are any, and kept")
	maxSingle    = flag.Duration("single", 0, "fail when a page by one filter takes longer; likewise -pair and -month; 0: only print")
	maxPair      = flag.Duration("pair", 0, "")
	maxMonth     = flag.Duration("month", 0, "")
)

// mixedIndex returns the index of a log as companies have them, with a month of records in the middle of three.
func mixedIndex(t *testing.T) *Index {
	dir := *mixedDir
	if dir == "" {
		dir = t.TempDir()
	}
	log := filepath.Join(dir, "log")
	if _, err := os.Stat(log); err != nil {
		l := testlog.New(log, nil)
		l.Step = 92 * 24 * time.Hour / time.Duration(*mixedRecords)
		l.Mixture(*mixedRecords)
		l.Close()
	}
	x := New(log, filepath.Join(dir, "index")).InZone(zoneNamed(t, "Asia/Shanghai"))
	if !x.Exists() {
		start := time.Now()
		rebuild(t, x)
		t.Logf("indexed in %v", time.Since(start).Round(time.Millisecond))
	}
	return x
}

// speedCase is a filter's member with a value.
type speedCase struct {
	name string
	set  func(*calls.Filter)
}

// speedCases has each member of a filter with a value that many calls have, one that few have, and one that none has.
func speedCases(some *calls.Call) [][]speedCase {
	text := func(name string, member func(*calls.Filter) *string, values ...string) (list []speedCase) {
		for _, v := range values {
			list = append(list, speedCase{name + "=" + v, func(f *calls.Filter) { *member(f) = v }})
		}
		return list
	}
	amounts := func(name string, member func(*calls.Filter) **decimal.Decimal, values ...string) (list []speedCase) {
		for _, v := range values {
			d, err := decimal.Parse(v)
			if err != nil {
				panic(err)
			}
			list = append(list, speedCase{name + "=" + v, func(f *calls.Filter) { *member(f) = &d }})
		}
		return list
	}
	status := func(n int) speedCase {
		return speedCase{fmt.Sprint("status=", n), func(f *calls.Filter) { f.Status = n }}
	}
	const no = "no-such"
	return [][]speedCase{
		text("call", func(f *calls.Filter) *string { return &f.Call }, some.ID(), no),
		text("caller", func(f *calls.Filter) *string { return &f.Caller }, "app-0", "app-19", no),
		text("operation", func(f *calls.Filter) *string { return &f.Operation }, "Read00", "Spend99", no),
		text("effect", func(f *calls.Filter) *string { return &f.Effect }, "read", "spend", no),
		text("site", func(f *calls.Filter) *string { return &f.Site }, "cn", "intl", no),
		text("credential", func(f *calls.Filter) *string { return &f.Credential }, "partner-main", "acme", no),
		text("class", func(f *calls.Filter) *string { return &f.Class }, "partner", "customer", no),
		text("account", func(f *calls.Filter) *string { return &f.Account }, "p-1", "p-2", no),
		text("plan", func(f *calls.Filter) *string { return &f.Plan }, fmt.Sprintf("%016x", 0), fmt.Sprintf("%016x", some.Seq()/1_000_000), no),
		text("decision", func(f *calls.Filter) *string { return &f.Decision }, logfile.Allowed, logfile.Refused, no),
		{{"deprecated", func(f *calls.Filter) { f.Deprecated = true }}},
		text("state", func(f *calls.Filter) *string { return &f.State }, logfile.Succeeded, logfile.Failed, logfile.Unknown, calls.Refused, calls.Open, logfile.Partial),
		text("reason", func(f *calls.Filter) *string { return &f.Reason }, "over_limit", "repeated", "timeout", no),
		{status(200), status(409), status(999)},
		text("error", func(f *calls.Filter) *string { return &f.ErrorCode }, "CBC.0000", "CBC.0011", no),
		text("request", func(f *calls.Filter) *string { return &f.RequestID }, some.RequestID(), no),
		text("order", func(f *calls.Filter) *string { return &f.Order }, fmt.Sprintf("CS%016d", some.Seq()-1), no),
		text("customer", func(f *calls.Filter) *string { return &f.Customer }, "c-000017", no),
		text("coupon", func(f *calls.Filter) *string { return &f.Coupon }, "cp-17", no),
		amounts("min", func(f *calls.Filter) **decimal.Decimal { return &f.MinAmount }, "1", "9999.9", "1e9"),
		amounts("max", func(f *calls.Filter) **decimal.Decimal { return &f.MaxAmount }, "9000", "0.01", "-1"),
		text("currency", func(f *calls.Filter) *string { return &f.Currency }, "CNY", "USD", "EUR"),
	}
}

// measured is how long a question took, and how much CPU time, several times.
type measured struct {
	name       string
	times, cpu []time.Duration
	ask        func() error
}

func (m *measured) repeat(t *testing.T, n int) {
	for range n {
		start, used := time.Now(), processTime()
		if err := m.ask(); err != nil {
			t.Fatal(m.name, err)
		}
		m.times, m.cpu = append(m.times, time.Since(start)), append(m.cpu, processTime()-used)
	}
	slices.Sort(m.times)
	slices.Sort(m.cpu)
}

func (m *measured) median() time.Duration { return m.times[len(m.times)/2] }

func (m *measured) String() string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("%6.1f ms (CPU %6.1f) %s", ms(m.median()), ms(m.cpu[len(m.cpu)/2]), m.name)
}

// report measures the slowest of some 11 times, prints them, and fails for one that takes longer than it may. Over a small log each is asked once.
func report(t *testing.T, what string, list []*measured, first int, limit time.Duration) {
	if *mixedDir == "" {
		for _, m := range list {
			m.repeat(t, 1)
		}
		return
	}
	for _, m := range list {
		m.repeat(t, first)
	}
	slowest := func(a, b *measured) int { return int(b.median() - a.median()) }
	slices.SortFunc(list, slowest)
	slow := list[:min(len(list), 12)]
	for _, m := range slow {
		m.repeat(t, 11-first)
	}
	slices.SortFunc(slow, slowest)
	for i, m := range slow {
		t.Logf("%s: %v", what, m)
		if i == 0 && limit > 0 && m.median() > limit {
			t.Errorf("%s: %s takes %v, aimed at: %v", what, m.name, m.median(), limit)
		}
	}
	t.Logf("%s: %d questions, median %.1f ms", what, len(list), float64(list[len(list)/2].median().Microseconds())/1000)
}

// TestSpeed measures pages of 50 calls by each filter, by each pair of filters with a period, and a month's sums. With the usual flags it
// holds that all of them are answered. See docs/audit-performance.md.
func TestSpeed(t *testing.T) {
	x := mixedIndex(t)
	some := examples(t, x)
	page := func(name string, f calls.Filter) *measured {
		return &measured{name: name, ask: func() error {
			_, _, err := x.Pager("a").Page(context.Background(), &f, calls.Cursor{}, 50)
			return err
		}}
	}
	month := testlog.Start.AddDate(0, 1, 0)
	period := calls.Filter{Since: month, Until: month.AddDate(0, 1, 0)}
	single := []*measured{page("none", calls.Filter{}), page("period", period)}
	var pairs []*measured
	cases := speedCases(some)
	for i, some := range cases {
		for _, a := range some {
			f := calls.Filter{}
			a.set(&f)
			single = append(single, page(a.name, f))
			for _, others := range cases[i+1:] {
				for _, b := range others {
					f := period
					a.set(&f)
					b.set(&f)
					pairs = append(pairs, page(a.name+", "+b.name, f))
				}
			}
		}
	}
	zone := zoneOf(t, x)
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, zone)
	sums := monthQuestions(x, zone, calls.Filter{Since: begin, Until: begin.AddDate(0, 1, 0)})
	if *mixedDir == "" {
		pairs = pairs[:100] // all of them take a while, also over a small log
	}
	t.Run("month", func(t *testing.T) { report(t, "month", sums, 3, *maxMonth) })
	t.Run("all", func(t *testing.T) { report(t, "all", monthQuestions(x, zone, calls.Filter{}), 1, 0) })
	t.Run("single", func(t *testing.T) { report(t, "single", single, 3, *maxSingle) })
	t.Run("pair", func(t *testing.T) { report(t, "pair", pairs, 1, *maxPair) })
}

// monthQuestions are what a page of a period asks for.
func monthQuestions(x *Index, zone *time.Location, f calls.Filter) (list []*measured) {
	sum := func(effect string, by ...calls.Dimension) {
		f := f
		f.Effect = effect
		list = append(list, &measured{name: strings.TrimSpace(fmt.Sprint("report by ", by, " ", effect)), ask: func() error {
			return x.Report(context.Background(), &f, slices.Contains(by, calls.ByCustomer), calls.NewReport(by, nil))
		}})
	}
	sum("", calls.ByCaller)
	sum("", calls.ByAccount)
	sum("", calls.ByCaller, calls.ByOperation)
	if !f.Since.IsZero() { // all of them are more than a report can have
		sum("", calls.ByCustomer)
	}
	sum("spend", calls.ByCustomer)
	return append(list, &measured{name: "days", ask: func() error {
		type key struct {
			day             int64
			state, currency string
		}
		days := map[key]calls.Entry{}
		return x.Days(context.Background(), &f, zone, func(day time.Time, e *calls.Entry) error {
			k := key{day.Unix(), e.State, e.Currency}
			sum := days[k]
			sum.Add(e)
			days[k] = sum
			return nil
		})
	}})
}
