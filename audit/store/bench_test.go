package store

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/decimal"
	"tollgate/internal/testlog"
)

var (
	benchRecords = flag.Int("records", 100_000, "how many records the log of benchmarks has")
	benchDir     = flag.String("log", "", "folder of that log; it is made there unless there is one, and kept")
)

// benchLog returns a log with segments of about 256 MiB, and ids of calls spread over it.
func benchLog(b *testing.B) (dir string) {
	dir = *benchDir
	if dir == "" {
		dir = filepath.Join(b.TempDir(), "log")
	}
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	l := testlog.New(dir, nil)
	for n := 0; n < *benchRecords/2; n += 175_000 {
		if n > 0 {
			l.Rotate()
		}
		l.Calls(min(175_000, *benchRecords/2-n))
	}
	l.Close()
	return dir
}

// BenchmarkRebuild is `audit reindex`: reading and decoding the log on one core, writing the database on the other.
func BenchmarkRebuild(b *testing.B) {
	dir := benchLog(b)
	x := New(dir, filepath.Join(b.TempDir(), "index"))
	var records uint64
	before := processTime()
	for b.Loop() {
		seq, err := x.Rebuild(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		records += seq
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(processTime()-before)/float64(records), "cpu-ns/record")
	path, err := target(x.file)
	if err != nil {
		b.Fatal(err)
	}
	if info, err := os.Stat(path); err == nil {
		b.ReportMetric(float64(info.Size())/(float64(records)/float64(b.N)), "bytes/record")
	}
}

// BenchmarkFollow is what the gateway's own indexing costs: transactions of 4,000 records, in WAL mode, without the rests.
func BenchmarkFollow(b *testing.B) {
	dir := benchLog(b)
	var records uint64
	before := processTime()
	for b.Loop() {
		x := New(dir, filepath.Join(b.TempDir(), fmt.Sprint("index-", records)))
		step(b, x)
		records += x.State().Seq
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(processTime()-before)/float64(records), "cpu-ns/record")
}

// BenchmarkQuery measures whole queries as the command line makes them: open the index, check that it fits, find, read the
// lines back. The middle one of the times is reported, since that is what was aimed at.
func BenchmarkQuery(b *testing.B) {
	dir := benchLog(b)
	x := benchIndex(b, dir)
	some := examples(b, x)
	amount, err := decimal.Parse("9999.90")
	if err != nil {
		b.Fatal(err)
	}
	day := some.Time().Truncate(24 * time.Hour)
	for _, c := range []struct {
		name string
		f    calls.Filter
	}{
		{"call", calls.Filter{Call: some.ID()}},
		{"request", calls.Filter{RequestID: some.RequestID()}},
		{"order", calls.Filter{Order: some.Fields("order")[0]}},
		{"customer", calls.Filter{Customer: "c-17", Last: 100}},
		{"caller", calls.Filter{Caller: "app-7", Last: 100}},
		{"operation", calls.Filter{Operation: "PayOrders", Last: 100}},
		{"effect", calls.Filter{Effect: "spend", Last: 100}},
		{"credential", calls.Filter{Credential: "acme", Last: 100}},
		{"class", calls.Filter{Class: "customer", Last: 100}},
		{"decision none", calls.Filter{Decision: "refused", Last: 100}},
		{"state", calls.Filter{State: "unknown", Last: 100}},
		{"status", calls.Filter{Status: 400, Last: 100}},
		{"time", calls.Filter{Since: day, Until: day.Add(time.Hour)}},
		{"time, last", calls.Filter{Since: day, Until: day.Add(24 * time.Hour), Last: 100}},
		{"amount", calls.Filter{MinAmount: &amount, Last: 100}},
		{"currency", calls.Filter{Currency: "CNY", Last: 100}},
		{"caller, state", calls.Filter{Caller: "app-7", State: "unknown", Last: 100}},
		{"caller, state, all", calls.Filter{Caller: "app-7", State: "unknown"}},
		{"customer, operation, time", calls.Filter{Customer: "c-17", Operation: "PayOrders", Since: day, Until: day.Add(7 * 24 * time.Hour)}},
		{"none: effect, operation", calls.Filter{Effect: "read", Operation: "PayOrders"}},
		{"everything, last", calls.Filter{Last: 100}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var times []time.Duration
			n := 0
			for b.Loop() {
				start, before := time.Now(), n
				if err := x.Calls(b.Context(), &c.f, func(*calls.Call) error { n++; return nil }); err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(start))
				if n-before != n/len(times) {
					b.Fatal("another number of calls than before")
				}
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(n)/float64(len(times)), "calls")
		})
	}
}

// BenchmarkReport measures a report of all days, from sums, and by customer, of whom the log has 1,000 at random: most of their sums are of one call.
func BenchmarkReport(b *testing.B) {
	x := benchIndex(b, benchLog(b))
	for name, by := range map[string][]calls.Dimension{"caller, operation": {calls.ByCaller, calls.ByOperation}, "customer": {calls.ByCustomer}} {
		b.Run(name, func(b *testing.B) {
			var all uint64
			for b.Loop() {
				r := calls.NewReport(by, nil)
				if err := x.Report(b.Context(), &calls.Filter{}, name == "customer", r); err != nil {
					b.Fatal(err)
				}
				all = r.Total().Calls
			}
			b.ReportMetric(float64(all), "calls")
		})
	}
}

// benchIndex returns an index beside the log, which is made if there is none.
func benchIndex(b *testing.B, dir string) *Index {
	x := New(dir, filepath.Join(dir, "index"))
	if x.Exists() {
		return x
	}
	start := time.Now()
	seq, err := x.Rebuild(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d records indexed in %v", seq, time.Since(start).Round(time.Millisecond))
	return x
}

// examples returns a call in the middle of the log.
func examples(b testing.TB, x *Index) *calls.Call {
	seq, err := x.Seq(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	r, err := x.reader(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer r.close()
	q, err := r.query(b.Context(), &calls.Filter{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	var found *calls.Call
	q.low = int64(seq / 2)
	if err := q.walk(b.Context(), forwards, func(c *calls.Call, _ *row) error { found = c; return errStop }); err != errStop {
		b.Fatal(err)
	}
	return found
}
