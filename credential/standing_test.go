package credential

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/catalog"
)

// finish takes a lease for a caller and ends it with a verdict.
func finish(t *testing.T, c *Credential, caller string, verdict Verdict, now time.Time) *Pause {
	t.Helper()
	lease, err := tryLeaseOf(t.Context(), c, caller, now)
	if err != nil {
		t.Fatalf("%s at %v: %v", caller, now.Sub(start), err)
	}
	return lease.Done(verdict, "wrong", now)
}

// pausedFor returns the callers that are paused; "" is all.
func pausedFor(c *Credential) []string {
	callers := []string{}
	for _, p := range c.Pauses() {
		callers = append(callers, p.Caller)
	}
	return callers
}

// TestWhomARejectionPauses: keys that were accepted within the last minute are paused for the caller of the first rejected
// call, and for all at the next one, of any caller, unless an answer was accepted in between.
func TestWhomARejectionPauses(t *testing.T) {
	type step struct {
		after   time.Duration // since the start
		caller  string
		verdict Verdict
	}
	const s = time.Second
	for name, c := range map[string]struct {
		steps []step
		want  []string
		trial bool
	}{
		"never accepted":               {[]step{{0, "a", Rejected}}, []string{""}, true},
		"just accepted":                {[]step{{0, "a", Accepted}, {0, "a", Rejected}}, []string{"a"}, true},
		"accepted a minute ago":        {[]step{{0, "a", Accepted}, {60 * s, "b", Rejected}}, []string{"b"}, true},
		"accepted longer ago":          {[]step{{0, "a", Accepted}, {61 * s, "b", Rejected}}, []string{""}, true},
		"the next of another caller":   {[]step{{0, "a", Accepted}, {s, "a", Rejected}, {2 * s, "b", Rejected}}, []string{"", "a"}, true},
		"after an accepted answer":     {[]step{{0, "a", Accepted}, {s, "a", Rejected}, {2 * s, "b", Accepted}, {3 * s, "c", Rejected}}, []string{"a", "c"}, true},
		"an accepted answer ends it":   {[]step{{0, "a", Accepted}, {s, "a", Rejected}, {2 * s, "b", Accepted}}, []string{"a"}, false},
		"arrears are no rejection":     {[]step{{0, "a", Accepted}, {s, "a", OtherCause}, {2 * s, "a", OtherCause}}, []string{}, false},
		"arrears are no acceptance":    {[]step{{0, "a", Accepted}, {s, "a", Rejected}, {2 * s, "b", OtherCause}, {3 * s, "b", Rejected}}, []string{"", "a"}, true},
		"no answer is no acceptance":   {[]step{{0, "a", Accepted}, {s, "a", Rejected}, {2 * s, "b", NoVerdict}, {3 * s, "b", Rejected}}, []string{"", "a"}, true},
		"a probe of the caller's":      {[]step{{0, "a", Accepted}, {s, "a", Rejected}, {2 * s, "b", Accepted}, {s + PauseTime, "a", Accepted}}, []string{}, false},
		"a rejected probe, b accepted": {[]step{{0, "a", Accepted}, {s, "a", Rejected}, {PauseTime, "b", Accepted}, {s + PauseTime, "a", Rejected}}, []string{"a"}, true},
		"a rejected probe":             {[]step{{0, "a", Accepted}, {s, "a", Rejected}, {2 * s, "b", Accepted}, {s + PauseTime, "a", Rejected}}, []string{"", "a"}, true},
	} {
		cred, _ := newCredential(t, catalog.ClassPartner)
		for _, step := range c.steps {
			finish(t, cred, step.caller, step.verdict, start.Add(step.after))
		}
		if got := pausedFor(cred); !slices.Equal(got, c.want) {
			t.Errorf("%s: paused for %q, want %q", name, got, c.want)
		}
		if _, trial := cred.OnTrial(); trial != c.trial {
			t.Errorf("%s: on trial %v, want %v", name, trial, c.trial)
		}
	}
}

// TestPausedForOneCaller: others go on, and the caller's own next call may try when its pause is over.
func TestPausedForOneCaller(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	finish(t, c, "a", Accepted, start)
	if pause := finish(t, c, "a", Rejected, start); pause == nil || pause.Caller != "a" || !pause.ProbeAt.Equal(start.Add(PauseTime)) {
		t.Errorf("the pause %+v", pause)
	}
	var paused *PausedError
	if _, err := tryLeaseOf(t.Context(), c, "a", start); !errors.As(err, &paused) || paused.Pause.Caller != "a" {
		t.Errorf("the caller's next call: %v", err)
	}
	if _, all := c.Paused(); all {
		t.Error("paused for all")
	}
	if trial, ok := c.OnTrial(); !ok || trial.Reason != "wrong" || !trial.Since.Equal(start) {
		t.Errorf("on trial: %+v, %v", trial, ok)
	}
	finish(t, c, "b", Accepted, start)
	probe, err := tryLeaseOf(t.Context(), c, "a", start.Add(PauseTime))
	if err != nil || !probe.Probes() {
		t.Fatalf("a probe: %v", err)
	}
	if _, err := tryLeaseOf(t.Context(), c, "a", start.Add(PauseTime)); err == nil {
		t.Error("two probes at once")
	}
}

// TestRevokedKeyIsNotLocked: of many callers that use a key at the moment when it turns bad, no more than five are rejected
// besides those that were under way at that moment.
func TestRevokedKeyIsNotLocked(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	finish(t, c, "a", Accepted, start)
	finish(t, c, "a", Rejected, start)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var sent []*Lease
	for i := range 100 {
		if lease, err := tryLeaseOf(ended, c, string(rune('b'+i)), start); err == nil {
			sent = append(sent, lease)
		}
		if len(sent) > trialCalls {
			t.Fatalf("%d calls go out with a key on trial", len(sent))
		}
	}
	for _, lease := range sent {
		lease.Done(Rejected, "wrong", start)
	}
	if _, err := tryLeaseOf(t.Context(), c, "z", start); err == nil {
		t.Error("the key is used after five rejections")
	}
}

// TestOldAcceptanceSpeaksForNothing: the answer to a call that went out before the first rejection does not end the trial.
func TestOldAcceptanceSpeaksForNothing(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	finish(t, c, "a", Accepted, start)
	under := leaseOf(t, c, start)
	finish(t, c, "a", Rejected, start)
	under.Done(Accepted, "", start)
	finish(t, c, "b", Rejected, start)
	if got := pausedFor(c); !slices.Equal(got, []string{"", "a"}) {
		t.Errorf("paused for %q", got)
	}
}

// burst has forty callers use the keys at once, as far as they need not wait.
func burst(t *testing.T, c *Credential, now time.Time) (sent []*Lease) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 40 {
		if lease, err := tryLeaseOf(ended, c, string(rune('A'+i)), now); err == nil {
			sent = append(sent, lease)
		}
	}
	return sent
}

// TestProbesAreTries: callers whose pauses are over do not go past the trial of a key that turns bad then.
func TestProbesAreTries(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	for _, caller := range []string{"a", "b", "c", "d"} {
		finish(t, c, "z", Accepted, start)
		finish(t, c, caller, Rejected, start)
	}
	now := start.Add(PauseTime)
	finish(t, c, "z", Accepted, now)
	finish(t, c, "e", Rejected, now)
	sent := burst(t, c, now)
	for _, caller := range []string{"a", "b", "c", "d"} {
		if lease, err := tryLeaseOf(t.Context(), c, caller, now); err == nil {
			sent = append(sent, lease)
		}
	}
	if len(sent) != trialCalls {
		t.Errorf("%d calls try the key", len(sent))
	}
	sent[0].Done(NoVerdict, "", now)
	if probe := leaseFor(t, c, "a", now); !probe.Probes() {
		t.Error("no probe where there is a place")
	}
}

// TestProbeBeforeATrial: its answer ends its own pause, and not the trial that began while it was under way.
func TestProbeBeforeATrial(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	finish(t, c, "z", Accepted, start)
	finish(t, c, "a", Rejected, start)
	now := start.Add(PauseTime)
	finish(t, c, "z", Accepted, now)
	probe := leaseFor(t, c, "a", now)
	finish(t, c, "b", Rejected, now)
	probe.Done(Accepted, "", now)
	if _, trial := c.OnTrial(); !trial || !slices.Equal(pausedFor(c), []string{"b"}) {
		t.Errorf("on trial: %v, paused for %q", trial, pausedFor(c))
	}
}

// TestCallsOfOneCaller that were under way together pause it once, until five are rejected in a row.
func TestCallsOfOneCaller(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	finish(t, c, "b", Accepted, start)
	other := leaseFor(t, c, "b", start)
	var own []*Lease
	for range maxRejected {
		own = append(own, leaseFor(t, c, "a", start))
	}
	own[0].Done(Rejected, "wrong", start)
	other.Done(Accepted, "", start)
	for i, lease := range own[1:] {
		if got := pausedFor(c); !slices.Equal(got, []string{"a"}) {
			t.Errorf("after %d rejections: paused for %q", i+1, got)
		}
		if n := len(burst(t, c, start)); i == 0 && n != trialCalls {
			t.Errorf("%d calls of others try the key", n)
		}
		lease.Done(Rejected, "wrong", start)
	}
	if got := pausedFor(c); !slices.Equal(got, []string{"", "a"}) {
		t.Errorf("after five rejections: paused for %q", got)
	}
}

// TestOneCallerOnTrial leaves a place to the others: the rest of its calls wait.
func TestOneCallerOnTrial(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var sent []*Lease
	for range trialCalls {
		if lease, err := tryLeaseOf(ended, c, "a", start); err == nil {
			sent = append(sent, lease)
		}
	}
	if len(sent) != trialCalls-1 {
		t.Errorf("%d calls of one caller try the key", len(sent))
	}
	leaseFor(t, c, "b", start)
	sent[0].Done(NoVerdict, "", start)
	leaseFor(t, c, "a", start)
}

// TestTrialWait is as long for a call that looks for a place again and again as for one that is never woken.
func TestTrialWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newCredential(t, catalog.ClassPartner)
		for range trialCalls - 1 {
			leaseFor(t, c, "a", start)
		}
		go func() {
			for range 20 { // places come free that are none for the caller
				lease := leaseFor(t, c, "b", start)
				time.Sleep(TrialWait / 10)
				lease.Done(NoVerdict, "", start)
			}
		}()
		begun := time.Now()
		var trial *TrialError
		if _, err := tryLeaseOf(t.Context(), c, "a", start); !errors.As(err, &trial) || trial.Credential != "main" || trial.Err != nil {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took != TrialWait {
			t.Errorf("waited %v", took)
		}
		time.Sleep(3 * TrialWait)
	})
}
