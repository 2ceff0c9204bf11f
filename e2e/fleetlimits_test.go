package e2e

import (
	"net/http"
	"testing"
	"time"

	"tollgate/fleet/redistest"
	"tollgate/internal/bsssim"
)

// throttledUntil has 16 callers use a quota until the provider has answered so many calls, and returns how many it throttled.
func (f *fleet) throttledUntil(answered int) int {
	f.t.Helper()
	l := f.crowd(f.members, "plain", balancesPath, 16/len(f.members))
	var seen map[int][]time.Time
	eventually(f.t, "the provider has answered", func() bool {
		seen = map[int][]time.Time{}
		for _, c := range arrived(f.simulator, "ShowCustomerAccountBalances") {
			seen[c.Status] = append(seen[c.Status], c.Time)
		}
		return len(seen[http.StatusOK]) >= answered
	})
	l.check(f.t)
	f.stop()
	for _, at := range seen[http.StatusTooManyRequests] {
		f.t.Logf("with %d gateways a call was throttled at %s", len(f.members), at.Format(time.StampMicro))
	}
	return len(seen[http.StatusTooManyRequests])
}

// TestFleetMeetsNoMore429: replicas that share the counts of a quota meet the provider's 429 no more often than one gateway alone.
func TestFleetMeetsNoMore429(t *testing.T) {
	t.Parallel()
	const answered = 65 // of 20 in a second
	one := newFleet(t, bsssim.Config{}, 1, "").throttledUntil(answered)
	redis := redistest.Start(t, redistest.Options{})
	// A busy machine must not pass for a slow Redis: shares come on top of what goes over Redis.
	f := newFleet(t, bsssim.Config{}, 4, overRedis(redis.Address(), time.Second))
	f.whole() // before that, members go by their shares, as the others may not know of their calls
	if four := f.throttledUntil(answered); four > one {
		t.Errorf("the provider throttled %d calls of four replicas, and %d of one gateway", four, one)
	}
}

// TestFleetIsFair: on one quota, a caller with as many calls as get in has a caller of one call at a time wait for at most twice as many
// calls of others as one does that takes no more than its share.
func TestFleetIsFair(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Options{})
	f := newFleet(t, bsssim.Config{Unthrottled: true}, 4, overRedis(redis.Address(), outagePatience)+
		"limits: {published: false, max_wait: 60s, rules: [{name: one, per: [credential], rate: 25/s, burst: 1}]}\n")
	const calls = 25
	// others returns how many calls of others go while the shop makes its calls, one after the other.
	others := func(members []*member, callers int) int {
		l := f.crowd(members, "busy", ordersPath, callers)
		eventually(t, "the others are under way", func() bool { return len(arrived(f.simulator, "ListCustomerOrders")) > 0 })
		before := len(arrived(f.simulator, "ListCustomerOrders"))
		for range calls {
			if got := send(t, f.transport, request(t, "GET", "http://"+f.members[0].address("plain")+balancesPath, "")); got.status != http.StatusOK {
				t.Fatalf("the quiet caller: %d %s", got.status, got.body)
			}
		}
		n := len(arrived(f.simulator, "ListCustomerOrders")) - before
		l.check(t)
		return n
	}
	share := others(f.members[1:2], 1)
	hundredfold := others(f.members, 25)
	t.Logf("for %d calls of the quiet caller %d of one with its share went, and %d of one at a hundred times that", calls, share, hundredfold)
	if hundredfold > 2*max(share, calls)+calls/5 {
		t.Errorf("%d calls of others went before %d of the quiet caller, and %d when they took their share", hundredfold, calls, share)
	}
	f.stop()
}
