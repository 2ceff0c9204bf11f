package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
)

func BenchmarkAppend(b *testing.B) {
	r, buf := typical(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = r.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkIntent is a durable append of a typical record, with as many callers as the name says, and next to it the disk's
// own fdatasync of as many bytes as one commit of theirs has, in the same directory. With more callers each sync is shared
// by more records, so ns/op falls while the time that one caller waits, which p50-us and p99-us report, stays at one to
// two syncs. Callers that work use the processor for 50 us before each record, as calls of a gateway do: a commit then competes with
// them for it. cpu-us/op is the processor's time without that work, and with what the kernel's workers used meanwhile, for whatever
// process.
func BenchmarkIntent(b *testing.B) {
	for _, work := range []time.Duration{0, 50 * time.Microsecond} {
		for _, callers := range []int{1, 8, 32, 64} {
			size := 0
			b.Run(fmt.Sprintf("work=%v/callers=%d", work, callers), func(b *testing.B) { size = benchmarkIntent(b, callers, work) })
			if work == 0 {
				b.Run(fmt.Sprintf("work=%v/callers=%d/disk", work, callers), func(b *testing.B) { benchmarkDatasync(b, size) })
			}
		}
	}
}

// benchmarkIntent returns how many bytes a commit had.
func benchmarkIntent(b *testing.B, callers int, work time.Duration) int {
	l, _ := open(b, Options{Config: Config{Dir: filepath.Join(b.TempDir(), "audit")}})
	commits, used := l.Status().Commits, workersTime(b)+cpuTime(b) // in this order, and after it in the other: looking costs much
	b.ReportAllocs()
	b.ResetTimer()
	reportWaits(b, callIntents(b, l, callers, work))
	used = cpuTime(b) + workersTime(b) - used
	b.ReportMetric(float64(used)/float64(b.N)/1e3-float64(work.Nanoseconds())/1e3, "cpu-us/op")
	commits = l.Status().Commits - commits
	b.ReportMetric(float64(commits)/float64(b.N), "fsyncs/op")
	return b.N * (len(typical().Append(nil)) + 1) / int(commits)
}

// callIntents makes b.N intents and returns how long each of them took.
func callIntents(b *testing.B, l *Log, callers int, work time.Duration) []time.Duration {
	var all sync.WaitGroup
	var next atomic.Int64
	waits := make([]time.Duration, b.N)
	rounds := calibrated(work)
	for range callers {
		all.Go(func() {
			r := typical()
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				spend(rounds)
				start := time.Now()
				if err := l.Intent(context.Background(), r); err != nil {
					b.Error(err)
				}
				waits[i] = time.Since(start)
			}
		})
	}
	all.Wait()
	return waits
}

// spend uses the processor.
func spend(rounds int) {
	var sum [32]byte
	for range rounds {
		sum = sha256.Sum256(sum[:])
	}
}

// calibrated returns how many rounds of spend take a time, by the best of some tries.
func calibrated(work time.Duration) int {
	const rounds = 1000
	best := time.Hour
	for range 20 {
		start := time.Now()
		spend(rounds)
		best = min(best, time.Since(start))
	}
	return int(work * rounds / best)
}

// workersTime is what the kernel's workers and journals have used of the processors so far, for all processes of the machine. It is 0 where
// they cannot be seen.
func workersTime(b *testing.B) (used int64) {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		comm, _ := os.ReadFile(name)
		if !bytes.HasPrefix(comm, []byte("kworker/")) && !bytes.HasPrefix(comm, []byte("jbd2/")) {
			continue
		}
		var ran int64
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "schedstat"))
		if _, err := fmt.Sscan(string(stat), &ran); err == nil {
			used += ran
		}
	}
	return used
}

func reportWaits(b *testing.B, waits []time.Duration) {
	slices.Sort(waits)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-us")
}

func benchmarkDatasync(b *testing.B, size int) {
	f, err := os.Create(filepath.Join(b.TempDir(), "f"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 8<<20)); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	lines, waits := make([]byte, size), make([]time.Duration, b.N)
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		if _, err := f.WriteAt(lines, int64(i*size)%(8<<20-int64(size))); err != nil {
			b.Fatal(err)
		}
		if err := datasync(f); err != nil {
			b.Fatal(err)
		}
		waits[i] = time.Since(start)
	}
	reportWaits(b, waits)
	b.ReportMetric(float64(size), "bytes/op")
}

// noDisk keeps nothing but the size of the one segment: what is left is the log's own cost.
type noDisk struct {
	disk
	size *int64
}

func (d noDisk) Open(name string, flag int) (file, error) {
	f, err := d.disk.Open(name, flag)
	return noFile{f, d}, err
}

func (d noDisk) Stat(name string) (fileID, error) {
	_, err := d.disk.Stat(name)
	return fileID{size: *d.size}, err
}

type noFile struct {
	file
	d noDisk
}

func (f noFile) WriteAt(b []byte, at int64) (int, error) {
	*f.d.size = max(*f.d.size, at+int64(len(b)))
	return len(b), nil
}

func (f noFile) Sync() error           { return nil }
func (f noFile) Stat() (fileID, error) { return fileID{size: *f.d.size}, nil }

// cpuTime is what this process has used of the processors so far.
func cpuTime(b *testing.B) int64 {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

// BenchmarkWithoutDisk is the processor's time for a record, encoded, queued, hashed and signed for, in the goroutines of the
// caller and of the committer together: cpu-ns/op. 64 callers wait for their records.
func BenchmarkWithoutDisk(b *testing.B) {
	d := newMemDisk()
	l, _ := open(b, Options{Config: Config{SegmentSize: 1 << 60}, Preallocate: 1 << 30, disk: noDisk{d, new(int64)}, keys: memKeys{d}})
	before := cpuTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	waits := callIntents(b, l, 64, 0)
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
	reportWaits(b, waits)
}

// BenchmarkQueue is the cost of a record that is not waited for, without the disk.
func BenchmarkQueue(b *testing.B) {
	l, _ := open(b, Options{Config: Config{Dir: filepath.Join(b.TempDir(), "audit")}, MaxPending: 1 << 40, Preallocate: 64 << 20})
	r := typical()
	r.Kind = logfile.KindOutcome
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Queue(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecovery is how fast Open reads what it has to read of the log.
func BenchmarkRecovery(b *testing.B) {
	d := newMemDisk()
	var text []byte
	r := typical()
	for seq := uint64(1); len(text) < 8<<20; seq++ {
		r.Seq, r.Commit, r.Time = seq, seq, time.Now()
		if r.Kind = logfile.KindIntent; seq%2 == 0 {
			r.Kind = logfile.KindOutcome
		}
		text = append(r.Append(text), '\n')
	}
	d.put(logfile.SegmentName(1), text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		rec := recovery{disk: d, now: time.Now(), answered: map[string]struct{}{}}
		if _, err := rec.scan(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart opens logs of several lengths that were closed in good order: of one record a second, and of so many a second that
// all signatures are of the last half hour.
func BenchmarkStart(b *testing.B) {
	for _, step := range []time.Duration{time.Second, 300 * time.Microsecond} {
		for _, records := range []int{10_000, 1_000_000, 5_000_000} {
			b.Run(fmt.Sprintf("every=%v/records=%d", step, records), func(b *testing.B) {
				if records >= 1_000_000 && testing.Short() {
					b.Skip("takes a minute and gigabytes to make")
				}
				benchmarkStart(b, step, records)
			})
		}
	}
}

func benchmarkStart(b *testing.B, step time.Duration, records int) {
	dir := filepath.Join(b.TempDir(), "audit")
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(os.MkdirAll(dir, 0o700))
	key, err := checkpoint.CreateKey(filepath.Join(dir, keyName), "tollgate/test")
	check(err)
	w := testlog.New(dir, key)
	for w.Step = step; w.Seq < uint64(records); {
		w.Calls(min(records, 100_000) / 2)
		w.Rotate()
	}
	w.Close()
	now := testlog.Start.Add(time.Duration(w.Seq) * step)
	var used int64
	for b.Loop() {
		before := cpuTime(b)
		l, found, err := Open(Options{Config: Config{Dir: dir}, Now: func() time.Time { return now }})
		check(err)
		used += cpuTime(b) - before
		b.StopTimer()
		b.ReportMetric(float64(len(found.Signatures)), "signatures")
		check(l.Close(context.Background()))
		b.StartTimer()
	}
	b.ReportMetric(float64(used)/float64(b.N)/1e6, "cpu-ms/op")
}

// typical is an intent as the gateway writes it.
func typical() *logfile.Record {
	r := new(logfile.Record)
	err := logfile.ParseLine([]byte(`{"seq":123456,"commit":123450,"time":"2026-10-03T04:05:06.007080900Z","kind":"intent",`+
		`"call":"0199a3b2-7c00-7d3e-8f10-2b3c4d5e6f70","listener":"gateway.corp.example:8443","caller":"billing-app",`+
		`"identified_by":"access_key","identity":"TGAPP1","source":"10.1.2.3","source_port":50123,"upstream":"bss","site":"cn",`+
		`"operation":"PayOrders","effect":"spend","method":"POST","path":"/v3/orders/customer-orders/pay","credential":"acme",`+
		`"class":"customer","access_key":"HPUAABCDEFGHIJKLMNOP","account":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","decision":"allowed",`+
		`"body_hash":"`+strings.Repeat("ab", 32)+`","body_bytes":212,`+
		`"fields":[{"name":"order_id","kind":"order","values":["CS2212011234567"]},{"name":"use_coupon","kind":"flag","values":["NO"]}],`+
		`"tls_in":{"version":"TLS 1.3","suite":"TLS_AES_256_GCM_SHA384","group":"X25519MLKEM768","alpn":"h2",`+
		`"server_name":"gateway.corp.example"},`+
		`"signature_hash":"`+strings.Repeat("cd", 32)+`","signature_date":"2026-10-03T04:05:06Z"}`), r)
	if err != nil {
		panic(err)
	}
	return r
}
