package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/spend"
)

// TestTenThousandAttempts: whatever callers attempt, with fresh signatures, in all versions of the API, at a provider that fails and drops
// answers and would pay twice, with a gateway that is killed meanwhile: one order is paid once, one coupon is issued, and no cap is passed.
func TestTenThousandAttempts(t *testing.T) {
	t.Parallel()
	worlds := 1
	if soaking() {
		worlds = 20
	}
	random := rand.New(rand.NewPCG(seed(t), 0))
	for range worlds {
		newFlood(t, random).run()
	}
}

const (
	floodAttempts = 10_000
	floodWorkers  = 16
	floodKills    = 4
	floodOrder    = "CS-1001" // 99.00
	tillLimit     = 200_00    // as in moneyConfig
)

// flood is a world in which callers attempt the same again and again.
type flood struct {
	*world
	provider *unreliable
	random   *rand.Rand
	orders   []string

	gateway  atomic.Pointer[process]
	attempts atomic.Int64
	refused  atomic.Int64 // because another call held the act
}

func newFlood(t *testing.T, random *rand.Rand) *flood {
	w := newMoneyWorld(t, moneyConfig)
	s := &flood{world: w, random: random, orders: w.addOrders(40, "7.50")}
	s.provider = &unreliable{server: w.simulator, random: rand.New(rand.NewPCG(random.Uint64(), 1))}
	s.provider.next = w.simulator
	w.provider.Store(&handling{s.provider})
	return s
}

func (s *flood) run() {
	s.t.Helper()
	s.gateway.Store(s.start())
	for kill := range floodKills {
		s.until(int64(kill+1) * floodAttempts / (floodKills + 1))
		s.gateway.Store(s.start())
	}
	s.until(floodAttempts)
	s.provider.calm.Store(true)
	s.finish()
	s.check()
}

// until has workers attempt until so many attempts were made, and kills the gateway while they do unless these are all.
func (s *flood) until(attempts int64) {
	var working sync.WaitGroup
	for range floodWorkers {
		random := rand.New(rand.NewPCG(s.random.Uint64(), 2))
		working.Go(func() { s.work(random, attempts) })
	}
	if attempts == floodAttempts {
		working.Wait()
		return
	}
	eventually(s.t, "enough attempts are made", func() bool { return s.attempts.Load() >= attempts-floodWorkers })
	s.gateway.Load().kill()
	working.Wait()
}

func (s *flood) work(random *rand.Rand, attempts int64) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	address := s.gateway.Load().address("keys")
	for s.attempts.Add(1) <= attempts {
		got, err := s.any(random).send(transport, address)
		switch {
		case err != nil:
			return // the gateway was killed
		case got.code == "TG.4008":
			s.refused.Add(1)
		}
	}
}

// any is an attempt: mostly to pay the order or to issue the coupon, sometimes another payment that the cap counts.
func (s *flood) any(random *rand.Rand) attempt {
	switch n := random.IntN(100); {
	case n < 55:
		return paying(asShop, random.IntN(3), []string{floodOrder, strings.ToLower(floodOrder)}[random.IntN(2)])
	case n < 60:
		return paying(asTill, random.IntN(3), floodOrder)
	case n < 90:
		return couponIssue([]string{`20`, `20.0`, `"20.00"`}[random.IntN(3)])
	}
	return paying(asTill, random.IntN(3), s.orders[random.IntN(len(s.orders))])
}

// finish settles what is unknown as the provider's ledger says, which an operator reads there, and attempts once more.
func (s *flood) finish() {
	s.t.Helper()
	p := s.gateway.Load()
	for _, once := range []struct {
		attempt       attempt
		kind, subject string
	}{{paying(asShop, 0, floodOrder), bsssim.MovedPayment, floodOrder}, {couponIssue("20"), bsssim.MovedCoupon, ""}} {
		for range 3 {
			got := s.try(p, once.attempt)
			done, _ := s.movements(once.kind, once.subject)
			if got.status/100 == 2 || got.code == "TG.4008" && done > 0 {
				break
			}
			if got.code != "TG.4008" {
				s.t.Fatalf("%s: %+v", once.attempt.path, got)
			}
			s.settle(blocking(got), logfile.Failed)
		}
	}
}

func (s *flood) check() {
	s.t.Helper()
	s.gateway.Load().stop()
	if n, _ := s.movements(bsssim.MovedPayment, floodOrder); n != 1 {
		s.t.Errorf("the order was paid %d times", n)
	}
	if n, sum := s.movements(bsssim.MovedCoupon, ""); n != 1 || sum != 20_00 {
		s.t.Errorf("%d coupons were issued, of %d in all", n, sum)
	}
	s.checkCaps()
	s.t.Logf("%d attempts, %d refused since the act was held, %d arrived at the provider", s.attempts.Load(), s.refused.Load(), s.provider.arrived.Load())
	if s.refused.Load() < floodAttempts/3 || s.provider.arrived.Load() < 20 {
		s.t.Error("the test says little")
	}
	s.consistent()
}

// checkCaps holds what the till's intents reserved, and what the provider took for them, against the cap.
func (s *flood) checkCaps() {
	s.t.Helper()
	var cost int64
	times := map[string]int{}
	for _, m := range s.simulator.Ledger() {
		if m.Kind != bsssim.MovedPayment || m.Subject == floodOrder {
			continue
		}
		if times[m.Subject]++; times[m.Subject] > 1 {
			s.t.Errorf("order %s was paid %d times", m.Subject, times[m.Subject])
		}
		cost += int64(m.Amount)
	}
	reserved := s.reserved("till")
	if reserved > tillLimit || cost > reserved {
		s.t.Errorf("the log has reservations of %s for payments of %s, the cap is %s", hundredths(reserved), hundredths(cost), hundredths(tillLimit))
	}
	if reserved < tillLimit/2 {
		s.t.Errorf("only %s was reserved: the test says little", hundredths(reserved))
	}
}

// reserved sums up what calls of a caller hold of caps by the log, but for those that certainly spent nothing.
func (w *world) reserved(caller string) (sum int64) {
	w.t.Helper()
	prices := map[string]int64{}
	for _, r := range w.records() {
		switch {
		case r.Kind == logfile.KindIntent && r.Caller == caller && r.Spending != nil && len(r.Caps) > 0:
			prices[r.Call] = inHundredths(w.t, r.Caps[0].Amount)
		case r.Kind == logfile.KindOutcome && (r.Outcome == logfile.Failed || r.Outcome == logfile.NotSent):
			delete(prices, r.Call)
		case r.Kind == logfile.KindEvent && r.Event == logfile.EventResolved && r.Data["outcome"] == logfile.Failed:
			delete(prices, r.Subject)
		}
	}
	for _, price := range prices {
		sum += price
	}
	return sum
}

// inHundredths returns an amount that has no more than two digits behind the point.
func inHundredths(t testing.TB, amount string) int64 {
	t.Helper()
	m, err := spend.ParseMoney(amount)
	if err != nil || m%100 != 0 {
		t.Fatalf("%q: %v", amount, err)
	}
	return int64(m / 100)
}

func hundredths(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
