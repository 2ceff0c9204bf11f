package limits

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate/fleet"
	"tollgate/fleet/redistest"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/ratelimit/limittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member is a member of a fleet, in this process.
type member struct {
	*Limiter
	client *fleet.Client
	stop   func()
}

// patient is a patience that a busy machine keeps.
const patient = time.Second

// join starts a member of a fleet on a Redis, which ends with the test.
func join(t testing.TB, address, prefix, name string, patience time.Duration, members ...string) *member {
	t.Helper()
	var at setting.Endpoint
	if err := at.UnmarshalText([]byte(address)); err != nil {
		t.Fatal(err)
	}
	c := fleet.New(fleet.Options{
		Name: name, Settings: fleet.Settings{Members: members, Patience: patience}, Addresses: []setting.Endpoint{at}, Prefix: prefix,
	})
	m := &member{Limiter: New(c, ratelimit.NewLimiter(), len(members)), client: c}
	c.Add(m.Limiter)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	m.stop = sync.OnceFunc(func() { m.Wait(); cancel(); running.Wait() })
	t.Cleanup(m.stop)
	return m
}

// joinAll starts a fleet of so many members, and waits until its epoch is complete for all of them.
func joinAll(t testing.TB, address, prefix string, members int, patience time.Duration) (all []*member) {
	t.Helper()
	var names []string
	for i := range members {
		names = append(names, string(rune('a'+i)))
	}
	for _, name := range names {
		all = append(all, join(t, address, prefix, name, patience, names...))
	}
	for _, m := range all {
		m.complete(t)
	}
	return all
}

// complete waits until the member asks Redis about limits.
func (m *member) complete(t testing.TB) {
	t.Helper()
	await(t, "a complete epoch", func() bool { return m.client.State().Up && m.view.Load().epoch.Complete })
}

func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for range 6000 {
		if holds() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("in vain: %s", what)
}

func follow(t testing.TB, members []*member, maxWait time.Duration, rules ...ratelimit.Rule) *ratelimit.Rules {
	t.Helper()
	made, err := ratelimit.NewRules(ratelimit.Config{MaxWait: setting.Duration(maxWait), Published: true, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		m.Follow(made)
	}
	return made
}

// go1 takes a call and sends it. It may be called by goroutines.
func (m *member) go1(t testing.TB, d *ratelimit.Demand) ratelimit.Verdict {
	t.Helper()
	v, err := m.Take(context.Background(), d)
	if err != nil {
		t.Errorf("no verdict: %v", err)
	}
	if v.Allowed {
		m.Sent(d, &v)
	}
	return v
}

// TestSuite is what any limiter must do, over Redis.
func TestSuite(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	limittest.Run(t, func(t *testing.T) limittest.Limiter {
		prefix := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
		return joinAll(t, s.Address(), prefix, 1, patient)[0]
	})
}

// TestSuiteWithoutRedis is the same for a member that has no Redis: its share is all there is.
func TestSuiteWithoutRedis(t *testing.T) {
	limittest.Run(t, func(t *testing.T) limittest.Limiter { return New(nobody{}, ratelimit.NewLimiter(), 1) })
}

// nobody is a Redis that is away.
type nobody struct{}

func (nobody) Ask(context.Context, *fleet.Question) (any, error) { return nil, fleet.ErrAway }

// TestSharedByAll: members share one count, and each says where it was counted.
func TestSharedByAll(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	all := joinAll(t, s.Address(), "f", 4, patient)
	d := follow(t, all, 0, ratelimit.Rule{Name: "r", Rate: ratelimit.MinPerSecond, Burst: 10}).Of(ratelimit.Subject{Caller: "x"})
	went := 0
	for i := range 40 {
		v := all[i%4].go1(t, d)
		if v.From != ratelimit.FromFleet {
			t.Fatalf("%+v", v)
		}
		if v.Allowed {
			went++
		}
	}
	if went != 10 {
		t.Errorf("%d calls went, want 10", went)
	}
	_ = fmt.Sprint()
}
