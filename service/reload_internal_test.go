package service

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/internal/testpki"
)

// eventually waits for what goes on in the background.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Logf("%d descriptors, %d goroutines", descriptorsOpen(t), runtime.NumGoroutine())
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// descriptorsOpen counts what the process has open, but for the index, which opens its files when it needs them.
func descriptorsOpen(t testing.TB) (open int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, one := range all {
		if to, err := os.Readlink("/proc/self/fd/" + one.Name()); err == nil && !strings.Contains(to, "index.sqlite") {
			open++
		}
	}
	return open
}

// waitForIndex waits for the index, which opens files as soon as the log has a record.
func (g *running) waitForIndex(t testing.TB) {
	t.Helper()
	eventually(t, "the index is open", func() bool { return g.index.State().Seq > 0 })
}

// raw is a caller that sees its connection.
type raw struct {
	net.Conn
	*bufio.Reader
}

func (g *running) dial(t testing.TB, listener string) *raw {
	t.Helper()
	return dialRaw(t, "tcp", g.Address(listener))
}

func dialRaw(t testing.TB, network, address string) *raw {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &raw{c, bufio.NewReader(c)}
}

const provinces = "GET /v2/systems/configs/provinces HTTP/1.1\r\nHost: localhost\r\n\r\n"

// call makes a call, and returns whether the connection ends with its answer.
func (r *raw) call() (status int, ends bool, err error) {
	if _, err := io.WriteString(r, provinces); err != nil {
		return 0, false, err
	}
	return r.answer()
}

func (r *raw) Write(b []byte) (int, error) { return r.Conn.Write(b) }
func (r *raw) Read(b []byte) (int, error)  { return r.Reader.Read(b) }

func (r *raw) answer() (status int, ends bool, err error) {
	response, err := http.ReadResponse(r.Reader, nil)
	if err != nil {
		return 0, false, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Close, err
}

func (r *raw) want(t testing.TB, status int, ends bool) {
	t.Helper()
	if got, end, err := r.call(); got != status || end != ends || err != nil {
		t.Errorf("answer %d, the connection ends: %v, %v; want %d, %v", got, end, err, status, ends)
	}
}

// ended waits for the end of a connection.
func (r *raw) ended(t testing.TB) {
	t.Helper()
	_ = r.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := r.ReadByte(); err != io.EOF && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection goes on: %v", err)
	}
}

const twoListeners = `listeners: [{name: local, address: "127.0.0.1:0", caller: app}, {name: second, address: "127.0.0.1:0", caller: other}]`

// TestListenersComeAndGo: a listener that is new takes calls, one that is gone ends with its connections, and the others keep theirs.
func TestListenersComeAndGo(t *testing.T) {
	g := run(t)
	local, second := g.dial(t, "local"), g.dial(t, "second")
	local.want(t, 200, false)
	second.want(t, 200, false)
	address := g.Address("second")
	g.change(t, `{name: second, address: "127.0.0.1:0", caller: other}`, `{name: third, address: "127.0.0.1:0", caller: other}`)
	g.dial(t, "third").want(t, 200, false)
	if c, err := net.Dial("tcp", address); err == nil {
		t.Errorf("a listener that is gone takes connections: %v", c.Close())
	}
	second.want(t, 200, true) // it may take a call still
	second.ended(t)
	local.want(t, 200, false)
	if g.Address("second") != "" {
		t.Error("a listener that is gone has an address")
	}
	eventually(t, "no server is left that ends", func() bool { return len(g.stillLeaving()) == 0 })
}

// TestIdleConnectionsOfAServerThatLeaves end without a call.
func TestIdleConnectionsOfAServerThatLeaves(t *testing.T) {
	g := run(t)
	idle := g.dial(t, "local")
	idle.want(t, 200, false)
	g.change(t, "audit: {dir: audit}", "bounds: {idle_timeout: 7s}\naudit: {dir: audit}")
	idle.ended(t)
}

// TestCallUnderWayWhereAListenerGoes ends with its answer, and on the plan with which it began.
func TestCallUnderWayWhereAListenerGoes(t *testing.T) {
	g := run(t)
	g.hold(nil)
	c := g.dial(t, "second")
	if _, err := io.WriteString(c, provinces); err != nil {
		t.Fatal(err)
	}
	release := <-g.held
	g.answer.Store(nil)
	g.change(t, `, {name: second, address: "127.0.0.1:0", caller: other}`, "", "  other: {grants: [{operations: [ListProvinces], credential: main}]}\n", "")
	close(release)
	if status, ends, err := c.answer(); status != 200 || !ends || err != nil {
		t.Errorf("answer %d, the connection ends: %v, %v", status, ends, err)
	}
	c.ended(t)
}

// TestCallersThatAreGoneAreRefused: a connection that may take a call still is decided by the new plan.
func TestCallersThatAreGoneAreRefused(t *testing.T) {
	g := run(t)
	c := g.dial(t, "second")
	c.want(t, 200, false)
	g.change(t, `, {name: second, address: "127.0.0.1:0", caller: other}`, "", "  other: {grants: [{operations: [ListProvinces], credential: main}]}\n", "")
	c.want(t, 401, true)
}

// TestNameThatMovesTakesNoConnectionAlong: what connected to a listener is not let in as the caller of another one that has its name now.
func TestNameThatMovesTakesNoConnectionAlong(t *testing.T) {
	dir := t.TempDir()
	g := run(t)
	with := func(socket, caller string) []string {
		return []string{twoListeners, fmt.Sprintf(`listeners: [{name: local, address: "127.0.0.1:0", caller: app}, {name: s, address: "unix:%s", caller: %s}]`, filepath.Join(dir, socket), caller),
			"{name: day, per: [caller], rate: 1/h, burst: 5}", "{name: day, callers: [other], rate: 1/h, burst: 1}"}
	}
	g.change(t, with("a.sock", "app")...)
	c := dialRaw(t, "unix", filepath.Join(dir, "a.sock"))
	c.want(t, 200, false)
	g.change(t, with("b.sock", "other")...)
	c.want(t, 200, true)
	status, _, err := dialRaw(t, "unix", filepath.Join(dir, "b.sock")).call()
	if status != 200 || err != nil {
		t.Errorf("answer %d, %v: the call of the connection before was counted as one of the other caller", status, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.sock")); err == nil {
		t.Error("the socket of a listener that is gone is there")
	}
}

// TestUnixSocketStays: neither another name nor another server removes the socket that is in use.
func TestUnixSocketStays(t *testing.T) {
	g, socket := run(t), filepath.Join(t.TempDir(), "s.sock")
	with := func(name, bounds string) []string {
		return []string{twoListeners, fmt.Sprintf(`listeners: [{name: local, address: "127.0.0.1:0", caller: app}, {name: %s, address: "unix:%s", caller: other}]`, name, socket),
			"audit: {dir: audit}", bounds + "audit: {dir: audit}", "burst: 5", "burst: 100"}
	}
	g.change(t, with("one", "")...)
	before, err := os.Lstat(socket)
	if err != nil {
		t.Fatal(err)
	}
	for _, changes := range [][]string{with("two", ""), with("two", "bounds: {idle_timeout: 7s}\n"), with("three", "bounds: {headers: 8KiB}\n")} {
		g.change(t, changes...)
		dialRaw(t, "unix", socket).want(t, 200, false)
		eventually(t, "no server is left that ends", func() bool { return len(g.stillLeaving()) == 0 })
		if now, err := os.Lstat(socket); err != nil || !os.SameFile(before, now) {
			t.Errorf("the socket is another one, %v", err)
		}
		dialRaw(t, "unix", socket).want(t, 200, false)
	}
	g.change(t)
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket of a listener that is gone: %v", err)
	}
}

// TestConnectionsStayWhereBoundsChange: how many connections there may be is changed without ending any.
func TestConnectionsStayWhereBoundsChange(t *testing.T) {
	g := run(t)
	c := g.dial(t, "local")
	c.want(t, 200, false)
	g.change(t, `{name: local, address: "127.0.0.1:0", caller: app}`, `{name: local, address: "127.0.0.1:0", caller: app, max_connections: 1}`)
	c.want(t, 200, false)
	eventually(t, "one that is idle makes room", func() bool { // the peer may have an answer before the server is done with the call
		status, _, err := g.dial(t, "local").call()
		return status == 200 && err == nil
	})
	c.ended(t)
}

// TestConnectionsStayWhereCertificatesChange: the next handshake shows what is configured now, and the next request of a connection that was
// open is decided by the client certificates that are refused now.
func TestConnectionsStayWhereCertificatesChange(t *testing.T) {
	g := run(t)
	trust, clients := pki(t, g)
	trust.Certificates = clients[:1]
	dial := func() (*raw, string) {
		t.Helper()
		c, err := tls.Dial("tcp", g.Address("tls"), trust)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return &raw{c, bufio.NewReader(c)}, fmt.Sprintf("%x", c.ConnectionState().PeerCertificates[0].SerialNumber)
	}
	g.change(t, secure(usualTLS, "")...)
	c, before := dial()
	c.want(t, 200, false)
	g.change(t, secure(otherTLS, "")...)
	if _, now := dial(); now == before {
		t.Error("the certificate of before is shown")
	}
	c.want(t, 200, false)
	denied := fmt.Sprintf("%x\n", clients[0].Leaf.SerialNumber)
	if err := os.WriteFile(filepath.Join(g.dir, "denied"), []byte(denied), 0o600); err != nil {
		t.Fatal(err)
	}
	g.change(t, secure(otherTLS+", client_deny: denied", "")...)
	c.want(t, 401, false)
	if n := len(g.certificates.all()); n != 1 {
		t.Errorf("the certificates of %d listeners are looked after", n)
	}
}

// TestConnectionsEndWhereTLSChanges: what was agreed in a handshake under another policy, demand or authorities does not go on.
func TestConnectionsEndWhereTLSChanges(t *testing.T) {
	g := run(t)
	trust, clients := pki(t, g)
	trust.Certificates = clients[:1]
	for _, settings := range []string{demandedTLS, bothTLS, oldTLS} {
		g.change(t, secure(usualTLS, oldPolicy)...)
		dialed, err := tls.Dial("tcp", g.Address("tls"), trust)
		if err != nil {
			t.Fatal(err)
		}
		c := &raw{dialed, bufio.NewReader(dialed)}
		c.want(t, 200, false)
		g.change(t, secure(settings, oldPolicy)...)
		c.want(t, 200, true)
		_ = c.Close()
	}
}

// TestOverlap: an address that overlaps one that would be closed is refused, and nothing changes.
func TestOverlap(t *testing.T) {
	g := run(t)
	port := freePort(t)
	pki(t, g)
	g.change(t, `{name: second, address: "127.0.0.1:0", caller: other}`, fmt.Sprintf(`{name: second, address: "127.0.0.1:%s", caller: other}`, port))
	c := g.dial(t, "second")
	wide := g.load(t, `{name: second, address: "127.0.0.1:0", caller: other}`, fmt.Sprintf(`{name: wide, address: ":%s", hosts: [a.test], tls: {certificate: {files: {cert: tls.crt, key: tls.key}}}}`, port))
	_, err := g.follow(t, wide)
	if err == nil || !strings.Contains(err.Error(), "listener wide: address :"+port+" overlaps 127.0.0.1:"+port+", on which listener second listens") {
		t.Errorf("error %v", err)
	}
	c.want(t, 200, false)
}

// freePort returns a port that was free a moment ago.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// pki writes the files of two authorities, and returns clients of both.
func pki(t testing.TB, g *running) (pool *tls.Config, clients [2]tls.Certificate) {
	t.Helper()
	one, two := testpki.Must(testpki.New()), testpki.Must(testpki.New())
	files := map[string][]byte{
		"one.pem": one.CertPEM(), "both.pem": append(one.CertPEM(), two.CertPEM()...), "one.crl": testpki.Must(one.RevocationList(x509.RevocationList{})),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(g.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := testpki.WriteFiles(testpki.Must(one.Server("localhost", "127.0.0.1")), filepath.Join(g.dir, "tls.crt"), filepath.Join(g.dir, "tls.key")); err != nil {
		t.Fatal(err)
	}
	if err := testpki.WriteFiles(testpki.Must(one.Server("localhost", "127.0.0.1")), filepath.Join(g.dir, "other.crt"), filepath.Join(g.dir, "other.key")); err != nil {
		t.Fatal(err)
	}
	clients = [2]tls.Certificate{testpki.Must(one.Client("one", "spiffe://test/app")), testpki.Must(two.Client("two", "spiffe://test/app"))}
	return &tls.Config{RootCAs: one.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}, clients
}

// secure returns the changes of a configuration with a listener of TLS, with other settings of it.
func secure(settings, more string) []string {
	return []string{
		twoListeners, fmt.Sprintf(`%s
listeners: [{name: local, address: "127.0.0.1:0", caller: other}, {name: tls, address: "127.0.0.1:0", hosts: [localhost], tls: {%s}}]`, more, settings),
		"  app: {grants", `  app: {auth: [{certificate: {uri: "spiffe://test/app"}}], grants`, "rate: 1/h, burst: 5", "rate: 100000/s, burst: 100000",
	}
}

const (
	usualTLS    = `client_ca: one.pem, certificate: {files: {cert: tls.crt, key: tls.key}}`
	demandedTLS = usualTLS + `, client_certificate: required`
	bothTLS     = `client_ca: both.pem, certificate: {files: {cert: tls.crt, key: tls.key}}`
	otherTLS    = `client_ca: one.pem, certificate: {files: {cert: other.crt, key: other.key}}`
	oldTLS      = `policy: old, ` + usualTLS
	oldPolicy   = `tls_policies: {old: {versions: ["1.2"]}}`
)

// TestReloadsUnderLoad: while calls are made over all kinds of connections, listeners come, go and change, and bad configurations are refused.
// No call fails, and nothing is left of what came and went.
func TestReloadsUnderLoad(t *testing.T) {
	g := run(t)
	trust, clients := pki(t, g)
	trust.Certificates = clients[:1]
	unlimited := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }) // by the simulator's quotas
	g.answer.Store(&unlimited)
	g.change(t, secure(usualTLS, "")...)
	g.waitForIndex(t)
	goroutines, open := runtime.NumGoroutine(), descriptorsOpen(t)
	stop, calls := make(chan struct{}), new(atomic.Int64)
	var group sync.WaitGroup
	fail := func(kind string, err error) { t.Errorf("%s: %v", kind, err) }
	for range 2 {
		group.Go(func() { g.loadOverHTTP1(stop, calls, trust, func(err error) { fail("HTTP/1.1", err) }) })
		group.Go(func() { g.loadOverHTTP1(stop, calls, nil, func(err error) { fail("plain", err) }) })
		group.Go(func() { g.loadOverHTTP2(stop, calls, trust, func(err error) { fail("HTTP/2", err) }) })
	}
	good := [][]string{
		secure(demandedTLS, ""), secure(bothTLS, ""), secure(otherTLS, ""), secure(oldTLS, oldPolicy), secure(usualTLS, "bounds: {idle_timeout: 33s}"),
		secure(usualTLS, "bounds: {headers: 8KiB}"), append(secure(usualTLS, ""), "name: day", "name: another"),
		append(secure(usualTLS, ""), "listeners: [{name: local", `listeners: [{name: more, address: "127.0.0.1:0", caller: app}, {name: local`), secure(usualTLS, ""),
	}
	for round := range 2 {
		for i, changes := range good {
			before := calls.Load()
			g.change(t, changes...)
			if _, err := g.follow(t, g.load(t, append(changes, "audit: {dir: audit}", "audit: {dir: elsewhere}")...)); err == nil {
				t.Error("another folder of the log was taken")
			}
			eventually(t, "calls go on", func() bool { return calls.Load() > before+20 })
			if t.Failed() {
				t.Fatalf("after round %d, change %d", round, i)
			}
		}
	}
	close(stop)
	group.Wait()
	g.upstream.CloseClientConnections()
	eventually(t, "no server is left that ends", func() bool { return len(g.stillLeaving()) == 0 })
	eventually(t, "goroutines and descriptors are as before", func() bool { // but for a connection to the upstream of each caller
		return runtime.NumGoroutine() <= goroutines+2 && descriptorsOpen(t) <= open+8
	})
	t.Logf("%d calls", calls.Load())
}

// loadOverHTTP1 makes calls, on one connection as long as it goes on. A connection that ends unasked is a failure.
func (g *running) loadOverHTTP1(stop <-chan struct{}, calls *atomic.Int64, secured *tls.Config, fail func(error)) {
	var c *raw
	for {
		select {
		case <-stop:
			if c != nil {
				_ = c.Close()
			}
			return
		default:
		}
		if c == nil {
			listener := "tls"
			if secured == nil {
				listener = "local"
			}
			dialed, err := net.Dial("tcp", g.Address(listener))
			if err != nil {
				fail(err)
				return
			}
			if secured != nil {
				dialed = tls.Client(dialed, secured.Clone())
			}
			c = &raw{dialed, bufio.NewReader(dialed)}
		}
		status, ends, err := c.call()
		if err != nil || status != 200 {
			fail(fmt.Errorf("answer %d, %v", status, err))
			return
		}
		if calls.Add(1); ends {
			_ = c.Close()
			c = nil
		}
	}
}

func (g *running) loadOverHTTP2(stop <-chan struct{}, calls *atomic.Int64, secured *tls.Config, fail func(error)) {
	transport := &http.Transport{TLSClientConfig: secured.Clone(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for {
		select {
		case <-stop:
			return
		default:
		}
		response, err := client.Get("https://" + g.Address("tls") + "/v2/systems/configs/provinces")
		if err != nil {
			fail(err)
			return
		}
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != 200 || response.ProtoMajor != 2 {
			fail(fmt.Errorf("answer %s %s, %v", response.Proto, response.Status, err))
			return
		}
		calls.Add(1)
	}
}

// TestNewTLSHoldsAtOnce: when Reload has returned, no handshake is made by the policy, the authorities or the demand of before.
func TestNewTLSHoldsAtOnce(t *testing.T) {
	g := run(t)
	trust, clients := pki(t, g)
	shake := func(with *tls.Config) (version uint16, err error) {
		c, err := tls.Dial("tcp", g.Address("tls"), with)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		_, _, err = (&raw{c, bufio.NewReader(c)}).call() // in TLS 1.3 a refusal comes after the handshake
		return c.ConnectionState().Version, err
	}
	none, second := trust.Clone(), trust.Clone()
	second.Certificates = clients[1:]
	g.change(t, secure(bothTLS, "")...)
	if _, err := shake(second); err != nil {
		t.Errorf("a client of the second authority: %v", err)
	}
	g.change(t, secure(demandedTLS, oldPolicy)...)
	if _, err := shake(second); err == nil {
		t.Error("a client of an authority that is trusted no more was let in")
	}
	if _, err := shake(none); err == nil {
		t.Error("a client without a certificate was let in")
	}
	trust.Certificates = clients[:1]
	g.change(t, secure(oldTLS, oldPolicy)...)
	if version, err := shake(trust); version != tls.VersionTLS12 || err != nil {
		t.Errorf("version %x, %v", version, err)
	}
}

// TestBusyAddress: what cannot be bound refuses the reload, and leaves nothing open.
func TestBusyAddress(t *testing.T) {
	g := run(t)
	g.want(t, "local", 200, "")
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	c := g.load(t, "listeners: [", fmt.Sprintf(`listeners: [{name: first, address: "127.0.0.1:0", caller: app}, {name: busy, address: "%s", caller: app}, `, busy.Addr()))
	goroutines, open := runtime.NumGoroutine(), descriptorsOpen(t)
	for range 50 {
		if _, err := g.follow(t, c); err == nil || !strings.Contains(err.Error(), "listener busy: ") {
			t.Errorf("error %v", err)
		}
	}
	eventually(t, "nothing new is open", func() bool { return descriptorsOpen(t) < open+10 && runtime.NumGoroutine() < goroutines+20 })
	if g.Address("first") != "" {
		t.Error("a part of it was put in force")
	}
	g.want(t, "local", 200, "")
}

// TestDryRun says what would change, and changes nothing.
func TestDryRun(t *testing.T) {
	g := run(t)
	g.want(t, "local", 200, "")
	g.waitForIndex(t)
	port, plan := freePort(t), g.planID()
	g.onDisk = g.load(t, "burst: 5", "burst: 6", "listeners: [", fmt.Sprintf(`listeners: [{name: new, address: "127.0.0.1:%s", caller: app},
  {name: internal, address: "127.0.0.1:0", tls: {certificate: {internal: {dir: made, hosts: [localhost]}}}}, `, port))
	open := descriptorsOpen(t)
	r, err := g.Reload(t.Context(), Trigger{By: ByAPI}, true)
	if err != nil || !r.Changed || len(r.Changes) == 0 || r.Plan == r.PlanBefore || r.PlanBefore != plan {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := os.Stat(filepath.Join(g.dir, "made")); err == nil {
		t.Error("an authority was made")
	}
	if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
		t.Errorf("a listener takes connections: %v", c.Close())
	}
	eventually(t, "nothing new is open", func() bool { return descriptorsOpen(t) <= open+1 }) // the index may read a file of the log
	if g.planID() != plan {
		t.Errorf("plan %s, before %s", g.planID(), plan)
	}
	g.onDisk = g.load(t, "audit: {dir: audit}", "audit: {dir: elsewhere}")
	r, err = g.Reload(t.Context(), Trigger{By: ByAPI}, true)
	if refused, ok := errors.AsType[*RestartError](err); !ok || fmt.Sprint(refused.Keys) != fmt.Sprint(r.Restart) || !slices.Contains(r.Restart, "audit.dir") {
		t.Errorf("%+v, %v", r, err)
	}
	if g.reloads.warnings() != nil {
		t.Error("a dry run counts as a refused reload")
	}
}

// TestLimitsThatBeginAtZeroAreSaid with their names.
func TestLimitsThatBeginAtZeroAreSaid(t *testing.T) {
	g := run(t)
	for changed, want := range map[string]string{"per: [caller], rate: 2/h": "[]", "per: [operation], rate: 1/h": "[day]", "per: [caller], rate: 1/h": "[day]"} {
		if want != "[]" && changed == "per: [caller], rate: 1/h" {
			g.change(t, "per: [caller], rate: 1/h", "per: [credential], rate: 1/h")
		}
		r, err := g.follow(t, g.load(t, "per: [caller], rate: 1/h", changed))
		if fmt.Sprint(r.Reset) != want || err != nil {
			t.Errorf("%s: %v, %v; want %s", changed, r.Reset, err, want)
		}
		g.change(t)
	}
}

// metric returns the value of a metric without labels.
func (g *running) metric(t testing.TB, name string) float64 {
	t.Helper()
	families, err := g.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// TestRefusedReloadShows in readiness, metrics and the log, until another one is carried out.
func TestRefusedReloadShows(t *testing.T) {
	g := run(t)
	if got := g.metric(t, "tollgate_config_last_reload_successful"); got != 1 {
		t.Errorf("successful %v after the start", got)
	}
	text := fmt.Sprintf(configuration, g.upstream.URL) + "credential: {sk: veryVERYsecret0123}\n"
	_, g.unreadable = config.Parse(filepath.Join(g.dir, "tollgate.yaml"), []byte(text), g.dir, config.Options{})
	if _, err := g.Reload(t.Context(), Trigger{BySignal, ""}, false); err == nil {
		t.Fatal("a bad file was taken")
	}
	warnings := strings.Join(g.readiness().Warnings, "\n")
	if !strings.Contains(warnings, "the file on disk differs from what runs, since ") || !strings.Contains(warnings, "tollgate.yaml line 10: ") || strings.Contains(warnings, "veryVERY") {
		t.Errorf("warnings: %s", warnings)
	}
	if got := g.metric(t, "tollgate_config_last_reload_successful"); got != 0 {
		t.Errorf("successful %v after a refusal", got)
	}
	g.unreadable = nil
	g.change(t, "burst: 5", "burst: 6")
	if warnings := strings.Join(g.readiness().Warnings, "\n"); strings.Contains(warnings, "differs from what runs") {
		t.Errorf("warnings: %s", warnings)
	}
	want := []logfile.EventCode{logfile.EventConfigLoaded, logfile.EventConfigRefused, logfile.EventConfigReloaded}
	eventually(t, "each reload is on record", func() bool { return slices.Equal(g.events(t, "veryVERY"), want) })
}

// events returns the codes of the log's events so far. No line may have a secret.
func (g *running) events(t testing.TB, secret string) (codes []logfile.EventCode) {
	t.Helper()
	if err := logfile.Read(filepath.Join(g.dir, "audit"), func(r *logfile.Record, line []byte) error {
		if r.Kind == logfile.KindEvent {
			codes = append(codes, r.Event)
		}
		if strings.Contains(string(line), secret) {
			t.Errorf("%s", line)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return codes
}

// TestNothingIsReloadedWhileItStops.
func TestNothingIsReloadedWhileItStops(t *testing.T) {
	g := run(t)
	g.announceEnd()
	if _, err := g.follow(t, g.load(t, "burst: 5", "burst: 6")); !errors.Is(err, errStopping) {
		t.Errorf("error %v", err)
	}
}

// TestEachSection changes what a running gateway takes, and what it refuses by name.
func TestEachSection(t *testing.T) {
	level := zap.NewAtomicLevel()
	for _, c := range []struct {
		name, old, new string
		restart        string
		taken          func(g *running) bool
	}{
		{name: "listeners", old: "name: second", new: "name: third", taken: func(g *running) bool { return g.Address("third") != "" }},
		{name: "upstreams", old: "catalog: cn", new: "catalog: cn, timeout: 7s", taken: func(g *running) bool { return g.signedUpstreams()[0].Timeout == 7*time.Second }},
		{name: "credentials", old: "class: partner", new: "class: partner, domain_id: d-2", taken: func(g *running) bool { return g.config.Load().Credentials[0].DomainID == "d-2" }},
		{name: "callers", old: "  other: {", new: "  new: {}\n  other: {", taken: func(g *running) bool { return g.gateway.Plan().Callers.Has("new") }},
		{name: "limits", old: "burst: 5", new: "burst: 7", taken: func(g *running) bool { return g.config.Load().Limits.Rules[0].Burst == 7 }},
		{name: "tls_policies", old: "\nlisteners", new: "\n" + oldPolicy + "\nlisteners", taken: func(g *running) bool { return g.certificates.policies["old"] != nil }},
		{name: "bounds", old: "audit: {", new: "bounds: {calls: 7}\naudit: {", taken: func(g *running) bool { return g.gateway.Plan().Bounds.Calls == 7 }},
		{name: "bounds.drain", old: "audit: {", new: "bounds: {drain: 7s}\naudit: {", taken: func(g *running) bool { return time.Duration(g.config.Load().Bounds.Drain) == 7*time.Second }},
		{name: "log.level", old: "audit: {", new: "log: {level: error}\naudit: {", taken: func(*running) bool { return level.Level() == zap.ErrorLevel }},
		{name: "reload", old: "audit: {", new: "reload: {watch: true}\naudit: {", taken: func(g *running) bool { return g.config.Load().Reload.Watch }},
		{name: "log.format", old: "audit: {", new: "log: {format: text}\naudit: {", restart: "log.format"},
		{name: "bounds.replay", old: "audit: {", new: "bounds: {replay: 2000, calls: 7}\naudit: {", restart: "bounds.replay"},
		{name: "audit.reserve", old: "audit: {", new: "audit: {reserve: 8MiB, ", restart: "audit.reserve"},
		{name: "audit.index", old: "audit: {", new: "audit: {index: {enabled: false}, ", restart: "audit.index.enabled"},
		{name: "admin", old: "audit: {", new: "admin: {address: \"127.0.0.1:0\"}\naudit: {", restart: "admin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := run(t)
			g.process.Level = &level
			plan := g.gateway.Plan()
			r, err := g.follow(t, g.load(t, c.old, c.new))
			if c.restart == "" {
				if err != nil || !r.Changed || !c.taken(g) {
					t.Errorf("not taken: %+v, %v", r, err)
				}
				return
			}
			if refused, ok := errors.AsType[*RestartError](err); !ok || fmt.Sprint(refused.Keys) != "["+c.restart+"]" || !strings.Contains(err.Error(), c.restart) {
				t.Errorf("error %v, want one that names %s", err, c.restart)
			}
			if g.gateway.Plan() != plan {
				t.Error("another plan was published")
			}
		})
	}
}

// TestAnotherSetOfSuitesIsRefused by the policy's name, even where it is wider.
func TestAnotherSetOfSuitesIsRefused(t *testing.T) {
	g := run(t)
	pki(t, g)
	g.change(t, secure(usualTLS, "")...)
	c := g.load(t, secure("policy: narrow, "+usualTLS, `tls_policies: {narrow: {versions: ["1.3"], cipher_suites: [TLS_AES_256_GCM_SHA384]}}`)...)
	if _, err := g.follow(t, c); err == nil || !strings.Contains(err.Error(), `policy "narrow"`) || !strings.Contains(err.Error(), "needs a restart") {
		t.Errorf("error %v", err)
	}
}
