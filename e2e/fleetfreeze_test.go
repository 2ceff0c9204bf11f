package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/fleet/redistest"
	"tollgate/freeze"
	"tollgate/internal/bsssim"
)

// frozen is what `freeze --json` and `unfreeze --json` say.
type frozen struct {
	Freeze  struct{ ID string }
	Members []struct {
		Member    string
		Confirmed bool
	}
	Problems []string
}

// act runs a command that stops or frees calls, and returns what it says, and which members have confirmed it.
func (m *member) act(code int, args ...string) (said frozen, confirmed []string) {
	m.t.Helper()
	got := m.command(append(args, "--json")...)
	if err := json.Unmarshal([]byte(got.stdout), &said); err != nil || got.code != code {
		m.t.Fatalf("%q at %s: %+v, want code %d; %v", args, m.name, got, code, err)
	}
	for _, c := range said.Members {
		if c.Confirmed {
			confirmed = append(confirmed, c.Member)
		}
	}
	return said, confirmed
}

// takes checks whether members take the shop's calls.
func (f *fleet) takes(members []*member, status int) {
	f.t.Helper()
	for _, m := range members {
		got := send(f.t, f.transport, request(f.t, "GET", "http://"+m.address("plain")+balancesPath, ""))
		if got.status != status {
			f.t.Errorf("%s answers %d %s, want %d", m.name, got.status, got.body, status)
		}
	}
}

// TestFleetFreezes: when `freeze` says that a member has confirmed, that member takes no such call any more. Freezes outlive the data of
// Redis, and a member that has lost its way to Redis keeps those that it has.
func TestFleetFreezes(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Options{})
	f := &fleet{world: newWorld(t, bsssim.Config{Unthrottled: true}), transport: &http.Transport{}}
	t.Cleanup(f.transport.CloseIdleConnections)
	proxies := map[string]*redistest.Proxy{}
	for _, name := range memberNames {
		proxies[name] = redistest.NewProxy(t, redis.Address())
		f.members = append(f.members, f.member(name, memberNames, overRedis(proxies[name].Address(), outagePatience)+unlimited))
	}
	for _, m := range f.members {
		m.wait()
	}
	f.whole()
	a, b, c, d := f.members[0], f.members[1], f.members[2], f.members[3]

	first, confirmed := a.act(0, "freeze", "--caller", "shop", "--reason", "key leaked")
	f.takes(f.members, http.StatusForbidden)
	if !slices.Equal(confirmed, memberNames) {
		t.Errorf("confirmed by %q: %+v", confirmed, first)
	}
	old := redis.Snapshot()
	if _, confirmed := c.act(0, "unfreeze", first.Freeze.ID, "--reason", "replaced"); !slices.Equal(confirmed, memberNames) {
		t.Errorf("the end is confirmed by %q", confirmed)
	}
	f.takes(f.members, http.StatusOK)

	// Data of before the end does not bring it back.
	redis.Restart(old)
	f.whole()
	f.takes(f.members, http.StatusOK)

	// One member has no way to Redis.
	proxies["d"].Refuse()
	second, confirmed := b.act(1, "freeze", "--caller", "shop", "--reason", "again")
	if !slices.Equal(confirmed, memberNames[:3]) {
		t.Errorf("without d: confirmed by %q, %+v", confirmed, second)
	}
	f.takes(f.members[:3], http.StatusForbidden)
	f.takes(f.members[3:], http.StatusOK)
	third, confirmed := d.act(1, "freeze", "--all", "--reason", "here too")
	if !slices.Equal(confirmed, memberNames[3:]) {
		t.Errorf("at d: confirmed by %q, %+v", confirmed, third)
	}
	f.takes(f.members, http.StatusForbidden)
	redis.Restart(nil)
	proxies["d"].Pass()
	f.whole()
	for _, m := range f.members {
		eventually(t, m.name+" has the freezes of all", func() bool {
			got := m.command("freezes")
			return strings.Contains(got.stdout, second.Freeze.ID) && strings.Contains(got.stdout, third.Freeze.ID)
		})
	}
	a.act(0, "unfreeze", second.Freeze.ID, "--reason", "over")
	f.takes(f.members, http.StatusForbidden)
	a.act(0, "unfreeze", third.Freeze.ID, "--reason", "over")
	f.takes(f.members, http.StatusOK)
	f.stop()
	f.spread(first.Freeze.ID)
}

// spread checks that a freeze is in the log of each member, and says how long it took to all.
func (f *fleet) spread(id string) {
	f.t.Helper()
	var times []time.Time
	for _, m := range f.members {
		err := logfile.Read(m.dir, func(r *logfile.Record, _ []byte) error {
			if r.Event == logfile.EventFrozen && slices.ContainsFunc(r.Freezes, func(f freeze.Freeze) bool { return f.ID == id }) {
				times = append(times, r.Time)
			}
			return nil
		})
		if err != nil {
			f.t.Error(err)
		}
	}
	if len(times) != len(f.members) {
		f.t.Fatalf("freeze %s is on record %d times", id, len(times))
	}
	f.t.Logf("the freeze was on record everywhere within %v", slices.MaxFunc(times, time.Time.Compare).Sub(slices.MinFunc(times, time.Time.Compare)))
}
