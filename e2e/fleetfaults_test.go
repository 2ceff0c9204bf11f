package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/fleet/redistest"
	"tollgate/internal/bsssim"
)

// payments counts the calls that pay an order, by the order, as the simulator saw them.
func (f *fleet) payments(order string) int {
	n := 0
	for _, c := range arrived(f.simulator, "PayOrders") {
		if orderIn(string(c.Body)) == order {
			n++
		}
	}
	return n
}

// signedPayment is a payment as the shop's SDK signs it, which is not sent.
func (f *fleet) signedPayment(order string) *http.Request {
	f.t.Helper()
	var signed *http.Request
	unsent := roundTripper(func(r *http.Request) (*http.Response, error) {
		signed = r
		return nil, errors.New("not sent")
	})
	shop := &application{"http://" + gatewayName, shopKey, shopSecret, "c-17", unsent, ""}
	if err := pay(shop.bss(f.t), order); err == nil || signed == nil {
		f.t.Fatalf("signing a payment: %v", err)
	}
	return signed
}

// copies sends one signed payment again and again through all replicas.
type copies struct {
	*fleet
	t      testing.TB
	order  string
	signed *http.Request
	body   []byte

	mu      sync.Mutex
	answers map[string]int // by error code; "" are those that the provider answered
}

func (f *fleet) copies(t testing.TB, order string) *copies {
	t.Helper()
	signed := f.signedPayment(order)
	return &copies{fleet: f, t: t, order: order, signed: signed, body: readBody(t, signed), answers: map[string]int{}}
}

// send sends n copies, several at once through each replica.
func (c *copies) send(n int) {
	c.t.Helper()
	var working sync.WaitGroup
	work := make(chan *member)
	for range 4 * len(c.members) {
		working.Go(func() {
			for m := range work {
				c.one(m)
			}
		})
	}
	for i := range n {
		work <- c.members[i%len(c.members)]
	}
	close(work)
	working.Wait()
}

// one sends a copy through a replica, and returns the answer's code.
func (c *copies) one(m *member) string {
	again := c.signed.Clone(c.t.Context())
	setBody(again, c.body)
	again.URL.Host, again.Host = m.address("keys"), ""
	got, err := ask(c.fleet.transport, again)
	if err != nil {
		c.t.Errorf("a copy through %s: %v", m.name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[got.code]++
	return got.code
}

// check holds the simulator's ledger against what callers read: the payment arrived once at most, and at least as often as an answer says.
func (c *copies) check(least int) {
	c.t.Helper()
	if n := c.payments(c.order); n < least || n > 1 {
		c.t.Errorf("payment %s reached the provider %d times; answers %v", c.order, n, c.answers)
	}
	known := []string{"TG.4003", "TG.6012"} // a repeat, and signatures that cannot be looked up
	for code, n := range c.answers {
		if strings.HasPrefix(code, "TG.") && !slices.Contains(known, code) {
			c.t.Errorf("payment %s: %d copies were answered %s", c.order, n, code)
		}
	}
}

// outage is a fleet whose Redis fails. Between it and the members stands a proxy.
type outage struct {
	*fleet
	redis    *redistest.Server
	proxy    *redistest.Proxy
	snapshot []byte // of before the payments
}

// condition is what befalls a Redis.
type condition struct {
	begin, end func(*outage)
	lasts      bool // members are without Redis from begin to end
}

func nothing(*outage) {}

// conditions are those of one Redis.
var conditions = map[string]condition{
	"slow":                    {func(o *outage) { o.proxy.Delay(2 * outagePatience) }, (*outage).pass, true},
	"nonsense":                {func(o *outage) { o.proxy.Answer("HTTP/1.1 400 Bad Request\r\n\r\n") }, (*outage).pass, true},
	"answers cut":             {func(o *outage) { o.proxy.Cut(1000) }, (*outage).pass, true},
	"half an answer":          {func(o *outage) { o.proxy.Half() }, (*outage).pass, true},
	"answers lost":            {func(o *outage) { o.proxy.LoseAnswers() }, (*outage).pass, true},
	"gone":                    {func(o *outage) { o.proxy.Refuse() }, (*outage).pass, true},
	"suspended":               {func(o *outage) { o.redis.Stop() }, func(o *outage) { o.redis.Continue() }, true},
	"killed":                  {func(o *outage) { o.redis.Kill() }, func(o *outage) { o.redis.Restart(nil) }, true},
	"restarted empty":         {func(o *outage) { o.redis.Restart(nil) }, nothing, false},
	"restarted from old data": {func(o *outage) { o.redis.Restart(o.snapshot) }, nothing, false},
	"emptied":                 {func(o *outage) { o.redis.Do("FLUSHALL") }, nothing, false},
	"full":                    {func(o *outage) { o.redis.Do("CONFIG", "SET", "maxmemory", "1") }, func(o *outage) { o.redis.Do("CONFIG", "SET", "maxmemory", "0") }, true},
	"without scripts":         {func(o *outage) { o.redis.Do("SCRIPT", "FLUSH") }, nothing, false},
	"with another password":   {(*outage).lock, func(o *outage) { o.redis.SetPassword("") }, true},
}

func (o *outage) pass() { o.proxy.Pass() }

// lock has the default user need a password that no member has, and ends their connections.
func (o *outage) lock() {
	o.redis.SetPassword("another")
	o.proxy.Break()
}

// Limits of the outages' fleets. All calls of the crowds are counted by one of them.
const (
	outageRate, outageBurst = 40, 8
	outagePatience          = 250 * time.Millisecond // so that a busy machine does not pass for a slow Redis
	outageLimits            = `limits:
  published: false
  max_wait: 250ms
  rules:
    - {name: divided, per: [caller], operations: [ShowCustomerAccountBalances], rate: 40/s, burst: 8, without: share}
    - {name: closed, per: [caller], operations: [ListCustomerOrders], rate: 40/s, burst: 8, without: refuse}
    - {name: wide, per: [caller], operations: [ListServiceTypes], rate: 100000/s, burst: 100000}
`
)

// TestFleetWithoutRedis has everything befall a Redis that can, one after the other, and holds against each what must always hold.
func TestFleetWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, redis.Address())
	o := &outage{newFleet(t, bsssim.Config{Unthrottled: true}, 4, overRedis(proxy.Address(), outagePatience)+outageLimits), redis, proxy, nil}
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		t.Run(name, func(t *testing.T) { o.survive(t, name, conditions[name]) })
	}
	t.Run("a member killed as well", o.surviveMember)
	o.stop()
}

// surviveMember: while a member is dead, Redis loses all. Until it is back, it is not known which payments it took.
func (o *outage) surviveMember(t *testing.T) {
	dead := o.members[1]
	taken := o.copies(t, "CS-taken-by-the-dead-X")
	if code := taken.one(dead); strings.HasPrefix(code, "TG.") {
		t.Fatalf("the first copy is answered %s", code)
	}
	dead.kill()
	o.redis.Restart(nil)
	for _, m := range []*member{o.members[0], o.members[2], o.members[3]} {
		eventually(t, m.name+" misses a member", func() bool {
			state := m.fleet()
			return state.Up && slices.Equal(state.Epoch.Missing, []string{dead.name})
		})
		if _, body := m.readyz(); !strings.Contains(body, dead.name+" has not shown Redis") {
			t.Errorf("readiness of %s: %s", m.name, body)
		}
		if code := taken.one(m); code != "TG.6012" {
			t.Errorf("%s answers a copy with %s", m.name, code)
		}
	}
	dead.process = launch(o.t, dead.config, o.env).wait()
	o.whole()
	taken.send(40)
	taken.check(1)
	after := o.copies(t, "CS-after-the-dead-X")
	after.send(40)
	after.check(1)
}

// TestFleetFailsOver: a replica that lacks the newest data becomes the master, and later the old master comes back with it.
func TestFleetFailsOver(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, redistest.Options{})
	replica := master.Replica()
	sentinel := redistest.StartSentinel(t, "billing", master, 1)
	more := fmt.Sprintf("fleet: {redis: {addresses: [%q], sentinel: {master: billing}}, members: [MEMBERS], name: NAME, patience: %v}\n", sentinel.Address(), outagePatience)
	o := &outage{fleet: newFleet(t, bsssim.Config{Unthrottled: true}, 4, more+outageLimits), redis: master}
	var old string
	o.survive(t, "failed over", condition{func(o *outage) {
		old = sentinel.Master()
		replica.Stop()
		lost := o.copies(t, "CS-lost-X") // the replica never learns of it
		lost.send(8)
		defer lost.check(1)
		master.Kill()
		replica.Continue()
		sentinel.AwaitFailover(old)
		lost.send(8)
	}, nothing, false})
	master.Restart(nil)
	o.survive(t, "with the old master back", condition{nothing, nothing, false})
	o.stop()
}

// copiesAtOnce is how many copies of a payment are sent at each of four times.
func copiesAtOnce() int {
	if soaking() {
		return 2500
	}
	return 40
}

// limited are the operations of the crowds, which are counted by a limit each.
var limited = []string{"ShowCustomerAccountBalances", "ListCustomerOrders"}

// counted is how many calls under each limit have reached the provider.
func (o *outage) counted() (n []int) {
	for _, operation := range limited {
		n = append(n, len(arrived(o.simulator, operation)))
	}
	return n
}

// withinBounds checks that no more calls went than limits allow in a time, over all members and any mix of modes: the rate, and twice the
// burst. A member that goes away while others stay may use its share until the others know.
func (o *outage) withinBounds(t *testing.T, within time.Duration) {
	t.Helper()
	const leases = outageRate * 2 * 3 / 4 // of three members, 2 s each
	for i, went := range o.counted() {
		most := int(within.Seconds()*outageRate) + 2*outageBurst + leases
		t.Logf("%s: %d calls went within %v, of at most %d", limited[i], went, within, most)
		if went > most {
			t.Errorf("%s: %d calls went within %v, of at most %d", limited[i], went, within, most)
		}
	}
}

// without checks what each member does while it is without Redis: it says so, and takes reads, but no signed payment.
func (o *outage) without(t *testing.T, mark string) {
	t.Helper()
	for _, m := range o.members {
		eventually(t, m.name+" says what it does without Redis", func() bool {
			state := m.fleet()
			return len(state.Closed) >= 2 && state.Closed[0].Why != ""
		})
		if _, body := m.readyz(); !strings.Contains(body, "fleet") {
			t.Errorf("readiness of %s: %s", m.name, body)
		}
		if code := o.copies(t, "CS-refused-"+mark+"-X").one(m); code != "TG.6012" {
			t.Errorf("%s answers a signed payment with %s", m.name, code)
		}
	}
	o.promptly(t, o.members[0])
	before := o.counted()
	eventually(t, "calls go by the members' shares", func() bool { return o.counted()[0] > before[0]+outageRate })
	if went := o.counted()[1] - before[1]; went > 2*len(o.members) { // as many as may have been on their way
		t.Errorf("%d calls went under a limit that refuses them without Redis", went)
	}
}

// promptly checks by the log that calls do not wait for a Redis that is away: one may use the patience up, and then a member knows.
func (o *outage) promptly(t *testing.T, m *member) {
	t.Helper()
	calls := map[string]bool{}
	for range 21 {
		got := send(t, o.fleet.transport, request(t, "GET", "http://"+m.address("plain")+"/v2/products/service-types", ""))
		if got.status != http.StatusOK {
			t.Fatalf("a call within its limits: %d %s", got.status, got.body)
		}
		calls[got.header.Get("Tollgate-Call-Id")] = true
	}
	var own []time.Duration // of each call without the provider's part
	eventually(t, "the calls are on record", func() bool {
		own = nil
		err := logfile.Read(m.dir, func(r *logfile.Record, _ []byte) error {
			if calls[r.Call] && r.Kind == logfile.KindOutcome {
				own = append(own, time.Duration(r.TotalMicros-r.UpstreamMicros)*time.Microsecond)
			}
			return nil
		})
		return err == nil && len(own) == len(calls)
	})
	slices.Sort(own)
	if median := own[len(own)/2]; median >= outagePatience {
		t.Errorf("half of the calls took %v and more: they wait for Redis", median)
	}
}

// survive makes payments before, during and after a condition, each many times over, and calls under limits all the time.
func (o *outage) survive(t *testing.T, name string, c condition) {
	mark := strings.ReplaceAll(name, " ", "-")
	o.whole()
	o.simulator.Reset()
	o.snapshot = o.redis.Snapshot()
	crowd := o.fleet.crowd(o.members, "plain", balancesPath, 4)
	closed := o.fleet.crowd(o.members, "plain", ordersPath, 2)
	began := time.Now()
	n := copiesAtOnce()
	before, during, after := o.copies(t, "CS-before-"+mark+"-X"), o.copies(t, "CS-during-"+mark+"-X"), o.copies(t, "CS-after-"+mark+"-X")
	before.send(n)
	c.begin(o)
	before.send(n)
	if c.lasts {
		o.without(t, mark)
	}
	during.send(n)
	c.end(o)
	before.send(n)
	during.send(n)
	o.whole()
	before.send(n)
	during.send(n)
	after.send(n)
	crowd.check(t)
	closed.check(t)
	o.withinBounds(t, time.Since(began))
	before.check(1)
	during.check(0) // each member may have refused a copy; then none of them takes another
	after.check(1)
}
