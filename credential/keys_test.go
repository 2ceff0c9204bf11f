package credential

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/catalog"
	"tollgate/internal/secret"
)

// poll fails the test if Poll does not find what is expected.
func poll(t *testing.T, c *Credential, after time.Duration, changed bool) {
	t.Helper()
	if got, err := c.Poll(start.Add(after)); got != changed || err != nil {
		t.Errorf("after %v: changed %v, %v", after, got, err)
	}
}

func TestNewKeysReopen(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	old := leaseOf(t, c, start)
	if finish(t, c, "app", Rejected, start) == nil {
		t.Fatal("not paused")
	}
	s.set(keysNamed("2"), nil)
	poll(t, c, 2*time.Second, false)
	if _, err := tryLease(c, start.Add(2*time.Second)); err == nil {
		t.Error("keys that were seen once are used")
	}
	poll(t, c, 3*time.Second, true)
	lease := leaseOf(t, c, start.Add(3*time.Second))
	if lease.AccessKey() != "AK2" || c.AccessKey() != "AK2" {
		t.Errorf("lease has %s, credential %s, want AK2", lease.AccessKey(), c.AccessKey())
	}
	if pause := old.Done(Rejected, "late answer to the old keys", start.Add(5*time.Second)); pause != nil {
		t.Errorf("an answer to old keys: %+v", pause)
	}
	if got := pausedFor(c); len(got) > 0 {
		t.Errorf("an answer to old keys paused the new ones for %q", got)
	}
}

// TestKeysMustStand: a set that changes on the way is not used, nor one that cannot be read in between.
func TestKeysMustStand(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	mixed := Keys{AccessKey: "AK2", SecretKey: keysNamed("1").SecretKey}
	whole := Keys{AccessKey: "AK2", SecretKey: keysNamed("2").SecretKey, SecurityToken: secret.New("t2")}
	c.Reread()
	for i, step := range []struct {
		keys    Keys
		err     error
		changed bool
	}{
		{mixed, nil, false}, {keysNamed("2"), nil, false}, {whole, nil, false}, {Keys{}, errors.New("gone"), false}, {whole, nil, false}, {whole, nil, true}, {whole, nil, false},
	} {
		s.set(step.keys, step.err)
		changed, err := c.Poll(start.Add(time.Duration(i) * time.Second))
		if changed != step.changed || !errors.Is(err, step.err) {
			t.Errorf("step %d: changed %v, %v", i, changed, err)
		}
	}
	if !c.active.Load().keys.equal(whole) {
		t.Error("other keys are in use")
	}
}

// TestSourceIsReadAtMostOnceASecond also while rejections come all the time, and not at all when nothing asks for it.
func TestSourceIsReadAtMostOnceASecond(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	for i := range 100 {
		poll(t, c, time.Duration(i)*100*time.Millisecond, false)
	}
	if s.loads != 1 {
		t.Errorf("the key source was read %d times although nothing was wrong", s.loads)
	}
	for i := range 101 {
		now := start.Add(time.Minute + time.Duration(i)*10*time.Millisecond)
		leaseOf(t, c, now).Done(OtherCause, "arrears", now)
		if _, err := c.Poll(now); err != nil {
			t.Fatal(err)
		}
	}
	if s.loads != 3 {
		t.Errorf("the key source was read %d times in a second, want 2", s.loads-1)
	}
}

// TestFailingSource: each cause is returned once, and the source is asked until it answers.
func TestFailingSource(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	c.Reread()
	var got []string
	for i, err := range []error{errors.New("no file"), errors.New("no file"), errors.New("no right"), nil, errors.New("no file")} {
		s.set(keysNamed("1"), err)
		if _, err := c.Poll(start.Add(time.Duration(i) * time.Second)); err != nil {
			got = append(got, err.Error())
		}
		if readError := c.ReadError(); (readError != nil) != (err != nil && i < 4) {
			t.Errorf("reading %d: %v", i, readError)
		}
	}
	if !slices.Equal(got, []string{"no file", "no right"}) || s.loads != 5 {
		t.Errorf("errors %q in %d readings", got, s.loads-1)
	}
}

// TestWaitingCallsTakeNewKeys: a call that waited for keys on trial signs with those that came meanwhile.
func TestWaitingCallsTakeNewKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newCredential(t, catalog.ClassPartner)
		var first []*Lease
		for range trialCalls {
			first = append(first, leaseOf(t, c, start))
		}
		waiting := make(chan *Lease, 1)
		go func() {
			lease, err := tryLeaseOf(t.Context(), c, "late", start)
			if err != nil {
				t.Error(err)
			}
			waiting <- lease
		}()
		synctest.Wait()
		s.set(keysNamed("2"), nil)
		c.Reread()
		poll(t, c, 0, false)
		poll(t, c, time.Second, true)
		for _, lease := range first {
			lease.Done(Unheard, "", start)
		}
		if got := (<-waiting).AccessKey(); got != "AK2" {
			t.Errorf("the waiting call signs with %s", got)
		}
	})
}
