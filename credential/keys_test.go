package credential

import (
	"errors"
	"fmt"
	"math/rand/v2"
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
	c.reject()
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
	c.reject()
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
		for i := range trialCalls {
			first = append(first, leaseFor(t, c, string(rune('a'+i)), start))
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
		c.reject()
		poll(t, c, 0, false)
		poll(t, c, time.Second, true)
		if got := (<-waiting).AccessKey(); got != "AK2" {
			t.Errorf("the waiting call signs with %s", got)
		}
		for _, lease := range first {
			lease.Done(NoVerdict, "", start)
		}
	})
}

// TestHangingSource: neither readiness nor another poll waits for a source that does not answer; after a while that is a fault.
func TestHangingSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hangs, hanging := &source{keys: keysNamed("1")}, make(chan struct{}), false
		c, err := New(Config{Facts: Facts{Name: "main", Upstream: "bss", Class: catalog.ClassPartner}}, Options{Load: func() (Keys, error) {
			if hanging {
				<-hangs
			}
			return s.load()
		}})
		if err != nil {
			t.Fatal(err)
		}
		hanging = true
		c.reject()
		go func() { _, _ = c.Poll(start) }()
		synctest.Wait()
		poll(t, c, slowReading-1, false)
		if err := c.ReadError(); err != nil {
			t.Errorf("a reading that takes a while: %v", err)
		}
		if _, err := c.Poll(start.Add(slowReading)); err == nil || c.ReadError() == nil {
			t.Error("a reading that hangs is no fault")
		}
		s.set(keysNamed("2"), nil)
		time.Sleep(20 * time.Second)
		hanging = false
		close(hangs)
		synctest.Wait()
		if err := c.ReadError(); err != nil {
			t.Errorf("after the reading: %v", err)
		}
		poll(t, c, 20*time.Second+standTime/2, false) // what the slow reading found stands since its end
		poll(t, c, 21*time.Second, true)
	})
}

// change has the credential use other keys, and returns the time at which it does.
func change(t *testing.T, c *Credential, s *source, keys Keys, now time.Time) time.Time {
	t.Helper()
	s.set(keys, nil)
	c.reject()
	for _, changed := range []bool{false, true} {
		now = now.Add(readEvery)
		poll(t, c, now.Sub(start), changed)
	}
	return now
}

// rejectAll has many callers use a key at once, counts those that can by access key, and has all of them rejected.
func rejectAll(t *testing.T, c *Credential, now time.Time, sent map[string]int) {
	leases := burst(t, c, now)
	for _, lease := range leases {
		sent[lease.AccessKey()]++
		lease.Done(Rejected, "wrong", now)
	}
}

func pair(accessKey, secretKey string) Keys {
	return Keys{AccessKey: accessKey, SecretKey: secret.New(secretKey)}
}

// TestRejectionsOfAnAccessKey: whichever sets it comes in, no more than five of its signatures are rejected in a row, and then one
// for each time that a pause lasts.
func TestRejectionsOfAnAccessKey(t *testing.T) {
	token := pair("AKNEW", "sk-new")
	token.SecurityToken = secret.New("token")
	for name, sets := range map[string][]Keys{
		"written file by file":      {pair("AKNEW", "sk-1"), pair("AKNEW", "sk-new"), token},
		"flapping":                  {keysNamed("2"), keysNamed("1"), keysNamed("2"), keysNamed("1")},
		"flapping half":             {pair("AK1", "x"), keysNamed("1"), pair("AK1", "x"), keysNamed("1")},
		"one wrong after the other": {pair("AK1", "a"), pair("AK1", "b"), pair("AK1", "c"), pair("AK1", "d"), pair("AK1", "e"), pair("AK1", "f")},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := newCredential(t, catalog.ClassPartner)
			now, sent := start, map[string]int{}
			rejectAll(t, c, now, sent)
			for _, keys := range sets {
				now = change(t, c, s, keys, now)
				rejectAll(t, c, now, sent)
			}
			for accessKey, n := range sent {
				if n > maxRejected {
					t.Errorf("%d signatures with %s in a row", n, accessKey)
				}
			}
			last := c.AccessKey()
			before := sent[last]
			rejectAll(t, c, now.Add(PauseTime), sent)
			rejectAll(t, c, now.Add(PauseTime), sent)
			if n := sent[last] - before; n != 1 {
				t.Errorf("%d probes", n)
			}
		})
	}
}

// TestAnyOrder: whatever order calls, verdicts and keys come in, no more than five signatures of an access key are rejected before
// the first pause is over.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		c, s := newCredential(t, catalog.ClassPartner)
		finish(t, c, "A", Accepted, start)
		finish(t, c, "A", Rejected, start)
		now, rejected := start, map[string]int{"AK1": 1}
		var sent []*Lease
		for now.Before(start.Add(PauseTime - 3*time.Second)) {
			now = now.Add(time.Second)
			switch random.IntN(4) {
			case 0:
				s.set(pair([]string{"AK1", "AK2"}[random.IntN(2)], []string{"sk-1", "x", "y"}[random.IntN(3)]), nil)
				c.reject()
			case 1:
				sent = append(sent, burst(t, c, now)...)
			default:
				if n := len(sent); n > 0 {
					i, verdict := random.IntN(n), []Verdict{NoVerdict, Rejected}[random.IntN(2)]
					sent[i].Done(verdict, "wrong", now)
					rejected[sent[i].AccessKey()] += int(verdict / Rejected)
					sent = slices.Delete(sent, i, i+1)
				}
			}
			if _, err := c.Poll(now); err != nil {
				t.Fatal(err)
			}
		}
		for accessKey, n := range rejected {
			if n > maxRejected {
				t.Errorf("seed %d: %d signatures with %s", seed, n, accessKey)
			}
		}
	}
}

// TestKeysThatComeBack are paused as they were, whatever was in use meanwhile.
func TestKeysThatComeBack(t *testing.T) {
	for _, other := range []Keys{keysNamed("2"), pair("AK1", "other")} {
		c, s := newCredential(t, catalog.ClassPartner)
		finish(t, c, "a", Rejected, start)
		want := c.Pauses()
		now := change(t, c, s, other, start)
		if got := pausedFor(c); len(got) > 0 {
			t.Errorf("the new keys are paused for %q", got)
		}
		now = change(t, c, s, keysNamed("1"), now)
		if got := c.Pauses(); !slices.Equal(got, want) || len(burst(t, c, now)) > 0 {
			t.Errorf("paused: %+v, want %+v", got, want)
		}
	}
}

// TestRepairedKeys: the right secret under an access key that was rejected is tried at once while some of the five are left, and
// opens it; if none is left, a probe does so.
func TestRepairedKeys(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	sent := map[string]int{}
	rejectAll(t, c, start, sent)
	now := change(t, c, s, pair("AK1", "right"), start)
	finish(t, c, "a", Accepted, now)
	if _, trial := c.OnTrial(); trial || len(burst(t, c, now)) < 40 {
		t.Error("still on trial")
	}

	c, s = newCredential(t, catalog.ClassPartner)
	rejectAll(t, c, start, sent)
	now = change(t, c, s, pair("AK1", "wrong"), start)
	rejectAll(t, c, now, sent)
	late := change(t, c, s, pair("AK1", "right"), now)
	if pause, all := c.Paused(); !all || !pause.ProbeAt.Equal(now.Add(PauseTime)) || len(burst(t, c, late)) > 0 {
		t.Errorf("paused: %+v, %v", pause, all)
	}
	finish(t, c, "a", Accepted, now.Add(PauseTime))
	if got := pausedFor(c); len(got) > 0 || len(burst(t, c, late)) < 40 {
		t.Errorf("paused for %q", got)
	}
}

// TestLateRejectionOfTheSameAccessKey: calls that went out with another secret use up what the access key has left.
func TestLateRejectionOfTheSameAccessKey(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	finish(t, c, "a", Accepted, start)
	var old []*Lease
	for range maxRejected {
		old = append(old, leaseOf(t, c, start))
	}
	now := change(t, c, s, pair("AK1", "other"), start)
	for i, lease := range old {
		begun := lease.Done(Rejected, "late", now)
		if _, all := c.Paused(); all != (i == maxRejected-1) || all != (begun != nil) {
			t.Errorf("rejection %d: paused %v, %+v", i, all, begun)
		}
	}
}

// TestRememberedKeys: sets are remembered for as long as they may be paused, and a few for longer.
func TestRememberedKeys(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	now := start
	for i := range 400 {
		now = change(t, c, s, pair("AK", fmt.Sprint(i)), now)
		if n := len(c.reader.known); n > knownSets+int(PauseTime/(2*readEvery))+1 {
			t.Fatalf("%d sets of keys", n)
		}
	}
	for i := range knownSets {
		now = change(t, c, s, keysNamed(fmt.Sprint(i)), now.Add(time.Hour))
	}
	if n := len(c.reader.known); n != knownSets {
		t.Errorf("%d sets of keys after a while", n)
	}
}
