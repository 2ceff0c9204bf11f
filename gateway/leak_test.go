package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/gateway"
	"tollgate/ratelimit"
	"tollgate/spend"
	"tollgate/upstream"
)

// ends has calls end at random: by an error, a panic or the caller's leaving in each step from the limits on, and by each kind of answer.
type ends struct {
	mutex sync.Mutex
	rand  *rand.Rand
}

// one returns a number below n.
func (e *ends) one(n int) int {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.rand.IntN(n)
}

// maybe panics, or returns an error, each in one of n cases.
func (e *ends) maybe(n int) error {
	switch e.one(n) {
	case 0:
		panic("fault")
	case 1:
		return errors.New("odd")
	}
	return nil
}

func (e *ends) intent(_ context.Context, r *logfile.Record) error {
	if e.one(10) == 0 { // it may still reach the disk
		r.Seq = 1
		return errors.New("late")
	}
	return e.maybe(20)
}

func (e *ends) outcome(context.Context, *logfile.Record) error { return e.maybe(20) }

func (e *ends) send(*upstream.Request) (*upstream.Response, error) {
	if err := e.maybe(20); err != nil {
		return nil, &upstream.Error{Err: err, MaybeSent: e.one(2) == 0}
	}
	answers := []string{
		okAnswer, jsonAnswer(400, `{"error_code":"CBC.0100","error_msg":"no"}`), jsonAnswer(502, `{}`),
		jsonAnswer(200, `{"order_ids":["o"],"fail_resource_infos":[{"resource_id":"r-1"}]}`), jsonAnswer(302, `{}`, "Location: /x"),
	}
	return parseAnswer("POST", answers[e.one(len(answers))])
}

// leaver is a caller that may leave while its answer is written, or be one that the server cannot write to at all.
type leaver struct {
	nullWriter
	ends *ends
}

func (w *leaver) Write(b []byte) (int, error) {
	switch w.ends.one(20) {
	case 0:
		return 0, io.ErrClosedPipe
	case 1:
		panic(http.ErrAbortHandler)
	}
	return len(b), nil
}

// TestNothingLeaks: however calls end, many at once and of few orders, each releases or settles what it reserved, once, and none is under way
// afterwards. What is not known to be settled is held as unknown.
func TestNothingLeaks(t *testing.T) {
	e := &ends{rand: rand.New(rand.NewPCG(1, 2))}
	f := prepare(t, fixed, func(f *fixture) {
		f.plan.Spend = must(spend.NewRules(spend.Config{Caps: []spend.CapConfig{
			{Name: "often", Each: spend.EachDay, Count: 1500, Mode: spend.Hard}, {Name: "soft", Each: spend.EachDay, Count: 3, Mode: spend.Soft},
		}}))
		f.config.Limiter = watchedLimiter{f.config.Limiter, func(*ratelimit.Demand) { _ = e.maybe(40) }}
		f.config.Replay = watchedReplay{f.config.Replay, func() { _ = e.maybe(40) }}
		f.ledger.during = func(string) error { return e.maybe(40) }
		f.log.intent, f.log.outcome = e.intent, e.outcome
		f.log.ended = func(ended func(error)) {
			if e.one(2) == 0 {
				ended(nil)
			} else {
				ended(errors.New("lost"))
			}
		}
	}, transport(e.send))
	handler := f.gateway.Server("local").Handler
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 250 {
				serveOne(t, e, handler, worker*1000+i)
			}
		})
	}
	all.Wait()
	f.checkHeld(t)
}

// serveOne serves one call, whose caller may have left before it begins.
func serveOne(t *testing.T, e *ends, handler http.Handler, i int) {
	text := payOf(fmt.Sprint("CS-", e.one(400)))
	if e.one(3) == 0 {
		text = plain("POST", "/v2/orders/subscriptions/resources/unsubscribe", fmt.Sprintf(`{"resource_ids":["r-1","r-%d"],"unsubscribe_type":1}`, i+2))
	}
	request, body := template(t, text)
	ctx, leave := context.WithCancel(request.Context())
	defer leave()
	if e.one(20) == 0 {
		leave()
	}
	defer func() {
		if fault := recover(); fault != nil && fault != http.ErrAbortHandler {
			panic(fault)
		}
	}()
	handler.ServeHTTP(&leaver{nullWriter{header: http.Header{}}, e}, copyOf(request.WithContext(ctx), body))
}

// checkHeld compares what the ledger holds with the records: a call without an outcome that releases it is held, and no other.
func (f *fixture) checkHeld(t *testing.T) {
	t.Helper()
	sent := map[string]string{} // the outcome of each intended call, as it is recorded
	for _, r := range f.log.of(logfile.KindIntent) {
		sent[r.Call] = logfile.Unknown
	}
	for _, r := range f.log.of(logfile.KindOutcome) {
		sent[r.Call] = r.Outcome
	}
	ends := map[string]int{}
	for _, c := range f.ledger.Snapshot().Calls {
		ends[c.Outcome]++
		if of := sent[c.Call]; of == logfile.Failed || of == logfile.NotSent && c.Outcome != logfile.Unknown {
			t.Errorf("call %s is held as %q, and ended %s", c.Call, c.Outcome, of)
		}
	}
	for call, outcome := range sent {
		if _, held := f.ledger.Call(call); !held && outcome == logfile.Unknown {
			t.Errorf("call %s is unknown and holds nothing", call)
		}
	}
	if ends[""] > 0 || ends[logfile.Unknown] == 0 || ends[logfile.Succeeded] == 0 || strings.Count(strings.Join(f.history.all(), " "), "released") < 10 {
		t.Errorf("calls that hold something, by outcome: %v", ends)
	}
}

var _ gateway.Log = (*fakeLog)(nil)
