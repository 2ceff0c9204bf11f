package credential

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tollgate/catalog"
)

// heir takes the place of a credential, with facts and keys that a test changes.
func heir(t *testing.T, of *Credential, keys Keys, change func(*Facts)) *Credential {
	t.Helper()
	facts := *of.Facts()
	change(&facts)
	c, err := New(Config{Facts: facts}, Options{Place: facts.Upstream, Former: []*Credential{of}, Load: (&source{keys: keys}).load})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func same(*Facts)         {}
func renamed(f *Facts)    { f.Name = "other" }
func elsewhere(f *Facts)  { f.Upstream = "intl" }
func otherClass(f *Facts) { f.Class, f.DomainID = catalog.ClassCustomer, "d2" }

// TestHeirStandsAsItsFormer: pauses and trials go with the keys, whatever else of a credential changed. Another upstream accepted none of
// them, so there they are on trial.
func TestHeirStandsAsItsFormer(t *testing.T) {
	other := Keys{AccessKey: "AK1", SecretKey: keysNamed("2").SecretKey} // of the same access key
	for name, c := range map[string]struct {
		before       func(*Credential)
		change       func(*Facts)
		keys         Keys
		want         []string // the callers who are paused
		trial, spent bool
	}{
		"proven":              {func(*Credential) {}, same, keysNamed("1"), nil, false, false},
		"proven, renamed":     {func(*Credential) {}, renamed, keysNamed("1"), nil, false, false},
		"proven, other class": {func(*Credential) {}, otherClass, keysNamed("1"), nil, false, false},
		"proven elsewhere":    {func(*Credential) {}, elsewhere, keysNamed("1"), nil, true, false},
		"other keys":          {func(*Credential) {}, same, keysNamed("2"), nil, true, false},
		"paused for one":      {rejectOne, same, keysNamed("1"), []string{"a"}, true, false},
		"paused, elsewhere":   {rejectOne, elsewhere, keysNamed("1"), []string{"a"}, true, false},
		"paused, other class": {rejectOne, otherClass, keysNamed("1"), []string{"a"}, true, false},
		"paused, other keys":  {rejectOne, same, keysNamed("2"), nil, true, false},
		"paused, new secret":  {rejectOne, same, other, nil, true, false},
		"spent":               {rejectFive, same, keysNamed("1"), []string{""}, true, true},
		"spent, renamed":      {rejectFive, renamed, keysNamed("1"), []string{""}, true, true},
		"spent, new secret":   {rejectFive, same, other, []string{""}, true, true},
		"spent, other keys":   {rejectFive, same, keysNamed("2"), nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			former, _ := newCredential(t, catalog.ClassPartner)
			finish(t, former, "a", Accepted, start)
			c.before(former)
			next := heir(t, former, c.keys, c.change)
			var paused []string
			for _, p := range next.Pauses() {
				if p.Caller == "" || !slices.Contains(paused, "") {
					paused = append(paused, p.Caller)
				}
			}
			if _, trial := next.OnTrial(); !slices.Equal(paused, c.want) || trial != c.trial || next.active.Load().spent() != c.spent {
				t.Errorf("paused for %q, on trial %v, spent %v; want %q, %v, %v", paused, trial, next.active.Load().spent(), c.want, c.trial, c.spent)
			}
		})
	}
}

func rejectOne(c *Credential) { rejectedBy(c, "a") }

func rejectFive(c *Credential) { rejectedBy(c, "a", "b", "c", "d", "e") }

// rejectedBy has calls that go out together rejected.
func rejectedBy(c *Credential, callers ...string) {
	permit, _ := c.Permit(operation(c.Facts().Class, catalog.KindAny))
	var leases []*Lease
	for _, caller := range callers {
		l, err := permit.Lease(context.Background(), caller, start, time.Now().Add(time.Hour))
		if err != nil {
			panic(err)
		}
		leases = append(leases, l)
	}
	for _, l := range leases {
		l.Done(Rejected, "wrong signature", start)
	}
}

// TestCallsUnderWayCountForTheHeir: what the provider says of calls that the former signed pauses the heir, or proves it.
func TestCallsUnderWayCountForTheHeir(t *testing.T) {
	former, _ := newCredential(t, catalog.ClassPartner)
	under := []*Lease{leaseFor(t, former, "a", start), leaseFor(t, former, "b", start)}
	next := heir(t, former, keysNamed("1"), otherClass)
	under[0].Done(Accepted, "", start)
	if _, trial := next.OnTrial(); trial {
		t.Error("an accepted answer did not prove the keys of the heir")
	}
	under[1].Done(Rejected, "wrong signature", start.Add(2*time.Minute))
	if _, paused := next.Paused(); !paused {
		t.Error("a rejected call did not pause the heir")
	}
}

// TestOneTrialForBoth: former and heir together have no more calls under way on trial than one has.
func TestOneTrialForBoth(t *testing.T) {
	former, _ := newCredential(t, catalog.ClassPartner)
	next := heir(t, former, keysNamed("1"), same)
	taken := 0
	for i := range 20 {
		c := []*Credential{former, next}[i%2]
		if _, wait := c.active.Load().take(&Lease{set: c.active.Load(), caller: fmt.Sprint(i)}, start); wait == nil {
			taken++
		}
	}
	if taken != trialCalls {
		t.Errorf("%d calls try the keys, want %d", taken, trialCalls)
	}
}

// TestHeirsUnderLoad is for the race detector: keys change, calls begin and end, while one heir follows the other.
func TestHeirsUnderLoad(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	finish(t, c, "a", Accepted, start)
	var mu sync.Mutex
	current := func() *Credential {
		mu.Lock()
		defer mu.Unlock()
		return c
	}
	var work sync.WaitGroup
	for i := range 4 {
		work.Go(func() {
			for n := range 200 {
				now := start.Add(time.Duration(n) * time.Second)
				mine := current()
				if l, err := tryLease(mine, now); err == nil {
					l.Done([]Verdict{Accepted, Accepted, NoVerdict, Rejected}[(n+i)%4], "why", now)
				}
				s.set(keysNamed(fmt.Sprint(n/50)), nil)
				mine.Reread()
				_, _ = mine.Poll(now)
			}
		})
	}
	for range 100 {
		next, err := New(Config{Facts: *c.Facts()}, Options{Place: "bss", Former: []*Credential{c}, Load: s.load})
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		c = next
		mu.Unlock()
	}
	work.Wait()
	if n := len(c.reader.known); n == 0 || n > 100 {
		t.Errorf("%d sets of keys are remembered", n)
	}
}

// TestHeirsOfManyRememberNoMore: what credentials know that take over from each other again and again is bounded by the keys that there were.
func TestHeirsOfManyRememberNoMore(t *testing.T) {
	first, _ := newCredential(t, catalog.ClassPartner)
	former := []*Credential{first}
	for i := range 10 {
		var next []*Credential
		for n := range 3 {
			c, err := New(Config{Facts: Facts{Name: fmt.Sprint(i, n), Class: catalog.ClassPartner}},
				Options{Place: fmt.Sprint(i % 2), Former: former, Load: (&source{keys: keysNamed(fmt.Sprint(n))}).load})
			if err != nil {
				t.Fatal(err)
			}
			next = append(next, c)
		}
		former = next
	}
	if n := len(former[0].reader.known); n > 4 {
		t.Errorf("%d sets of keys are remembered, of at most 4 that there were", n)
	}
	if former[0].options.Former != nil {
		t.Error("all that were there before stay in memory")
	}
}

// TestRetiredKeysAreForgotten: of keys that heirs take over, those that can still be paused are remembered, and a few others.
func TestRetiredKeysAreForgotten(t *testing.T) {
	for name, c := range map[string]struct {
		place    func(*Facts)
		underWay bool
	}{"paused": {same, false}, "paused, elsewhere": {elsewhere, false}, "under way": {same, true}} {
		t.Run(name, func(t *testing.T) { testForgotten(t, c.place, c.underWay) })
	}
}

func testForgotten(t *testing.T, place func(*Facts), underWay bool) {
	c, _ := newCredential(t, catalog.ClassPartner)
	now := start
	next := func(key string, after time.Duration) {
		now = now.Add(after)
		heir := heir(t, c, keysNamed(key), place)
		c.Retire(now)
		c = heir
		_, _ = c.Poll(now)
	}
	for i := range 30 {
		next(fmt.Sprint(i), time.Hour)
	}
	if n := len(c.reader.known); n != knownSets {
		t.Errorf("%d sets are remembered, want %d", n, knownSets)
	}
	now = now.Add(time.Hour)
	call := leaseFor(t, c, "a", now)
	if !underWay {
		call.Done(Rejected, "wrong signature", now)
	}
	c.options.Place = "bss" // from where heirs go elsewhere, or not
	for i := range 30 {
		next(fmt.Sprint("x", i), time.Second)
	}
	if underWay {
		call.Done(Rejected, "wrong signature", now)
	}
	if next("29", time.Second); len(c.Pauses()) != 1 {
		t.Error("a key that came back within its pause is not paused")
	}
}
