package marks_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/fleet"
	"tollgate/fleet/fleettest"
	"tollgate/fleet/marks"
	"tollgate/fleet/redistest"
	"tollgate/replay"
	"tollgate/replay/replaytest"
)

// member is a gateway of a fleet, with a memory of its own.
type member struct {
	*marks.Memory
	name   string
	client *fleet.Client
	own    *replay.Memory
	stop   func()
}

func newMember(t *testing.T, address, name string, own *replay.Memory, local bool, members ...string) *member {
	client := fleettest.Client(t, address, name, members, nil)
	m := &member{marks.New(client, own, local), name, client, own, nil}
	client.Add(m)
	return m
}

func (m *member) run(t *testing.T) *member {
	m.stop = fleettest.Run(t, m.client.Run, m.Run)
	return m
}

func (m *member) awaitUp(t *testing.T) {
	t.Helper()
	fleettest.Until(t, m.name+" is up", func() bool { return m.client.State().Up })
}

func (m *member) mark(t *testing.T, k replay.Key) error {
	now := time.Now()
	return m.Mark(t.Context(), k, now, now)
}

func newKey() (k replay.Key) {
	_, _ = rand.Read(k[:]) // never fails
	return k
}

var names = []string{"a", "b", "c", "d"}

// startAll starts a member of each name, each at an address of its own, and waits until the fleet takes signatures.
func startAll(t *testing.T, local bool, address func(i int) string) []*member {
	t.Helper()
	var all []*member
	for i, name := range names {
		all = append(all, newMember(t, address(i), name, replay.New(100_000), local, names...).run(t))
	}
	awaitTaking(t, all)
	return all
}

// awaitTaking waits until each member takes signatures, and asks Redis for each.
func awaitTaking(t *testing.T, all []*member) {
	t.Helper()
	for _, m := range all {
		fleettest.Until(t, m.name+" takes signatures", func() bool {
			return m.client.State().Up && m.client.Epoch().Complete && m.mark(t, newKey()) == nil
		})
	}
}

func at(address string) func(int) string { return func(int) string { return address } }

// TestSuite: the memory of four members passes the tests that the memory of one passes.
func TestSuite(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	replaytest.Run(t, func(t *testing.T, room int) (doors []replaytest.Memory) {
		var all []*member
		for _, name := range names {
			m := newMember(t, server.Address(), name, replay.New(room), false, names...).run(t)
			all, doors = append(all, m), append(doors, m)
		}
		for _, m := range all {
			fleettest.Until(t, m.name+" sees a complete epoch", func() bool { return m.client.State().Up && m.client.Epoch().Complete })
		}
		return doors
	})
}

// taker sends copies of signatures to members, and counts which were taken.
type taker struct {
	mutex sync.Mutex
	taken map[replay.Key]int
	asked map[string]int // verdicts, to show in a failure
}

func newTaker() *taker { return &taker{taken: map[replay.Key]int{}, asked: map[string]int{}} }

func (r *taker) copy(t *testing.T, m *member, k replay.Key, date time.Time) {
	err := m.Mark(t.Context(), k, date, time.Now())
	r.mutex.Lock()
	defer r.mutex.Unlock()
	switch {
	case err == nil:
		r.taken[k]++
		r.asked["taken"]++
	case errors.Is(err, replay.ErrReplay):
		r.asked["used"]++
	case errors.Is(err, replay.ErrUnavailable):
		r.asked["unavailable"]++
	default:
		t.Errorf("a copy: %v", err)
	}
}

// copies is how many copies of one signature come in each condition.
const copies = 10_000

// mostOthers is how many other signatures come at most while a condition lasts.
const mostOthers = 3000

// TestOneOfAllCopies: of 10,000 copies of one signature that come at four members one is taken, whatever happens to Redis meanwhile; and of other
// signatures that come at the same time at most one each, also when all of them come once more afterwards.
func TestOneOfAllCopies(t *testing.T) {
	for name, disturb := range map[string]func(*testing.T, *fixture){
		"nothing happens":            func(*testing.T, *fixture) {},
		"killed":                     func(_ *testing.T, f *fixture) { f.server.Kill(); f.server.Restart(nil) },
		"stopped":                    stopped,
		"restarted empty":            func(_ *testing.T, f *fixture) { f.server.Restart(nil) },
		"emptied":                    func(_ *testing.T, f *fixture) { f.server.Do("FLUSHALL") },
		"restarted from an old copy": func(_ *testing.T, f *fixture) { f.server.Restart(f.old) },
		"failed over":                failedOver,
		"split brain":                splitBrain,
		"slow":                       slow,
		"nonsense":                   nonsense,
		"answers lost":               func(t *testing.T, f *fixture) { f.each(t, (*redistest.Proxy).LoseAnswers) },
		"connections cut":            func(t *testing.T, f *fixture) { f.each(t, func(p *redistest.Proxy) { p.Cut(300) }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newFixture(t).run(t, disturb)
		})
	}
}

// fixture is a master with a replica, and four members that reach them through proxies.
type fixture struct {
	server, replica *redistest.Server
	proxies         []*redistest.Proxy
	members         []*member
	old             []byte // a snapshot from before the copies
	*taker
}

func newFixture(t *testing.T) *fixture {
	server := redistest.Start(t, redistest.Options{})
	f := &fixture{server: server, replica: server.Replica(), taker: newTaker()}
	for range names {
		f.proxies = append(f.proxies, redistest.NewProxy(t, server.Address()))
	}
	f.members = startAll(t, false, func(i int) string { return f.proxies[i].Address() })
	f.old = server.Snapshot()
	return f
}

// run sends a third of the copies before, one meanwhile, and one after it.
func (f *fixture) run(t *testing.T, disturb func(*testing.T, *fixture)) {
	one, date := newKey(), time.Now()
	others := f.send(t, one, date, nil)
	end := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() { maps.Copy(others, f.send(t, one, date, end)) })
	disturb(t, f)
	close(end)
	sending.Wait()
	awaitTaking(t, f.members)
	f.send(t, one, date, nil)
	for k, date := range others {
		for _, m := range f.members {
			f.copy(t, m, k, date)
		}
	}
	if n := f.taken[one]; n != 1 {
		t.Errorf("%d copies were taken; verdicts %v", n, f.asked)
	}
	for k, n := range f.taken {
		if n > 1 {
			t.Errorf("signature %v was taken %d times; verdicts %v", k, n, f.asked)
		}
	}
	t.Logf("%d other signatures; %v", len(others), f.asked)
}

// send sends copies of one signature, and others twice at each of two members, at least a third of the copies and until end is closed.
func (f *fixture) send(t *testing.T, one replay.Key, date time.Time, end <-chan struct{}) map[replay.Key]time.Time {
	others := map[replay.Key]time.Time{}
	for i := 0; i < copies/3/64 || !closed(end); i++ {
		if i == mostOthers {
			<-end
			break
		}
		k, at := newKey(), time.Now()
		others[k] = at
		var together sync.WaitGroup
		for n := range 64 {
			m := f.members[n%len(f.members)]
			together.Go(func() { f.copy(t, m, one, date) })
			if n < 2*len(f.members) && n%len(f.members) < 2 {
				together.Go(func() { f.copy(t, f.members[(n+i)%len(f.members)], k, at) })
			}
		}
		together.Wait()
	}
	return others
}

// closed reports whether a channel is closed; nil is.
func closed(end <-chan struct{}) bool {
	if end == nil {
		return true
	}
	select {
	case <-end:
		return true
	default:
		return false
	}
}

// each disturbs the ways of all members until all have noticed, and ends that.
func (f *fixture) each(t *testing.T, disturb func(*redistest.Proxy)) {
	for _, m := range f.members {
		m.awaitUp(t)
	}
	for _, p := range f.proxies {
		disturb(p)
	}
	f.awaitAway(t, f.members)
	for _, p := range f.proxies {
		p.Pass()
	}
}

func (f *fixture) awaitAway(t *testing.T, all []*member) {
	for _, m := range all {
		fleettest.Until(t, m.name+" is away", func() bool { return !m.client.State().Up })
	}
}

func stopped(t *testing.T, f *fixture) {
	f.server.Stop()
	f.awaitAway(t, f.members)
	f.server.Continue()
}

func slow(t *testing.T, f *fixture) {
	f.each(t, func(p *redistest.Proxy) { p.Delay(1500 * time.Millisecond) })
}

func nonsense(t *testing.T, f *fixture) {
	for _, text := range []string{"+OK\r\n", "*2\r\n$1\r\n1\r\n$5\r\ntaken\r\n", "$-1\r\n", "!!!\r\n", ":1\r\n", "*100000000\r\n", "-EPOCH 1\r\n"} {
		f.each(t, func(p *redistest.Proxy) { p.Answer(text) })
	}
}

// failedOver: the replica takes over and lacks the last writes; the master is gone.
func failedOver(t *testing.T, f *fixture) {
	f.replica.Do("REPLICAOF", "NO", "ONE")
	f.server.Kill()
	for _, p := range f.proxies {
		p.Turn(f.replica.Address())
	}
	awaitTaking(t, f.members)
}

// splitBrain: all but one go to the replica, and the last one stays with the old master, which goes on. Then it comes too.
func splitBrain(t *testing.T, f *fixture) {
	f.replica.Do("REPLICAOF", "NO", "ONE")
	before := f.members[0].client.Epoch().Number
	last := len(f.members) - 1
	for _, p := range f.proxies[:last] {
		p.Turn(f.replica.Address())
	}
	for _, m := range f.members[:last] {
		fleettest.Until(t, m.name+" lacks only one in the next epoch", func() bool {
			epoch := m.client.Epoch()
			return m.client.State().Up && epoch.Number > before && slices.Equal(epoch.Missing, names[last:])
		})
		err := m.mark(t, newKey())
		if !errors.Is(err, replay.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), names[last]+" has") {
			t.Errorf("%s, whose epoch lacks a member that may be at work elsewhere: %v", m.name, err)
		}
	}
	if err := f.members[last].mark(t, newKey()); err != nil {
		t.Errorf("the one that is left: %v", err)
	}
	f.proxies[last].Turn(f.replica.Address())
	awaitTaking(t, f.members)
}

// TestDeadMember: a member that has taken signatures and is gone when Redis has lost its data keeps the others from taking any, and is named,
// until it is back with those of its log, or is taken out of the members.
func TestDeadMember(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{true, false} {
		server := redistest.Start(t, redistest.Options{})
		all := startAll(t, false, at(server.Address()))
		k, date := newKey(), time.Now()
		dead, rest := all[3], all[:3]
		if err := dead.Mark(t.Context(), k, date, date); err != nil {
			t.Fatal(err)
		}
		dead.stop()
		if err := rest[0].mark(t, newKey()); err != nil {
			t.Errorf("Redis has all that the dead one has taken: %v", err)
		}
		server.Restart(nil)
		for _, m := range rest {
			fleettest.Until(t, m.name+" lacks only one", func() bool { return m.client.State().Up && slices.Equal(m.client.Epoch().Missing, []string{"d"}) })
			err := m.Mark(t.Context(), k, date, time.Now())
			if !errors.Is(err, replay.ErrUnavailable) || !strings.Contains(err.Error(), "d has not shown") || !strings.Contains(err.Error(), "fleet.members") {
				t.Errorf("%s: %v", m.name, err)
			}
			if w := m.Instead() + ": " + strings.Join(m.Lacking(), "\n"); !strings.Contains(w, "refused: d has not shown") {
				t.Errorf("%s warns %q", m.name, w)
			}
		}
		if !back {
			for _, m := range rest {
				m.client.Follow(fleettest.Settings(names[:3]...))
			}
			awaitTaking(t, rest)
			continue
		}
		own := replay.New(1000)
		if err := own.Refill(k, date, time.Now(), date); err != nil { // from its log
			t.Fatal(err)
		}
		newMember(t, server.Address(), "d", own, false, names...).run(t).awaitUp(t)
		awaitTaking(t, rest)
		for _, m := range rest {
			if err := m.Mark(t.Context(), k, date, time.Now()); !errors.Is(err, replay.ErrReplay) {
				t.Errorf("%s takes what the dead one had taken: %v", m.name, err)
			}
			if w := m.Lacking(); len(w) != 0 {
				t.Errorf("%s warns %q", m.name, w)
			}
		}
	}
}

// TestLateStart: what a member knows of its log is known to all as soon as it is there, and nothing is taken before.
func TestLateStart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	first := newMember(t, server.Address(), "a", replay.New(10_000), false, "a", "b").run(t)
	first.awaitUp(t)
	if err := first.mark(t, newKey()); !errors.Is(err, replay.ErrUnavailable) {
		t.Errorf("taken before all are there: %v", err)
	}
	own, now := replay.New(10_000), time.Now()
	keys := map[replay.Key]time.Time{}
	for i := range 3000 { // some pieces of each minute
		k, date := newKey(), now.Add(time.Duration(i%3-1)*5*time.Minute)
		keys[k] = date
		if err := own.Refill(k, date, now, now); err != nil {
			t.Fatal(err)
		}
	}
	newMember(t, server.Address(), "b", own, false, "a", "b").run(t).awaitUp(t)
	awaitTaking(t, []*member{first})
	for k, date := range keys {
		if err := first.Mark(t.Context(), k, date, time.Now()); !errors.Is(err, replay.ErrReplay) {
			t.Fatalf("taken again: %v", err)
		}
	}
}

// TestMembersChange: a member that is added has to show what it knows; whose members are fewer waits for fewer.
func TestMembersChange(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	first := newMember(t, server.Address(), "a", replay.New(100), false, "a").run(t)
	awaitTaking(t, []*member{first})
	first.client.Follow(fleettest.Settings("a", "b"))
	if err := first.mark(t, newKey()); !errors.Is(err, replay.ErrUnavailable) || !strings.Contains(err.Error(), "b has not") {
		t.Errorf("one is missing: %v", err)
	}
	k, date := newKey(), time.Now()
	own := replay.New(100)
	if err := own.Mark(t.Context(), k, date, date); err != nil { // while it was alone
		t.Fatal(err)
	}
	newMember(t, server.Address(), "b", own, false, "a", "b").run(t).awaitUp(t)
	awaitTaking(t, []*member{first})
	if err := first.Mark(t.Context(), k, date, time.Now()); !errors.Is(err, replay.ErrReplay) {
		t.Errorf("taken again: %v", err)
	}
}

// TestLocal: with `without: local` a member takes signatures alone while Redis is away, and all learn of them when it is back.
func TestLocal(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	all := startAll(t, true, at(server.Address()))
	for name, gone := range map[string]func() (back func()){
		"empty":  func() func() { server.Kill(); return func() { server.Restart(nil) } },
		"as was": func() func() { server.Stop(); return server.Continue },
	} {
		back := gone()
		keys, date := map[replay.Key]int{}, time.Now()
		for i := range 40 {
			k := newKey()
			keys[k] = i % len(all)
			if err := all[i%len(all)].Mark(t.Context(), k, date, time.Now()); err != nil {
				t.Fatalf("%s: not taken while Redis is away: %v", name, err)
			}
			if err := all[i%len(all)].Mark(t.Context(), k, date, time.Now()); !errors.Is(err, replay.ErrReplay) {
				t.Errorf("%s: taken twice by one member: %v", name, err)
			}
		}
		back()
		for _, m := range all {
			fleettest.Until(t, m.name+" is back", func() bool { return m.client.State().Up && m.client.Epoch().Complete })
			fleettest.Until(t, m.name+" owes nothing", func() bool { return m.Owed() == 0 })
		}
		known := 0
		for k, by := range keys {
			other := all[(by+1)%len(all)]
			other.Follow(false) // a late answer is no reason to take it here
			switch err := other.Mark(t.Context(), k, date, time.Now()); {
			case errors.Is(err, replay.ErrReplay):
				known++
			case !errors.Is(err, replay.ErrUnavailable):
				t.Errorf("%s: what %s took alone is taken by %s when Redis is back: %v", name, all[by].name, other.name, err)
			}
			other.Follow(true)
		}
		if known == 0 {
			t.Errorf("%s: Redis does not answer", name)
		}
	}
}

// TestFollow: what happens without Redis follows a reload.
func TestFollow(t *testing.T) {
	m := newMember(t, "127.0.0.1:1", "a", replay.New(100), false, "a") // never connected
	if err := m.mark(t, newKey()); !errors.Is(err, replay.ErrUnavailable) {
		t.Errorf("taken without Redis: %v", err)
	}
	m.Follow(true)
	if err := m.mark(t, newKey()); err != nil {
		t.Errorf("not taken by its own memory: %v", err)
	}
	m.Follow(false)
	if err := m.mark(t, newKey()); !errors.Is(err, replay.ErrUnavailable) {
		t.Errorf("taken without Redis: %v", err)
	}
}

// TestClocks: while the clock of Redis and that of a member differ, signatures would expire at another time than their dates run out.
func TestClocks(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	m := newMember(t, server.Address(), "a", replay.New(100), false, "a").run(t)
	awaitTaking(t, []*member{m})
	for off, want := range map[time.Duration]string{2 * time.Minute: "", -2 * time.Minute: "", 3 * time.Minute: "behind", -3 * time.Minute: "ahead"} {
		now := time.Now().Add(off)
		err := m.Mark(t.Context(), newKey(), now, now)
		if want == "" && err != nil || want != "" && (!errors.Is(err, replay.ErrUnavailable) || !strings.Contains(err.Error(), want)) {
			t.Errorf("by a clock that is off by %v: %v", off, err)
		}
		if warns := strings.Contains(strings.Join(m.Lacking(), "\n"), "NTP"); warns != (want != "") {
			t.Errorf("by a clock that is off by %v: warnings %q", off, m.Lacking())
		}
	}
}

// TestExpiry: a key in Redis outlives the date of its signature by the slack of clocks, whether it was marked or uploaded.
func TestExpiry(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	m := newMember(t, server.Address(), "a", replay.New(100), false, "a").run(t)
	fleettest.Until(t, "it is up", func() bool { return m.client.State().Up && m.client.Epoch().Complete })
	now := time.Now()
	date := now.Add(-10 * time.Minute)
	if err := m.Mark(t.Context(), newKey(), date, now); err != nil {
		t.Fatal(err)
	}
	expires := func() (ms int64) {
		_, _ = fmt.Sscan(server.Do("EVAL", `for _, k in ipairs(redis.call('KEYS', '*signature:*')) do return redis.call('PEXPIRETIME', k) end return 0`, "0"), &ms)
		return ms
	}
	for _, how := range []string{"marked", "uploaded"} {
		fleettest.Until(t, "the signature is in Redis", func() bool { return expires() != 0 })
		if over := time.UnixMilli(expires()).Sub(replay.Ends(date).Truncate(time.Millisecond)); over < 0 || over > time.Minute {
			t.Errorf("%s: it expires %v after its date is certain to have run out", how, over)
		}
		server.Restart(nil)
	}
}

// TestFull: a Redis that takes no more refuses signatures, and loses none.
func TestFull(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	m := newMember(t, server.Address(), "a", replay.New(100), false, "a").run(t)
	awaitTaking(t, []*member{m})
	server.Do("CONFIG", "SET", "maxmemory", "1")
	fleettest.Until(t, "it refuses", func() bool { return errors.Is(m.mark(t, newKey()), replay.ErrUnavailable) })
	server.Do("CONFIG", "SET", "maxmemory", "0")
	awaitTaking(t, []*member{m})
}

// TestEvicted: a signature that Redis has evicted is not taken again, also before a heartbeat shows that keys were evicted.
func TestEvicted(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	all := startAll(t, false, at(server.Address()))
	server.Do("CONFIG", "SET", "maxmemory-policy", "volatile-ttl") // signatures first
	for range 10 {
		var k replay.Key
		var now time.Time
		fleettest.Until(t, "a takes signatures", func() bool {
			k, now = newKey(), time.Now()
			return all[0].Mark(t.Context(), k, now, now) == nil
		})
		server.Do("CONFIG", "SET", "maxmemory", "1")
		server.Do("CONFIG", "SET", "maxmemory", "0")
		if err := all[1].Mark(t.Context(), k, now, time.Now()); err == nil {
			t.Error("taken again")
		}
	}
	if server.Info("evicted_keys") == "0" {
		t.Error("no key was evicted")
	}
}

// TestUsedWhateverTheClock: a member whose clock is wrong, and that goes by its own memory then, takes nothing that Redis knows to be used.
func TestUsedWhateverTheClock(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	all := startAll(t, true, at(server.Address()))
	k, now := newKey(), time.Now()
	if err := all[0].Mark(t.Context(), k, now, now); err != nil || all[0].Owed() > 0 {
		t.Fatalf("%v; owed %d", err, all[0].Owed())
	}
	if err := all[1].Mark(t.Context(), k, now, now.Add(-5*time.Minute)); !errors.Is(err, replay.ErrReplay) {
		t.Errorf("taken again: %v", err)
	}
}
