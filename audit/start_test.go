package audit

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/logfile"
)

// TestStartRoom: a log opens with the space that calls need, and has the rest soon, without a record that asks for it.
func TestStartRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		cfg := Options{disk: d, keys: memKeys{d}}
		reserve := int64(cfg.Default().Reserve)
		d.budget = reserve + startStep + 16*pageSize // keys, and what ends a page
		l, _ := open(t, cfg)
		if err := l.Intent(t.Context(), &logfile.Record{Call: "first"}); err != nil {
			t.Errorf("the first call: %v", err)
		}
		synctest.Wait()
		if room := l.Status().Preallocated; room < reserve || room > d.budget {
			t.Errorf("the log was opened with room for %d bytes, want %d and a bit", room, reserve)
		}
		d.mu.Lock()
		d.budget = -1
		d.mu.Unlock()
		time.Sleep(startPause + 2*maxBackoff)
		synctest.Wait()
		if got, want := l.Status().Preallocated, 2*reserve+l.cfg.Preallocate; got < want {
			t.Errorf("then there is room for %d bytes, want %d", got, want)
		}
	})
}

// TestStartSteps: the space that a start did not wait for comes in steps, of which a call that comes meanwhile waits for one.
func TestStartSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		var sizes []int64
		d.fault = func(string, int) fault {
			d.mu.Lock()
			defer d.mu.Unlock()
			if f := d.names[logfile.SegmentName(1)]; f != nil {
				sizes = append(sizes, f.size)
			}
			return fine
		}
		cfg := Options{disk: d, keys: memKeys{d}}
		l, _ := open(t, cfg)
		time.Sleep(startPause)
		synctest.Wait()
		if got, want := l.Status().Preallocated, 2*int64(cfg.Default().Reserve)+l.cfg.Preallocate; got < want {
			t.Errorf("there is room for %d bytes, want %d", got, want)
		}
		if steps := slices.Compact(sizes); len(steps) < 5 {
			t.Errorf("synced at %d sizes", len(steps))
		}
		for i := range len(sizes) - 1 {
			if grown := sizes[i+1] - sizes[i]; grown > startStep+pageSize {
				t.Errorf("synced %d bytes at once", grown)
			}
		}
	})
}

// TestStartUnderLoad: calls that come at once have space beyond that of the start.
func TestStartUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, _ := open(t, Options{disk: d, keys: memKeys{d}})
		begun := time.Now()
		for written := 0; written < 3*startStep; written += 64 << 10 {
			if err := l.Intent(t.Context(), &logfile.Record{Call: "c", Path: strings.Repeat("p", 64<<10)}); err != nil {
				t.Fatalf("after %d bytes: %v", written, err)
			}
		}
		if time.Since(begun) >= startPause {
			t.Error("the calls came too late")
		}
	})
}

// TestStartRefusals: what unauthenticated peers are refused for is on record from the beginning, within half of the space that calls have
// then. When the rest of the space does not come, none is left for them.
func TestStartRefusals(t *testing.T) {
	for _, test := range []struct {
		name string
		free int64 // of the disk, beyond what a start needs
		want bool  // they are on record afterwards
	}{{"there is room", -1, true}, {"the disk is full", 16 * pageSize, false}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newMemDisk()
				cfg := Options{disk: d, keys: memKeys{d}}
				reserve := int64(cfg.Default().Reserve)
				if d.budget = -1; test.free >= 0 {
					d.budget = reserve + startStep + test.free
				}
				l, _ := open(t, cfg)
				refused := func() error {
					return l.Queue(&logfile.Record{Kind: logfile.KindRefusal, Reason: strings.Repeat("r", 1000)})
				}
				for n := 0; refused() == nil; n++ {
					if n > startStep/1000 {
						break
					}
				}
				if room := l.Status().Preallocated - l.Status().Pending; room < reserve+startStep/2-logfile.MaxLine || room > reserve+startStep/2+logfile.MaxLine {
					t.Errorf("unauthenticated peers leave %d bytes, want %d", room, reserve+startStep/2)
				}
				if err := l.Intent(t.Context(), &logfile.Record{Call: "c"}); err != nil {
					t.Error(err)
				}
				time.Sleep(startPause + maxBackoff)
				synctest.Wait()
				if err := refused(); (err == nil) != test.want {
					t.Errorf("afterwards: %v", err)
				}
				if err := l.Intent(t.Context(), &logfile.Record{Call: "c2"}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestStopsAllocating: a log that is closed does not allocate what it needs no more.
func TestStopsAllocating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		opened, once := time.Now(), sync.Once{}
		begun, closed := make(chan struct{}), make(chan struct{})
		d.fault = func(string, int) fault {
			if time.Since(opened) >= startPause {
				once.Do(func() {
					close(begun)
					<-closed
				})
			}
			return fine
		}
		l, _ := open(t, Options{disk: d, keys: memKeys{d}})
		<-begun
		go func() { _ = l.Close(context.Background()) }()
		synctest.Wait()
		close(closed)
		synctest.Wait()
		if room, most := l.Status().Preallocated, l.startSize()+2*startStep+4*pageSize; room > most {
			t.Errorf("there is room for %d bytes, want %d at most", room, most)
		}
	})
}

// TestCutBeforeGrowth: what another process has cut off is found, and not hidden by the zeros with which the segment grows.
func TestCutBeforeGrowth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, _ := open(t, Options{disk: d, keys: memKeys{d}})
		if err := l.Intent(t.Context(), &logfile.Record{Call: "first"}); err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.names[logfile.SegmentName(1)].truncate(100)
		d.mu.Unlock()
		time.Sleep(startPause)
		synctest.Wait()
		if err := l.Intent(t.Context(), &logfile.Record{Call: "second"}); err == nil || !strings.Contains(err.Error(), "changed its size") {
			t.Errorf("a record after the cut: %v", err)
		}
	})
}

// TestCutDuringGrowth: so is what is cut off while the zeros are written.
func TestCutDuringGrowth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, _ := open(t, Options{disk: d, keys: memKeys{d}})
		if err := l.Intent(t.Context(), &logfile.Record{Call: "first"}); err != nil {
			t.Fatal(err)
		}
		writes := 0
		d.mu.Lock()
		d.fault = func(op string, _ int) fault {
			if op != "write" {
				return fine
			}
			if writes++; writes == 1 { // of zeros: no record comes meanwhile
				d.mu.Lock()
				d.names[logfile.SegmentName(1)].truncate(100)
				d.mu.Unlock()
			}
			return fine
		}
		d.mu.Unlock()
		time.Sleep(startPause)
		synctest.Wait()
		if writes == 0 {
			t.Fatal("nothing was allocated")
		}
		if err := l.Intent(t.Context(), &logfile.Record{Call: "second"}); err == nil || !strings.Contains(err.Error(), "has cut it") {
			t.Errorf("a record after the cut: %v", err)
		}
	})
}
