package limits

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate/fleet"
	"tollgate/fleet/redistest"
	"tollgate/ratelimit"
)

// machine runs scripts on a real Redis at times of the test's own: what stands before their bodies in package fleet, without epochs.
type machine struct {
	t      testing.TB
	server *redistest.Server
	conn   *redis.Client
	at     int64 // microseconds
}

const machineHead = `#!lua
local member, at, args = ARGV[1], tonumber(ARGV[2]), {}
for i = 3, #ARGV do args[i - 2] = ARGV[i] end
local function key(name) return KEYS[1] .. name end
local function now() return at end
`

func newMachine(t testing.TB) *machine {
	t.Helper()
	server := redistest.Start(t, redistest.Options{})
	conn := redis.NewClient(&redis.Options{Addr: server.Address(), MaxRetries: -1, DisableIdentity: true})
	t.Cleanup(func() { _ = conn.Close() })
	return &machine{t: t, server: server, conn: conn, at: 1_800_000_000_000_000}
}

func (m *machine) run(member, body string, args ...any) any {
	m.t.Helper()
	args = append([]any{member, m.at}, args...)
	reply, err := m.conn.Eval(context.Background(), machineHead+commonBody+queueBody+body, []string{"{test}"}, args...).Result()
	if err != nil {
		m.t.Fatal(err)
	}
	return reply
}

// take asks for one call.
func (m *machine) take(f, member, caller string, limits []fact, most time.Duration, held int, reports string) takeReply {
	m.t.Helper()
	a, err := readAnswer(m.run(member, takeBody, f, text(limits), caller, most.Microseconds(), strconv.Itoa(held), reports), len(limits))
	if err != nil {
		m.t.Fatal(err)
	}
	return a
}

func (m *machine) pass(d time.Duration) { m.at += d.Microseconds() }

func fleetOf(members int, absent ...string) string {
	return newView(fleet.Epoch{}, members, absent).fleet
}

// TestScriptModel drives the script with random demands of random members at random times, and holds what it grants against what the limits
// mean: for each bucket at most rate*t + burst in any time t, for each window at most its calls in any time as long as it, for each
// calendar at most its calls in each period.
func TestScriptModel(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for seed := range uint64(12) {
		m.conn.FlushAll(context.Background())
		m.model(rand.New(rand.NewPCG(seed, 0)))
	}
}

type entry struct {
	limit int // in all
	asks  int64
}

func (m *machine) model(random *rand.Rand) {
	day := int64(24 * time.Hour / time.Microsecond)
	begin := m.at / day * day
	all := []fact{
		{Key: "b1", Kind: "bucket", Rate: 0.5 + 20*random.Float64(), Burst: 1 + random.IntN(8)},
		{Key: "b2", Kind: "bucket", Rate: 5, Burst: 1 + random.IntN(3)},
		{Key: "w1", Kind: "window", Calls: 1 + random.IntN(20), Window: 1_050_000},
		{Key: "w2", Kind: "window", Calls: 1, Window: 3_050_000},
		{Key: "c1", Kind: "calendar", Calls: 60 + random.IntN(60), Start: begin, End: begin + day},
	}
	members := []string{"a", "b", "c", "d"}
	granted := make([][]int64, len(all))
	entries := map[string]entry{}
	for range 1500 {
		m.at += int64(random.ExpFloat64() * 80_000)
		member, caller := members[random.IntN(4)], fmt.Sprint("caller ", random.IntN(3))
		var picked []int
		for i := range all {
			if random.IntN(3) > 0 {
				picked = append(picked, i)
			}
		}
		if len(picked) == 0 {
			continue
		}
		who, held := member+caller, 0
		e, waits := entries[who]
		if waits {
			if m.at < e.asks {
				continue
			}
			for i, p := range picked {
				if p == e.limit {
					held = i + 1
				}
			}
			if held == 0 {
				continue
			}
		}
		f := fleetOf(4)
		if random.IntN(10) == 0 {
			f = fleetOf(4, "d")
		}
		var limits []fact
		for _, p := range picked {
			limits = append(limits, all[p])
		}
		a := m.take(f, member, caller, limits, time.Duration(random.IntN(3))*time.Second, held, "")
		delete(entries, who)
		switch {
		case a.what == 0:
			if a.at != m.at {
				m.t.Fatalf("granted at %d, it is %d", a.at, m.at)
			}
			for _, p := range picked {
				granted[p] = append(granted[p], m.at)
			}
		case a.registered:
			entries[who] = entry{picked[a.slowest], m.at + a.delay.Microseconds()}
		case held > 0:
			m.run(member, leaveBody, f, text(all[e.limit]), caller)
		}
	}
	for i, f := range all {
		if len(granted[i]) < 20 {
			m.t.Errorf("%s: only %d calls granted: nothing is shown", f.Key, len(granted[i]))
		}
		f.check(m.t, granted[i])
	}
}

// check holds the times at which calls were granted against the limit.
func (f fact) check(t testing.TB, times []int64) {
	t.Helper()
	if f.Kind == "calendar" && len(times) > f.Calls {
		t.Errorf("%s: %d calls in a period, %d are allowed", f.Key, len(times), f.Calls)
	}
	for i := range times {
		for j := i; j < len(times); j++ {
			period, n := times[j]-times[i], j-i+1
			if f.Kind == "bucket" && float64(n) > f.Rate*float64(period+1)/1e6+float64(f.Burst)+1e-4 {
				t.Fatalf("%s: %d calls in %d microseconds", f.Key, n, period)
			}
			if f.Kind == "window" && period < f.Window && n > f.Calls {
				t.Fatalf("%s: %d calls in %d microseconds, %d are allowed", f.Key, n, period, f.Calls)
			}
		}
	}
}

// TestScriptDelayIsExact: a call goes at the time that the answer says, and not before.
func TestScriptDelayIsExact(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(4)
	for _, l := range []fact{
		{Key: "bucket", Kind: "bucket", Rate: 7, Burst: 3},
		{Key: "slow", Kind: "bucket", Rate: 1.0 / 3600, Burst: 1},
		{Key: "window", Kind: "window", Calls: 5, Window: 1_050_000},
		{Key: "one", Kind: "window", Calls: 1, Window: 30_000_000},
	} {
		for i := range 40 {
			a := m.take(f, "a", "caller", []fact{l}, 0, 0, "")
			if a.what == granted {
				continue
			}
			if i == 0 || a.delay <= 0 {
				t.Fatalf("%s: call %d: %+v", l.Key, i, a)
			}
			m.at += a.delay.Microseconds() - 1
			if a := m.take(f, "a", "caller", []fact{l}, 0, 0, ""); a.what == granted && l.Rate != 7 {
				t.Errorf("%s: granted a microsecond too early", l.Key)
			}
			m.at++
			if a := m.take(f, "a", "caller", []fact{l}, 0, 0, ""); a.what != granted {
				t.Fatalf("%s: refused at the time that the answer said: %+v", l.Key, a)
			}
		}
	}
}

// TestScriptTakesAllOrNone: a call that one limit holds back takes nothing from the others.
func TestScriptTakesAllOrNone(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(1)
	wide, narrow := fact{Key: "wide", Kind: "bucket", Rate: 1, Burst: 10}, fact{Key: "narrow", Kind: "bucket", Rate: 1, Burst: 2}
	for range 20 {
		m.take(f, "a", "noisy", []fact{wide, narrow}, 0, 0, "")
	}
	if a := m.take(f, "a", "quiet", []fact{wide}, 0, 0, ""); a.what != granted || a.limits[0].left != 7 {
		t.Errorf("%+v, want 7 of 10 left after 3 calls", a)
	}
}

// TestScriptShadow: a shadow limit holds nothing back, and counts only what it would have let through.
func TestScriptShadow(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(1)
	shadow := fact{Key: "s", Kind: "bucket", Rate: 1, Burst: 2, Shadow: true}
	for i := range 5 {
		a := m.take(f, "a", "caller", []fact{shadow}, 0, 0, "")
		if a.what != granted || a.limits[0].over != (i >= 2) {
			t.Errorf("call %d: %+v", i, a)
		}
	}
	m.pass(time.Second)
	if a := m.take(f, "a", "caller", []fact{shadow}, 0, 0, ""); a.limits[0].over {
		t.Error("calls that would have been refused have taken tokens")
	}
}

// TestScriptAbsentMembers: the share of members that may be at work without Redis is left to them.
func TestScriptAbsentMembers(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	day := int64(24 * time.Hour / time.Microsecond)
	begin := m.at / day * day
	for _, test := range []struct {
		l    fact
		most int // calls in 10 s with one of two members absent
	}{
		{fact{Key: "bucket", Kind: "bucket", Rate: 10, Burst: 4}, 54},
		{fact{Key: "window", Kind: "window", Calls: 8, Window: 1_000_000}, 44},
		{fact{Key: "calendar", Kind: "calendar", Calls: 100, Start: begin, End: begin + day}, 50},
	} {
		n := 0
		for range 1000 {
			if m.take(fleetOf(2, "b"), "a", "caller", []fact{test.l}, 0, 0, "").what == granted {
				n++
			}
			m.pass(10 * time.Millisecond)
		}
		if n > test.most || n < test.most-6 {
			t.Errorf("%s: %d calls, want %d", test.l.Key, n, test.most)
		}
	}
	all := fact{Key: "calendar", Kind: "calendar", Calls: 100, Start: begin, End: begin + day}
	n := 0
	for range 100 {
		if m.take(fleetOf(2), "b", "caller", []fact{all}, 0, 0, "").what == granted {
			n++
		}
	}
	if n != 50 {
		t.Errorf("the member that is back has %d calls left, want 50", n)
	}
}

// TestScriptReports: what a member let through without Redis is counted, paid from what the bucket lost meanwhile, and no token pays twice.
func TestScriptReports(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(2)
	l := fact{Key: "b", Kind: "bucket", Rate: 10, Burst: 5}
	a := m.take(f, "a", "caller", []fact{l}, 0, 0, "")
	lost := a.limits[0].one
	m.pass(10 * time.Second) // the bucket is full after 0.1 s and loses 99 tokens
	reportBy := func(calls int) float64 {
		m.run("a", reportBody, f, text([]report{{Limit: l, Calls: calls, Age: 10_000_000, Lost: &lost}}))
		a := m.take(f, "a", "caller", []fact{l}, 0, 0, "")
		return math.Round(a.limits[0].left*100) / 100
	}
	if left := reportBy(60); left != 4 { // after the call that looks
		t.Errorf("%v left, want 4: 60 of 99 lost tokens pay for 60 calls", left)
	}
	if left := reportBy(60); left != 4-(60-39) {
		t.Errorf("%v left, want %d: only 39 of the lost tokens are left", left, 4-(60-39))
	}
	fresh := fact{Key: "fresh", Kind: "bucket", Rate: 10, Burst: 5}
	for _, member := range []string{"a", "b"} { // they began without Redis, ten seconds ago
		m.run(member, reportBody, f, text([]report{{Limit: fresh, Calls: 52, Age: 10_000_000}}))
	}
	if left := m.take(f, "a", "caller", []fact{fresh}, 0, 0, "").limits[0].left; math.Round(left) != 0 {
		t.Errorf("%v left, want 0 of 5: 100 tokens pay for 104 calls, and one more went", left)
	}
	w := fact{Key: "w", Kind: "window", Calls: 10, Window: 1_000_000}
	m.run("a", reportBody, f, text([]report{{Limit: w, Slots: [][2]int64{{1_500_000, 3}, {900_000, 4}, {100_000, 2}}}}))
	if a := m.take(f, "a", "caller", []fact{w}, 0, 0, ""); a.limits[0].left != 3 {
		t.Errorf("%v left, want 3: 6 calls were reported in the window, and one taken", a.limits[0].left)
	}
	m.pass(100 * time.Millisecond)
	if a := m.take(f, "a", "caller", []fact{w}, 0, 0, ""); a.limits[0].left != 6 {
		t.Errorf("%v left, want 6: four are over", a.limits[0].left)
	}
}

// TestScriptJoin: of what members say of a limit whose data is lost the worse holds.
func TestScriptJoin(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(2)
	day := int64(24 * time.Hour / time.Microsecond)
	begin := m.at / day * day
	b := fact{Key: "b", Kind: "bucket", Rate: 1, Burst: 10}
	w := fact{Key: "w", Kind: "window", Calls: 10, Window: 1_000_000}
	c := fact{Key: "c", Kind: "calendar", Calls: 100, Start: begin, End: begin + day}
	for range 2 { // it may be repeated
		m.run("a", joinBody, f, text([]memory{{Limit: b, Value: 8}, {Limit: w, Value: 3, Age: 10}, {Limit: c, Own: 20, Value: 45, Begin: begin}}))
		m.run("b", joinBody, f, text([]memory{{Limit: b, Value: 1, Age: 2_000_000}, {Limit: w, Value: 7, Age: 20}, {Limit: c, Own: 30, Value: 64, Begin: begin}}))
	}
	a := m.take(f, "a", "caller", []fact{b, w, c}, 0, 0, "")
	for i, want := range []float64{2, 2, 35} {
		if a.limits[i].left != want {
			t.Errorf("%s: %v left, want %v", []string{"bucket", "window", "calendar"}[i], a.limits[i].left, want)
		}
	}
	m.run("a", joinBody, f, text([]memory{{Limit: c, Own: 90, Value: 90, Begin: begin - day}}))
	if a := m.take(f, "a", "caller", []fact{c}, 0, 0, ""); a.limits[0].left != 34 {
		t.Errorf("%v left, want 34: what was said is of another day", a.limits[0].left)
	}
	c.Key = "another"
	m.run("a", reportBody, f, text([]report{{Limit: c, Calls: 5, Begin: begin}, {Limit: c, Calls: -3, Begin: begin}}))
	if a := m.take(f, "a", "caller", []fact{c}, 0, 0, ""); a.limits[0].left != 97 {
		t.Errorf("%v left, want 97: three of five are taken back, and one more went", a.limits[0].left)
	}
}

// TestScriptThrottled: after a refusal of the provider nothing goes for a while, then half, and all of it again in time.
func TestScriptThrottled(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(2)
	w := fact{Key: "w", Kind: "window", Calls: 16, Window: 1_000_000}
	calls := func(d time.Duration) (n int) {
		for end := m.at + d.Microseconds(); m.at < end; m.pass(20 * time.Millisecond) {
			if m.take(f, "a", "caller", []fact{w}, 0, 0, "").what == granted {
				n++
			}
		}
		return n
	}
	throttle := func(after time.Duration) { m.run("b", throttledBody, f, text([]fact{w}), after.Microseconds()) }
	throttle(3 * time.Second)
	throttle(0) // of the same window
	if n := calls(2900 * time.Millisecond); n != 0 {
		t.Errorf("%d calls while the upstream wants none", n)
	}
	m.pass(100 * time.Millisecond)
	if n := calls(900 * time.Millisecond); n < 8 || n > 9 {
		t.Errorf("%d calls in the first window, want half of 16", n)
	}
	m.pass(10 * time.Second)
	if n := calls(990 * time.Millisecond); n != 16 {
		t.Errorf("%d calls after ten seconds, want all 16", n)
	}
	for range 9 {
		throttle(time.Hour)
		m.pass(time.Second)
	}
	m.pass(29 * time.Second)
	if n := calls(990 * time.Millisecond); n < 2 || n > 3 {
		t.Errorf("%d calls, want an eighth of 16 after 30 s", n)
	}
}

// TestScriptSent: the place of a call that is sent later is moved.
func TestScriptSent(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(1)
	w := fact{Key: "w", Kind: "window", Calls: 2, Window: 1_000_000}
	a := m.take(f, "a", "caller", []fact{w}, 0, 0, "")
	m.take(f, "a", "caller", []fact{w}, 0, 0, "")
	m.pass(500 * time.Millisecond)
	m.run("a", sentBody, f, text([]fact{w}), a.at)
	m.pass(500 * time.Millisecond)
	if a := m.take(f, "a", "caller", []fact{w}, 0, 0, ""); a.what != granted {
		t.Fatalf("the place of the other call: %+v", a)
	}
	if a := m.take(f, "a", "caller", []fact{w}, 0, 0, ""); a.what == granted || a.delay != 500*time.Millisecond {
		t.Errorf("%+v, want the moved place to be free in 500ms", a)
	}
}

// TestScriptPeriods: a question for a day that Redis is not in is answered with its time.
func TestScriptPeriods(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(1)
	c := fact{Key: "c", Kind: "calendar", Calls: 1, Start: m.at + 1, End: m.at + 1_000_001}
	if a := m.take(f, "a", "caller", []fact{c}, 0, 0, ""); a.what != otherPeriod || a.now != m.at {
		t.Errorf("%+v", a)
	}
	m.at++
	if a := m.take(f, "a", "caller", []fact{c}, 0, 0, ""); a.what != granted {
		t.Errorf("%+v", a)
	}
	if a := m.take(f, "a", "caller", []fact{c}, time.Hour, 0, ""); a.what != refused || a.delay != time.Second {
		t.Errorf("%+v, want refused to the end of the period, however long it may wait", a)
	}
}

// TestScriptFairness: of two callers that wait, one with a hundred calls on each of four members and one with one at a time, the one goes
// after about each call of the other.
func TestScriptFairness(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(4)
	w := []fact{{Key: "w", Kind: "window", Calls: 10, Window: 1_050_000}}
	members := []string{"a", "b", "c", "d"}
	asks, held := map[string]int64{}, map[string]int{}
	turns := map[string]int{}
	sinceQuiet, worst := 0, 0
	ask := func(member, caller string) {
		who := member + caller
		if m.at < asks[who] {
			return
		}
		a := m.take(f, member, caller, w, time.Hour, held[who], "")
		asks[who], held[who] = m.at+a.delay.Microseconds(), 1
		if a.what != granted {
			return
		}
		asks[who], held[who] = m.at, 0
		turns[caller]++
		if sinceQuiet++; caller == "quiet" {
			worst, sinceQuiet = max(worst, sinceQuiet), 0
		}
	}
	for range 10_000 {
		for _, member := range members {
			ask(member, "greedy")
		}
		if sinceQuiet >= 1 { // it has one call at a time
			ask("a", "quiet")
		}
		m.pass(2 * time.Millisecond)
	}
	if turns["quiet"] < 60 || turns["greedy"] < 60 || worst > 5 {
		t.Errorf("turns %v; the quiet caller waited for %d calls, want at most 5", turns, worst)
	}
}

// TestScriptKeysExpire: every key expires, and goes when it says nothing any more.
func TestScriptKeysExpire(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.model(rand.New(rand.NewPCG(1, 1)))
	keys, err := m.conn.Keys(context.Background(), "*").Result()
	if err != nil || len(keys) < 5 {
		t.Fatalf("keys %q, %v", keys, err)
	}
	for _, key := range keys {
		if ttl := m.conn.PTTL(context.Background(), key).Val(); ttl <= 0 || ttl > 25*time.Hour {
			t.Errorf("%s expires in %v", key, ttl)
		}
	}
}

// TestScriptGhosts: a member that has died is passed over when its entry is not fresh any more, and a queue without entries is gone.
func TestScriptGhosts(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(2)
	l := []fact{{Key: "b", Kind: "bucket", Rate: 10, Burst: 1}}
	m.take(f, "a", "caller", l, 0, 0, "")
	for _, member := range []string{"a", "b"} {
		if a := m.take(f, member, "one on "+member, l, time.Minute, 0, ""); a.what != waiting || !a.registered {
			t.Fatalf("%+v", a)
		}
	}
	m.pass(ghost)
	if a := m.take(fleetOf(2), "c", "another", l, 0, 0, ""); a.what == granted {
		t.Error("calls of members that are there were overtaken, since they ask late")
	}
	if a := m.take(fleetOf(3, "a", "b"), "c", "another", l, 0, 0, ""); a.what != granted {
		t.Errorf("%+v, want to pass those that have died", a)
	}
	if n := m.conn.Exists(context.Background(), "{test}limit:b:order", "{test}limit:b:until", "{test}limit:b:callers").Val(); n != 0 {
		t.Errorf("%d keys of a queue that has no entries", n)
	}
}

// TestScriptGhostOfTheSameCaller: an entry of a member that has died does not hold up the caller's calls on other members.
func TestScriptGhostOfTheSameCaller(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(2)
	l := []fact{{Key: "b", Kind: "bucket", Rate: 0.1, Burst: 1}}
	m.take(f, "a", "caller", l, 0, 0, "")
	m.take(f, "a", "caller", l, time.Minute, 0, "")
	if a := m.take(f, "b", "caller", l, time.Minute, 0, ""); a.delay != 20*time.Second {
		t.Fatalf("%+v, want to wait behind the call that came first", a)
	}
	var last takeReply
	for range 10 { // b asks each second, a does not
		m.pass(time.Second)
		last = m.take(f, "b", "caller", l, time.Minute, 1, "")
	}
	if last.what != granted {
		t.Errorf("%+v, want it to go with the first token", last)
	}
}

// TestScriptLateMember: a call whose member asks late keeps its turn while the member is there, and has it again when it comes back.
func TestScriptLateMember(t *testing.T) {
	t.Parallel()
	for _, late := range []time.Duration{time.Second, 5 * time.Second} {
		m, f := newMachine(t), fleetOf(2)
		l := []fact{{Key: "b", Kind: "bucket", Rate: 10, Burst: 1}}
		m.take(f, "b", "first", l, 0, 0, "")
		busy, held := []string{"busy", "greedy"}, map[string]int{}
		for _, caller := range busy {
			m.take(f, "b", caller, l, time.Minute, 0, "")
			held[caller] = 1
		}
		if a := m.take(f, "a", "quiet", l, time.Minute, 0, ""); a.what != waiting || !a.registered {
			t.Fatalf("%+v", a)
		}
		for end := m.at + late.Microseconds(); m.at < end; m.pass(20 * time.Millisecond) {
			for _, caller := range busy {
				a := m.take(f, "b", caller, l, time.Minute, held[caller], "")
				if held[caller] = 1; a.what == granted {
					held[caller] = 0
				}
			}
		}
		a := m.take(f, "a", "quiet", l, time.Minute, 1, "")
		if a.what == waiting { // another one went just now
			m.at += a.delay.Microseconds()
			a = m.take(f, "a", "quiet", l, time.Minute, 1, "")
		}
		if a.what != granted {
			t.Errorf("%v late: %+v", late, a)
		}
	}
}

// TestScriptClockSetBack: when the clock of Redis is set back nothing is held up for as long, and nothing is counted less.
func TestScriptClockSetBack(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(1)
	w := []fact{{Key: "w", Kind: "window", Calls: 2, Window: 1_050_000}}
	m.take(f, "a", "x", w, 0, 0, "")
	m.take(f, "a", "x", w, 0, 0, "")
	m.take(f, "a", "x", w, time.Hour, 0, "")
	m.take(f, "a", "ghost", w, time.Hour, 0, "")
	m.pass(2 * time.Second)
	m.take(f, "a", "x", w, time.Hour, 1, "")
	m.run("a", throttledBody, f, text(w), 0)
	m.pass(-time.Hour)
	if a := m.take(f, "a", "y", w, time.Hour, 0, ""); a.what == granted || a.delay > 31*time.Second {
		t.Fatalf("%+v, want to wait for half a minute at most", a)
	}
	m.pass(33 * time.Second)
	if a := m.take(f, "a", "z", w, 0, 0, ""); a.what != granted {
		t.Errorf("%+v", a)
	}
	day := (24 * time.Hour).Microseconds()
	today := m.at / day * day
	of := func(begin int64) []fact {
		return []fact{{Key: "c", Kind: "calendar", Calls: 3, Start: begin, End: begin + day}}
	}
	m.at = today + day + 10
	m.take(f, "a", "x", of(today+day), 0, 0, "")
	m.at -= 20
	m.take(f, "a", "x", of(today), 0, 0, "")
	m.at += 40
	if a := m.take(f, "a", "x", of(today+day), 0, 0, ""); a.limits[0].left != 0 {
		t.Errorf("%v calls left of a day that began twice, want 0 after three", a.limits[0].left)
	}
}

// TestScriptGarbage: of a limit whose key holds what makes no sense no call is granted, and those of other limits are counted all the same.
func TestScriptGarbage(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(1)
	bad, good := fact{Key: "bad", Kind: "bucket", Rate: 1, Burst: 10}, fact{Key: "good", Kind: "bucket", Rate: 1, Burst: 10}
	for _, garbage := range []string{"", "x", "\xc0", "\xc2", "\x07", "\xa3abc", "\xdf\xff", "\x81\xa1t\xa1x", "list"} {
		m.conn.FlushAll(t.Context())
		if garbage == "list" {
			m.conn.RPush(t.Context(), "{test}limit:bad", "x")
		} else {
			m.conn.Set(t.Context(), "{test}limit:bad", garbage, 0)
		}
		args := []any{"a", m.at, f, text([]fact{good, bad}), "x", 0, "0", ""}
		if reply, err := m.conn.Eval(t.Context(), machineHead+commonBody+queueBody+takeBody, []string{"{test}"}, args...).Result(); err == nil {
			t.Errorf("%q: the answer %v", garbage, reply)
		}
		m.run("a", reportBody, f, text([]report{{Limit: bad, Calls: 2}, {Limit: good, Calls: 2}}))
		m.run("a", joinBody, f, text([]memory{{Limit: bad}, {Limit: good, Value: 5}}))
		if a := m.take(f, "a", "x", []fact{good}, 0, 0, ""); a.limits[0].left != 4 {
			t.Errorf("%q: %v left of the other limit, want 4", garbage, a.limits[0].left)
		}
	}
}

// TestScriptExtremes: the highest and the lowest numbers that limits can have are exact in Redis too, and keys expire.
func TestScriptExtremes(t *testing.T) {
	t.Parallel()
	m, f := newMachine(t), fleetOf(64)
	for _, l := range []fact{
		{Key: "slow", Kind: "bucket", Rate: ratelimit.MinPerSecond, Burst: ratelimit.MaxBurst},
		{Key: "fast", Kind: "bucket", Rate: ratelimit.MaxPerSecond, Burst: ratelimit.MaxBurst},
		{Key: "one", Kind: "window", Calls: 1, Window: 86_400_050_000},
		{Key: "many", Kind: "window", Calls: ratelimit.MaxPerSecond, Window: 1_050_000},
		{Key: "month", Kind: "calendar", Calls: ratelimit.MaxQuota, Start: m.at, End: m.at + (31 * 24 * time.Hour).Microseconds()},
	} {
		a := m.take(f, "a", "x", []fact{l}, time.Hour, 0, "")
		if want := float64(max(l.Burst, l.Calls) - 1); a.what != granted || a.limits[0].left != want {
			t.Errorf("%s: %+v, want %v left", l.Key, a, want)
		}
		m.run("a", reportBody, f, text([]report{{Limit: l, Calls: ratelimit.MaxBurst, Age: 1, Begin: l.Start, Slots: [][2]int64{{1, ratelimit.MaxBurst}}}}))
		a = m.take(f, "a", "x", []fact{l}, 0, 0, "")
		if (a.what == refused) != (l.Kind != "calendar") {
			t.Errorf("%s: %+v", l.Key, a)
		}
		if ttl, err := m.conn.Do(t.Context(), "PTTL", "{test}limit:"+l.Key).Int64(); err != nil || ttl <= 0 {
			t.Errorf("%s expires in %d milliseconds, %v", l.Key, ttl, err)
		}
	}
}
