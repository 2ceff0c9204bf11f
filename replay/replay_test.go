package replay

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 30, 0, time.UTC)

// numbered returns different keys.
func numbered(i int) (k Key) {
	binary.BigEndian.PutUint64(k[:], uint64(i))
	return k
}

func TestMarkedOnce(t *testing.T) {
	for _, off := range []time.Duration{0, -Window, Window, -time.Minute, 14*time.Minute + 59*time.Second} {
		m := New(10)
		date := noon.Add(off)
		if err := m.Mark(context.Background(), numbered(1), date, noon); err != nil {
			t.Fatalf("date off by %v: %v", off, err)
		}
		// as long as the date can be valid, and beyond
		for now := noon; now.Before(date.Add(Window + ClockSlack)); now = now.Add(time.Second) {
			if err := m.Mark(context.Background(), numbered(1), date, now); !errors.Is(err, ErrReplay) && now.Before(date.Add(Window+second)) {
				t.Fatalf("date off by %v, replay after %v: %v", off, now.Sub(noon), err)
			} else if err == nil {
				t.Fatalf("date off by %v, replay accepted after %v", off, now.Sub(noon))
			}
		}
		if err := m.Mark(context.Background(), numbered(2), noon, noon); err != nil {
			t.Errorf("another signature: %v", err)
		}
	}
}

// TestNeverTwice replays random signatures at random times, with a clock that steps back by up to ClockSlack now and then.
func TestNeverTwice(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	type signed struct {
		key  Key
		date time.Time
	}
	m := New(100_000)
	used := map[Key]bool{}
	var all []signed
	now := noon
	for i := range 30_000 {
		now = now.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
		at := now
		if random.IntN(10) == 0 {
			at = now.Add(-time.Duration(random.Int64N(int64(ClockSlack))))
		}
		s := signed{numbered(i), at.Add(time.Duration(random.Int64N(int64(2*Window))) - Window).Truncate(time.Second)}
		if len(all) > 0 && random.IntN(2) == 0 {
			s = all[max(0, len(all)-1-random.IntN(4000))]
		}
		all = append(all, s)
		if m.Mark(context.Background(), s.key, s.date, at) == nil {
			if used[s.key] {
				t.Fatalf("signature of %v accepted twice, the second time at %v", s.date, at)
			}
			used[s.key] = true
		}
	}
	if m.Len() > 7000 { // about 2 a second, half of them new, for up to 36 minutes
		t.Errorf("%d signatures remembered: too many", m.Len())
	}
}

func TestClockSetBack(t *testing.T) {
	m := New(10)
	if err := m.Mark(context.Background(), numbered(1), noon, noon); err != nil {
		t.Fatal(err)
	}
	expired := noon.Add(Window + ClockSlack - time.Second)
	if err := m.Mark(context.Background(), numbered(2), expired, expired); err != nil {
		t.Fatal(err)
	}
	if err := m.Mark(context.Background(), numbered(1), noon, expired.Add(-ClockSlack)); !errors.Is(err, ErrReplay) {
		t.Errorf("a clock that is set back by %v reopens a date: %v", ClockSlack, err)
	}
}

// TestMarkAfterWaiting: two copies of a request come while its date is valid and wait for their limits. The second looks
// only after the first has been dropped, and must still not go out.
func TestMarkAfterWaiting(t *testing.T) {
	m := New(10)
	if err := m.Mark(context.Background(), numbered(1), noon, noon.Add(Window)); err != nil {
		t.Fatal(err)
	}
	late := noon.Add(Window + ClockSlack + 10*time.Minute)
	if err := m.Mark(context.Background(), numbered(1), noon, late); err == nil {
		t.Error("accepted again once dropped")
	}
	if m.Len() != 0 {
		t.Errorf("%d remembered, want 0", m.Len())
	}
}

func TestFullFailsClosed(t *testing.T) {
	m := New(5)
	for i := range 5 {
		if err := m.Mark(context.Background(), numbered(i), noon.Add(time.Duration(i)*time.Minute), noon); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		if err := m.Mark(context.Background(), numbered(i), noon.Add(time.Duration(i)*time.Minute), noon); !errors.Is(err, ErrReplay) {
			t.Errorf("a full memory lost signature %d: %v", i, err)
		}
	}
	if err := m.Mark(context.Background(), numbered(9), noon, noon); !errors.Is(err, ErrFull) {
		t.Errorf("a full memory takes another: %v", err)
	}
	if err := m.Refill(numbered(9), noon, noon, noon); !errors.Is(err, ErrFull) {
		t.Errorf("a full memory is refilled: %v", err)
	}
	later := noon.Add(Window + ClockSlack + 2*time.Minute) // the first two have expired
	for i := range 3 {
		want := error(nil)
		if i == 2 {
			want = ErrFull
		}
		if err := m.Mark(context.Background(), numbered(20+i), later, later); !errors.Is(err, want) {
			t.Errorf("after some expired, signature %d: %v, want %v", i, err, want)
		}
	}
	if New(0).Mark(context.Background(), numbered(1), noon, noon) == nil {
		t.Error("a memory without room accepts a call")
	}
}

func TestRefill(t *testing.T) {
	m := New(10)
	for range 2 { // an intent may be read twice
		if err := m.Refill(numbered(1), noon.Add(-10*time.Minute), noon, noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Refill(numbered(2), noon.Add(-time.Hour), noon, noon); err != nil {
		t.Fatal(err)
	}
	if m.Len() != 1 {
		t.Errorf("%d remembered, want 1: expired ones are left out", m.Len())
	}
	if err := m.Mark(context.Background(), numbered(1), noon.Add(-10*time.Minute), noon); !errors.Is(err, ErrReplay) {
		t.Errorf("a signature used before the restart is accepted: %v", err)
	}
	if err := m.Refill(numbered(3), noon.Add(-Window-ClockSlack), noon, noon); err != nil || m.Len() != 2 {
		t.Errorf("a date that a clock set back would reopen is left out: %v, %d", err, m.Len())
	}
}

// TestRefillByAWrongClock: the clock is 40 minutes ahead at a restart, and right a minute later. The same signed bytes must not be
// taken again, and what the clock would have dropped takes no more than half of the memory.
func TestRefillByAWrongClock(t *testing.T) {
	m, ahead := New(10), noon.Add(40*time.Minute)
	for n := range 8 {
		if err := m.Refill(numbered(n), noon, ahead, noon); err != nil {
			t.Fatal(err)
		}
	}
	if m.Len() != 5 {
		t.Errorf("%d remembered, want 5", m.Len())
	}
	right := ahead.Add(time.Minute - 40*time.Minute)
	if err := m.Mark(context.Background(), numbered(0), noon, right); !errors.Is(err, ErrReplay) {
		t.Errorf("a signature used before the restart is accepted: %v", err)
	}
	if err := m.Mark(context.Background(), numbered(9), right, right); err != nil {
		t.Errorf("a new one is not: %v", err)
	}
	later := ahead.Add(2*Window + ClockSlack + 2*time.Minute)
	if err := m.Mark(context.Background(), numbered(10), later, later); err != nil || m.Len() != 1 {
		t.Errorf("%d remembered, want 1: nothing is kept for longer than a date can be valid: %v", m.Len(), err)
	}
	// Without the earliest time of the log, this was taken twice.
	m = New(10)
	if err := m.Refill(numbered(0), noon, ahead, ahead); err != nil || m.Len() != 0 {
		t.Errorf("%d remembered by the wrong clock alone, %v", m.Len(), err)
	}
}

func TestMemoryIsFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // with times that have a monotonic reading
		m := New(1000)
		for i := range 3600 * 2 {
			if err := m.Mark(context.Background(), numbered(i), time.Now(), time.Now()); err != nil && i < 1000 {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			if m.Len() > 60*22/2 {
				t.Fatalf("%d remembered after %d calls", m.Len(), i)
			}
		}
		if len(m.groups) > 22 {
			t.Errorf("%d groups", len(m.groups))
		}
	})
}

func TestParallelNeverExceedsMax(t *testing.T) {
	m := New(500)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				_ = m.Mark(context.Background(), numbered(g*1000+i), noon.Add(time.Duration(i)*time.Second), noon)
			}
		})
	}
	wg.Wait()
	if m.Len() != 500 {
		t.Errorf("%d remembered, want 500", m.Len())
	}
}

func TestKeyOf(t *testing.T) {
	parts := [][3]string{
		{"AK", "abc", "20260102T120000Z"}, {"AKa", "bc", "20260102T120000Z"}, {"AK", "abc2", "0260102T120000Z"},
		{"AK", "abd", "20260102T120000Z"}, {"AK", "abc", "20260102T120001Z"}, {"", "", ""}, {"AK", "", "abc20260102T120000Z"},
	}
	seen := map[Key][3]string{}
	for _, p := range parts {
		k := KeyOf(p[0], p[1], p[2])
		if other, ok := seen[k]; ok {
			t.Errorf("%q and %q have one key", p, other)
		}
		seen[k] = p
		if k != KeyOf(p[0], p[1], p[2]) {
			t.Errorf("%q has two keys", p)
		}
		if back, err := ParseKey(k.String()); err != nil || back != k {
			t.Errorf("%v is read back as %v, %v", k, back, err)
		}
	}
	good := numbered(0xabcdef).String()
	for _, bad := range []string{"", good[1:], good + "0", strings.ToUpper(good), "g" + good[1:]} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is read as a key", bad)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(numbered(7).String())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		bytes, bad := hex.DecodeString(text)
		good := bad == nil && len(bytes) == len(Key{}) && strings.ToLower(text) == text
		if k, err := ParseKey(text); (err == nil) != good || good && (k != Key(bytes) || k.String() != text) {
			t.Errorf("%q is read as %v, %v", text, k, err)
		}
	})
}

// FuzzKeyOf: no two triples share a key, however their parts are cut. The parts come from unauthenticated peers.
func FuzzKeyOf(f *testing.F) {
	f.Add("AK", "abc", "20260102T120000Z", uint8(3), uint8(1))
	f.Add("", "", "", uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, accessKey, signature, date string, first, second uint8) {
		whole := accessKey + signature + date
		a := min(int(first), len(whole))
		b := a + min(int(second), len(whole)-a)
		same := accessKey == whole[:a] && signature == whole[a:b]
		if equal := KeyOf(accessKey, signature, date) == KeyOf(whole[:a], whole[a:b], whole[b:]); equal != same {
			t.Errorf("%q, %q, %q and the same text cut at %d and %d: one key %v", accessKey, signature, date, a, b, equal)
		}
	})
}

// BenchmarkMark is what a write call pays: hashing the triple and marking it, with about 100,000 signatures remembered.
// All goroutines share the one lock; a write call costs an fsync anyway.
func BenchmarkMark(b *testing.B) {
	m := New(1 << 30)
	signature := strings.Repeat("0123456789abcdef", 4)
	now := noon
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%100 == 0 {
			now = now.Add(time.Second)
		}
		k := KeyOf("TGAPP1", signature, "20260102T120000Z")
		binary.BigEndian.PutUint64(k[:], uint64(i))
		if err := m.Mark(context.Background(), k, now, now); err != nil {
			b.Fatal(err)
		}
	}
}
