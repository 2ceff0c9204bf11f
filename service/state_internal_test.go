package service

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/catalog"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/internal/bsssim"
	"tollgate/internal/certs"
	"tollgate/internal/secret"
	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
)

// running is a gateway whose configuration a test changes, in front of an upstream that it watches.
type running struct {
	*Service
	dir         string
	upstream    *httptest.Server
	connections atomic.Int64                     // that the upstream has accepted
	held        chan chan struct{}               // calls that wait at the upstream, if hold is set
	answer      atomic.Pointer[http.HandlerFunc] // instead of the simulator's
	client      *http.Client
	onDisk      *config.Config // what Reload reads, unless unreadable is set
	unreadable  error
	machine     *machine // where there is memory enough
}

const configuration = `
listeners: [{name: local, address: "127.0.0.1:0", caller: app}, {name: second, address: "127.0.0.1:0", caller: other}]
upstreams: {bss: {url: %q, catalog: cn}}
credentials: {main: {class: partner, access_key: {env: AK}, secret_key: {env: SK}}}
callers:
  app: {grants: [{operations: [ListProvinces], credential: main}]}
  other: {grants: [{operations: [ListProvinces], credential: main}]}
limits: {published: false, rules: [{name: day, per: [caller], rate: 1/h, burst: 5}]}
audit: {dir: audit}
`

var missingCA = certs.UpstreamTLS{Policy: tlspolicy.Default, CA: "/nowhere/ca.pem"}

func testMAC() hash.Hash { return hmac.New(sha256.New, []byte("key")) }

// keyOf answers references to the environment.
func keyOf(name string) (string, bool) {
	account := bsssim.DefaultAccounts()[0]
	value, ok := map[string]string{"AK": account.AccessKey, "SK": account.SecretKey, "AK2": "AKOTHER", "SK2": "other-secret-0123", "ONE": "the-first-secret-0123", "TWO": "the-second-secret-012", "REDIS": "the-secret-of-redis-0"}[name]
	return value, ok
}

func run(t *testing.T) *running {
	t.Helper()
	return runWith(t)
}

// runWith runs a gateway by the configuration with changes.
func runWith(t *testing.T, changes ...string) *running {
	t.Helper()
	g := &running{held: make(chan chan struct{})}
	simulator := bsssim.New(bsssim.Config{})
	g.upstream = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := g.answer.Load(); answer != nil {
			(*answer)(w, r)
			return
		}
		simulator.ServeHTTP(w, r)
	}))
	g.upstream.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			g.connections.Add(1)
		}
	}
	g.upstream.Start()
	t.Cleanup(g.upstream.Close)
	g.start(t, changes...)
	return g
}

// start starts the gateway in front of its upstream.
func (g *running) start(t *testing.T, changes ...string) {
	t.Helper()
	g.dir, g.client = t.TempDir(), &http.Client{}
	if err := g.startAgain(t, changes...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.end(t) })
}

// startAgain starts a gateway on the files of one that has ended.
func (g *running) startAgain(t *testing.T, changes ...string) (err error) {
	t.Helper()
	g.machine = newMachine()
	g.Service, err = Start(t.Context(), g.load(t, changes...), Process{
		Version: "test", Commit: "0123abcd", Logger: zap.NewNop(), LookupEnv: keyOf, Machine: g.machine, Load: func(config.Options) (*config.Config, error) { return g.onDisk, g.unreadable },
	})
	return err
}

// end stops the gateway, if one runs.
func (g *running) end(t *testing.T) {
	t.Helper()
	g.client.CloseIdleConnections()
	if g.Service == nil {
		return
	}
	if err := g.Drain(); err != nil {
		t.Error(err)
	}
	g.Service = nil
}

// load reads the configuration with changes: pairs of what stands there and what takes its place.
func (g *running) load(t testing.TB, changes ...string) *config.Config {
	t.Helper()
	text := strings.NewReplacer(changes...).Replace(fmt.Sprintf(configuration, g.upstream.URL))
	c, err := config.Parse(filepath.Join(g.dir, "tollgate.yaml"), []byte(text), g.dir, config.Options{Secrets: true, LookupEnv: keyOf})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// change has the gateway follow the configuration with changes.
func (g *running) change(t testing.TB, changes ...string) {
	t.Helper()
	if _, err := g.follow(t, g.load(t, changes...)); err != nil {
		t.Fatal(err)
	}
}

// follow has the gateway reload, with a configuration on disk.
func (g *running) follow(t testing.TB, c *config.Config) (Reloaded, error) {
	t.Helper()
	g.onDisk = c
	return g.Reload(t.Context(), Trigger{By: ByWatch}, false)
}

// call returns what the caller of a listener is answered.
func (g *running) call(t testing.TB, listener string) (status int, body string) {
	response, err := g.client.Get("http://" + g.Address(listener) + "/v2/systems/configs/provinces")
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.StatusCode, string(text)
}

func (g *running) want(t testing.TB, listener string, status int, text string) {
	t.Helper()
	if got, body := g.call(t, listener); got != status || !strings.Contains(body, text) {
		t.Errorf("listener %s: answer %d %s, want %d %s", listener, got, body, status, text)
	}
}

func reject(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, `{"error_code":"APIGW.0301"}`, http.StatusUnauthorized)
}

// hold has a call wait at the upstream, which answers as the simulator, or as a handler, once released.
func (g *running) hold(then http.HandlerFunc) {
	simulator := bsssim.New(bsssim.Config{})
	hold := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		release := make(chan struct{})
		g.held <- release
		<-release
		if then != nil {
			then(w, r)
			return
		}
		simulator.ServeHTTP(w, r)
	})
	g.answer.Store(&hold)
}

// TestCountsOutliveAPlan: two of five calls are used up; then rules come and go around.
func TestCountsOutliveAPlan(t *testing.T) {
	g := run(t)
	for range 2 {
		g.want(t, "local", 200, "")
	}
	g.change(t, "rules: [", "rules: [{name: minute, rate: 1000/min, burst: 1000}, ", "burst: 5", "burst: 4")
	for range 2 {
		g.want(t, "local", 200, "")
	}
	g.change(t, "burst: 5", "burst: 100")
	for range 1 { // of the three that were left, two are gone: the count goes on from there
		g.want(t, "local", 200, "")
	}
	g.want(t, "local", 429, "TG.5001")
	g.want(t, "second", 200, "")
	g.change(t, "name: day", "name: another")
	g.want(t, "local", 200, "")
	g.change(t)
	g.want(t, "local", 200, "") // the count of day was dropped
}

// TestStandingOutlivesAPlan: a pause and a trial stay with the access key, whatever else of the credential changes.
func TestStandingOutlivesAPlan(t *testing.T) {
	for name, changes := range map[string][]string{
		"nothing":                     nil,
		"another grant":               {"operations: [ListProvinces]", `operations: ["*"]`},
		"another account":             {"class: partner", "class: partner, domain_id: d-2"},
		"another name":                {"main", "renamed"},
		"another upstream's settings": {"catalog: cn", "catalog: cn, timeout: 7s, max_connections: 3"},
	} {
		t.Run(name, func(t *testing.T) {
			g := run(t)
			g.want(t, "local", 200, "")
			before := g.signers()[0]
			rejected := http.HandlerFunc(reject)
			g.answer.Store(&rejected)
			g.want(t, "local", 503, "TG.6004")
			g.change(t, changes...)
			g.answer.Store(nil)
			g.want(t, "local", 503, "TG.6004") // the upstream would take it
			now := g.signers()[0]
			if kept := name != "another account" && name != "another name"; (now == before) != kept {
				t.Errorf("the credential is the same: %v, want %v", now == before, kept)
			}
			if trial, on := now.OnTrial(); !on || trial.Reason == "" || len(now.Pauses()) != 1 {
				t.Errorf("trial %+v %v, pauses %v", trial, on, now.Pauses())
			}
			g.change(t, "env: AK", "env: AK2", "env: SK", "env: SK2")
			if pauses := g.signers()[0].Pauses(); len(pauses) != 0 {
				t.Errorf("another access key is paused: %v", pauses)
			}
			g.change(t, changes...)
			if pauses := g.signers()[0].Pauses(); len(pauses) != 1 {
				t.Errorf("back again the access key has pauses %v", pauses)
			}
		})
	}
}

// TestRejectionUnderWayPausesTheNext: a call that the plan before signed pauses the credential of the plan that is in force, also on record in the
// file of accepted keys.
func TestRejectionUnderWayPausesTheNext(t *testing.T) {
	g := run(t)
	g.want(t, "local", 200, "")
	g.hold(reject)
	var calls sync.WaitGroup
	calls.Go(func() { g.want(t, "local", 503, "TG.6004") })
	release := <-g.held
	g.change(t, "class: partner", "class: partner, domain_id: d-2")
	close(release)
	calls.Wait()
	g.answer.Store(nil)
	g.want(t, "local", 503, "TG.6004") // the upstream would take it
	if f, accepted, rejected := g.signers()[0].Evidence(testMAC()); f.AccessKey == "" || !accepted || !rejected {
		t.Errorf("evidence %+v, accepted %v, rejected %v", f, accepted, rejected)
	}
}

// TestConnectionsOutliveAPlan: what is configured of calls alone leaves the connections to an upstream, and what is known of its clock, as they
// are; what is configured of the way makes new ones, and calls under way end on the old.
func TestConnectionsOutliveAPlan(t *testing.T) {
	for name, c := range map[string]struct {
		changes []string
		kept    bool
	}{
		"nothing":                 {nil, true},
		"how long calls may take": {[]string{"catalog: cn", "catalog: cn, timeout: 7s"}, true},
		"what may be called":      {[]string{"catalog: cn", "catalog: cn, deprecated: forbid, endpoints: [{name: Mine, method: GET, path: /mine, effect: read, class: partner}]"}, true},
		"how many there may be":   {[]string{"catalog: cn", "catalog: cn, max_connections: 7"}, false},
		"how long they may take":  {[]string{"catalog: cn", "catalog: cn, connect_timeout: 7s"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := run(t)
			g.want(t, "local", 200, "")
			before := g.signedUpstreams()[0].Skew
			g.hold(nil)
			var calls sync.WaitGroup
			calls.Go(func() { g.want(t, "second", 200, "") })
			release := <-g.held
			g.change(t, c.changes...)
			close(release)
			calls.Wait()
			g.answer.Store(nil)
			for range 2 {
				g.want(t, "local", 200, "")
			}
			if n := g.connections.Load(); (n == 1) != c.kept || n > 2 {
				t.Errorf("%d connections, kept %v", n, c.kept)
			}
			if _, known := before.Estimate(); !known || g.signedUpstreams()[0].Skew != before {
				t.Error("what was known of the clock is lost")
			}
			if n := len(g.certificates.all()); n != 0 {
				t.Errorf("%d parts of TLS are open", n)
			}
		})
	}
}

// TestTLSPartsFollowUpstreams: a changed way to an upstream has the files of its TLS reopened, and those before are left alone.
func TestTLSPartsFollowUpstreams(t *testing.T) {
	g := run(t)
	ca := testpki.Must(testpki.New())
	if err := ca.WriteFile(filepath.Join(g.dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	secure := []string{g.upstream.URL, strings.Replace(g.upstream.URL, "http:", "https:", 1), "catalog: cn", "catalog: cn, tls: {ca: ca.pem}"}
	var last *tlsParts
	for i, c := range []struct {
		changes []string
		parts   int
		same    bool
	}{
		{secure, 1, false}, {append(secure[:4:4], "1/h", "2/h"), 1, true},
		{append(secure[:2:2], "catalog: cn", "catalog: cn, tls: {ca: ca.pem, server_name: gw.example}"), 1, false}, {nil, 0, false},
	} {
		g.change(t, c.changes...)
		all := g.certificates.all()
		if len(all) != c.parts || len(all) == 1 && (all[0] == last) != c.same {
			t.Fatalf("step %d: parts %v", i, all)
		}
		if len(all) == 1 {
			last = all[0]
		}
	}
}

// TestRefusedConfigurationChangesNothing: whatever is wrong, calls and state are as before, and nothing new stays open.
func TestRefusedConfigurationChangesNothing(t *testing.T) {
	g := run(t)
	g.want(t, "local", 200, "")
	for name, spoil := range map[string]func(c *config.Config){
		"credential": func(c *config.Config) { c.Credentials[0].DomainID, c.Credentials[0].SecretKey.Env = "d-2", "NONE" },
		"upstream":   func(c *config.Config) { c.Upstreams[0].TLS = &missingCA },
		"grant":      func(c *config.Config) { c.Grants[0].Operations = []string{"None"}; c.Upstreams[0].MaxConnections = 3 },
		"limits":     func(c *config.Config) { c.Limits.Rules[0].Burst = -1; c.Upstreams[0].MaxConnections = 3 },
		"sources":    func(c *config.Config) { c.Limits.Unauthenticated.Burst = -1; c.Upstreams[0].MaxConnections = 3 },
	} {
		c := g.load(t, "name: day", "name: another")
		spoil(c)
		credentials, upstreams := g.signers(), g.signedUpstreams()
		if _, err := g.follow(t, c); err == nil {
			t.Errorf("%s: it is followed", name)
		}
		if g.signers()[0] != credentials[0] || g.signedUpstreams()[0] != upstreams[0] || len(g.certificates.all()) != 0 {
			t.Errorf("%s: the state has changed", name)
		}
	}
	for range 4 {
		g.want(t, "local", 200, "")
	}
	g.want(t, "local", 429, "TG.5001") // by day, as before
	if n := g.connections.Load(); n != 1 {
		t.Errorf("%d connections, want the one of before", n)
	}
}

// TestPlansUnderLoad is for the race detector: configurations come and go under calls, scrapes and looks at the state, and no call fails for it.
func TestPlansUnderLoad(t *testing.T) {
	g := run(t)
	free := []string{"1/h, burst: 5", "100000/s, burst: 100000"}
	g.change(t, free...)
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	g.answer.Store(&empty)
	done := make(chan struct{})
	var work sync.WaitGroup
	for _, listener := range []string{"local", "second", "local"} {
		work.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					g.want(t, listener, 200, "")
				}
			}
		})
	}
	work.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				g.readiness()
				_, _ = g.registry.Gather()
				g.rereadKeys()
			}
		}
	})
	for i := range 60 {
		g.change(t, append([]string{
			"catalog: cn", fmt.Sprintf("catalog: cn, max_connections: %d", 100+i%3), "class: partner", fmt.Sprintf("class: partner, partner_id: p-%d", i%4),
			"name: day", fmt.Sprintf("name: n%d", i%2),
		}, free...)...)
	}
	close(done)
	work.Wait()
	if n := len(g.signers()) + len(g.signedUpstreams()); n != 2 {
		t.Errorf("%d credentials and upstreams", n)
	}
}

// TestPausesGoWithKeys: a paused key stays paused where another credential that was there before has it now, and where for a while none had it.
func TestPausesGoWithKeys(t *testing.T) {
	const main = "main: {class: partner, access_key: {env: AK}, secret_key: {env: SK}}"
	const spare = "spare: {class: partner, access_key: {env: AK2}, secret_key: {env: SK2}}"
	both := []string{main, main + ", " + spare}
	for name, steps := range map[string][][]string{
		"exchanged": {{
			main, strings.Replace(main, "main", "spare", 1) + ", " + strings.Replace(spare, "spare", "main", 1),
			"credential: main", "credential: spare",
		}},
		"gone for a while": {{main, spare, "credential: main", "credential: spare"}, both},
	} {
		t.Run(name, func(t *testing.T) {
			g := run(t)
			g.change(t, both...)
			g.want(t, "local", 200, "")
			rejected := http.HandlerFunc(reject)
			g.answer.Store(&rejected)
			g.want(t, "local", 503, "TG.6004")
			g.answer.Store(nil)
			for _, step := range steps {
				g.change(t, step...)
			}
			g.want(t, "local", 503, "TG.6004") // the upstream would take it
		})
	}
}

// TestPoliciesFollow: a connection to an upstream is made under the policy of the configuration that is followed, and of the one before if that is
// refused.
func TestPoliciesFollow(t *testing.T) {
	g := run(t)
	ca := testpki.Must(testpki.New())
	if err := ca.WriteFile(filepath.Join(g.dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	with := func(version string) []string {
		return []string{
			g.upstream.URL, strings.Replace(g.upstream.URL, "http:", "https:", 1), "catalog: cn", "catalog: cn, tls: {ca: ca.pem, policy: mine}",
			"\nlisteners", "\ntls_policies: {mine: {versions: [" + version + "]}}\nlisteners",
		}
	}
	highest := func() uint16 {
		_, config, err := g.certificates.upstream(g.load(t, with(`"1.2"`)...).Upstreams[0])
		if err != nil {
			t.Fatal(err)
		}
		return config.MaxVersion
	}
	for _, c := range []struct {
		version string
		want    uint16
	}{{`"1.2"`, tls.VersionTLS12}, {`"1.3"`, tls.VersionTLS13}} {
		if g.change(t, with(c.version)...); highest() != c.want {
			t.Errorf("%s: the highest version is %x", c.version, highest())
		}
	}
	refused := g.load(t, with(`"1.2"`)...)
	refused.Limits.Rules[0].Burst = -1
	if _, err := g.follow(t, refused); err == nil || highest() != tls.VersionTLS13 {
		t.Errorf("error %v, the highest version is %x", err, highest())
	}
}

// TestAnotherPlaceHasAcceptedNothing: where an upstream of the same name is another one, keys are on trial; where it has another name only, they
// are not.
func TestAnotherPlaceHasAcceptedNothing(t *testing.T) {
	g := run(t)
	g.want(t, "local", 200, "")
	g.change(t, "upstreams: {bss", "upstreams: {renamed")
	if _, on := g.signers()[0].OnTrial(); on {
		t.Error("accepted keys are on trial, since their upstream has another name")
	}
	g.change(t, "http://127.0.0.1:", "http://127.0.0.2:")
	if _, on := g.signers()[0].OnTrial(); !on {
		t.Error("keys are not on trial, though their upstream is another one")
	}
}

// TestRetiredAreForgotten: credentials that left are remembered while they may be paused, and a few for longer.
func TestRetiredAreForgotten(t *testing.T) {
	s, now := new(state), time.Now()
	leaves := func(times int, apart time.Duration) {
		for range times {
			now = now.Add(apart)
			s.retire(map[string]*liveCredential{"main": {Credential: madeOf(t)}}, now)
		}
	}
	if leaves(100, time.Second); len(s.retired) != 100 {
		t.Errorf("%d are remembered, want all that may be paused", len(s.retired))
	}
	if leaves(2*maxRetired, time.Hour); len(s.retired) != maxRetired {
		t.Errorf("%d are remembered, want %d", len(s.retired), maxRetired)
	}
}

func madeOf(t *testing.T) *credential.Credential {
	t.Helper()
	c, err := credential.New(credential.Config{Facts: credential.Facts{Name: "main", Class: catalog.ClassPartner}}, credential.Options{
		Load: func() (credential.Keys, error) {
			return credential.Keys{AccessKey: "AK", SecretKey: secret.New("sk")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
