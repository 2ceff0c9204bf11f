package journal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
	"tollgate/spend"
)

// stated are the subjects of the unresolved events of a log, in order.
func stated(t testing.TB, l *written) (calls []string) {
	t.Helper()
	if err := logfile.Read(l.dir, func(r *logfile.Record, _ []byte) error {
		if r.Event == logfile.EventUnresolved {
			calls = append(calls, r.Subject)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return calls
}

// TestUnknownCallsAreStatedAgain behind each start and in each segment, once.
func TestUnknownCallsAreStatedAgain(t *testing.T) {
	l := newLog(t)
	calls(l)
	j := opened(t, l.options())
	for range 3 {
		j.mustSave(t)
	}
	want(t, stated(t, l)) // it was found unknown behind the start
	for n := 1; n <= 2; n++ {
		l.Calls(5)
		l.Rotate()
		l.Flush()
		l.refuse = errors.New("the disk hangs")
		j.mustSave(t)
		l.refuse = nil
		if from := j.NeededFrom(); from >= l.Seq {
			t.Errorf("record %d and those behind it are needed, but call c is not stated again", from)
		}
		for range 3 {
			j.mustSave(t)
		}
		want(t, stated(t, l), slices.Repeat([]string{"c"}, n)...)
	}
	l.add(&logfile.Record{Kind: logfile.KindStart})
	j = opened(t, l.options())
	for range 3 {
		j.mustSave(t)
	}
	want(t, stated(t, l), "c", "c", "c")
	if got, want := j.NeededFrom(), j.fold.open["f"].Seq; got != want {
		t.Errorf("record %d and those behind it are needed, want %d: call f is under way", got, want)
	}
}

// TestRestatementIsEnough: without the segment of its intent, a call that is unknown holds all that it held.
func TestRestatementIsEnough(t *testing.T) {
	l := newLog(t)
	l.intent(claim("c", "CS1", "CS2"))
	l.outcome("c", logfile.Unknown)
	j := opened(t, l.options())
	l.Rotate()
	l.Flush()
	j.mustSave(t)
	j.mustSave(t)
	before, _ := j.o.Ledger.Call("c")
	if from := j.NeededFrom(); from <= 6 {
		t.Fatalf("record %d and those behind it are needed", from)
	}
	l.Prune(1)
	l.Flush()
	o := l.options()
	o.MACKey = macKey
	next := New(o)
	if err := errors.Join(removed(next.file()), next.Open(t.Context(), func() error { return nil })); err != nil {
		t.Fatal(err)
	}
	want(t, held(t, next, "CS1", "CS2"), "CS1 c unknown", "CS2 c unknown")
	after, _ := next.o.Ledger.Call("c")
	if !slices.Equal(before.Charges, after.Charges) || before.Caller != after.Caller || !after.At.Equal(before.At.Truncate(time.Second)) || len(after.Keys) != 2 {
		t.Errorf("%+v\n%+v", before, after)
	}
	if err := next.Resolve(t.Context(), "c", logfile.Failed, Decision{Reason: "looked up", By: "uid 0"}); err != nil {
		t.Fatal(err)
	}
	want(t, held(t, next, "CS1", "CS2"))
	if n := used(next, "daily"); n != 0 {
		t.Errorf("%v is used", n)
	}
}

// TestResolve settles an unknown call, for this process and those that follow, and it is never stated again.
func TestResolve(t *testing.T) {
	for outcome, still := range map[string][]string{logfile.Succeeded: {"CS3 c succeeded"}, logfile.Failed: nil} {
		l := newLog(t)
		calls(l)
		j := opened(t, l.options())
		l.Rotate() // it is to be stated again, and must not be behind its resolution
		l.Flush()
		if err := j.Resolve(t.Context(), "c", outcome, Decision{"order CS3 is paid", "uid 0", "read-1"}); err != nil {
			t.Fatal(err)
		}
		want(t, held(t, j, "CS3"), still...)
		for _, l.lag = range []uint64{1, 0, 0} {
			j.mustSave(t)
		}
		want(t, stated(t, l))
		want(t, held(t, opened(t, l.options()), "CS3"), still...)
		if err := removed(j.file()); err != nil {
			t.Fatal(err)
		}
		want(t, held(t, opened(t, l.options()), "CS3"), still...)
		if len(j.settled) > 0 {
			t.Error("resolutions pile up")
		}
	}
}

// TestResolvedOnce: of two people who settle a call at once, one does, and the other gets an error: what the second says would not count
// after a start. So it is while the first does not know whether its record will be durable.
func TestResolvedOnce(t *testing.T) {
	l := newLog(t)
	calls(l)
	j := opened(t, l.options())
	j.mustSave(t)
	l.meanwhile = func() {
		if err := j.Resolve(t.Context(), "c", logfile.Failed, Decision{Reason: "not paid"}); err == nil {
			t.Error("two resolutions are on record")
		}
	}
	if err := j.Resolve(t.Context(), "c", logfile.Succeeded, Decision{Reason: "paid"}); err != nil {
		t.Error(err)
	}
	want(t, held(t, j, "CS3"), "CS3 c succeeded")
	want(t, held(t, opened(t, l.options()), "CS3"), "CS3 c succeeded")
}

// TestResolveRefuses what is no resolution. Nothing is on record then, and nothing is released.
func TestResolveRefuses(t *testing.T) {
	l := newLog(t)
	calls(l)
	j := opened(t, l.options())
	j.mustSave(t)
	last := l.Seq
	for call, outcome := range map[string]string{"c": logfile.Partial, "f": logfile.Failed, "a": logfile.Failed} {
		if err := j.Resolve(t.Context(), call, outcome, Decision{}); err == nil {
			t.Errorf("call %s is resolved as %s", call, outcome)
		}
	}
	l.refuse = errors.New("the disk hangs")
	if err := j.Resolve(t.Context(), "c", logfile.Failed, Decision{}); !errors.Is(err, l.refuse) || len(j.settled) > 0 {
		t.Errorf("%v, %v", err, j.settled)
	}
	want(t, held(t, j, "CS1", "CS3", "CS7"), "CS1 a succeeded", "CS3 c unknown", "CS7 f ")
	if l.Seq != last {
		t.Error("something is on record")
	}
}

// TestResolvedWithoutOutcome: a call of which the log did not take an outcome is unknown to the gateway. A start that finds it so does not undo
// its resolution.
func TestResolvedWithoutOutcome(t *testing.T) {
	l := newLog(t)
	calls(l)
	j := opened(t, l.options())
	j.o.Ledger.Settle("f", spend.Settlement{Outcome: logfile.Unknown})
	if err := j.Resolve(t.Context(), "f", logfile.Failed, Decision{Reason: "not paid"}); err != nil {
		t.Fatal(err)
	}
	j.mustSave(t)
	l.outcome("f", logfile.Unknown)
	want(t, held(t, opened(t, l.options()), "CS7"))
}

// TestLateResolution: one that became durable when it was not waited for any more is taken from the log.
func TestLateResolution(t *testing.T) {
	l := newLog(t)
	calls(l)
	j := opened(t, l.options())
	l.add(&logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventResolved, Subject: "c", Data: map[string]string{dataOutcome: logfile.Failed}})
	j.mustSave(t)
	want(t, held(t, j, "CS3"))
}

// TestAllowRepeat outlives a start, and is used up once.
func TestAllowRepeat(t *testing.T) {
	l := newLog(t)
	calls(l)
	j := opened(t, l.options())
	for _, call := range []string{"c", "f", "b", "none"} { // unknown, under way, failed
		if err := j.AllowRepeat(t.Context(), call, Decision{}); err == nil {
			t.Errorf("call %s may be repeated", call)
		}
	}
	l.refuse = errors.New("the disk hangs")
	if err := j.AllowRepeat(t.Context(), "a", Decision{}); !errors.Is(err, l.refuse) {
		t.Error(err)
	}
	l.refuse = nil
	want(t, held(t, j, "CS1"), "CS1 a succeeded")
	if err := j.AllowRepeat(t.Context(), "a", Decision{Reason: "the goods came back", By: "uid 0"}); err != nil {
		t.Fatal(err)
	}
	next := opened(t, l.options())
	c := claim("again", "CS1")
	c.At = next.o.Now()
	c.Charges = nil
	if _, err := next.o.Ledger.Reserve(t.Context(), c); err != nil || c.Repeats != "a" {
		t.Fatalf("%v, repeats %q", err, c.Repeats)
	}
	l.intent(c)
	l.outcome("again", logfile.Succeeded)
	want(t, held(t, opened(t, l.options()), "CS1"), "CS1 again succeeded")
}

// TestLostHashKey: what is held by keys that cannot be compared holds the act as a whole, until an operator accepts the loss by its name.
func TestLostHashKey(t *testing.T) {
	l := newLog(t)
	calls(l)
	opened(t, l.options()).mustSave(t)
	lost := func() Options {
		o := l.options()
		o.MACKey = "ffeeddccbbaa9988"
		return o
	}
	j := opened(t, lost())
	if _, err := j.o.Ledger.Reserve(t.Context(), claim("new", "CS99")); err == nil || !strings.Contains(err.Error(), "held") {
		t.Fatalf("a lost hash key opens the guard: %v", err)
	}
	if err := j.AcceptKeyLoss(t.Context(), "renew", Decision{}); !errors.Is(err, errNotHeld) {
		t.Error(err)
	}
	j.mustSave(t)
	j = opened(t, lost())
	if j.State().Rebuilt != "" {
		t.Error(j.State().Rebuilt)
	}
	l.refuse = errors.New("the disk hangs")
	if err := j.AcceptKeyLoss(t.Context(), "pay", Decision{}); !errors.Is(err, l.refuse) {
		t.Error(err)
	}
	l.refuse = nil
	if len(held(t, j, "CS99")) != 1 {
		t.Error("the loss is accepted, and that is not on record")
	}
	if err := j.AcceptKeyLoss(t.Context(), "pay", Decision{Reason: "the disk is gone", By: "uid 0"}); err != nil {
		t.Fatal(err)
	}
	want(t, held(t, j, "CS99"))
	want(t, held(t, opened(t, lost()), "CS99"))
	if err := removed(j.file()); err != nil {
		t.Fatal(err)
	}
	want(t, held(t, opened(t, lost()), "CS99"))
	want(t, held(t, opened(t, l.options()), "CS1"), "CS1 a succeeded") // the key was found again
}

// TestReleasedForGood: what an unknown call held by a lost key is not stated again once it was released, so it does not hold the act when the
// records of before are gone. What it takes of caps is.
func TestReleasedForGood(t *testing.T) {
	l := newLog(t)
	l.intent(claim("c", "CS1"))
	l.outcome("c", logfile.Unknown)
	lost := func() Options {
		o := l.options()
		o.MACKey = "ffeeddccbbaa9988"
		return o
	}
	j := opened(t, lost())
	if err := j.AcceptKeyLoss(t.Context(), "pay", Decision{Reason: "the disk is gone"}); err != nil {
		t.Fatal(err)
	}
	l.Calls(5)
	l.Rotate()
	l.Flush()
	j.mustSave(t)
	j.mustSave(t)
	l.Prune(1)
	l.Flush()
	if err := removed(j.file()); err != nil {
		t.Fatal(err)
	}
	next := opened(t, lost())
	want(t, held(t, next, "CS99"))
	if n := used(next, "daily"); n != 99_9900 {
		t.Errorf("%v is used", n)
	}
}

// TestLostHashKeyInTime: when all windows have ended that were held by a lost key, nothing is held.
func TestLostHashKeyInTime(t *testing.T) {
	l := newLog(t)
	l.intent(claim("a", "CS1"))
	l.outcome("a", logfile.Succeeded)
	o := l.options()
	at := o.Now().Add(32 * day)
	o.MACKey, o.Now = "ffeeddccbbaa9988", func() time.Time { return at }
	want(t, held(t, opened(t, o), "CS1"))
}

// TestIntroduce: a new cap counts what calls on record take of it, and a start knows.
func TestIntroduce(t *testing.T) {
	l := newLog(t)
	calls(l)
	l.intent(claim("paid", "CS9"))
	l.outcome("paid", logfile.Unknown)
	o := l.options()
	monthly := &spend.Cap{Name: "monthly", Definition: "per none each month", Hard: true, Each: spend.EachMonth, Zone: time.UTC, Amounts: map[string]spend.Money{"CNY": spend.MaxMoney}}
	each := &spend.Cap{Name: "each", Definition: "per none each call", Each: spend.EachCall, Amounts: monthly.Amounts}
	charges := func(r *logfile.Record) []spend.Charge {
		return []spend.Charge{{Cap: monthly, Currency: "CNY", Amount: 100_0000}, {Cap: each, Currency: "CNY", Amount: 100_0000}}
	}
	j := opened(t, o)
	if err := j.Introduce(t.Context(), []*spend.Cap{monthly, each}, charges); err != nil {
		t.Fatal(err)
	}
	const calls = 8 // a, c, d, f, paid, and three that are no acts
	if n := used(j, "monthly"); n != calls*100_0000 {
		t.Errorf("%v is used, want that of %d calls", n, calls)
	}
	o.Ledger.Settle("f", spend.Settlement{Outcome: logfile.Failed, At: o.Now()})
	if n := used(j, "monthly"); n != (calls-1)*100_0000 {
		t.Errorf("%v is used, though call f failed", n)
	}
	for range 2 { // with the file, and without
		next := opened(t, l.options())
		if n := used(next, "monthly"); n != calls*100_0000 {
			t.Errorf("after a start %v is used, want that of %d calls", n, calls)
		}
		if i := slices.IndexFunc(next.o.Ledger.Snapshot().Caps, func(c spend.CapState) bool { return c.Name == "monthly" }); i < 0 || !next.o.Ledger.Snapshot().Caps[i].Hard {
			t.Error("it is not known that the cap is hard")
		} else if since := next.o.Ledger.Snapshot().Caps[i].Since; !since.Equal(testlog.Start.Add(time.Second)) {
			t.Errorf("it counts since %v", since)
		}
		next.mustSave(t)
	}
	if err := j.Introduce(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
}

// TestTurned: a start knows in which mode a cap was last, and since when it counts.
func TestTurned(t *testing.T) {
	l := newLog(t)
	c := &spend.Cap{Name: "c", Definition: "per none each day", Each: spend.EachDay, Zone: time.UTC, Amounts: map[string]spend.Money{"CNY": 1}}
	j := opened(t, l.options())
	if err := j.Introduce(t.Context(), []*spend.Cap{c}, func(*logfile.Record) []spend.Charge { return nil }); err != nil {
		t.Fatal(err)
	}
	since := j.o.Ledger.Snapshot().Caps[0].Since
	for _, hard := range []bool{true, false} {
		c.Hard = hard
		if err := j.Turned([]*spend.Cap{c}); err != nil {
			t.Fatal(err)
		}
		if s := opened(t, l.options()).o.Ledger.Snapshot(); len(s.Caps) != 1 || s.Caps[0].Hard != hard || !s.Caps[0].Since.Equal(since) {
			t.Errorf("hard %v: a start knows %+v, want since %v", hard, s.Caps, since)
		}
	}
	l.refuse = errors.New("no room on the disk")
	if err := j.Turned([]*spend.Cap{c}); err == nil {
		t.Error("what is not on record is no error")
	}
}

// failing is a log that takes some events only.
type failing struct {
	*written
	takes int
}

func (l *failing) Event(ctx context.Context, r *logfile.Record) error {
	if l.takes--; l.takes < 0 {
		return errors.New("no room on the disk")
	}
	return l.written.Event(ctx, r)
}

// TestIntroduceMuch: what has no room in one record stands in several. A cap of which only some are on record is not known: it is counted
// again.
func TestIntroduceMuch(t *testing.T) {
	l := newLog(t)
	for i := range 3 * chargesPerRecord {
		c := claim(strings.Repeat("x", i+1), "CS1")
		c.Caller = strings.Repeat("c", 1+i%64) + string(rune('a'+i/64))
		l.intent(c)
	}
	daily := &spend.Cap{Name: "new", Definition: "per caller each day", Each: spend.EachDay, Zone: time.UTC, Amounts: map[string]spend.Money{"CNY": 1}}
	charges := func(r *logfile.Record) []spend.Charge {
		return []spend.Charge{{Cap: daily, Counted: r.Caller, Currency: "CNY", Amount: 1}}
	}
	for takes := range 4 {
		o := l.options()
		o.Log = &failing{l, takes}
		err := opened(t, o).Introduce(t.Context(), []*spend.Cap{daily}, charges)
		next := opened(t, l.options())
		next.mustSave(t)
		known := slices.ContainsFunc(next.o.Ledger.Snapshot().Caps, func(c spend.CapState) bool { return c.Name == daily.Name })
		if whole := takes == 3; whole != (err == nil) || whole != known || used(next, "new") != map[bool]spend.Money{true: 3 * chargesPerRecord}[whole] {
			t.Errorf("with %d records: %v, known %v, %d are counted", takes, err, known, used(next, "new"))
		}
		next = opened(t, l.options())
		if s := next.State(); s.Rebuilt != "" {
			t.Errorf("with %d records: %+v", takes, s)
		}
		l.add(&logfile.Record{Kind: logfile.KindStart})
	}
	if n := used(opened(t, l.options()), "new"); n != 3*chargesPerRecord {
		t.Errorf("%d are counted", n)
	}
}

// TestUnknownOrders: an order that a request names under two names is one.
func TestUnknownOrders(t *testing.T) {
	l := newLog(t)
	r := &logfile.Record{Kind: logfile.KindIntent, Call: "u", Effect: "spend", MACKey: macKey, Spending: new(logfile.Spending), Fields: []logfile.Field{
		{Name: "order_id", Kind: "order", Values: []string{"CS1"}}, {Name: "orderId", Kind: "order", Values: []string{"cs1"}},
	}}
	Describe(r.Spending, claim("u", "CS1"))
	l.add(r)
	l.outcome("u", logfile.Unknown)
	unknown := opened(t, l.options()).Unknown()
	if len(unknown) != 1 {
		t.Fatalf("%+v", unknown)
	}
	want(t, unknown[0].Orders, "CS1")
}
