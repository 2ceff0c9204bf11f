package ratelimit

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"tollgate/internal/source"
)

// peer returns one of many sources.
func peer(n int) source.Source {
	return source.Of(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
}

var (
	peerA, peerB, peerC = peer(1), peer(2), peer(3)
	attacker            = source.Parse("192.0.2.1:1")
)

func mustSources(t testing.TB, f Flow, max int) *Sources {
	t.Helper()
	s, err := NewSources(Unauthenticated{Rate: Rate(f.PerSecond), Burst: f.Burst, Sources: max})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestSourceIsStoppedAfterItsFailures(t *testing.T) {
	s := mustSources(t, Flow{0.1, 3}, 100)
	for i := range 3 {
		for range 10 { // asking costs nothing
			if ok, _ := s.Allowed(peerA, noon); !ok {
				t.Fatalf("refused after %d failures", i)
			}
		}
		s.Failed(peerA, noon)
	}
	if ok, wait := s.Allowed(peerA, noon); ok || wait != 10*time.Second {
		t.Errorf("after the burst: %v, %v, want refused for 10s", ok, wait)
	}
	if ok, _ := s.Allowed(peerB, noon); !ok {
		t.Error("another source is refused")
	}
	if ok, _ := s.Allowed(peerA, noon.Add(10*time.Second)); !ok {
		t.Error("refused after the time that it was to wait")
	}
}

func TestParallelFailuresCountUpToABurst(t *testing.T) {
	s := mustSources(t, Flow{1, 5}, 100)
	for range 1000 { // all were allowed before the first failed
		s.Failed(peerA, noon)
	}
	if _, wait := s.Allowed(peerA, noon); wait != 6*time.Second {
		t.Errorf("shut out for %v, want 6s: the burst and one", wait)
	}
}

// TestSourceTimeStepsBack: requests read the clock before they take the lock, so times arrive out of order; no token may
// be given twice for that.
func TestSourceTimeStepsBack(t *testing.T) {
	s := mustSources(t, Flow{1, 10}, 100)
	for i := range 12 { // the burst, one more token for the second that passes, and one failure too many
		s.Failed(peerA, noon.Add(time.Duration(i%2)*time.Second))
	}
	if ok, wait := s.Allowed(peerA, noon.Add(time.Second)); ok || wait < 2*time.Second || wait > 3*time.Second {
		t.Errorf("allowed %v, wait %v", ok, wait)
	}
}

func TestSourceFloodIsBounded(t *testing.T) {
	for _, max := range []int{1, 7, 16, 100, 1000} {
		s := mustSources(t, Flow{1, 2}, max)
		for i := range 20_000 {
			s.Failed(peer(i), noon)
		}
		if got := s.Len(); got > max || got < max/2 {
			t.Errorf("%d sources remembered, want at most %d", got, max)
		}
		if got := int(s.Evicted()) + s.Len(); got != 20_000 {
			t.Errorf("max %d: %d evicted and remembered, want 20000", max, got)
		}
	}
}

func TestRecoveredSourcesAreForgottenWithoutLoss(t *testing.T) {
	s := mustSources(t, Flow{1, 2}, 1)
	s.Failed(peerA, noon)
	s.Failed(peerB, noon.Add(time.Second)) // a has its full bucket back
	if s.Evicted() != 0 {
		t.Errorf("evicted %d, want 0", s.Evicted())
	}
	s.Failed(peerC, noon.Add(time.Second))
	if s.Evicted() != 1 {
		t.Errorf("evicted %d, want 1", s.Evicted())
	}
}

// TestPersistentSourceIsNotForgotten: a source that keeps trying stays in memory, however many others fail meanwhile.
func TestPersistentSourceIsNotForgotten(t *testing.T) {
	s := mustSources(t, Flow{MinPerSecond, 1}, 160)
	s.Failed(attacker, noon)
	for i := range 5000 {
		s.Failed(peer(i), noon)
		if ok, _ := s.Allowed(attacker, noon); ok {
			t.Fatalf("free again after %d failures of others", i+1)
		}
	}
}

func TestUnknownSourcesAreNotStored(t *testing.T) {
	s := mustSources(t, Flow{1, 1}, 100)
	for i := range 1000 {
		s.Allowed(peer(i), noon)
	}
	if s.Len() != 0 {
		t.Errorf("%d sources stored for asking", s.Len())
	}
}

func TestSourcesParallel(t *testing.T) {
	s := mustSources(t, Flow{MinPerSecond, 50}, 1000)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 1000 {
				name := peer(100*i + n%100)
				s.Allowed(name, noon)
				s.Failed(name, noon)
				s.Failed(attacker, noon)
			}
		})
	}
	wg.Wait()
	if ok, _ := s.Allowed(attacker, noon); ok {
		t.Error("still allowed after 8000 failures")
	}
	if s.Len() > 1000 {
		t.Errorf("%d sources", s.Len())
	}
}

func TestUnauthenticatedProblems(t *testing.T) {
	for _, c := range []Unauthenticated{{1, 1, 0}, {1, 1, MaxSources + 1}, {0, 1, 1}, {1, 0, 1}} {
		if _, err := NewSources(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

// TestSiteIsCountedToo: one peer may choose among the networks of an IPv6 site, so they fail together.
func TestSiteIsCountedToo(t *testing.T) {
	s := mustSources(t, Flow{0.1, 3}, 100)
	for _, from := range []string{"2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1"} {
		if ok, _ := s.Allowed(source.Parse(from), noon); !ok {
			t.Fatalf("%s is refused too early", from)
		}
		s.Failed(source.Parse(from), noon)
	}
	if ok, wait := s.Allowed(source.Parse("2001:db8:1:4::1"), noon); ok || wait != 10*time.Second {
		t.Errorf("a fourth network of the site: %v, %v, want refused for 10s", ok, wait)
	}
	if ok, _ := s.Allowed(source.Parse("2001:db8:2:1::1"), noon); !ok {
		t.Error("another site is refused")
	}
}
