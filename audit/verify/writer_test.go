package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/setting"
)

// TestWrittenLog verifies what the gateway's own writer makes: while it writes, as a kill would leave it, when it is
// closed, and after starts with other keys.
func TestWrittenLog(t *testing.T) {
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "signing.key")
	cfg := audit.Options{Config: audit.Config{
		Dir: dir, SegmentSize: logfile.MaxLine, Checkpoints: audit.Checkpoints{Every: setting.Duration(100 * time.Millisecond), Records: 50},
	}}
	inUse := func() (bool, error) { return audit.InUse(dir) }
	for run := range 4 {
		switch run {
		case 2:
			if _, err := audit.PrepareRotation(keyFile, nil); err != nil {
				t.Fatal(err)
			}
		case 3:
			key, err := checkpoint.LoadKey(keyFile, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(keyFile); err != nil {
				t.Fatal(err)
			}
			if _, err := audit.ReplaceLostKey(keyFile, key.Name()); err != nil {
				t.Fatal(err)
			}
		}
		l, _, err := audit.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var writers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() {
				for i := range 40 {
					call := fmt.Sprintf("%d-%d-%d", run, w, i)
					if err := l.Intent(t.Context(), &logfile.Record{Call: call, Note: strings.Repeat("x", 500)}); err != nil {
						t.Error(err)
					}
					if w == 3 && i == 39 {
						return // a call without outcome
					}
					if err := l.Outcome(t.Context(), &logfile.Record{Call: call, Outcome: logfile.Succeeded}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 5 {
			r, err := Verify(t.Context(), os.DirFS(dir), Options{InUse: inUse})
			if err != nil || !r.Whole() || !r.InUse {
				t.Errorf("while it writes: %v, %+v", err, r)
			}
		}
		writers.Wait()
		killed := filesOf(t, dir)
		mustPass(t, "killed", killed, Options{AllowUnsigned: true})
		for _, fault := range verified(t, killed, Options{}).Faults {
			if fault.Kind != FaultUnsigned {
				t.Errorf("killed: %+v", fault)
			}
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), os.DirFS(dir), Options{InUse: inUse})
		if err != nil || !r.Whole() || r.InUse || r.Unsigned != 0 || r.Open != 1 || r.Starts != run+1 {
			t.Errorf("run %d: %v, %+v", run, err, r)
		}
		if run == 3 && (len(r.Signers) != 3 || !r.Signers[1].Chained || r.Signers[2].Chained || r.Segments < 3) {
			t.Errorf("%+v", r)
		}
	}
}
