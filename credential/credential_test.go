package credential

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/catalog"
	"tollgate/internal/secret"
	"tollgate/signing"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func operation(class catalog.Class, kind catalog.Kind) *catalog.Operation {
	return &catalog.Operation{Name: "Op", Method: "GET", Class: class, Kind: kind}
}

// source is a key source whose keys a test can change.
type source struct {
	mutex sync.Mutex
	keys  Keys
	err   error
	loads int
}

func (s *source) load() (Keys, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.loads++
	return s.keys, s.err
}

func (s *source) set(keys Keys, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.keys, s.err = keys, err
}

func keysNamed(name string) Keys {
	return Keys{AccessKey: "AK" + name, SecretKey: secret.New("sk-" + name)}
}

func newCredential(t *testing.T, class catalog.Class, kinds ...catalog.Kind) (*Credential, *source) {
	t.Helper()
	s := &source{keys: keysNamed("1")}
	c, err := New(Config{Facts: Facts{Name: "main", Upstream: "bss", Class: class, Kinds: kinds, DomainID: "d1"}}, Options{Place: "bss", Load: s.load})
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

// TestPermitByClass is the table of invariant 2: which credential may sign which operation.
func TestPermitByClass(t *testing.T) {
	for _, c := range []struct {
		credential catalog.Class
		kinds      []catalog.Kind
		operation  catalog.Class
		kind       catalog.Kind
		allowed    bool
	}{
		{catalog.ClassPartner, nil, catalog.ClassPartner, "", true},
		{catalog.ClassPartner, nil, catalog.ClassCustomer, "", false},
		{catalog.ClassCustomer, nil, catalog.ClassPartner, "", false},
		{catalog.ClassCustomer, nil, catalog.ClassCustomer, "", true},
		{catalog.ClassPartner, nil, catalog.ClassEither, "", true},
		{catalog.ClassCustomer, nil, catalog.ClassEither, "", true},
		{catalog.ClassCustomer, nil, catalog.ClassUnknown, "", true},
		{catalog.ClassPartner, nil, catalog.ClassNone, "", false},
		{catalog.ClassPartner, nil, catalog.ClassPartner, catalog.KindDistributor, false},
		{catalog.ClassPartner, []catalog.Kind{catalog.KindDistributor}, catalog.ClassPartner, catalog.KindDistributor, true},
		{catalog.ClassPartner, []catalog.Kind{catalog.KindDistributor}, catalog.ClassCustomer, catalog.KindEnterpriseMaster, false},
		{catalog.ClassCustomer, nil, catalog.ClassCustomer, catalog.KindEnterpriseMaster, false},
		{catalog.ClassCustomer, []catalog.Kind{catalog.KindEnterpriseMaster}, catalog.ClassCustomer, catalog.KindEnterpriseMaster, true},
	} {
		cred, _ := newCredential(t, c.credential, c.kinds...)
		permit, err := cred.Permit(operation(c.operation, c.kind))
		if allowed := err == nil; allowed != c.allowed {
			t.Errorf("%v%v for %v/%q: allowed %v, want %v", c.credential, c.kinds, c.operation, c.kind, allowed, c.allowed)
		}
		var classError *ClassError
		if err != nil && !errors.As(err, &classError) {
			t.Errorf("error %v is no *ClassError", err)
		}
		if _, err := permit.Lease(t.Context(), "app", start, time.Now().Add(time.Hour)); (err == nil) != c.allowed {
			t.Errorf("%v for %v: a refused permit granted a lease", c.credential, c.operation)
		}
	}
}

func TestLeaseSignsOnlyThePermittedMethod(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	lease := leaseOf(t, c, start)
	headers := []signing.Header{{Name: "host", Value: "h"}}
	if _, err := lease.Sign(start, signing.Request{Method: "POST", Path: "/", Headers: headers, PayloadHash: signing.UnsignedPayload}); err == nil {
		t.Error("a lease for GET signed a POST")
	}
	added, err := lease.Sign(start, signing.Request{Method: "GET", Path: "/", Headers: headers, PayloadHash: signing.UnsignedPayload})
	if err != nil || added[0].Value != signing.FormatDate(start) || !strings.HasPrefix(added[len(added)-1].Value, signing.SDK.Name()+" Access=AK1, ") {
		t.Errorf("Sign = %q, %v", added, err)
	}
}

func leaseOf(t *testing.T, c *Credential, now time.Time) *Lease {
	t.Helper()
	return leaseFor(t, c, "app", now)
}

func leaseFor(t *testing.T, c *Credential, caller string, now time.Time) *Lease {
	t.Helper()
	lease, err := tryLeaseOf(t.Context(), c, caller, now)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func tryLease(c *Credential, now time.Time) (*Lease, error) {
	return tryLeaseOf(context.Background(), c, "app", now)
}

func tryLeaseOf(ctx context.Context, c *Credential, caller string, now time.Time) (*Lease, error) {
	permit, err := c.Permit(operation(catalog.ClassEither, ""))
	if err != nil {
		return nil, err
	}
	return permit.Lease(ctx, caller, now, time.Now().Add(time.Hour))
}

func TestFirstRejectionPauses(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	leaseOf(t, c, start).Done(Rejected, "APIG.0301", start)
	var paused *PausedError
	if _, err := tryLease(c, start.Add(time.Minute)); !errors.As(err, &paused) {
		t.Fatalf("lease of a paused credential: %v", err)
	}
	if got, ok := c.Paused(); !ok || got.Reason != "APIG.0301" || !got.Since.Equal(start) {
		t.Errorf("Paused = %+v, %v", got, ok)
	}
}

func TestProbeReopensOrPausesAgain(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	leaseOf(t, c, start).Done(Rejected, "wrong", start)
	later := start.Add(PauseTime)
	probe := leaseOf(t, c, later)
	if _, err := tryLease(c, later); err == nil {
		t.Error("two probes at once")
	}
	probe.Done(Rejected, "still wrong", later)
	if _, err := tryLease(c, later.Add(time.Second)); err == nil {
		t.Error("a rejected probe left the credential open")
	}
	later = later.Add(PauseTime)
	leaseOf(t, c, later).Done(NoVerdict, "", later)
	leaseOf(t, c, later).Done(Accepted, "", later)
	if _, ok := c.Paused(); ok {
		t.Error("an accepted probe left the credential paused")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		class  catalog.Class
		source *source
	}{
		"no class":   {catalog.ClassEither, &source{keys: keysNamed("1")}},
		"no secret":  {catalog.ClassPartner, &source{keys: Keys{AccessKey: "a"}}},
		"no source":  {catalog.ClassPartner, &source{err: errors.New("gone")}},
		"no key id ": {catalog.ClassPartner, &source{keys: Keys{SecretKey: secret.New("s")}}},
	} {
		if _, err := New(Config{Facts: Facts{Class: c.class}}, Options{Load: c.source.load}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPrintsNoSecret(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	lease := leaseOf(t, c, start)
	for _, text := range []string{fmt.Sprintf("%+v", lease.set.keys), fmt.Sprintf("%#v", lease.set.keys)} {
		if strings.Contains(text, "sk-1") {
			t.Errorf("the secret shows in %s", text)
		}
	}
}

// TestTrial: a burst of calls with keys that were never accepted is held back, so that a wrong key is not locked.
func TestTrial(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	var leases []*Lease
	for i := range trialCalls {
		leases = append(leases, leaseFor(t, c, string(rune('a'+i)), start))
	}
	permit, err := c.Permit(operation(catalog.ClassEither, ""))
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := permit.Lease(ended, "app", start, time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Fatalf("a call beyond the trial was not held back: %v", err)
	}
	waiting := make(chan error)
	for range 3 {
		go func() {
			_, err := permit.Lease(t.Context(), "app", start, time.Now().Add(time.Hour))
			waiting <- err
		}()
	}
	leases[0].Done(Rejected, "wrong", start)
	leases[1].Done(NoVerdict, "", start)
	leases[2].Done(NoVerdict, "", start)
	for range 3 {
		var paused *PausedError
		if err := <-waiting; !errors.As(err, &paused) {
			t.Errorf("a call that waited for a rejected key: %v", err)
		}
	}
}

func TestAcceptanceEndsTheTrial(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	leaseOf(t, c, start).Done(Accepted, "", start)
	for range 3 * trialCalls {
		leaseOf(t, c, start) // would wait for ever
	}
}

func TestConcurrentUse(t *testing.T) {
	c, _ := newCredential(t, catalog.ClassPartner)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 200 {
				now := start.Add(time.Duration(i) * time.Minute)
				if lease, err := tryLease(c, now); err == nil {
					lease.Done(Verdict(i%4), "test", now)
					_, _ = c.Poll(now)
				}
			}
		})
	}
	group.Wait()
	set := c.active.Load()
	if len(set.trying) > 0 {
		t.Errorf("calls that are over still try the key: %q", set.trying)
	}
	for _, p := range set.pauses {
		if p.probing {
			t.Errorf("a probe that is over: %+v", p)
		}
	}
}

// The zero Permit was never checked, and signs nothing.
func TestZeroPermit(t *testing.T) {
	if _, err := (Permit{}).Lease(t.Context(), "app", start, time.Now().Add(time.Hour)); err == nil {
		t.Error("a permit of no credential granted a lease")
	}
}
