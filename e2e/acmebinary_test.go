package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tollgate/internal/bsssim"
	"tollgate/internal/testkubelet"
	"tollgate/internal/testpki"
)

// acmeWorld is a world whose gateway wants client certificates, and gets its own from an authority.
func acmeWorld(t *testing.T, o authorityOptions, challenge, more string) (*world, *authority) {
	t.Helper()
	w, a := newWorld(t, bsssim.Config{Unthrottled: true}), newAuthority(t, o)
	w.trustDirectory(a)
	text := replaceOnce(t, central, "certificate: {files: {cert: gateway.crt, key: gateway.key}}, client_ca: ca.pem",
		"certificate: {acme: {directory: "+a.server.URL+"/dir, hosts: [gateway.example], ca: directory.pem, dir: acme, challenge: "+challenge+"}}, "+
			"client_ca: ca.pem, client_certificate: required")
	return w.configure(text + more), a
}

// trustDirectory writes what vouches for the authority's own certificate, and has callers trust what it issues.
func (w *world) trustDirectory(a *authority) {
	w.issuer = a.roots
	w.write("directory.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.server.Certificate().Raw})))
}

const challengesAnywhere = "\nhttp_challenge: {address: \":0\"}\n"

// launched starts the gateway, ready or not, and leads what asks for challenges at a listener to it.
func (a *authority) launched(w *world, from net.Listener, to string) *process {
	a.t.Helper()
	p := launch(a.t, w.config, w.env)
	select {
	case <-p.up:
	case <-p.exited:
		a.t.Fatal("the gateway ended before it was up")
	case <-time.After(patience):
		a.t.Fatal("the gateway does not come up")
	}
	if from != nil {
		a.forward(from, p.address(to))
	}
	return p
}

// forward passes connections on, as what leads ports 80 and 443 to a gateway does.
func (a *authority) forward(from net.Listener, to string) {
	var running sync.WaitGroup
	pass := func(in net.Conn) {
		defer in.Close()
		out, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer out.Close()
		running.Go(func() {
			_, _ = io.Copy(out, in)
			_ = out.Close()
		})
		_, _ = io.Copy(in, out)
	}
	running.Go(func() {
		for {
			in, err := from.Accept()
			if err != nil {
				return
			}
			running.Go(func() { pass(in) })
		}
	})
	a.t.Cleanup(func() {
		_ = from.Close()
		running.Wait()
	})
}

// becomesReady waits until all listeners have their certificates.
func (p *process) becomesReady() {
	p.t.Helper()
	eventually(p.t, "the gateway is ready", func() bool {
		status, _ := p.readyz()
		return status == http.StatusOK
	})
}

// served makes a call, and returns the certificate that the gateway shows: one of the authority.
func (a *authority) served(w *world, p *process) *x509.Certificate {
	a.t.Helper()
	transport := w.transport(p.address("https"), w.issue("shop", shopLeaf))
	got, err := ask(transport, request(a.t, "GET", balances, ""))
	if err != nil || got.status != http.StatusOK {
		a.t.Fatalf("a call: %d %s, %v", got.status, got.body, err)
	}
	connection, err := tls.Dial("tcp", p.address("https"), &tls.Config{RootCAs: a.roots, ServerName: gatewayName})
	must(a.t, err)
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0]
}

var shopLeaf = testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}}

// TestGatewayACME: the gateway gets its certificate by each challenge that it answers itself, says when it expires, and
// starts with it again while the authority is down.
func TestGatewayACME(t *testing.T) {
	t.Parallel()
	for challenge, more := range map[string]string{"http-01": challengesAnywhere, "tls-alpn-01": ""} {
		t.Run(challenge, func(t *testing.T) {
			w, a := acmeWorld(t, authorityOptions{}, challenge, more)
			if checked := run(t, w.env, "check", "--config", w.config); checked.code != 0 || !strings.Contains(checked.stdout, challenge) {
				t.Errorf("check: %d %s%s", checked.code, checked.stdout, checked.stderr)
			}
			from, to := a.tcp, "challenges"
			if challenge == "tls-alpn-01" {
				from, to = a.tls, "https"
			}
			p := a.launched(w, from, to)
			p.becomesReady()
			first := a.served(w, p)
			if _, metrics := p.admin("/metrics"); !strings.Contains(metrics, `tollgate_certificate_expiry_timestamp_seconds{listener="https",name="gateway.example"`) {
				t.Error("metrics do not say when the certificate expires")
			}
			p.stop()
			a.down.Store(true)
			p = launch(t, w.config, w.env).wait()
			if !a.served(w, p).Equal(first) {
				t.Error("another certificate after a restart")
			}
			p.stop()
			if got := a.orders.Load(); got != 1 {
				t.Errorf("%d orders, want 1", got)
			}
		})
	}
}

// TestGatewayACMEDown: a gateway whose authority is down starts, says that it is not ready and why, and SIGHUP has it ask
// again.
func TestGatewayACMEDown(t *testing.T) {
	t.Parallel()
	w, a := acmeWorld(t, authorityOptions{}, "tls-alpn-01", "")
	a.down.Store(true)
	p := a.launched(w, a.tls, "https")
	eventually(t, "the gateway says what is wrong", func() bool {
		status, body := p.readyz()
		return status == http.StatusServiceUnavailable && strings.Contains(body, "listener https has no certificate yet") &&
			strings.Contains(body, "certificate for gateway.example from "+a.server.URL)
	})
	if _, err := tls.Dial("tcp", p.address("https"), &tls.Config{ServerName: gatewayName, RootCAs: a.roots}); err == nil {
		t.Error("a handshake without a certificate")
	}
	a.down.Store(false)
	must(t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.becomesReady()
	a.served(w, p)
	if _, body := p.readyz(); strings.Contains(body, "certificate") {
		t.Errorf("readiness still warns: %s", body)
	}
	p.stop()
}

// TestGatewayACMERenews under load: no call fails, and once the authority is down the last certificate stays.
func TestGatewayACMERenews(t *testing.T) {
	t.Parallel()
	w, a := acmeWorld(t, authorityOptions{validity: allTheDue}, "http-01", challengesAnywhere+unlimited)
	p := a.launched(w, a.tcp, "challenges")
	p.becomesReady()
	l := w.loadOf(p.address("https"), w.issue("shop", shopLeaf))
	for range 3 {
		before := w.shown(p.address("https"))
		must(t, p.cmd.Process.Signal(syscall.SIGHUP))
		eventually(t, "the certificate is renewed", func() bool { return w.shown(p.address("https")).Cmp(before) != 0 })
		l.goOn()
	}
	a.down.Store(true)
	before := w.shown(p.address("https"))
	must(t, p.cmd.Process.Signal(syscall.SIGHUP))
	eventually(t, "readiness warns", func() bool {
		status, body := p.readyz()
		return status == http.StatusOK && strings.Contains(body, "listener https: not renewed: certificate for gateway.example from "+a.server.URL)
	})
	l.goOn()
	if w.shown(p.address("https")).Cmp(before) != 0 {
		t.Error("another certificate from an authority that is down")
	}
	l.stop()
	p.stop()
}

// TestGatewaysShareACME: of two gateways with one folder one asks, whichever the authority comes to, and both serve.
func TestGatewaysShareACME(t *testing.T) {
	t.Parallel()
	w, a := acmeWorld(t, authorityOptions{}, "http-01", challengesAnywhere)
	first, err := os.ReadFile(w.config)
	must(t, err)
	one := a.launched(w, nil, "")
	w.config = w.write("second.yaml", replaceOnce(t, string(first), "audit: {dir: audit", "audit: {dir: audit-of-the-second"))
	two := a.launched(w, a.tcp, "challenges")
	one.becomesReady()
	two.becomesReady()
	if !a.served(w, one).Equal(a.served(w, two)) {
		t.Error("the gateways have different certificates")
	}
	if got := a.orders.Load(); got != 1 {
		t.Errorf("%d orders, want 1", got)
	}
	one.stop()
	two.stop()
}

// TestGatewayACMEDNS: certificates with keys of both kinds for a wildcard, from an authority that wants to know the account.
func TestGatewayACMEDNS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, authorityOptions{bindings: map[string]string{"gateway": bindingKey}})
	w := newWorld(t, bsssim.Config{})
	w.trustDirectory(a)
	w.write("mac", bindingKey)
	w.write("tsig", zoneKey)
	one := "{acme: {directory: " + a.server.URL + `/dir, hosts: ["*.lab.test"], ca: directory.pem, dir: acme, challenge: dns-01,
       account_binding: {key_id: gateway, secret: {file: ./mac}},
       dns: {rfc2136: {server: "` + a.zone.address + `", key_name: gateway, secret: {file: ./tsig}}, resolvers: ["` + a.zone.address + `"]}, key: `
	w.configure(replaceOnce(t, central, "certificate: {files: {cert: gateway.crt, key: gateway.key}}",
		"certificates: ["+one+"ecdsa}}, "+one+"rsa}}]"))
	p := a.launched(w, nil, "")
	for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} {
		eventually(t, "the gateway shows a certificate for "+tls.CipherSuiteName(suite), func() bool {
			connection, err := tls.Dial("tcp", p.address("https"), &tls.Config{
				RootCAs: a.roots, ServerName: "a.lab.test", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite},
			})
			if err == nil {
				_ = connection.Close()
			}
			return err == nil
		})
	}
	if status, body := p.readyz(); status != http.StatusOK || strings.Contains(body, "certificate") {
		t.Errorf("readiness: %d %s", status, body)
	}
	p.stop()
	if log := p.log(); strings.Contains(log, zoneKey) || strings.Contains(log, bindingKey) {
		t.Error("the log shows a secret")
	}
}

const bindingKey = "dGhlLW1hYy1rZXktb2YtYW4tYWNjb3VudC1vZi0zMi1ieXRlcw"

// TestGatewayACMESecondStart: all keys that certmagic made are for their owner only again after the kubelet handed them to a
// group, and that is logged.
func TestGatewayACMESecondStart(t *testing.T) {
	t.Parallel()
	w, a := acmeWorld(t, authorityOptions{}, "http-01", challengesAnywhere)
	p := a.launched(w, a.tcp, "challenges")
	p.becomesReady()
	p.stop()
	if err := testkubelet.SetFSGroup(w.file("acme"), testkubelet.AnyGroup()); err != nil {
		t.Fatal(err)
	}
	a.down.Store(true)
	p = launch(t, w.config, w.env).wait()
	p.stop()
	tightened := p.tightened()
	keys := 0
	err := filepath.WalkDir(w.file("acme"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".key") {
			return err
		}
		keys++
		info, err := entry.Info()
		if err == nil && (info.Mode() != 0o600 || !slices.Contains(tightened, path+" 0660 0600")) {
			t.Errorf("%s: %v; logged %q", path, info.Mode(), tightened)
		}
		return err
	})
	if err != nil || keys != 2 || len(tightened) != keys+1 {
		t.Errorf("%d keys, %v, logged %q", keys, err, tightened)
	}
}
