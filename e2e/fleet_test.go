package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/internal/bsssim"
)

// fleetConfig is a replica's configuration. What replicas do not share has its name in it.
const fleetConfig = `
guard: {mode: shadow}
listeners:
  - {name: plain, address: "127.0.0.1:0", caller: shop}
  - {name: busy, address: "127.0.0.1:0", caller: busy}
  - {name: keys, address: "127.0.0.1:0"}
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, timeout: 20s, tls: {ca: ca.pem}}
credentials:
  customer: {class: customer, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
callers:
  shop:
    auth: [{access_key: {id: TGSHOP, secret: {env: SHOP_SK}}}]
    grants: [{operations: [effect:read, effect:write, effect:spend], credential: customer}]
  busy:
    grants: [{operations: [effect:read], credential: customer}]
audit: {dir: audit-NAME}
admin: {address: "127.0.0.1:0", socket: NAME.sock}
log: {level: info, format: json}
bounds: {drain: 20s}
`

// fleet is several gateways in front of one simulator.
type fleet struct {
	*world
	members   []*member
	transport *http.Transport
}

// member is one gateway of a fleet.
type member struct {
	*process
	name, config, dir, socket string
}

// fleetState is the part of GET /v1/fleet that tests look at.
type fleetState struct {
	Up    bool
	Why   string
	Epoch struct {
		Complete bool
		Missing  []string
	}
	Closed  []struct{ What, Means, Why string }
	Members []struct {
		Name, State, Version, Plan string
		Joined                     bool
	}
}

// fleet is the state of the fleet as this member sees it.
func (m *member) fleet() fleetState {
	m.t.Helper()
	status, body := actAt(m.t, m.socket, "GET", "/v1/fleet")
	var state fleetState
	if err := json.Unmarshal([]byte(body), &state); status != http.StatusOK || err != nil {
		m.t.Fatalf("the state of the fleet: %d %s %v", status, body, err)
	}
	return state
}

// whole reports whether all members are there and have joined, and all is shared.
func (s *fleetState) whole() bool {
	for _, m := range s.Members {
		if m.State != "present" || !m.Joined {
			return false
		}
	}
	return s.Up && s.Epoch.Complete && len(s.Closed) == 0
}

// whole waits until all members are there, reach Redis, and share everything.
func (f *fleet) whole() {
	f.t.Helper()
	for _, m := range f.members {
		eventually(f.t, m.name+" shares everything with all", func() bool {
			state := m.fleet()
			return state.whole()
		})
	}
}

// command runs a command that asks this member.
func (m *member) command(args ...string) result {
	m.t.Helper()
	return run(m.t, m.cmd.Env, append(args, "--config", m.config)...)
}

var memberNames = []string{"a", "b", "c", "d"}

// newFleet starts so many gateways and waits until they are ready. What is appended to the configuration is theirs together; NAME and
// MEMBERS stand for those of each.
func newFleet(t testing.TB, simulated bsssim.Config, size int, more string) *fleet {
	t.Helper()
	f := &fleet{world: newWorld(t, simulated), transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	t.Cleanup(f.transport.CloseIdleConnections)
	names := memberNames[:size]
	for _, name := range names {
		f.members = append(f.members, f.member(name, names, more))
	}
	for _, m := range f.members {
		m.wait()
	}
	return f
}

// member starts a gateway of a fleet.
func (w *world) member(name string, names []string, more string) *member {
	w.t.Helper()
	own := strings.NewReplacer("NAME", name, "MEMBERS", strings.Join(names, ", "))
	config := w.writeConfig("tollgate-"+name+".yaml", own.Replace(fleetConfig+more))
	return &member{launchBinary(w.t, w.binary, config, w.env), name, config, w.file("audit-" + name), w.file(name + ".sock")}
}

// overRedis is the section that makes a fleet of gateways over a Redis.
func overRedis(address string, patience time.Duration) string {
	return fmt.Sprintf("fleet: {redis: {address: %q}, members: [MEMBERS], name: NAME, patience: %v}\n", address, patience)
}

// stop ends all gateways in good order, and has their logs verified.
func (f *fleet) stop() {
	f.t.Helper()
	for _, m := range f.members {
		m.stop()
		if got := run(f.t, nil, "audit", "verify", "--dir", m.dir); got.code != 0 {
			f.t.Errorf("the log of %s: %+v", m.name, got)
		}
	}
}

// crowd calls one operation again and again, from many sides at once.
type crowd struct {
	ended   chan struct{}
	working sync.WaitGroup

	mu       sync.Mutex
	answers  map[string]int // by error code; "" are those that the provider answered
	failures []error
}

// crowd starts callers on a listener of each of the replicas.
func (f *fleet) crowd(members []*member, listener, path string, callers int) *crowd {
	l := &crowd{ended: make(chan struct{}), answers: map[string]int{}}
	for _, m := range members {
		url := "http://" + m.address(listener) + path
		for range callers {
			l.working.Go(func() { l.call(f.transport, url) })
		}
	}
	f.t.Cleanup(func() { l.stop() })
	return l
}

func (l *crowd) call(transport http.RoundTripper, url string) {
	for {
		select {
		case <-l.ended:
			return
		default:
		}
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			panic(err) // the test is wrong
		}
		got, err := ask(transport, r)
		l.mu.Lock()
		l.answers[got.code]++
		if err != nil || got.status >= 500 && !strings.HasPrefix(got.code, "TG.6") {
			l.failures = append(l.failures, fmt.Errorf("%s: %d %s %w", url, got.status, got.body, errors.Join(err)))
		}
		l.mu.Unlock()
	}
}

// stop ends the callers, and returns what they were answered.
func (l *crowd) stop() map[string]int {
	select {
	case <-l.ended:
	default:
		close(l.ended)
	}
	l.working.Wait()
	return l.answers
}

// check fails the test for answers that no caller should get.
func (l *crowd) check(t testing.TB) {
	t.Helper()
	l.stop()
	for _, failure := range l.failures[:min(len(l.failures), 5)] {
		t.Error(failure)
	}
}

// The operations that tests of fleets call, by path.
const (
	balancesPath = "/v2/accounts/customer-accounts/balances"
	ordersPath   = "/v2/orders/customer-orders?order_id=CS-1"
)
