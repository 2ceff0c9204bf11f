package spend_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/spend"
)

// payments makes calls that pay an order each, one after the other by a clock that goes on by a second with each: of three limits and a cap, and with
// a window that has ended for the first of ten thousand.
type payments struct {
	limiter *ratelimit.Limiter
	demand  *ratelimit.Demand
	ledger  *spend.Memory
	rules   *spend.Rules
	subject spend.Subject
	claims  []spend.Claim
	now     time.Time
	number  int
}

func newPayments(t testing.TB) *payments {
	limits, err := ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{
		{Name: "all", Rate: ratelimit.MaxPerSecond, Burst: ratelimit.MaxBurst},
		{Name: "app", Per: []ratelimit.Dimension{ratelimit.ByCaller}, Rate: ratelimit.MaxPerSecond, Burst: ratelimit.MaxBurst},
		{Name: "op", Per: []ratelimit.Dimension{ratelimit.ByOperation}, Rate: ratelimit.MaxPerSecond, Burst: ratelimit.MaxBurst},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := spend.NewRules(spend.Config{Caps: []spend.CapConfig{
		{Name: "month", Per: spend.PerCaller, Each: spend.EachMonth, Amount: map[string]spend.Money{"CNY": spend.MaxMoney}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := &payments{
		limiter: ratelimit.NewLimiter(), demand: limits.Of(ratelimit.Subject{Caller: "shop", Operation: "PayOrders", Credential: "acme"}),
		ledger: spend.NewMemory(), rules: rules, now: time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC),
		subject: spend.Subject{
			Caller: "shop", Credential: "acme", Operation: "PayOrders", Effect: "spend", Direction: spend.Out, Unit: spend.Cash,
			Priced: true, Price: spend.Price{Amount: 1, Currency: "CNY"},
		},
	}
	p.limiter.Follow(limits)
	for i := range 4096 { // each is used again long after its window
		p.claims = append(p.claims, spend.Claim{Call: fmt.Sprint("call-", i), Caller: "shop", Act: "pay", Keys: make([]spend.Key, 1)})
	}
	return p
}

// pay takes a call from its limits to its outcome.
func (p *payments) pay(ctx context.Context) error {
	v, err := p.limiter.Take(ctx, p.demand)
	if err != nil || !v.Allowed {
		return fmt.Errorf("limits: %+v, %w", v, err)
	}
	p.limiter.Sent(p.demand, &v)
	p.number++
	p.now = p.now.Add(time.Second)
	c := &p.claims[p.number%len(p.claims)]
	binary.BigEndian.PutUint64(c.Keys[0].Digest[:], uint64(p.number))
	c.Keys[0].Window, c.At, c.Repeats = 1000*time.Second, p.now, ""
	if c.Charges, err = p.rules.Charges(c.Charges[:0], &p.subject); err != nil {
		return err
	}
	if _, err := p.ledger.Reserve(ctx, c); err != nil {
		return err
	}
	p.ledger.Settle(c.Call, spend.Settlement{Outcome: logfile.Succeeded, At: p.now})
	return nil
}

// warm makes so many calls that those which follow find all that can be used again.
func (p *payments) warm(t testing.TB) {
	for range 2 * len(p.claims) {
		if err := p.pay(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPaymentDoesNotAllocate(t *testing.T) {
	p := newPayments(t)
	p.warm(t)
	if n := testing.AllocsPerRun(1000, func() { _ = p.pay(t.Context()) }); n > 0 {
		t.Errorf("a payment allocates %v times, want 0", n)
	}
}

// BenchmarkPayment is what three limits, one cap and one act cost a call, from the first limit to the settlement of its outcome, beside a
// thousand payments whose windows run.
func BenchmarkPayment(b *testing.B) {
	p := newPayments(b)
	p.warm(b)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.pay(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSnapshot is what a state file asks for of a ledger with a hundred thousand keys.
func BenchmarkSnapshot(b *testing.B) {
	m := spend.NewMemory()
	for i := range 100_000 {
		c := &spend.Claim{Call: fmt.Sprint("call-", i), Caller: fmt.Sprint(i % 10), Act: "pay", Keys: make([]spend.Key, 1)}
		binary.BigEndian.PutUint64(c.Keys[0].Digest[:], uint64(i))
		c.Keys[0].Window = 31 * setting.Day
		if _, err := m.Reserve(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Snapshot()
	}
}
