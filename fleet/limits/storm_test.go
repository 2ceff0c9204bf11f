package limits

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tollgate/fleet"
	"tollgate/fleet/redistest"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
)

// storm has callers of all members take calls of two limits, a bucket and a window, until it ends.
type storm struct {
	t       *testing.T
	all     []*member
	ctx     context.Context
	end     func()
	callers sync.WaitGroup

	mu   sync.Mutex
	went map[ratelimit.Kind][]span
	from map[ratelimit.From]int // calls of the bucket, by where they were counted
}

// span is the time in which a call was let through.
type span struct{ begin, end time.Time }

const (
	stormRate  = 40
	stormBurst = 8
	stormQuota = 20
)

func begin(t *testing.T, all []*member) *storm {
	s := &storm{t: t, all: all, went: map[ratelimit.Kind][]span{}, from: map[ratelimit.From]int{}}
	s.ctx, s.end = context.WithCancel(context.Background())
	rules := follow(t, all, 0, ratelimit.Rule{Name: "r", Upstreams: []string{"u"}, Rate: stormRate, Burst: stormBurst})
	for _, m := range all {
		for _, subject := range []ratelimit.Subject{{Caller: "x", Upstream: "u"}, {Caller: "x", Operation: "o", Credential: "c", Quota: stormQuota}} {
			s.callers.Go(func() { s.call(m, rules.Of(subject)) })
		}
	}
	t.Cleanup(s.stop)
	return s
}

func (s *storm) stop() {
	s.end()
	s.callers.Wait()
}

func (s *storm) call(m *member, d *ratelimit.Demand) {
	kind := d.Limits[0].Kind
	for s.ctx.Err() == nil {
		begun := time.Now()
		v, err := m.Take(context.Background(), d)
		if err != nil {
			s.t.Errorf("no verdict: %v", err)
			return
		}
		ended := time.Now()
		if !v.Allowed {
			time.Sleep(3 * time.Millisecond)
			continue
		}
		m.Sent(d, &v)
		s.mu.Lock()
		s.went[kind] = append(s.went[kind], span{begun, ended})
		if kind == ratelimit.Bucket {
			s.from[v.From]++
		}
		s.mu.Unlock()
	}
}

// more waits until so many more calls have gone, counted from some place.
func (s *storm) more(n int, from ratelimit.From) {
	s.t.Helper()
	count := func() int { s.mu.Lock(); defer s.mu.Unlock(); return s.from[from] }
	before := count()
	await(s.t, fmt.Sprintf("%d more calls counted from %q", n, from), func() bool { return count() >= before+n })
}

// worst returns, when the storm is over, by how many calls some stretch of time has more than the rate lets through in it.
func (s *storm) worst(perSecond float64) (most float64) {
	went := s.went[ratelimit.Bucket]
	slices.SortFunc(went, func(a, b span) int { return a.end.Compare(b.end) })
	for i := range went {
		first := went[i].begin
		for j := i; j < len(went); j++ {
			if b := went[j].begin; b.Before(first) {
				first = b
			}
			most = max(most, float64(j-i+1)-perSecond*went[j].end.Sub(first).Seconds())
		}
	}
	return most
}

// trouble is something that befalls Redis while calls go.
type trouble struct {
	name    string
	befalls func(s *storm, r *redistest.Server, p *redistest.Proxy)
}

func troubles() []trouble {
	back := func(s *storm) { s.more(20, ratelimit.FromFleet) }
	alone := func(s *storm) { s.more(40, ratelimit.FromShare) }
	return []trouble{
		{"killed and restarted empty", func(s *storm, r *redistest.Server, _ *redistest.Proxy) { r.Kill(); alone(s); r.Restart(nil); back(s) }},
		{"restarted empty at once", func(s *storm, r *redistest.Server, _ *redistest.Proxy) {
			r.Restart(nil)
			back(s)
			r.Restart(nil)
			back(s)
		}},
		{"restarted from an old snapshot", func(s *storm, r *redistest.Server, _ *redistest.Proxy) {
			old := r.Snapshot()
			back(s)
			r.Restart(old)
			back(s)
		}},
		{"stopped", func(s *storm, r *redistest.Server, _ *redistest.Proxy) { r.Stop(); alone(s); r.Continue(); back(s) }},
		{"emptied", func(s *storm, r *redistest.Server, _ *redistest.Proxy) {
			r.Do("FLUSHALL")
			back(s)
			r.Do("FLUSHALL")
			back(s)
		}},
		{"slow", func(s *storm, _ *redistest.Server, p *redistest.Proxy) {
			p.Delay(60 * time.Millisecond)
			alone(s)
			p.Pass()
			back(s)
		}},
		{"nonsense", func(s *storm, _ *redistest.Server, p *redistest.Proxy) {
			p.Answer("*1\r\n:7\r\n")
			alone(s)
			p.Pass()
			back(s)
		}},
		{"half answers", func(s *storm, _ *redistest.Server, p *redistest.Proxy) { p.Half(); alone(s); p.Pass(); back(s) }},
		{"answers lost", func(s *storm, _ *redistest.Server, p *redistest.Proxy) { p.LoseAnswers(); alone(s); p.Pass(); back(s) }},
		{"cut again and again", func(s *storm, _ *redistest.Server, p *redistest.Proxy) {
			for range 6 {
				p.Break()
				s.more(5, ratelimit.FromFleet)
			}
		}},
	}
}

// bound is by how many calls a stretch of time may have more than the rate lets through in it: the burst of the bucket in Redis, those of the
// members' shares, and for each member but one its share for as long as the others do not see that it is away (docs/decisions/0050).
func bound(members int) float64 {
	shares := float64(members * max(1, stormBurst/members))
	return stormBurst + shares + stormRate*float64(members-1)/float64(members)*(quiet+beat).Seconds()
}

const beat = 250 * time.Millisecond // between two heartbeats of package fleet

func (s *storm) check() {
	s.t.Helper()
	s.stop()
	worst := s.worst(stormRate)
	s.t.Logf("at most %.1f more than %d/s, and %d in a window of %d; %v", worst, stormRate, s.within(time.Second), stormQuota, s.from)
	if worst > bound(len(s.all)) {
		s.t.Errorf("%.1f calls more than the rate lets through, the bound is %.1f: %v", worst, bound(len(s.all)), s.from)
	}
	if n := s.within(time.Second); n > 2*stormQuota {
		s.t.Errorf("a window with %d calls, the bound is %d: %v", n, 2*stormQuota, s.from)
	}
}

// TestOverAdmission: whatever befalls Redis, no stretch of time sees more calls than the bound says, calls go on, and when Redis is back all
// are counted there again.
func TestOverAdmission(t *testing.T) {
	t.Parallel()
	for _, trouble := range troubles() {
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()
			r := redistest.Start(t, redistest.Options{})
			p := redistest.NewProxy(t, r.Address())
			all := joinAll(t, p.Address(), "f", 4, 50*time.Millisecond)
			s := begin(t, all)
			s.more(20, ratelimit.FromFleet)
			trouble.befalls(s, r, p)
			s.check()
		})
	}
}

// TestOneMemberCutOff: a member alone without Redis has its share, which the others leave to it.
func TestOneMemberCutOff(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	p := redistest.NewProxy(t, r.Address())
	names := []string{"a", "b", "c", "d"}
	all := []*member{join(t, p.Address(), "f", "a", 50*time.Millisecond, names...)}
	for _, name := range names[1:] {
		all = append(all, join(t, r.Address(), "f", name, 50*time.Millisecond, names...))
	}
	for _, m := range all {
		m.complete(t)
	}
	s := begin(t, all)
	s.more(20, ratelimit.FromFleet)
	p.Refuse()
	s.more(20, ratelimit.FromShare) // in two seconds: its share is a quarter
	p.Pass()
	s.more(20, ratelimit.FromFleet)
	all[0].complete(t)
	s.more(20, ratelimit.FromFleet)
	s.check()
}

// TestFailover: a replica that takes over begins another epoch, and calls are counted there.
func TestFailover(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t, redistest.Options{})
	master.Replica()
	sentinel := redistest.StartSentinel(t, "f", master, 1)
	o := fleet.Options{Prefix: "f", Master: "f", Addresses: []setting.Endpoint{endpoint(t, sentinel.Address())}}
	var all []*member
	for _, name := range []string{"a", "b", "c", "d"} {
		o.Name, o.Settings = name, fleet.Settings{Members: []string{"a", "b", "c", "d"}, Patience: 50 * time.Millisecond}
		all = append(all, run(t, o))
	}
	for _, m := range all {
		m.complete(t)
	}
	s := begin(t, all)
	s.more(30, ratelimit.FromFleet)
	epoch := all[0].client.Epoch().Number
	sentinel.Failover()
	await(t, "another epoch", func() bool { return all[0].client.Epoch().Number > epoch })
	s.more(30, ratelimit.FromFleet)
	s.check()
}

// within returns how many calls were surely let through within some stretch of time as long as that.
func (s *storm) within(d time.Duration) (most int) {
	went := s.went[ratelimit.Window]
	for _, first := range went {
		n := 0
		for _, other := range went {
			if !other.begin.Before(first.begin) && other.end.Sub(first.begin) < d {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
