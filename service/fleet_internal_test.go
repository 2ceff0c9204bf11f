package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/audit/logfile"
	"tollgate/fleet"
	"tollgate/fleet/redistest"
	"tollgate/internal/secret"
	"tollgate/internal/testpki"
	"tollgate/signing"
)

// inFleet are the changes that make a gateway a member of a fleet. It waits long for Redis, since a test's machine may be slow.
func inFleet(redis, name string, more ...string) []string {
	return append([]string{
		"audit: {dir", fmt.Sprintf("fleet: {redis: %s, members: [a, b], name: %s, patience: 900ms}\naudit: {dir", redis, name),
		", caller: other}", "}", "  other: {grants: [{operations: [ListProvinces]", "  other: {auth: [" + oneKey + "], grants: [{operations: [ListProvinces, CreateSubCustomer]",
		"rate: 1/h, burst: 5", "rate: 1000/s",
	}, more...)
}

// member runs one, in front of an upstream that takes every call.
func member(t *testing.T, redis, name string, more ...string) *running {
	t.Helper()
	g := runWith(t, inFleet(redis, name, more...)...)
	took := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"domain_id":"d-1"}`)
	})
	g.answer.Store(&took)
	return g
}

// beside runs another one, in front of the same upstream.
func (g *running) beside(t *testing.T, redis, name string, more ...string) *running {
	t.Helper()
	other := &running{upstream: g.upstream}
	other.start(t, inFleet(redis, name, more...)...)
	return other
}

func plain(r *redistest.Server) string {
	return fmt.Sprintf("{address: %q, password: {env: REDIS}}", r.Address())
}

// signed counts signatures: each has a second of its own, since the date is all that makes two of them differ.
var (
	signed atomic.Int64
	before = time.Now()
)

// signedWrite is a call that creates something, signed of late.
func signedWrite(t *testing.T) http.Header {
	t.Helper()
	value, _ := keyOf("ONE")
	unsigned := signing.Request{Method: http.MethodPost, Path: "/v2/partners/sub-customers", PayloadHash: signing.HashHex([]byte("{}"))}
	added, err := signing.SDK.NewKey("TGONE", secret.New(value)).Sign(before.Add(-time.Duration(signed.Add(1))*time.Second), unsigned, signing.Account{})
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for _, h := range added {
		header.Set(h.Name, h.Value)
	}
	return header
}

// write sends the same bytes to a member.
func (g *running) write(t *testing.T, header http.Header) (status int, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+g.Address("second")+"/v2/partners/sub-customers", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header.Clone()
	response, err := g.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (g *running) wantWrite(t *testing.T, header http.Header, status int, text string) {
	t.Helper()
	if got, body := g.write(t, header); got != status || !strings.Contains(body, text) {
		t.Errorf("member %s: got %d %.300s, want %d %q", g.fleet.name, got, body, status, text)
	}
}

// fleetIs waits until a member sees the fleet in a way.
func (g *running) fleetIs(t *testing.T, what string, holds func(*admin.Fleet) bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("member %s sees that %s", g.fleet.name, what), func() bool { return holds(g.fleetState()) })
}

func whole(f *admin.Fleet) bool { return f.Up && f.Epoch.Complete && len(f.Closed) == 0 }

// documentedUser returns the user that the manual and the sample for Kubernetes make in Redis, with the password and the keys of tests.
func documentedUser(t *testing.T) string {
	t.Helper()
	manual, err := os.ReadFile("../docs/tasks/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile("../deploy/kubernetes/central.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(manual)) {
		if strings.HasPrefix(line, "user gateway ") {
			if !strings.Contains(string(sample), line) {
				t.Errorf("the sample has another user than the manual: %s", line)
			}
			line = strings.NewReplacer("user ", "", "PASSWORD", "the-secret-of-redis-0", "{tollgate}", "{mine}").Replace(line)
			return strings.TrimSpace(line)
		}
	}
	t.Fatal("the manual has no user of Redis")
	return ""
}

// TestFleet: two gateways over one Redis, with TLS, a user and a password, take a signed call once, stop what one of them freezes, and see
// each other.
func TestFleet(t *testing.T) {
	ca := testpki.Must(testpki.New())
	authorities := filepath.Join(t.TempDir(), "ca.pem")
	if err := ca.WriteFile(authorities); err != nil {
		t.Fatal(err)
	}
	redis := redistest.Start(t, redistest.Options{CA: ca, Users: []string{documentedUser(t)}})
	for _, command := range []string{"FLUSHALL", "FUNCTION FLUSH", "SCRIPT FLUSH", "CLIENT KILL ID 1", "KEYS *", "SET other 1", "MIGRATE host 1 {mine}x 0 1", "CONFIG GET *"} {
		if said := redis.Do(append([]string{"ACL", "DRYRUN", "gateway"}, strings.Fields(command)...)...); said == "OK" {
			t.Errorf("the user of the manual may run %s", command)
		}
	}
	section := fmt.Sprintf("{address: %q, username: gateway, password: {env: REDIS}, prefix: mine, tls: {ca: %q}}", redis.Address(), authorities)
	a := member(t, section, "a")
	b := a.beside(t, section, "b")
	a.fleetIs(t, "all are there", whole)
	b.fleetIs(t, "all are there", whole)
	one, two := signedWrite(t), signedWrite(t)
	a.wantWrite(t, one, 200, "d-1")
	b.wantWrite(t, one, 409, "TG.4003")
	b.wantWrite(t, two, 200, "d-1")
	a.wantWrite(t, two, 409, "TG.4003")
	id := a.stop(t, "caller", "app")
	eventually(t, "the other member stops the caller, too", func() bool { status, _ := b.call(t, "local"); return status == 403 })
	b.letGo(t, id)
	eventually(t, "and lets it go", func() bool { status, _ := a.call(t, "local"); return status == 200 })
	f, err := a.fleetStatus(t.Context(), admin.Peer{}, admin.FleetRequest{})
	if err != nil || len(f.Members) != 2 || f.Members[1].Name != "b" || f.Members[1].State != admin.MemberPresent || f.Members[1].Plan != f.Members[0].Plan ||
		f.Members[1].Version != "test" || len(f.Differences) != 0 || len(f.Warnings) != 0 || f.Latency == nil {
		t.Errorf("%+v, %v", f, err)
	}
	if status, err := a.status(t.Context(), admin.Peer{}, admin.StatusRequest{}); err != nil || status.Fleet == nil || !status.Fleet.Up || len(a.fleetReadiness()) != 0 {
		t.Errorf("%+v, %v, %q", status.Fleet, err, a.fleetReadiness())
	}
	if up := a.metric(t, "tollgate_fleet_up"); up != 1 {
		t.Errorf("the metric is %v", up)
	}
	if text := scrape(t, a); !strings.Contains(text, "tollgate_fleet_limit_decisions_total{from=\"fleet\"}") || strings.Contains(text, "{from=\"fleet\"} 0\n") {
		t.Error("no call was counted over Redis")
	}
	quiet := a.fleet.client.State().Questions
	beats := func() uint64 { return a.fleet.client.State().Questions - quiet }
	eventually(t, "heartbeats go on", func() bool { return beats() >= 2 })
	if n := beats(); n > 20 {
		t.Errorf("%d questions for two heartbeats, and no call", n)
	}
}

// TestFleetWithoutRedis: what is not shared is refused, or goes by this member, as configured; it shows, is on record, and is over by itself.
func TestFleetWithoutRedis(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{Password: "the-secret-of-redis-0"})
	a := member(t, plain(redis), "a")
	a.beside(t, plain(redis), "b")
	a.fleetIs(t, "all are there", whole)
	redis.Kill()
	a.fleetIs(t, "Redis is away", func(f *admin.Fleet) bool {
		return !f.Up && len(f.Closed) == 3 && f.Members[1].State == admin.MemberUnknown
	})
	a.wantWrite(t, signedWrite(t), 503, "TG.6012")
	if status, body := a.call(t, "local"); status != 200 {
		t.Errorf("a call that reads: %d %s", status, body)
	}
	r := a.readiness()
	if text := strings.Join(r.Warnings, "\n"); !r.Ready || !strings.Contains(text, "fleet: signatures: signed write and spend calls are refused: ") || !strings.Contains(text, "fleet: limits: each member has 1/2 of") {
		t.Errorf("readiness %v: %s", r.Ready, text)
	}
	eventually(t, "the loss is on record", func() bool { return slices.Contains(a.events(t, "the-secret"), logfile.EventFleetLost) })
	redis.Restart(nil)
	a.fleetIs(t, "all are there again", whole)
	a.wantWrite(t, signedWrite(t), 200, "d-1")
	eventually(t, "the return is on record", func() bool { return slices.Contains(a.events(t, "the-secret"), logfile.EventFleetBack) })
	if r := a.fleetReadiness(); len(r) != 0 {
		t.Errorf("warnings: %q", r)
	}
}

// TestReloadFleet: members, patience and replay.without follow a reload; the rest of the section, its coming and its going need a restart.
func TestReloadFleet(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{Password: "the-secret-of-redis-0"})
	a := member(t, plain(redis), "a")
	a.fleetIs(t, "b is missing", func(f *admin.Fleet) bool { return f.Up && slices.Equal(f.Epoch.Missing, []string{"b"}) })
	a.wantWrite(t, signedWrite(t), 503, "TG.6012")
	if text := strings.Join(a.readiness().Warnings, "\n"); !strings.Contains(text, "b has not shown Redis") || !strings.Contains(text, "take it out of fleet.members") {
		t.Errorf("warnings: %s", text)
	}
	section := fmt.Sprintf("fleet: {redis: %s, members: [a, b], name: a, patience: 900ms}", plain(redis))
	reload := func(old, new string) error {
		t.Helper()
		changes := append([]string{"audit: {dir", strings.Replace(section, old, new, 1) + "\naudit: {dir"}, inFleet(plain(redis), "a")[2:]...)
		_, err := a.follow(t, a.load(t, changes...))
		return err
	}
	if err := reload("900ms}", "900ms, replay: {without: local}}"); err != nil {
		t.Fatal(err)
	}
	a.wantWrite(t, signedWrite(t), 200, "d-1")
	if err := reload("[a, b]", "[a]"); err != nil {
		t.Fatal(err)
	}
	a.fleetIs(t, "none is missing", whole)
	a.wantWrite(t, signedWrite(t), 200, "d-1")
	if err := reload("900ms", "800ms"); err != nil || a.config.Load().Fleet.Patience.String() != "800ms" {
		t.Errorf("patience: %v", err)
	}
	for change, key := range map[[2]string]string{
		{"password: {env: REDIS}", "prefix: mine"}: "fleet.redis", {"name: a", "name: b"}: "fleet.name", {section, ""}: "fleet",
	} {
		restart, refused := errors.AsType[*RestartError](reload(change[0], change[1]))
		if !refused || !slices.ContainsFunc(restart.Keys, func(k string) bool { return strings.HasPrefix(k, key) }) {
			t.Errorf("%q: %v", change, restart)
		}
	}
}

// TestFleetDiffers: members that run otherwise are named.
func TestFleetDiffers(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{Password: "the-secret-of-redis-0", Config: []string{"maxmemory-policy allkeys-lru"}})
	a := member(t, plain(redis), "a")
	b := a.beside(t, plain(redis), "b", "per: [caller]", "per: [operation]")
	a.fleetIs(t, "b runs another configuration", func(f *admin.Fleet) bool {
		return len(f.Differences) == 1 && strings.HasPrefix(f.Differences[0], "member b runs another configuration ("+f.Members[1].Plan+")")
	})
	if text := strings.Join(b.readiness().Warnings, "\n"); !strings.Contains(text, "fleet: member a runs another configuration") || !strings.Contains(text, "noeviction") {
		t.Errorf("warnings: %s", text)
	}
}

// TestMembersTakenOut: a dead member that was taken out of the configuration is not reported as absent for as long as Redis keeps its row, and one
// that is at work without being configured is.
func TestMembersTakenOut(t *testing.T) {
	state := fleet.State{Up: true, Members: []fleet.Member{
		{Name: "a", Configured: true, Present: true}, {Name: "b", Configured: true, Seen: time.Hour},
		{Name: "dead", Seen: time.Hour}, {Name: "extra", Present: true}, {Name: "stopped", SignedOff: true},
	}}
	var got []string
	for _, m := range memberStatuses(&state) {
		got = append(got, fmt.Sprintf("%s %s %v", m.Name, m.State, m.Unlisted))
	}
	if want := []string{"a present false", "b absent false", "extra present true"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAlone: without the section nothing of a fleet is made.
func TestAlone(t *testing.T) {
	g := run(t)
	_, err := g.fleetStatus(t.Context(), admin.Peer{}, admin.FleetRequest{})
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusConflict || g.fleet != nil || g.gateway.Replay != g.replay || g.gateway.Limiter != g.limiter {
		t.Errorf("%v, %v", g.fleet, err)
	}
	families, err := g.registry.Gather()
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "tollgate_fleet") {
			t.Errorf("there is the metric %s", f.GetName())
		}
	}
	if status, problem := g.status(t.Context(), admin.Peer{}, admin.StatusRequest{}); err != nil || problem != nil || status.Fleet != nil {
		t.Errorf("%+v, %v, %v", status.Fleet, err, problem)
	}
}

// TestFleetCannotBegin: a fleet whose files are not there ends the start, and leaves nothing open.
func TestFleetCannotBegin(t *testing.T) {
	g := &running{dir: t.TempDir()}
	g.upstream = run(t).upstream
	c := g.load(t, inFleet(`{address: "127.0.0.1:9", tls: {policy: huawei}}`, "a")...)
	c.Fleet.Redis.TLS.CA = filepath.Join(g.dir, "missing.pem")
	_, err := Start(context.Background(), c, Process{Version: "test", Logger: zap.NewNop(), LookupEnv: keyOf})
	if err == nil || !strings.Contains(err.Error(), "fleet: redis: CA bundle") {
		t.Errorf("%v", err)
	}
}

// scrape returns the metrics of a fleet as lines.
func scrape(t *testing.T, g *running) string {
	t.Helper()
	families, err := g.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if c := m.GetCounter(); c != nil && strings.HasPrefix(f.GetName(), "tollgate_fleet") && len(m.GetLabel()) == 1 {
				fmt.Fprintf(&b, "%s{%s=%q} %v\n", f.GetName(), m.GetLabel()[0].GetName(), m.GetLabel()[0].GetValue(), c.GetValue())
			}
		}
	}
	return b.String()
}
