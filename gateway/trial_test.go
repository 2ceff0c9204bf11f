package gateway_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/logfile"
	"tollgate/credential"
	"tollgate/upstream"
)

// provider is one that answers when, and with what status, a test says so.
type provider struct {
	mutex  sync.Mutex
	status int
	slow   time.Duration
	taken  int
}

func (p *provider) answer(*upstream.Request) (*upstream.Response, error) {
	p.mutex.Lock()
	status, slow := p.status, p.slow
	p.taken++
	p.mutex.Unlock()
	time.Sleep(slow)
	return &upstream.Response{Status: status, Body: http.NoBody}, nil
}

func (p *provider) set(status int, slow time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.status, p.slow = status, slow
}

// asked returns how many calls it was sent.
func (p *provider) asked() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.taken
}

// onTrial runs a test with a provider that answers 503 at first, and calls of one caller, of which three may try the key at a time.
func onTrial(t *testing.T, test func(t *testing.T, f *fixture, p *provider, call func() *reply)) {
	p := &provider{status: 503}
	f := prepare(t, fixed, transport(p.answer))
	for _, u := range f.upstream {
		u.Timeout = 30 * time.Second
	}
	synctest.Test(t, func(t *testing.T) {
		call := func() *reply {
			w := httptest.NewRecorder()
			f.gateway.Server("local").Handler.ServeHTTP(w, readRequest(t, look()))
			return &reply{w.Code, w.Header(), w.Body.String(), nil}
		}
		call() // what calls wait for is of this bubble from here on
		test(t, f, p, call)
	})
}

// A call that finds no place among those that try a key ends after five seconds, certainly not sent.
func TestTrialIsNotWaitedForLong(t *testing.T) {
	onTrial(t, func(t *testing.T, f *fixture, p *provider, call func() *reply) {
		p.set(200, 20*time.Second)
		var trying sync.WaitGroup
		for range 3 {
			trying.Go(func() {
				if got := call(); got.status != 200 {
					t.Errorf("a call that tries the key: answer %d %s", got.status, got.body)
				}
			})
		}
		synctest.Wait()
		for range 2 { // the second waits as long as the first, and not for what is left of something
			begun := time.Now()
			got := call()
			if took := time.Since(begun); took != credential.TrialWait || credential.TrialWait != 5*time.Second {
				t.Errorf("answered after %v", took)
			}
			got.wantCode(t, "TG.6010")
			if got.status != 503 || got.header.Get("Retry-After") != "5" || !strings.Contains(got.body, "no byte of this one was sent") {
				t.Errorf("answer %d %v %s", got.status, got.header, got.body)
			}
			outcomes := f.log.of(logfile.KindOutcome)
			if last := outcomes[len(outcomes)-1]; last.Outcome != logfile.NotSent || last.Reason != "credential_on_trial" {
				t.Errorf("on record: %q for %q", last.Outcome, last.Reason)
			}
			if last := f.metrics.last(); last.Outcome != logfile.NotSent || last.Reason != "credential_on_trial" {
				t.Errorf("in the metrics: %+v", last)
			}
		}
		if n := p.asked(); n != 1+3 {
			t.Errorf("%d calls were sent", n)
		}
		trying.Wait()
		p.set(200, 0)
		if got := call(); got.status != 200 {
			t.Errorf("after an accepted answer: %d %s", got.status, got.body)
		}
	})
}

// A call whose time is over sooner than that has the same answer, then.
func TestTrialEndsWithTheTimeOfTheCall(t *testing.T) {
	onTrial(t, func(t *testing.T, f *fixture, p *provider, call func() *reply) {
		p.set(200, 20*time.Second)
		var trying sync.WaitGroup
		for range 3 {
			trying.Go(func() { call() })
		}
		synctest.Wait()
		f.upstream["bss"].Timeout = 2 * time.Second
		begun := time.Now()
		call().wantCode(t, "TG.6010")
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("answered after %v", took)
		}
		trying.Wait()
	})
}

// Answers that say nothing of the key free their place at once: a provider that answers 503 is asked by each call, and the first
// success after it ends the trial.
func TestUnavailableProviderIsAskedOn(t *testing.T) {
	onTrial(t, func(t *testing.T, f *fixture, p *provider, call func() *reply) {
		begun := time.Now()
		for range 20 {
			if got := call(); got.status != 503 || got.code() != "" {
				t.Fatalf("answer %d %s, want the provider's", got.status, got.body)
			}
		}
		if took := time.Since(begun); took != 0 || p.asked() != 21 {
			t.Errorf("%d calls were sent in %v", p.asked(), took)
		}
		p.set(200, 0)
		call()
		p.set(200, 10*time.Second)
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() { call() })
		}
		synctest.Wait()
		if n := p.asked(); n != 42 {
			t.Errorf("after a success: %d calls are sent, want 42", n)
		}
		calls.Wait()
	})
}

// Keys that were accepted in an earlier run are not on trial, however slow the provider is.
func TestRestoredKeysAreNotOnTrial(t *testing.T) {
	onTrial(t, func(t *testing.T, f *fixture, p *provider, call func() *reply) {
		f.credentials["acme"].Restore(sha256.New(), func(credential.Fingerprint) bool { return true })
		p.set(503, 20*time.Second)
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() { call() })
		}
		synctest.Wait()
		if n := p.asked(); n != 21 {
			t.Errorf("%d calls are sent, want 21", n)
		}
		calls.Wait()
	})
}
