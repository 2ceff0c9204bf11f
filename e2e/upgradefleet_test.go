package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/e2e/firstversion"
	"tollgate/fleet/redistest"
	"tollgate/internal/bsssim"
)

// TestFleetOfTwoVersions: members of two versions share limits, signatures and freezes both ways, and say that they differ. Then a rolling
// upgrade, and a rollback of one member.
func TestFleetOfTwoVersions(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Options{})
	m := &mixedFleet{
		fleet: &fleet{world: newWorld(t, bsssim.Config{Unthrottled: true, PayAgain: true}), transport: &http.Transport{DisableKeepAlives: true}},
		more:  overRedis(redis.Address(), time.Second) + "limits: {published: false, max_wait: 0s, rules: [{name: few, callers: [busy], rate: 1/h, burst: 4}]}\n" + unhardened,
	}
	first := firstversion.Binary(t)
	m.add("a", first)
	m.add("b", binary)
	m.differ(true)
	m.limited()
	m.signatures()
	m.freezes(0, 1)
	m.freezes(1, 0)
	m.replace(0, binary)
	m.differ(false)
	m.freezes(0, 1)
	m.replace(1, first)
	m.differ(true)
	m.limited() // what was counted before still is
	m.freezes(1, 0)
	m.stop()
}

// mixedFleet is a fleet of members a and b.
type mixedFleet struct {
	*fleet
	more string
}

// add starts a member of a version, and waits until all that are there share everything.
func (m *mixedFleet) add(name, version string) {
	m.t.Helper()
	m.binary = version
	m.members = append(m.members, m.member(name, memberNames[:2], m.more))
	m.members[len(m.members)-1].wait()
	if len(m.members) == 2 {
		m.whole()
	}
}

// replace has a member run by another version.
func (m *mixedFleet) replace(i int, version string) {
	m.t.Helper()
	old := m.members[i]
	old.stop()
	m.binary = version
	m.members[i] = m.member(old.name, memberNames[:2], m.more)
	m.members[i].wait()
	m.whole()
}

// differ checks that `fleet status` of each version shows the versions of both members, and that readiness warns where they differ.
func (m *mixedFleet) differ(differ bool) {
	m.t.Helper()
	for i, member := range m.members {
		eventually(m.t, member.name+" knows the version of the other", func() bool {
			_, body := member.readyz()
			return strings.Contains(body, "member "+m.members[1-i].name+" runs version ") == differ
		})
		for _, version := range []string{binary, firstversion.Binary(m.t)} {
			got := runBinary(m.t, version, member.cmd.Env, "fleet", "status", "--config", member.config)
			if n := strings.Count(got.stdout, " "+firstversion.Version+" "); got.code != 0 || (n == 1) != differ {
				m.t.Errorf("fleet status: %+v", got)
			}
		}
	}
}

// limited checks that four calls of the busy caller get in at both members together.
func (m *mixedFleet) limited() {
	m.t.Helper()
	for i := range 8 {
		got := send(m.t, m.transport, request(m.t, "GET", "http://"+m.members[i%2].address("busy")+ordersPath, ""))
		if taken := len(arrived(m.simulator, "ListCustomerOrders")); got.status == http.StatusOK && taken > 4 || got.status != http.StatusOK && (taken < 4 || got.code != "TG.5001") {
			m.t.Errorf("call %d at %s: %d %s, %d were taken", i, m.members[i%2].name, got.status, got.body, taken)
		}
	}
}

// signatures checks that a signed payment is taken once, whichever member has it first.
func (m *mixedFleet) signatures() {
	m.t.Helper()
	for i, order := range []string{"CS-1001", "CS-1002"} {
		c := m.copies(m.t, order)
		if one, other := c.one(m.members[i]), c.one(m.members[1-i]); strings.HasPrefix(one, "TG.") || other != "TG.4003" {
			m.t.Errorf("first at %s: answered %q, and then %q", m.members[i].name, one, other)
		}
	}
}

// freezes stops calls at one member, and lets them go at the other.
func (m *mixedFleet) freezes(at, lifted int) {
	m.t.Helper()
	said, confirmed := m.members[at].act(0, "freeze", "--caller", "shop", "--reason", "key leaked")
	if !slices.Equal(confirmed, memberNames[:2]) {
		m.t.Errorf("confirmed by %q", confirmed)
	}
	m.takes(m.members, http.StatusForbidden)
	if _, confirmed := m.members[lifted].act(0, "unfreeze", said.Freeze.ID, "--reason", "replaced"); !slices.Equal(confirmed, memberNames[:2]) {
		m.t.Errorf("the end is confirmed by %q", confirmed)
	}
	m.takes(m.members, http.StatusOK)
}
