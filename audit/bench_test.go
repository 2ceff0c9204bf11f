package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func BenchmarkAppend(b *testing.B) {
	r, buf := typical(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = r.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkIntent is a durable append of a typical record, with as many callers as the name says. An fsync dominates
// it: BenchmarkDatasync is the disk's own, in the same directory. With more callers each fsync is shared by more
// records, so ns/op falls while the time that one caller waits stays at one to two fsyncs.
func BenchmarkIntent(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			l, _ := open(b, Config{Dir: filepath.Join(b.TempDir(), "audit")})
			before := l.Status().Commits
			b.ReportAllocs()
			b.ResetTimer()
			work := make(chan struct{}, callers)
			done := make(chan error, callers)
			for range callers {
				go func() {
					r := typical()
					var err error
					for range work {
						if e := l.Intent(context.Background(), r); e != nil {
							err = e
						}
					}
					done <- err
				}()
			}
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			for range callers {
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
			b.ReportMetric(float64(l.Status().Commits-before)/float64(b.N), "fsyncs/op")
		})
	}
}

func BenchmarkDatasync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "f"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 8<<20)); err != nil {
		b.Fatal(err)
	}
	line := typical().Append(nil)
	at := int64(0)
	for b.Loop() {
		if _, err := f.WriteAt(line, at%(8<<20-MaxLine)); err != nil {
			b.Fatal(err)
		}
		if err := datasync(f); err != nil {
			b.Fatal(err)
		}
		at += int64(len(line))
	}
}

// BenchmarkQueue is the cost of a record that nobody waits for, without the disk.
func BenchmarkQueue(b *testing.B) {
	l, _ := open(b, Config{Dir: filepath.Join(b.TempDir(), "audit"), MaxPending: 1 << 40, Preallocate: 64 << 20})
	r := typical()
	r.Kind = KindOutcome
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
		if r.Kind = KindIntent; seq%2 == 0 {
			r.Kind = KindOutcome
		}
		text = append(r.Append(text), '\n')
	}
	d.put(segmentName(1), text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		rec := recovery{disk: d, cutoff: time.Now(), answered: map[string]struct{}{}}
		if _, err := rec.scan([]string{segmentName(1)}); err != nil {
			b.Fatal(err)
		}
	}
}
