package e2e

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// hangUp asks the gateway to read its certificates again, and returns when it has.
func (p *process) hangUp() {
	p.t.Helper()
	const done = "certificates, client authorities and revocation lists were read again"
	before := strings.Count(p.log(), done)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "the gateway has read its certificates", func() bool { return strings.Count(p.log(), done) > before })
}

// load is calls without end, on connections that stay and on such that are made for one call, some of which take a session
// up. Each call must be answered 200.
type load struct {
	t              testing.TB
	calls, resumed atomic.Int64
	ended          atomic.Bool
	running        sync.WaitGroup
}

func (w *world) loadOf(address string, certificates ...tls.Certificate) *load {
	w.t.Helper()
	l := &load{t: w.t}
	for worker := range 4 {
		transport := w.transport(address, certificates...)
		transport.DisableKeepAlives = worker > 0
		if worker > 1 {
			transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		}
		l.running.Go(func() { l.call(&http.Client{Transport: transport, Timeout: patience}) })
	}
	w.t.Cleanup(l.stop)
	l.goOn()
	return l
}

func (l *load) call(client *http.Client) {
	for !l.ended.Load() {
		response, err := client.Get(balances)
		if err != nil {
			l.t.Errorf("a call fails: %v", err)
			return
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			l.t.Errorf("a call is answered %d", response.StatusCode)
			return
		}
		l.calls.Add(1)
		if response.TLS.DidResume {
			l.resumed.Add(1)
		}
	}
}

// goOn returns after further calls, some of them on sessions that were taken up.
func (l *load) goOn() {
	l.t.Helper()
	calls, resumed := l.calls.Load(), l.resumed.Load()
	eventually(l.t, "calls go on", func() bool { return l.calls.Load() > calls+10 && l.resumed.Load() > resumed+1 || l.t.Failed() })
}

func (l *load) stop() {
	l.ended.Store(true)
	l.running.Wait()
}

// shown returns the serial number of the certificate that a listener shows now.
func (w *world) shown(address string) *big.Int {
	w.t.Helper()
	connection, err := tls.Dial("tcp", address, &tls.Config{RootCAs: w.pool(), ServerName: gatewayName, MinVersion: tls.VersionTLS12})
	if err != nil {
		w.t.Fatal(err)
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0].SerialNumber
}

var gatewayLeaf = testpki.Leaf{Names: []string{gatewayName}, Server: true}

// kubernetes writes a certificate as a mounted secret is: gateway.crt leads through "..data" to a folder of its version,
// and "..data" is swapped in one step.
func (w *world) kubernetes(version int) tls.Certificate {
	w.t.Helper()
	folder := fmt.Sprintf("..v%d", version)
	check := func(err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	check(os.MkdirAll(filepath.Join(w.file("secret"), folder), 0o700))
	certificate := w.issue(filepath.Join("secret", folder, "gateway"), gatewayLeaf)
	check(os.Symlink(folder, w.file("secret/..data_tmp")))
	check(os.Rename(w.file("secret/..data_tmp"), w.file("secret/..data")))
	for _, name := range []string{"gateway.crt", "gateway.key"} {
		if version == 0 {
			check(os.Symlink(filepath.Join("..data", name), w.file("secret/"+name)))
		}
	}
	if version > 0 {
		check(os.RemoveAll(w.file(fmt.Sprintf("secret/..v%d", version-1))))
	}
	return certificate
}

// replace writes a certificate over another, each file in one step, the key after the certificate.
func (w *world) replace(name string, between func()) tls.Certificate {
	w.t.Helper()
	next := w.issue(name+"-next", gatewayLeaf)
	for i, end := range []string{".crt", ".key"} {
		if i > 0 {
			between()
		}
		if err := os.Rename(w.file(name+"-next"+end), w.file(name+end)); err != nil {
			w.t.Fatal(err)
		}
	}
	return next
}

// TestCertificateSwap changes certificates of a gateway under load: no call fails, new connections get the new one, and
// half a change is reported and not taken.
func TestCertificateSwap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{Unthrottled: true})
	w.kubernetes(0)
	text := replaceOnce(t, central, "listeners:\n", `listeners:
  - {name: mounted, address: "127.0.0.1:0", hosts: [gateway.example],
     tls: {certificate: {files: {cert: secret/gateway.crt, key: secret/gateway.key}}, client_ca: ca.pem}}
`)
	p := w.configure(text + unlimited).start()
	shop := w.issue("shop", testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}})
	files, mounted := p.address("https"), p.address("mounted")
	const swaps = 3
	loads := []*load{w.loadOf(files, shop), w.loadOf(mounted, shop)}
	for version := 1; version <= swaps; version++ {
		old := w.shown(files)
		next := w.replace("gateway", func() {
			p.hangUp()
			if got := w.shown(files); got.Cmp(old) != 0 {
				t.Error("a certificate without its key is shown")
			}
			if _, body := p.readyz(); !strings.Contains(body, "listener https: "+w.file("gateway.crt")) || !strings.Contains(body, "stays as it was since") {
				t.Errorf("readiness does not warn: %s", body)
			}
		})
		secret := w.kubernetes(version)
		p.hangUp()
		if got := w.shown(files); got.Cmp(next.Leaf.SerialNumber) != 0 {
			t.Errorf("change %d: the old certificate is shown", version)
		}
		if got := w.shown(mounted); got.Cmp(secret.Leaf.SerialNumber) != 0 {
			t.Errorf("change %d: the old certificate is shown of a mounted secret", version)
		}
		for _, l := range loads {
			l.goOn()
		}
	}
	for _, l := range loads {
		l.stop()
	}
	if status, body := p.readyz(); status != http.StatusOK || strings.Contains(body, "stays as it was") {
		t.Errorf("readiness still warns: %d %s", status, body)
	}
	_, metrics := p.admin("/metrics")
	for _, want := range []string{
		`tollgate_certificate_reloads_total{result="failed",what="listener https: ` + w.file("gateway.crt") + ", " + w.file("gateway.key") + `"} ` + fmt.Sprint(swaps),
		`tollgate_certificate_reloads_total{result="failed",what="listener mounted: ` + w.file("secret/gateway.crt") + ", " + w.file("secret/gateway.key") + `"} 0`,
		`tollgate_certificate_expiry_timestamp_seconds{listener="mounted",name="gateway.example",upstream=""} 1.`, // a Unix time of these years
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics do not have %s", want)
		}
	}
	p.stop()
}

// strict is a listener that wants to know of each client certificate that it is not revoked.
func strict(t *testing.T) string {
	return replaceOnce(t, central, "client_ca: ca.pem}",
		"client_ca: callers.pem, client_certificate: required, client_crl: [callers.crl], client_deny: denied.txt}") + unlimited
}

// revoke writes a revocation list of each authority, with these certificates.
func (w *world) revoke(authorities []*testpki.CA, revoked ...tls.Certificate) {
	w.t.Helper()
	var template x509.RevocationList
	for _, c := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: c.Leaf.NotBefore})
	}
	var text bytes.Buffer
	for _, ca := range authorities {
		if err := pem.Encode(&text, &pem.Block{Type: "X509 CRL", Bytes: testpki.Must(ca.RevocationList(template))}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.write("callers.crl.next", text.String())
	if err := os.Rename(w.file("callers.crl.next"), w.file("callers.crl")); err != nil {
		w.t.Fatal(err)
	}
}

// holder has a client certificate, a connection that stays open, and a session to take up.
type holder struct {
	w                     *world
	open, resuming, fresh *http.Transport
}

func (w *world) holder(address string, c tls.Certificate) *holder {
	h := &holder{w, w.transport(address, c), w.transport(address, c), w.transport(address, c)}
	h.resuming.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	h.resuming.DisableKeepAlives, h.fresh.DisableKeepAlives = true, true
	return h
}

// served wants each call answered, and a session taken up.
func (h *holder) served(when string) {
	h.w.t.Helper()
	for range 2 { // the second takes up the session of the first
		for name, transport := range map[string]*http.Transport{"open": h.open, "resumed": h.resuming, "new": h.fresh} {
			got, err := ask(transport, request(h.w.t, "GET", balances, ""))
			if err != nil || got.status != http.StatusOK {
				h.w.t.Errorf("%s: on a connection that is %s: %d %s, %v", when, name, got.status, got.body, err)
			}
		}
	}
	response, err := (&http.Client{Transport: h.resuming, Timeout: patience}).Get(balances)
	if err != nil {
		h.w.t.Fatal(err)
	}
	_ = response.Body.Close()
	if !response.TLS.DidResume {
		h.w.t.Errorf("%s: no session is taken up", when)
	}
}

// refused wants nothing answered: the open connection says why, the others do not come about.
func (h *holder) refused(p *process, when, reason string) {
	h.w.t.Helper()
	for name, transport := range map[string]*http.Transport{"resumed": h.resuming, "new": h.fresh} {
		if got, err := ask(transport, request(h.w.t, "GET", balances, "")); err == nil {
			h.w.t.Errorf("%s: on a connection that is %s: answered %d", when, name, got.status)
		}
	}
	got, err := ask(h.open, request(h.w.t, "GET", balances, ""))
	if err != nil || got.status != http.StatusUnauthorized || got.code != "TG.2008" || !strings.Contains(got.body, "does not count any more: "+reason) {
		h.w.t.Errorf("%s: on the open connection: %d %s, %v", when, got.status, got.body, err)
	}
	if r := h.w.recorded(logfile.KindRefusal, got.header.Get("Tollgate-Call-Id")); !strings.Contains(r.Reason, "certificate") {
		h.w.t.Errorf("%s: on record: %q", when, r.Reason)
	}
	h.w.refusedConnections(p, "certificate")
}

// refusedConnections wants refused handshakes on record and in the metrics.
func (w *world) refusedConnections(p *process, reason string) {
	w.t.Helper()
	eventually(w.t, "refused handshakes are on record", func() bool {
		for _, r := range w.records() {
			if r.Kind == logfile.KindRefusal && r.Stage == logfile.StageHandshake && strings.HasPrefix(r.Reason, reason) && r.TLSIn != nil && r.TLSIn.Offer != nil {
				return true
			}
		}
		return false
	})
	if _, metrics := p.admin("/metrics"); !strings.Contains(metrics, `tollgate_connections_refused_total{listener="https",reason="`+reason) {
		w.t.Error("refused handshakes are not counted")
	}
}

// TestRevocation revokes and denies certificates, and changes the authorities, of a gateway under load: who is meant is
// refused on every connection, others notice nothing.
func TestRevocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{Unthrottled: true})
	second := testpki.Must(testpki.New())
	bundle := func(authorities ...*testpki.CA) {
		var text []byte
		for _, ca := range authorities {
			text = append(text, ca.CertPEM()...)
		}
		w.write("callers.pem", string(text))
	}
	bundle(w.ca)
	w.revoke([]*testpki.CA{w.ca})
	w.write("denied.txt", "# none\n")
	p := w.configure(strict(t)).start()
	leaf := testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}}
	lost := w.issue("lost", leaf)
	others := w.loadOf(p.address("https"), w.issue("shop", leaf))
	h, moved := w.holder(p.address("https"), lost), w.holder(p.address("https"), testpki.Must(second.Issue(leaf)))
	h.served("before")

	w.revoke([]*testpki.CA{w.ca}, lost)
	p.hangUp()
	others.goOn()
	h.refused(p, "revoked", "certificate revoked")

	w.revoke([]*testpki.CA{w.ca})
	p.hangUp()
	others.goOn()
	h.served("taken back")

	w.write("denied.txt", fmt.Sprintf("%x # lost\n", lost.Leaf.SerialNumber))
	p.hangUp()
	others.goOn()
	h.refused(p, "denied", "certificate revoked")

	w.write("callers.crl", "not a list")
	w.write("denied.txt", "")
	p.hangUp()
	others.goOn()
	h.served("with a broken revocation list") // the old one says that all is well
	if _, body := p.readyz(); !strings.Contains(body, "revocation list") || !strings.Contains(body, "stays as it was since") {
		t.Errorf("readiness does not warn: %s", body)
	}

	bundle(w.ca, second)
	w.revoke([]*testpki.CA{w.ca})
	p.hangUp()
	others.goOn()
	if got, err := ask(moved.fresh, request(t, "GET", balances, "")); err == nil {
		t.Errorf("without a revocation list of its authority a certificate is answered %d", got.status)
	}
	w.revoke([]*testpki.CA{w.ca, second})
	p.hangUp()
	others.goOn()
	moved.served("with a second authority")

	others.stop()
	bundle(second)
	w.revoke([]*testpki.CA{second})
	p.hangUp()
	h.refused(p, "without its authority", "certificate authority")
	moved.served("without the first authority")
	p.stop()
}

// TestInternalAuthority: a gateway issues one of its certificates itself, and curl trusts it by the authority that a command
// prints. Beside it are two from files, of which each peer gets the one that it can use.
func TestInternalAuthority(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.configure(replaceOnce(t, central, `hosts: [gateway.example],
     tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}`, `hosts: [gateway.example, a.lab.example],
     tls: {certificates: [{files: {cert: gateway-rsa.crt, key: gateway-rsa.key}}, {internal: {dir: authority, hosts: ["*.lab.example"], lifetime: 36h}},
       {files: {cert: gateway.crt, key: gateway.key}}]`))
	w.issue("gateway-rsa", testpki.Leaf{Names: []string{gatewayName}, Server: true, Key: testpki.RSA})
	before := run(t, w.env, "tls", "ca", "--config", w.config)
	if before.code != 1 || !strings.Contains(before.stderr, "makes it at its first start") {
		t.Errorf("before the first start: %d %s", before.code, before.stderr)
	}
	if checked := run(t, w.env, "check", "--config", w.config); checked.code != 0 || !strings.Contains(checked.stdout, "issued by the authority in "+w.file("authority")) {
		t.Errorf("check: %d %s%s", checked.code, checked.stdout, checked.stderr)
	}
	if _, err := w.stat("authority"); err == nil {
		t.Error("check makes an authority")
	}
	w.issue("shop", testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}})
	for start := range 2 { // the authority stays
		p := w.start()
		if start == 0 {
			printed := run(t, w.env, "tls", "ca", "--config", w.config, "--listener", "https")
			if printed.code != 0 || strings.Contains(printed.stdout, "PRIVATE") {
				t.Fatalf("tls ca: %d %s", printed.code, printed.stderr)
			}
			w.write("printed.pem", printed.stdout)
		}
		_, port, _ := net.SplitHostPort(p.address("https"))
		for host, roots := range map[string]string{gatewayName: "ca.pem", "a.lab.example": "printed.pem"} {
			status, body := curl(t, "--cacert", w.file(roots), "--cert", w.file("shop.crt"), "--key", w.file("shop.key"),
				"--resolve", host+":"+port+":127.0.0.1", "https://"+host+":"+port+"/v2/accounts/customer-accounts/balances")
			if status != http.StatusOK {
				t.Errorf("%s: %d %s", host, status, body)
			}
		}
		for suites, key := range map[string]string{"ECDHE-ECDSA-AES128-GCM-SHA256": "ECDSA", "ECDHE-RSA-AES128-GCM-SHA256": "RSA"} {
			if got := w.openssl(p.address("https"), "-tls1_2", "-cipher", suites); !got.answered || !strings.Contains(got.suite, key) {
				t.Errorf("a peer that can use %s only: %s", key, got)
			}
		}
		p.hangUp()
		p.stop()
	}
}

func pinOf(c tls.Certificate) string {
	sum := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// pinned is a gateway with one upstream, under server_name bss.example, and further settings of its TLS.
func (w *world) pinned(end farEnd, settings string) *process {
	w.t.Helper()
	return w.configure(fmt.Sprintf(`
listeners: [{name: plain, address: "127.0.0.1:0", caller: shop}]
upstreams:
  u0: {url: "https://%s", sign: true, timeout: 20s, tls: {ca: ca.pem, server_name: %s, %s}, endpoints: [
    {name: Pay, method: POST, path: /u0/pay, effect: spend, class: customer}, {name: Show, method: GET, path: /u0/show, effect: read, class: customer}]}
credentials: {c0: {class: customer, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}}
callers: {shop: {grants: [{operations: [Pay, Show], credential: c0}]}}
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
log: {level: debug, format: json}
`, end.front.listener.Addr(), upstreamName, settings)).start()
}

// TestPinnedUpstream: an upstream with a good certificate and another key gets nothing, and everybody says why.
func TestPinnedUpstream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	leaf := testpki.Leaf{Names: []string{upstreamName}, Server: true}
	right, spare, other := w.issue("right", leaf), w.issue("spare", leaf), w.issue("other", leaf)
	authority := tls.Certificate{Leaf: w.ca.Certificate()}
	for _, c := range []struct {
		name  string
		pins  [2]tls.Certificate
		taken bool
	}{
		{"its key", [2]tls.Certificate{other, right}, true},
		{"the key of its authority", [2]tls.Certificate{authority, other}, true},
		{"two other keys", [2]tls.Certificate{spare, other}, false},
	} {
		end := w.opensslEnd(c.name, "right", "-www")
		p := w.pinned(end, fmt.Sprintf("pins: [%q, %q]", pinOf(c.pins[0]), pinOf(c.pins[1])))
		if c.taken {
			if got := w.show(p, 0); got.status != http.StatusOK {
				t.Errorf("%s: %d %s", c.name, got.status, got.body)
			}
			p.stop()
			continue
		}
		got := w.pay(p, 0)
		if got.code != "TG.7001" || !strings.Contains(got.body, "(certificate pin)") || !strings.Contains(got.body, "no byte of the call was sent") {
			t.Errorf("%s: %d %s", c.name, got.status, got.body)
		}
		outcome := w.outcomes(p)[got.header.Get("Tollgate-Call-Id")]
		if outcome.Outcome != logfile.NotSent || !strings.Contains(outcome.Detail, "certificate pin") {
			t.Errorf("%s: on record: %q %q %q", c.name, outcome.Outcome, outcome.Reason, outcome.Detail)
		}
		if !strings.Contains(p.log(), "certificate pin") {
			t.Errorf("%s: the log does not say why", c.name)
		}
		if sent := end.front.connections(); len(sent) == 0 {
			t.Errorf("%s: it was not even asked", c.name)
		}
		for _, sent := range end.front.connections() {
			if n := largestSecret(sent); n > encryptedAlert {
				t.Errorf("%s: %d bytes were sent to it", c.name, n)
			}
		}
		if strings.Contains(end.said(), order) {
			t.Errorf("%s: it got the request", c.name)
		}
	}
}

// TestCertificateTowardsUpstream: an upstream that asks for a certificate gets ours, also the next one.
func TestCertificateTowardsUpstream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.issue("right", testpki.Leaf{Names: []string{upstreamName}, Server: true})
	w.issue("us", testpki.Leaf{CommonName: "gateway-one"})
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		w.issue("us", testpki.Leaf{CommonName: "gateway-one"})
		end := w.opensslEnd(version, "right", version, "-Verify", "1", "-verify_return_error", "-CAfile", w.file("ca.pem"), "-www")
		p := w.pinned(end, "client_certificate: {cert: us.crt, key: us.key}")
		for _, name := range []string{"gateway-one", "gateway-two"} {
			w.issue("us", testpki.Leaf{CommonName: name})
			p.hangUp()
			if got := w.show(p, 0); got.status != http.StatusOK || !strings.Contains(got.body, name) {
				t.Errorf("%s, %s: %d %s\n%s", version, name, got.status, got.body, end.said())
			}
		}
		if _, metrics := p.admin("/metrics"); !strings.Contains(metrics, `tollgate_certificate_expiry_timestamp_seconds{listener="",name="CN=gateway-two",upstream="u0"}`) {
			t.Error("our certificate has no expiry in the metrics")
		}
		p.stop()
	}
}
