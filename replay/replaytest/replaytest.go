// Package replaytest has the tests that a memory of used signatures must pass, whether it is one process's own or shared.
package replaytest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/replay"
)

// Memory is what is tested: see [replay.Memory.Mark].
type Memory interface {
	Mark(ctx context.Context, k replay.Key, date, now time.Time) error
}

// Make returns doors to one new memory: what is marked through one of them is marked for all. There is at least one, and there is room for
// so many signatures through each.
type Make func(t *testing.T, room int) []Memory

// Run runs all tests, by the clock of now: a memory may keep time by itself.
func Run(t *testing.T, make Make) {
	for name, test := range map[string]func(*testing.T, Make){
		"Once": once, "Dates": dates, "OneOfManyCopies": oneOfManyCopies, "EachIsItsOwn": eachIsItsOwn, "Full": full, "NeverTwice": neverTwice,
	} {
		t.Run(name, func(t *testing.T) { test(t, make) })
	}
}

// newKey returns a key that no test has had: some memories outlive a test.
func newKey() (k replay.Key) {
	_, _ = rand.Read(k[:]) // never fails
	return k
}

func mark(t *testing.T, m Memory, k replay.Key, date, now time.Time) error {
	return m.Mark(t.Context(), k, date, now)
}

// once: a signature is taken once, at any date in the window, and through any door.
func once(t *testing.T, make Make) {
	doors := make(t, 1000)
	for _, off := range []time.Duration{0, -replay.Window, replay.Window, -time.Minute, 14*time.Minute + 59*time.Second} {
		for first := range doors {
			k, now := newKey(), time.Now()
			if err := mark(t, doors[first], k, now.Add(off), now); err != nil {
				t.Fatalf("date off by %v: %v", off, err)
			}
			for i, m := range doors {
				if err := mark(t, m, k, now.Add(off), now); !errors.Is(err, replay.ErrReplay) {
					t.Errorf("date off by %v, taken through door %d, and then through %d: %v", off, first, i, err)
				}
			}
		}
	}
}

// dates: a date outside the window is refused, and its signature is not remembered.
func dates(t *testing.T, make Make) {
	for _, m := range make(t, 1000) {
		for _, off := range []time.Duration{-replay.Window - 2*time.Second, replay.Window + 2*time.Second, -24 * time.Hour, 24 * time.Hour} {
			k, now := newKey(), time.Now()
			if err := mark(t, m, k, now.Add(off), now); !errors.Is(err, replay.ErrDate) {
				t.Errorf("date off by %v: %v", off, err)
			}
			if err := mark(t, m, k, now, now); err != nil {
				t.Errorf("it is remembered: %v", err)
			}
		}
	}
}

// oneOfManyCopies: of copies that come through all doors at the same time one is taken.
func oneOfManyCopies(t *testing.T, make Make) {
	doors := make(t, 1000)
	for range 20 {
		k, now := newKey(), time.Now()
		var together sync.WaitGroup
		var taken atomic.Int32
		for i := range 64 {
			together.Go(func() {
				switch err := mark(t, doors[i%len(doors)], k, now, now); {
				case err == nil:
					taken.Add(1)
				case !errors.Is(err, replay.ErrReplay):
					t.Errorf("a copy: %v", err)
				}
			})
		}
		together.Wait()
		if n := taken.Load(); n != 1 {
			t.Fatalf("%d copies of one signature were taken", n)
		}
	}
}

// eachIsItsOwn: no signature is taken for another.
func eachIsItsOwn(t *testing.T, make Make) {
	doors := make(t, 1000)
	now := time.Now()
	first := newKey()
	for i := range len(first) {
		k := first
		k[i] ^= 1
		if err := mark(t, doors[i%len(doors)], k, now, now); err != nil {
			t.Errorf("a key that differs in byte %d: %v", i, err)
		}
	}
	if err := mark(t, doors[0], first, now, now); err != nil {
		t.Error(err)
	}
}

// full: without room a signature is refused, and none is lost.
func full(t *testing.T, make Make) {
	for _, m := range make(t, 5) {
		keys, now := [6]replay.Key{}, time.Now()
		for i := range keys {
			keys[i] = newKey()
			want := error(nil)
			if i == 5 {
				want = replay.ErrFull
			}
			if err := mark(t, m, keys[i], now, now); !errors.Is(err, want) {
				t.Errorf("signature %d of at most 5: %v, want %v", i, err, want)
			}
		}
		for i, k := range keys[:5] {
			if err := mark(t, m, k, now, now); !errors.Is(err, replay.ErrReplay) {
				t.Errorf("a full memory lost signature %d: %v", i, err)
			}
		}
	}
}

// neverTwice: many signatures, each several times, through all doors at once.
func neverTwice(t *testing.T, make Make) {
	const signatures, copies = 500, 4
	doors := make(t, signatures*copies)
	var taken [signatures]atomic.Int32
	var keys [signatures]replay.Key
	now := time.Now()
	for i := range keys {
		keys[i] = newKey()
	}
	var all sync.WaitGroup
	errs := [copies]error{}
	for c := range copies {
		all.Go(func() {
			for i := range keys {
				at := (i + c*signatures/copies) % signatures
				switch err := mark(t, doors[c%len(doors)], keys[at], now.Add(time.Duration(at)*time.Second), now); {
				case err == nil:
					taken[at].Add(1)
				case !errors.Is(err, replay.ErrReplay):
					errs[c] = fmt.Errorf("signature %d: %w", at, err)
				}
			}
		})
	}
	all.Wait()
	for i := range taken {
		if n := taken[i].Load(); n != 1 {
			t.Errorf("signature %d was taken %d times, errors %v", i, n, errors.Join(errs[:]...))
		}
	}
}
