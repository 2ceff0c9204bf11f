package ratelimit

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

func mustSources(t testing.TB, r Rate, max int) *Sources {
	t.Helper()
	s, err := NewSources(SourceConfig{Rate: r, Max: max})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestSourceIsStoppedAfterItsFailures(t *testing.T) {
	s := mustSources(t, Rate{0.1, 3}, 100)
	for i := range 3 {
		for range 10 { // asking costs nothing
			if ok, _ := s.Allowed("a", noon); !ok {
				t.Fatalf("refused after %d failures", i)
			}
		}
		s.Failed("a", noon)
	}
	if ok, wait := s.Allowed("a", noon); ok || wait != 10*time.Second {
		t.Errorf("after the burst: %v, %v, want refused for 10s", ok, wait)
	}
	if ok, _ := s.Allowed("b", noon); !ok {
		t.Error("another source is refused")
	}
	if ok, _ := s.Allowed("a", noon.Add(10*time.Second)); !ok {
		t.Error("refused after the time it was told")
	}
}

func TestParallelFailuresCountUpToABurst(t *testing.T) {
	s := mustSources(t, Rate{1, 5}, 100)
	for range 1000 { // all were allowed before the first failed
		s.Failed("a", noon)
	}
	if _, wait := s.Allowed("a", noon); wait != 6*time.Second {
		t.Errorf("shut out for %v, want 6s: the burst and one", wait)
	}
}

// TestSourceTimeStepsBack: requests read the clock before they take the lock, so times arrive out of order; no token may
// be given twice for that.
func TestSourceTimeStepsBack(t *testing.T) {
	s := mustSources(t, Rate{1, 10}, 100)
	for i := range 12 { // the burst, one more token for the second that passes, and one failure too many
		s.Failed("a", noon.Add(time.Duration(i%2)*time.Second))
	}
	if ok, wait := s.Allowed("a", noon.Add(time.Second)); ok || wait < 2*time.Second || wait > 3*time.Second {
		t.Errorf("allowed %v, wait %v", ok, wait)
	}
}

func TestSourceFloodIsBounded(t *testing.T) {
	for _, max := range []int{1, 7, 16, 100, 1000} {
		s := mustSources(t, Rate{1, 2}, max)
		for i := range 20_000 {
			s.Failed(fmt.Sprint("source ", i), noon)
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
	s := mustSources(t, Rate{1, 2}, 1)
	s.Failed("a", noon)
	s.Failed("b", noon.Add(time.Second)) // a has its full bucket back
	if s.Evicted() != 0 {
		t.Errorf("evicted %d, want 0", s.Evicted())
	}
	s.Failed("c", noon.Add(time.Second))
	if s.Evicted() != 1 {
		t.Errorf("evicted %d, want 1", s.Evicted())
	}
}

// TestPersistentSourceIsNotForgotten: a source that keeps trying stays in memory, however many others fail meanwhile.
func TestPersistentSourceIsNotForgotten(t *testing.T) {
	s := mustSources(t, Rate{MinPerSecond, 1}, 160)
	s.Failed("attacker", noon)
	for i := range 5000 {
		s.Failed(fmt.Sprint("other ", i), noon)
		if ok, _ := s.Allowed("attacker", noon); ok {
			t.Fatalf("free again after %d failures of others", i+1)
		}
	}
}

func TestUnknownSourcesAreNotStored(t *testing.T) {
	s := mustSources(t, Rate{1, 1}, 100)
	for i := range 1000 {
		s.Allowed(fmt.Sprint(i), noon)
	}
	if s.Len() != 0 {
		t.Errorf("%d sources stored for asking", s.Len())
	}
	long := strings.Repeat("x", maxSourceKeyLength)
	s.Failed(long+"1", noon)
	if ok, _ := s.Allowed(long+"2", noon); ok {
		t.Error("names longer than the bound are kept whole")
	}
}

func TestSourcesParallel(t *testing.T) {
	s := mustSources(t, Rate{MinPerSecond, 50}, 1000)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 1000 {
				name := fmt.Sprint(i, n%100)
				s.Allowed(name, noon)
				s.Failed(name, noon)
				s.Failed("same", noon)
			}
		})
	}
	wg.Wait()
	if ok, _ := s.Allowed("same", noon); ok {
		t.Error("still allowed after 8000 failures")
	}
	if s.Len() > 1000 {
		t.Errorf("%d sources", s.Len())
	}
}

func TestSourceConfigProblems(t *testing.T) {
	for _, c := range []SourceConfig{{Rate{1, 1}, 0}, {Rate{1, 1}, MaxSources + 1}, {Rate{0, 1}, 1}, {Rate{1, 0}, 1}} {
		if _, err := NewSources(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestSourceOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:5000":                 "192.0.2.1",
		"192.0.2.1":                      "192.0.2.1",
		"[::ffff:192.0.2.1]:5000":        "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:443":     "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::1]:1":       "2001:db8:1:2::/64",
		"[fe80::1%eth0]:443":             "fe80::/64",
		"[fe80::1%" + "long-zone" + "]:": "local",
		"@":                              "local",
		"":                               "local",
		"/run/app.sock":                  "local",
	} {
		if got := SourceOf(addr); got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
}

// FuzzSourceOf holds the key against package net's reading of the address: addresses that one peer can choose among have
// one key, others have another.
func FuzzSourceOf(f *testing.F) {
	for _, seed := range []string{"192.0.2.1:1", "[2001:db8::1%z]:2", "@", "[::ffff:1.2.3.4]:0", "::1", "1.2.3.4", "[1.2.3.4]:5", "2001:db8::1:80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		got := SourceOf(addr)
		if got == "" || len(got) > maxSourceKeyLength {
			t.Errorf("%q gives the key %q", addr, got)
		}
		if got == "local" {
			return
		}
		ip, key := readByNet(addr), net.ParseIP(strings.TrimSuffix(got, "/64"))
		switch v4 := ip.To4(); {
		case ip == nil:
			t.Errorf("%q has the key %q, and is no address", addr, got)
		case v4 != nil && got != v4.String():
			t.Errorf("%q has the key %q, package net reads %v", addr, got, ip)
		case v4 == nil && (!key.Equal(ip.Mask(net.CIDRMask(64, 128))) || !strings.HasSuffix(got, "/64")):
			t.Errorf("%q has the key %q, package net reads %v", addr, got, ip)
		}
	})
}

// readByNet reads an address with or without port and zone; nil if it is none. A zone may hold anything, brackets too.
func readByNet(addr string) net.IP {
	if before, _, zone := strings.Cut(addr, "%"); zone {
		return net.ParseIP(strings.TrimPrefix(before, "["))
	}
	if host, _, err := net.SplitHostPort(addr); err == nil {
		addr = host
	}
	return net.ParseIP(addr)
}
