package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/decimal"
	"tollgate/internal/soaktest"
	"tollgate/internal/testlog"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("INDEX_TEST_VICTIM"); dir != "" {
		victim(dir, os.Getenv("INDEX_TEST_DIES"))
		return
	}
	goleak.VerifyTestMain(m)
}

// killSelf ends the process as kill -9 does.
func killSelf() {
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}

// randomLog writes what gateways write, and what none writes: calls that overlap, end twice, or have no intent, clocks that
// step back, amounts that are none.
type randomLog struct {
	*testlog.Log
	rng  *rand.Rand
	open []*logfile.Record
	// unknown are calls whose outcome is.
	unknown []string
	now     time.Time
	stride  time.Duration // between two records at most; they may step back
	n       int
}

func newRandomLog(dir string, seed uint64) *randomLog {
	return &randomLog{Log: testlog.New(dir, nil), rng: rand.New(rand.NewPCG(seed, 0)), now: testlog.Start, stride: 20 * time.Second}
}

func (l *randomLog) pick(texts ...string) string { return texts[l.rng.IntN(len(texts))] }

func (l *randomLog) add(r *logfile.Record) {
	l.now = l.now.Add(time.Duration(l.rng.Int64N(int64(l.stride))) - l.stride/7)
	if l.rng.IntN(100) == 0 {
		l.now = l.now.Add(-15 * l.stride)
	}
	r.Time = l.now
	l.Add(r)
}

func (l *randomLog) records(n int) {
	for range n {
		switch p := l.rng.IntN(100); {
		case p < 43:
			l.intent()
		case p < 81:
			l.outcome()
		case p < 88:
			l.refusal()
		case p < 89:
			l.open = nil
			l.add(&logfile.Record{Kind: logfile.KindStart})
		case p < 90:
			l.Rotate()
		case p < 91:
			l.add(&logfile.Record{Kind: logfile.KindOutcome, Call: "c-none", Outcome: "unknown", Operation: "PayOrders"})
		case p < 97:
			l.settle()
		case p < 98:
			l.add(&logfile.Record{Kind: logfile.KindRefusal, Reason: "connection: no shared cipher"})
		case p < 99:
			l.add(&logfile.Record{Kind: logfile.KindRefusals, Counts: []logfile.Count{{Reason: "x", Count: 3}}})
		default:
			l.Checkpoint()
		}
	}
	l.Flush()
}

// settle settles the outcome of a call, which may be known, or open, or none.
func (l *randomLog) settle() {
	call := fmt.Sprintf("c-%d", 1+l.rng.IntN(l.n+1))
	if len(l.unknown) > 0 && l.rng.IntN(4) > 0 {
		call = l.unknown[l.rng.IntN(len(l.unknown))]
	}
	l.add(&logfile.Record{
		Kind: logfile.KindEvent, Event: logfile.EventResolved, Subject: call,
		Data: map[string]string{"outcome": l.pick("succeeded", "succeeded", "failed", "unknown")},
	})
}

// spending is what an intent says, with a price that may be none.
func (l *randomLog) spending() *logfile.Spending {
	switch l.rng.IntN(5) {
	case 0:
		return &logfile.Spending{Price: &logfile.Price{Amount: l.amount(), Currency: l.pick("CNY", "USD", "yuan"), From: l.pick("order", "renewal", "request")}}
	case 1:
		return &logfile.Spending{For: fmt.Sprintf("c-%d", l.rng.IntN(l.n+1))}
	}
	return nil
}

func (l *randomLog) intent() {
	r := l.call(logfile.KindIntent)
	if len(l.open) > 0 && l.rng.IntN(30) == 0 {
		r.Call = l.open[0].Call // a second intent of the same id
	}
	r.Decision, r.Credential, r.Class = logfile.Allowed, l.pick("partner-main", "acme"), l.pick("partner", "customer")
	r.Spending = l.spending()
	r.Account, r.Deprecated = l.pick("", "p-1", "c-17"), l.rng.IntN(4) == 0
	l.add(r)
	l.open = append(l.open, r)
}

func (l *randomLog) outcome() {
	if len(l.open) == 0 {
		return
	}
	i := l.rng.IntN(len(l.open))
	of := l.open[i]
	if l.rng.IntN(40) > 0 { // else it ends twice
		l.open = slices.Delete(l.open, i, i+1)
	}
	outcome := l.pick("succeeded", "succeeded", "failed", "unknown", "unknown", "partial", "not_sent")
	if outcome == logfile.Unknown {
		l.unknown = append(l.unknown, of.Call)
	}
	l.add(&logfile.Record{
		Kind: logfile.KindOutcome, Call: of.Call, Plan: l.pick(of.Plan, "plan-7"), Caller: of.Caller, Operation: of.Operation, Effect: of.Effect, Site: of.Site,
		Credential: of.Credential, Class: of.Class, Account: of.Account, Deprecated: of.Deprecated, Outcome: outcome,
		Status: l.rng.IntN(3) * 200, ErrorCode: l.pick("", "", "CBC.0001", "CBC.0002"), Reason: l.pick("", "", "timeout"), RequestID: l.pick("", fmt.Sprintf("r-%d", l.rng.IntN(50))), Fields: l.fields(),
	})
}

func (l *randomLog) refusal() {
	r := l.call(logfile.KindRefusal)
	r.Decision, r.Status, r.Reason = logfile.Refused, 403, "no_grant"
	if l.rng.IntN(3) == 0 {
		r.Caller, r.ClaimedCaller = "", "app-1"
	}
	l.add(r)
}

func (l *randomLog) call(kind logfile.Kind) *logfile.Record {
	l.n++
	return &logfile.Record{
		Kind: kind, Call: fmt.Sprintf("c-%d", l.n), Caller: l.pick("", "app-1", "app-2", "app-3"), Operation: l.pick("", "PayOrders", "ListOrders", "CreatePartnerCoupons", "CancelResourcesSubscription", "ShowRefundOrderDetails"),
		Effect: l.pick("read", "write", "spend"), Site: l.pick("", "cn", "intl"), Fields: l.fields(), Plan: l.plan(),
	}
}

// plan is that of every so many calls, or another one.
func (l *randomLog) plan() string {
	if l.rng.IntN(8) == 0 {
		return l.pick("", "plan-0", "plan-1", "plan-2")
	}
	return fmt.Sprint("plan-", l.n/40%5)
}

func (l *randomLog) fields() (fields []logfile.Field) {
	add := func(kind catalog.FieldKind, name string, values ...string) {
		if l.rng.IntN(2) == 0 {
			fields = append(fields, logfile.Field{Name: name, Kind: string(kind), Values: values})
		}
	}
	add(catalog.FieldOrder, "order_id", fmt.Sprintf("CS%d", l.rng.IntN(40)), fmt.Sprintf("CS%d", l.rng.IntN(40)))
	add(catalog.FieldCustomer, "customer_id", fmt.Sprintf("c-%d", l.rng.IntN(10)))
	add(catalog.FieldCoupon, "coupon_id", fmt.Sprintf("k-%d", l.rng.IntN(10)))
	add(catalog.FieldAmount, "amount", l.amount(), l.amount())
	add(catalog.FieldAmount, "price", l.amount())
	add(catalog.FieldCurrency, "currency", l.pick("CNY", "usd", "nonsense"))
	add(catalog.FieldOther, "measure_id", l.pick("1", "2", "3", "9"))
	return fields
}

func (l *randomLog) amount() string {
	return l.pick("0", "0.00001", "-0.00009", "99.99", "100", "1e2", "100.00001", "-5", "none", "99999999999999999999", "-99999999999999999999",
		"9223372036854775.807", "1e-30", fmt.Sprintf("%d.%02d", l.rng.IntN(200), l.rng.IntN(100)))
}

// filter chooses by some members at random.
func (l *randomLog) filter() *calls.Filter {
	f := &calls.Filter{}
	some := func(set func()) {
		if l.rng.IntN(7) == 0 {
			set()
		}
	}
	span := max(l.now.Sub(testlog.Start), time.Minute)
	some(func() { f.Since = testlog.Start.Add(time.Duration(l.rng.Int64N(int64(span)))) })
	some(func() { f.Until = testlog.Start.Add(time.Duration(l.rng.Int64N(int64(span)))) })
	some(func() { f.Call = fmt.Sprintf("c-%d", l.rng.IntN(l.n+1)) })
	some(func() { f.Caller = l.pick("app-1", "app-2", "unknown") })
	some(func() { f.Operation = l.pick("PayOrders", "ListOrders", "CreatePartnerCoupons") })
	some(func() { f.Effect = l.pick("read", "write", "spend") })
	some(func() { f.Plan = fmt.Sprint("plan-", l.rng.IntN(9)) })
	some(func() { f.Site = l.pick("cn", "intl") })
	some(func() { f.Credential = l.pick("partner-main", "acme") })
	some(func() { f.Class = l.pick("partner", "customer") })
	some(func() { f.Account = l.pick("p-1", "c-17", "c-0") })
	some(func() { f.Deprecated = true })
	some(func() { f.Decision = l.pick(logfile.Allowed, logfile.Refused) })
	some(func() { f.State = l.pick("succeeded", "failed", "unknown", "unknown", calls.Refused, calls.Open) })
	some(func() { f.Reason = l.pick("no_grant", "timeout", "no") })
	some(func() { f.Status = l.rng.IntN(5) * 100 })
	some(func() { f.ErrorCode = l.pick("CBC.0001", "CBC.0002", "no") })
	some(func() { f.RequestID = fmt.Sprintf("r-%d", l.rng.IntN(50)) })
	some(func() { f.Order = fmt.Sprintf("CS%d", l.rng.IntN(40)) })
	some(func() { f.Customer = fmt.Sprintf("c-%d", l.rng.IntN(10)) })
	some(func() { f.Coupon = fmt.Sprintf("k-%d", l.rng.IntN(10)) })
	some(func() { f.MinAmount = l.decimal() })
	some(func() { f.MaxAmount = l.decimal() })
	some(func() { f.Currency = l.pick("CNY", "USD", calls.NoCurrency) })
	if l.rng.IntN(3) == 0 {
		f.Last = 1 + l.rng.IntN(12)
	}
	return f
}

func (l *randomLog) decimal() *decimal.Decimal {
	for {
		if d, err := decimal.Parse(l.amount()); err == nil {
			return &d
		}
	}
}

// list returns the calls of a source, one text each.
func list(t testing.TB, s calls.Source, f *calls.Filter) []string {
	t.Helper()
	var got []string
	err := s.Calls(t.Context(), f, func(c *calls.Call) error { got = append(got, linesOf(c)); return nil })
	if err != nil {
		t.Fatalf("%T: %v", s, err)
	}
	return got
}

func linesOf(c *calls.Call) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d lost %d", c.Order(), c.Lost)
	for _, r := range []*logfile.Record{c.Intent, c.Outcome, c.Refusal, c.Settled} {
		if r != nil {
			fmt.Fprintf(&b, " %s", r.Append(nil))
		}
	}
	return b.String()
}

// same compares what the index and a scan yield for random filters, and counts how many filters found anything.
func (l *randomLog) same(t *testing.T, dir string, x *Index, filters int) {
	t.Helper()
	found := 0
	for i := range filters {
		f := l.filter()
		if i < 4 {
			f = &calls.Filter{State: [...]string{"", logfile.Succeeded, logfile.Failed, logfile.Unknown}[i]}
		}
		got, want := list(t, x, f), list(t, calls.Scan{Dir: dir}, f)
		if !slices.Equal(got, want) {
			t.Fatalf("filter %+v: the index yields %d calls, a scan %d; first difference:\n%s", *f, len(got), len(want), difference(got, want))
		}
		if len(want) > 0 {
			found++
		}
	}
	if filters >= 30 && found < filters/4 {
		t.Errorf("only %d of %d filters find anything", found, filters)
	}
}

func difference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("%d\n%v\n%v", i, got[min(i, len(got)):min(i+1, len(got))], want[min(i, len(want)):min(i+1, len(want))])
		}
	}
	return "none"
}

// step has the index take up what is there.
func step(t testing.TB, x *Index) {
	t.Helper()
	f, err := x.follower(t.Context(), restless())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.step(t.Context()); err != nil {
		t.Error(err)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
}

func rounds(t *testing.T) int {
	if soaktest.On() {
		return 200
	}
	return 1 // more take long with the race detector
}

// What the index yields is what a scan yields: when it was built at once, record by record, and when it is behind.
func TestIndexIsScan(t *testing.T) {
	for seed := range uint64(rounds(t)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l := newRandomLog(dir, seed)
			l.records(150)
			built := New(dir, filepath.Join(t.TempDir(), "built"))
			if seq, err := built.Rebuild(t.Context(), nil); err != nil || seq != l.Seq {
				t.Fatalf("built up to record %d of %d, %v", seq, l.Seq, err)
			}
			l.same(t, dir, built, 6)
			l.records(60)
			l.same(t, dir, built, 6) // behind

			followed := New(dir, "")
			followed.batch = 1 + l.rng.IntN(30)
			for range 4 {
				step(t, followed)
				l.same(t, dir, followed, 3)
				l.records(40)
			}
			l.same(t, dir, followed, 6)
			step(t, built)
			l.same(t, dir, built, 6)
		})
	}
}

// TestSettledOfAllUnknown: calls are found by a state that none had when the index took them up.
func TestSettledOfAllUnknown(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	for i := range 4 {
		l.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: fmt.Sprint("c-", i), Outcome: logfile.Unknown})
	}
	x := New(dir, "")
	l.Flush()
	step(t, x)
	for i, outcome := range []string{logfile.Succeeded, logfile.Failed} {
		l.Add(&logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventResolved, Subject: fmt.Sprint("c-", i), Data: map[string]string{"outcome": outcome}})
	}
	l.Flush()
	for _, when := range []string{"behind", "taken up"} {
		for state, want := range map[string]int{logfile.Succeeded: 1, logfile.Failed: 1, logfile.Unknown: 2} {
			if got := list(t, x, &calls.Filter{State: state}); len(got) != want {
				t.Errorf("%s: %d calls are %s, want %d", when, len(got), state, want)
			}
		}
		step(t, x)
	}
}

var errStop = errors.New("stop")

func TestErrorsOfYield(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 1)
	l.records(200)
	x := New(dir, "")
	step(t, x)
	l.records(100)
	for _, f := range []*calls.Filter{{}, {Last: 5}, {State: calls.Open}, {Caller: "app-1"}} {
		n := 0
		err := x.Calls(t.Context(), f, func(*calls.Call) error {
			if n++; n == 2 {
				return errStop
			}
			return nil
		})
		if err != errStop || n != 2 {
			t.Errorf("%+v: %d calls, %v", *f, n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Calls(ctx, &calls.Filter{}, func(*calls.Call) error { return nil }); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnusable) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// TestManySpans: of a log with several spans the index yields what a scan yields, also when pruning or a step back cut one, whose sums are made again.
func TestManySpans(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 17)
	l.records(5 << spanShift / 4)
	x := New(dir, "")
	x.batch = 100
	step(t, x)
	for first := uint64(0); first < 1<<spanShift; {
		pruneFirst(t, dir)
		var err error
		if first, err = logfile.First(dir); err != nil {
			t.Fatal(err)
		}
	}
	step(t, x)
	l.same(t, dir, x, 1)
	expectNothingPruned(t, x, dir)
	l.cutBack(t, dir, 10)
	step(t, x)
	l.same(t, dir, x, 3)
	l.sameReports(t, dir, x, 1)
	expectSummed(t, x)
}

// TestManyPlans: calls are found by a plan of a few of them, of a thousand plans.
func TestManyPlans(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	for i := range 5000 {
		l.Add(&logfile.Record{Kind: logfile.KindRefusal, Call: fmt.Sprint("c-", i), Plan: fmt.Sprint("plan-", i%1000), Decision: logfile.Refused})
	}
	l.Flush()
	x := New(dir, "")
	rebuild(t, x)
	for _, f := range []*calls.Filter{{Plan: "plan-7"}, {Plan: "plan-7", Call: "c-4007"}, {Plan: "plan-7", Last: 2}, {Plan: "plan-1000"}} {
		if got, want := list(t, x, f), list(t, calls.Scan{Dir: dir}, f); !slices.Equal(got, want) {
			t.Errorf("%+v: %s", *f, difference(got, want))
		}
	}
}
