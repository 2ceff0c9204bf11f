package gateway_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"tollgate/accept"
	"tollgate/audit"
	"tollgate/audit/mac"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/gateway"
	"tollgate/grants"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/replay"
	"tollgate/signing"
	"tollgate/spend"
	"tollgate/upstream"
)

// Names and keys of the fixture. The secrets are searched for in everything that is written.
const (
	partnerCaller  = "partner-app"  // may call whatever a partner credential may sign
	customerCaller = "customer-app" // the same for a customer credential
	bothCaller     = "both-app"     // has both credentials
	localCaller    = "local-app"    // all who reach the local listener
	certCaller     = "cert-app"     // has a client certificate
	certURI        = "spiffe://corp/cert-app"

	partnerAccount, customerAccount = "p-1", "c-1"
	securityToken                   = "TOKEN-7f3aSECURITYTOKENc55e"
)

var callerSecrets = map[string]string{
	partnerCaller: "sk-of-partner-app-0123456789", customerCaller: "sk-of-customer-app-012345678", bothCaller: "sk-of-both-app-0123456789012",
}

var credentialSecrets = map[string]string{
	"partner-main": "SK-UPSTREAM-PARTNER-0123456789", "acme": "SK-UPSTREAM-CUSTOMER-0123456789",
	"partner-intl": "SK-UPSTREAM-PARTNER-INTL-01234", "acme-intl": "SK-UPSTREAM-CUSTOMER-INTL-0123",
}

func accessKeyOf(caller string) string       { return "TG-" + caller }
func upstreamKeyOf(credential string) string { return "AK-" + credential }

// fixture is a gateway between a plain local listener and an upstream that records bytes.
type fixture struct {
	gateway  *gateway.Gateway
	config   gateway.Config
	plan     gateway.Plan
	listener gateway.Listener // the plan's only one
	upstream map[string]*gateway.Upstream
	origin   *origin // of all upstreams
	history  *history
	log      *fakeLog
	ledger   *watchedLedger
	logs     *observer.ObservedLogs
	metrics  *metrics

	credentials map[string]*credential.Credential
	engine      engine
	server      accept.Server
	refused     chan accept.Refusal // by the server
	maxConns    int                 // of the server; 0: the default
	address     string
}

// waiting is how many calls wait for a rate limit.
func (f *fixture) waiting() int { return f.config.Limiter.(*ratelimit.Limiter).Waiting() }

// adjustment changes a fixture before it starts.
type adjustment func(*fixture)

func start(t testing.TB, settings ...adjustment) *fixture {
	t.Helper()
	f := prepare(t, settings...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = listener.Addr().String()
	f.serve(t, listener, nil)
	return f
}

// serve runs the server as the product sets it up, over TLS if there is a configuration of that.
func (f *fixture) serve(t testing.TB, listener net.Listener, secure *tls.Config) {
	c := f.gateway.Server("local")
	c.Handler, c.Listener.TLS, c.Listener.MaxConns = f.noteAnswers(c.Handler), secure, f.maxConns
	c.Listener.Refused = func(r accept.Refusal) {
		select {
		case f.refused <- r:
		default:
		}
	}
	c.HeaderTimeout, c.IdleTimeout, c.MaxHeader, c.ErrorLog = patience, patience, 32<<10, zap.NewStdLog(f.config.Logger)
	f.server = f.engine.make(listener, c)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := f.server.Serve(); err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
	t.Cleanup(func() {
		_ = f.server.Close()
		serving.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.gateway.Wait(ctx); err != nil {
			t.Errorf("calls are still under way: %v", err)
		}
	})
}

// noteAnswers writes down when an answer begins, and when the server notices that a caller has left.
func (f *fixture) noteAnswers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stop := context.AfterFunc(r.Context(), func() { f.history.add("caller left") })
		defer stop()
		next.ServeHTTP(&notingWriter{w, f.history}, r)
	})
}

type notingWriter struct {
	http.ResponseWriter
	history *history
}

func (w *notingWriter) WriteHeader(status int) {
	w.history.add("answer begun")
	w.ResponseWriter.WriteHeader(status)
}

func (w *notingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// prepare builds everything but the listener.
func prepare(t testing.TB, settings ...adjustment) *fixture {
	t.Helper()
	f := &fixture{history: newHistory(), metrics: &metrics{}, engine: ours, refused: make(chan accept.Refusal, 100)}
	f.origin = newOrigin(t, f.history)
	f.log = &fakeLog{history: f.history}
	f.ledger = &watchedLedger{Memory: spend.NewMemory(), history: f.history}
	t.Cleanup(func() { checkStages(t, f.log) })
	t.Cleanup(func() { f.ledger.check(t) })
	var core zapcore.Core
	core, f.logs = observer.New(zap.DebugLevel)
	f.config = gateway.Config{
		Replay:  replay.New(1000),
		Limiter: ratelimit.NewLimiter(),
		Sources: must(ratelimit.NewSources(ratelimit.Unauthenticated{Rate: 1000, Burst: 100000, Sources: 100})),
		Log:     f.log, MAC: mac.New(), Ledger: f.ledger,
		Refusals: audit.NewRefusals(f.log, audit.RefusalBounds{PerSource: 100000, Sources: 100000, Daily: 1 << 40}),
		Observer: f.metrics, Logger: zap.New(core), Now: time.Now,
	}
	f.plan = gateway.Plan{
		Callers: callers(t), Limits: must(ratelimit.NewRules(ratelimit.Config{})), Spend: guarding(spend.Shadow), Listeners: map[string]*gateway.Listener{"local": &f.listener},
		Bounds: config.Bounds{
			Body: 1 << 20, Bodies: 8 << 20, HeldAnswer: 64 << 10, Calls: 100, Headers: 1 << 20, AllHeaders: 64 << 20,
			BodyTimeout: setting.Duration(patience), WriteTimeout: setting.Duration(patience),
		},
		LogDeadline: patience,
	}
	f.upstream = map[string]*gateway.Upstream{
		"bss":      {Name: "bss", Site: "cn", Signed: true},
		"bss-intl": {Name: "bss-intl", Site: "intl", Signed: true},
		"app":      {Name: "app"},
	}
	f.credentials = credentials(t, secret.String{})
	for _, u := range f.upstream {
		u.Scheme, u.Host, u.Timeout, u.Skew = "http", f.origin.listener.Addr().String(), patience, new(gateway.Skew)
		transport := upstream.New(upstream.Config{URL: setting.Target{Scheme: "http", Host: u.Host}}, nil)
		t.Cleanup(transport.Close)
		u.Transport = transport
	}
	f.listener = gateway.Listener{
		Name: "local", Hosts: []string{"127.0.0.1", "localhost", "gateway.test"}, Local: true, Certificates: true, Routes: f.routes(t),
	}
	for _, set := range settings {
		set(f)
	}
	f.plan.Credentials = f.credentials
	if f.plan.Grants == nil {
		f.plan.Grants = f.table(t, usualGrants(f.credentials))
	}
	f.gateway = gateway.New(f.config, &f.plan)
	return f
}

// guarding are rules without caps. Tests of other things do the same act more than once, so that for those the guard is in shadow mode.
func guarding(mode spend.Mode) *spend.Rules {
	return must(spend.NewRules(spend.Config{Guard: spend.Guard{Mode: mode}}))
}

// routes serves cn and the internal app under all names, intl under its own.
func (f *fixture) routes(t testing.TB) []gateway.Route {
	general := gateway.Route{Upstreams: map[*catalog.Operation]*gateway.Upstream{}}
	intl := gateway.Route{Hosts: []string{"intl.test"}, Upstreams: map[*catalog.Operation]*gateway.Upstream{}}
	for _, o := range catalog.Operations("cn") {
		general.Upstreams[o] = f.upstream["bss"]
	}
	for _, o := range signedEndpoints {
		general.Upstreams[o] = f.upstream["bss"]
	}
	for _, o := range appEndpoints {
		general.Upstreams[o] = f.upstream["app"]
	}
	for _, o := range catalog.Operations("intl") {
		intl.Upstreams[o] = f.upstream["bss-intl"]
	}
	routes := []gateway.Route{general, intl}
	for i := range routes {
		var operations []*catalog.Operation
		for o := range routes[i].Upstreams {
			operations = append(operations, o)
		}
		routes[i].Router = must(catalog.NewRouter(operations))
	}
	return routes
}

// Endpoints that an operator declares: for an internal app, and some more for the signed upstream. Their queries are recorded, so that
// records can be compared with what was sent.
var (
	appEndpoints = []*catalog.Operation{
		must(catalog.Declare(catalog.Declaration{Name: "App", RecordQuery: true, Method: "*", Path: "/app/{path...}", Effect: catalog.Read, Class: catalog.ClassNone})),
		must(catalog.Declare(catalog.Declaration{Name: "AppChange", RecordQuery: true, Method: "*", Path: "/change/{path...}", Effect: catalog.Write, Class: catalog.ClassNone})),
		must(catalog.Declare(catalog.Declaration{Name: "AppSlash", RecordQuery: true, Method: "GET", Path: "/list/", Effect: catalog.Read, Class: catalog.ClassNone})),
		must(catalog.Declare(catalog.Declaration{Name: "AppKeys", RecordQuery: true, Method: "GET", Path: "/app/admin/Keys", Effect: catalog.Spend, Class: catalog.ClassNone})),
	}
	signedEndpoints = []*catalog.Operation{
		must(catalog.Declare(catalog.Declaration{
			Name: "Echo", RecordQuery: true, Method: "POST", Path: "/echo/{a}/{b}", Effect: catalog.Read, Class: catalog.ClassPartner, ForwardHeaders: []string{"X-Project"},
		})),
		must(catalog.Declare(catalog.Declaration{
			Name: "Look", RecordQuery: true, Method: "GET", Path: "/echo/{a}", Effect: catalog.Read, Class: catalog.ClassPartner, AnswerHeaders: []string{"X-Declared", "X-Many"},
		})),
		must(catalog.Declare(catalog.Declaration{Name: "Peek", RecordQuery: true, Method: "HEAD", Path: "/echo/{a}", Effect: catalog.Read, Class: catalog.ClassPartner})),
	}
)

func callers(t testing.TB, more ...caller.Config) *caller.Registry {
	t.Helper()
	configs := append(more, caller.Config{Name: localCaller}, caller.Config{Name: certCaller, Auth: []caller.Auth{{Certificate: &caller.CertificateName{URI: certURI}}}})
	for name, sk := range callerSecrets {
		configs = append(configs, withKey(name, sk))
	}
	return must(caller.NewRegistry(configs, signing.Known(), secretAsWritten))
}

// withKey is a caller with a virtual key.
func withKey(name, value string) caller.Config {
	return caller.Config{Name: name, Auth: []caller.Auth{{AccessKey: &caller.VirtualKey{ID: accessKeyOf(name), Secret: setting.Reference{Env: value}}}}}
}

// secretAsWritten takes what a reference says for the secret itself.
func secretAsWritten(r setting.Reference) (secret.String, error) { return secret.New(r.Env), nil }

func signer(facts credential.Facts, load func() (credential.Keys, error)) *credential.Credential {
	return must(credential.New(credential.Config{Facts: facts}, credential.Options{Load: load}))
}

func factsOf(all map[string]*credential.Credential) (facts []*credential.Facts) {
	for _, c := range all {
		facts = append(facts, c.Facts())
	}
	return facts
}

func credentials(t testing.TB, token secret.String) map[string]*credential.Credential {
	t.Helper()
	made := map[string]*credential.Credential{}
	for name, sk := range credentialSecrets {
		c := credential.Facts{
			Name: name, Upstream: "bss", Class: catalog.ClassPartner, DomainID: partnerAccount, Kinds: []catalog.Kind{catalog.KindDistributor},
		}
		if strings.HasPrefix(name, "acme") {
			c.Class, c.DomainID, c.Kinds = catalog.ClassCustomer, customerAccount, []catalog.Kind{catalog.KindEnterpriseMaster}
		}
		if strings.HasSuffix(name, "-intl") {
			c.Upstream = "bss-intl"
		}
		made[name] = signer(c, func() (credential.Keys, error) {
			return credential.Keys{AccessKey: upstreamKeyOf(name), SecretKey: secret.New(sk), SecurityToken: token}, nil
		})
	}
	return made
}

// usualGrants grants each caller all that its credentials may sign.
func usualGrants(c map[string]*credential.Credential) []grants.Grant {
	all := []string{"*"}
	return []grants.Grant{
		{Caller: partnerCaller, Upstream: "bss", Operations: all, Credential: c["partner-main"].Name()},
		{Caller: partnerCaller, Upstream: "bss-intl", Operations: all, Credential: c["partner-intl"].Name()},
		{Caller: customerCaller, Upstream: "bss", Operations: all, Credential: c["acme"].Name()},
		{Caller: customerCaller, Upstream: "bss-intl", Operations: all, Credential: c["acme-intl"].Name()},
		{Caller: bothCaller, Upstream: "bss", Operations: all, Credential: c["partner-main"].Name()},
		{Caller: bothCaller, Upstream: "bss", Operations: all, Credential: c["acme"].Name()},
		{Caller: localCaller, Upstream: "bss", Operations: all, Credential: c["acme"].Name()},
		{Caller: localCaller, Upstream: "bss", Operations: []string{"Echo", "Look", "Peek"}, Credential: c["partner-main"].Name()},
		{Caller: certCaller, Upstream: "bss", Operations: all, Credential: c["partner-main"].Name()},
		{Caller: localCaller, Upstream: "app", Operations: all},
		{Caller: partnerCaller, Upstream: "app", Operations: all},
	}
}

func (f *fixture) table(t testing.TB, given []grants.Grant, more ...*credential.Facts) *grants.Table {
	t.Helper()
	upstreams := []grants.Upstream{
		{Name: "bss", Signed: true, Operations: append(catalog.Operations("cn"), signedEndpoints...)},
		{Name: "bss-intl", Signed: true, Operations: catalog.Operations("intl")},
		{Name: "app", Operations: appEndpoints},
	}
	made, problems := grants.New(upstreams, append(factsOf(f.credentials), more...), given)
	for _, p := range problems {
		t.Fatal(p)
	}
	return made
}

// connected returns the context of a connection.
func connected(ctx context.Context, facts *accept.Connection) context.Context {
	return gateway.WithConnection(accept.WithConnection(ctx, facts))
}

// from sends a request on a connection of its own.
func from(facts *accept.Connection, r *http.Request) *http.Request {
	return r.WithContext(connected(r.Context(), facts))
}

// fixed makes all who reach the listener the local caller.
func fixed(f *fixture) { f.listener.Caller = localCaller }

// answering makes the upstream answer this text.
func answering(text string) adjustment { return func(f *fixture) { f.origin.answer = saying(text) } }

// bounded changes the bounds.
func bounded(change func(*config.Bounds)) adjustment {
	return func(f *fixture) { change(&f.plan.Bounds) }
}

// metrics collects what is observed.
type metrics struct {
	mutex             sync.Mutex
	refused, observed []gateway.Result
	cutOff            []gateway.CutOff
}

func (m *metrics) CutOff(x gateway.CutOff) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.cutOff = append(m.cutOff, x)
}

// cutOffs returns what was cut off, in order.
func (m *metrics) cutOffs() []gateway.CutOff {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.Clone(m.cutOff)
}

func (m *metrics) Refused(x gateway.Result) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.refused = append(m.refused, x)
}

func (m *metrics) Observe(x gateway.Result) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.observed = append(m.observed, x)
}

// last returns the end of the last intended call.
func (m *metrics) last() gateway.Result {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.observed[len(m.observed)-1]
}

func (m *metrics) counts() (refused, observed int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.refused), len(m.observed)
}

// written is all that the gateway wrote for others than the caller.
func (f *fixture) written() string {
	var b strings.Builder
	b.WriteString(f.log.text())
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	for _, entry := range f.logs.All() {
		line, err := encoder.EncodeEntry(entry.Entry, entry.Context)
		if err == nil {
			b.Write(line.Bytes())
		}
	}
	return b.String()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// claim reads what a request says of its signature.
func (a *arrival) claim(t testing.TB) signing.Claim {
	t.Helper()
	claim, err := signing.SDK.ParseClaim(http.Header{"Authorization": a.values("Authorization"), "X-Sdk-Date": a.values("X-Sdk-Date")})
	if err != nil {
		t.Fatalf("the claim upstream: %v", err)
	}
	return claim
}

// upstreamAccessKey reads whose key signed a request.
func (a *arrival) upstreamAccessKey(t testing.TB) string {
	t.Helper()
	return a.claim(t).AccessKey
}

func secretOf(credential string) secret.String { return secret.New(credentialSecrets[credential]) }
