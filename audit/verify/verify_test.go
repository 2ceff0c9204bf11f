package verify

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit/blobs"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

func faultless(t testing.TB, dir string, o Options) *Report {
	t.Helper()
	r, err := Verify(t.Context(), os.DirFS(dir), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Faults {
		t.Errorf("%+v", f)
	}
	return r
}

func TestWholeLog(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(3)
	l.Rotate()
	l.Calls(600)
	other, _ := checkpoint.NewKey("tollgate/test")
	l.Rekey(other, false)
	l.Rotate()
	l.Call()
	l.Close()
	r := faultless(t, dir, Options{})
	if r.Last != l.Seq || r.Root != l.Tree.Root().String() || len(r.Signers) != 2 || r.Segments != 3 || r.LastCheckpoint != l.Last {
		t.Errorf("%+v", r)
	}
}

// BenchmarkVerify verifies so many records in segments of 250,000. cpu-s is the CPU time of one run, of all processors: unlike the
// time it is much the same when others use the machine.
func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{1e4, 1e5, 1e6} {
		b.Run(map[int]string{1e4: "1e4", 1e5: "1e5", 1e6: "1e6"}[n], func(b *testing.B) {
			dir := b.TempDir()
			l := testlog.New(dir, nil)
			plan, err := blobs.New(dir).Put([]byte(`{"version":1}`))
			if err != nil {
				b.Fatal(err)
			}
			l.Plan = plan[:logfile.PlanDigits]
			for l.Seq < uint64(n) {
				l.Calls(min(n/2, 125000))
				if l.Seq < uint64(n) {
					l.Rotate()
				}
			}
			l.Close()
			var size int64
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				info, _ := e.Info()
				size += info.Size()
			}
			b.SetBytes(size)
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				faultless(b, dir, Options{})
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N), "cpu-s")
			b.ReportMetric(float64(l.Seq)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// cpuTime returns the time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
