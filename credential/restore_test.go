package credential

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/catalog"
	"tollgate/internal/secret"
)

func mac() hash.Hash { return hmac.New(sha256.New, []byte("key")) }

// TestFingerprint changes with everything in the keys, and with the hash's key.
func TestFingerprint(t *testing.T) {
	keys := Keys{AccessKey: "AK", SecretKey: secret.New("secret"), SecurityToken: secret.New("token")}
	f := keys.fingerprint(mac())
	if again := keys.fingerprint(mac()); !f.Equal(again) {
		t.Errorf("%+v and %+v", f, again)
	}
	for name, other := range map[string]Fingerprint{
		"access key": Keys{AccessKey: "AK2", SecretKey: keys.SecretKey, SecurityToken: keys.SecurityToken}.fingerprint(mac()),
		"its name":   {AccessKey: "AK2", MAC: f.MAC},
		"secret":     Keys{AccessKey: "AK", SecretKey: secret.New("secreT"), SecurityToken: keys.SecurityToken}.fingerprint(mac()),
		"token":      Keys{AccessKey: "AK", SecretKey: keys.SecretKey, SecurityToken: secret.New("token2")}.fingerprint(mac()),
		"no token":   Keys{AccessKey: "AK", SecretKey: keys.SecretKey, SecurityToken: secret.String{}}.fingerprint(mac()),
		"shifted":    Keys{AccessKey: "AK", SecretKey: secret.New("secrett"), SecurityToken: secret.New("oken")}.fingerprint(mac()),
		"hash's key": keys.fingerprint(hmac.New(sha256.New, []byte("another"))),
	} {
		if f.Equal(other) {
			t.Errorf("%s: the same fingerprint", name)
		}
	}
}

// TestRestore: keys that were accepted before are used by all calls at once, until the first rejection, which pauses them for all. Other
// keys are on trial.
func TestRestore(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	known, _, _ := c.Evidence(mac())
	if c.Restore(mac(), func(Fingerprint) bool { return false }) || len(burst(t, c, start)) != trialCalls {
		t.Error("unknown keys are not on trial")
	}
	c, s := newCredential(t, catalog.ClassPartner)
	if !c.Restore(mac(), known.Equal) {
		t.Fatal("the keys are not known")
	}
	if _, on := c.OnTrial(); on {
		t.Error("on trial")
	}
	sent := burst(t, c, start)
	if len(sent) != 40 {
		t.Errorf("%d calls use the keys", len(sent))
	}
	sent[0].Done(Rejected, "wrong", start)
	if got := pausedFor(c); len(got) != 1 || got[0] != "" {
		t.Errorf("paused for %q", got)
	}
	s.set(keysNamed("2"), nil)
	poll(t, c, 0, false)
	poll(t, c, time.Second, true)
	if _, on := c.OnTrial(); !on {
		t.Error("other keys are not on trial")
	}
}

// TestWatch: the watcher is called when evidence changes, and not for each call.
func TestWatch(t *testing.T) {
	c, s := newCredential(t, catalog.ClassPartner)
	var calls []bool
	c.Watch(func(withdrawn bool) { calls = append(calls, withdrawn) })
	type want struct {
		calls              int
		withdrawn          bool
		accepted, rejected bool
	}
	expect := func(what string, w want) {
		t.Helper()
		_, accepted, rejected := c.Evidence(mac())
		if len(calls) != w.calls || len(calls) > 0 && calls[len(calls)-1] != w.withdrawn || accepted != w.accepted || rejected != w.rejected {
			t.Errorf("%s: calls %v, accepted %v, rejected %v, want %+v", what, calls, accepted, rejected, w)
		}
	}
	finish(t, c, "a", NoVerdict, start)
	expect("no answer", want{0, false, false, false})
	for range 3 {
		finish(t, c, "a", Accepted, start)
	}
	expect("accepted", want{1, false, true, false})
	under, second := leaseFor(t, c, "b", start), leaseFor(t, c, "a", start)
	finish(t, c, "a", Rejected, start)
	expect("rejected", want{2, true, true, true})
	second.Done(Rejected, "wrong", start)
	expect("rejected again", want{3, true, true, true})
	under.Done(Accepted, "", start)
	expect("accepted before that", want{3, true, true, true})
	finish(t, c, "b", OtherCause, start)
	finish(t, c, "b", Accepted, start)
	expect("accepted again", want{4, false, true, false})
	s.set(Keys{AccessKey: "AK1", SecretKey: secret.New("other")}, nil)
	c.Reread()
	old := leaseFor(t, c, "b", start)
	poll(t, c, 0, false)
	poll(t, c, time.Second, true)
	expect("other keys", want{5, false, false, false})
	old.Done(Rejected, "wrong", start)
	expect("the access key is rejected with its former secret", want{6, true, false, true})
}

// TestWatcherIsWaitedFor: a rejected call does not go on before its rejection is noted; others see the pause meanwhile.
func TestWatcherIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newCredential(t, catalog.ClassPartner)
		noted, done := make(chan struct{}), false
		c.Watch(func(bool) { <-noted })
		lease := leaseFor(t, c, "a", start)
		go func() {
			lease.Done(Rejected, "wrong", start)
			done = true
		}()
		synctest.Wait()
		if done || len(c.Pauses()) != 1 {
			t.Errorf("done %v, paused for %q", done, pausedFor(c))
		}
		close(noted)
		synctest.Wait()
		if !done {
			t.Error("the call waits for ever")
		}
	})
}
