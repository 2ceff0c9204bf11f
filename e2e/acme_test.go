package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pebbleca "github.com/letsencrypt/pebble/v2/ca"
	pebbledb "github.com/letsencrypt/pebble/v2/db"
	pebbleva "github.com/letsencrypt/pebble/v2/va"
	pebblewfe "github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tollgate/accept"
	"tollgate/internal/certs"
	"tollgate/internal/certs/acme"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
)

// authority is an ACME authority (Pebble) on the loopback interface that can be made unreachable.
type authority struct {
	t      *testing.T
	server *httptest.Server
	roots  *x509.CertPool // of what it issues
	down   atomic.Bool
	orders atomic.Int64 // that were finalized

	tcp, tls net.Listener // where it asks for challenges, in place of ports 80 and 443
	zone     *zone
}

// authorityOptions say how an authority differs from a usual one.
type authorityOptions struct {
	badNonces int               // percent
	validity  uint64            // of certificates, in seconds
	bindings  map[string]string // key ids and MAC keys of external accounts; if there are any, one is needed
}

const (
	month     = 30 * 24 * 3600
	allTheDue = 600 // seconds: less than a source leaves before it renews, so that each look renews
)

// newAuthority starts an authority. Tests that open sources in their own process must not be parallel: certmagic keeps open challenges for the whole process, by host.
func newAuthority(t *testing.T, o authorityOptions) *authority {
	t.Helper()
	if o.validity == 0 {
		o.validity = month
	}
	a := &authority{t: t, tcp: listenLocal(t), tls: listenLocal(t), zone: newZone(t)}
	quiet, store := log.New(io.Discard, "", 0), pebbledb.NewMemoryStore()
	for id, key := range o.bindings {
		must(t, store.AddExternalAccountKeyByID(id, key))
	}
	profiles := map[string]pebbleca.Profile{"default": {ValidityPeriod: o.validity}}
	ca := pebbleca.New(quiet, store, "", "ecdsa", 0, 1, profiles)
	var front pebblewfe.WebFrontEndImpl
	inPebbleEnvironment(t, o.badNonces, func() {
		va := pebbleva.New(quiet, portOf(a.tcp), portOf(a.tls), true, a.zone.address, store)
		front = pebblewfe.New(quiet, store, va, ca, []string{"ca.test"}, true, len(o.bindings) > 0, 1, 1)
	})
	a.server = httptest.NewTLSServer(a.gate(front.Handler()))
	t.Cleanup(a.server.Close)
	a.roots = x509.NewCertPool()
	a.roots.AddCert(testpki.Must(x509.ParseCertificate(ca.GetRootCert(0).DER)))
	return a
}

// pebbleEnvironment guards the variables by which Pebble is configured. It reads them when its parts are made, and never again.
var pebbleEnvironment sync.Mutex

func inPebbleEnvironment(t *testing.T, badNonces int, makeParts func()) {
	t.Helper()
	pebbleEnvironment.Lock()
	defer pebbleEnvironment.Unlock()
	for name, value := range map[string]string{"VA_NOSLEEP": "1", "AUTHZREUSE": "0", "WFE_NONCEREJECT": strconv.Itoa(badNonces)} {
		must(t, os.Setenv("PEBBLE_"+name, value)) // not t.Setenv, which tests that run in parallel cannot have
	}
	makeParts()
}

// gate counts orders, and breaks connections off while the authority is down.
func (a *authority) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.down.Load() {
			panic(http.ErrAbortHandler)
		}
		if strings.HasPrefix(r.URL.Path, "/finalize-order/") {
			recorded := httptest.NewRecorder()
			next.ServeHTTP(recorded, r)
			if recorded.Code == http.StatusOK {
				a.orders.Add(1)
			}
			for name, values := range recorded.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(recorded.Code)
			_, _ = w.Write(recorded.Body.Bytes())
			return
		}
		next.ServeHTTP(w, r)
	})
}

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// zone is a DNS server: every name has the address of the loopback interface, and there is one zone with text records, which
// take updates that are signed with the right key.
type zone struct {
	address string
	mu      sync.Mutex
	texts   map[string][]dns.RR
	updates int
}

const (
	zoneName    = "lab.test."
	zoneKeyName = "gateway."
	zoneKey     = "c2VjcmV0LWtleS1vZi10aGUtem9uZS0zMi1ieXRlcyE="
)

func newZone(t *testing.T) *zone {
	t.Helper()
	tcp := listenLocal(t)
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	must(t, err)
	z := &zone{address: tcp.Addr().String(), texts: map[string][]dns.RR{}}
	keys := map[string]string{zoneKeyName: zoneKey}
	for _, server := range []*dns.Server{
		{Listener: tcp, Handler: z, TsigSecret: keys, MsgAcceptFunc: anyMessage},
		{PacketConn: udp, Handler: z, TsigSecret: keys, MsgAcceptFunc: anyMessage},
	} {
		ready := make(chan struct{})
		server.NotifyStartedFunc = func() { close(ready) }
		ended := make(chan error, 1)
		go func() { ended <- server.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() {
			_ = server.Shutdown()
			<-ended
		})
	}
	return z
}

func anyMessage(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }

func (z *zone) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	answer := new(dns.Msg)
	answer.SetReply(request)
	switch {
	case len(request.Question) != 1:
		answer.Rcode = dns.RcodeFormatError
	case request.Opcode == dns.OpcodeUpdate && (request.IsTsig() == nil || w.TsigStatus() != nil):
		answer.Rcode = dns.RcodeRefused
	case request.Opcode == dns.OpcodeUpdate:
		z.update(request.Ns)
		answer.SetTsig(zoneKeyName, dns.HmacSHA256, 300, time.Now().Unix())
	default:
		z.lookUp(answer, request.Question[0])
	}
	_ = w.WriteMsg(answer)
}

func (z *zone) update(records []dns.RR) {
	z.updates++
	for _, record := range records {
		name := strings.ToLower(record.Header().Name)
		if record.Header().Class == dns.ClassINET {
			z.texts[name] = append(z.texts[name], record)
		} else {
			delete(z.texts, name)
		}
	}
}

func (z *zone) lookUp(answer *dns.Msg, q dns.Question) {
	header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 1}
	switch {
	case q.Qtype == dns.TypeA:
		answer.Answer = []dns.RR{&dns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)}}
	case q.Qtype == dns.TypeTXT:
		answer.Answer = z.texts[strings.ToLower(q.Name)]
	case q.Qtype == dns.TypeSOA && strings.EqualFold(q.Name, zoneName):
		answer.Answer = []dns.RR{&dns.SOA{Hdr: header, Ns: "ns." + zoneName, Mbox: "root." + zoneName, Serial: 1, Minttl: 1}}
	}
}

func (z *zone) status() (updates, left int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, records := range z.texts {
		left += len(records)
	}
	return z.updates, left
}

// replica is a source with what answers its challenges.
type replica struct {
	*acme.Source
	said chan string // what it logs, from Info up
}

func (a *authority) config(change ...func(*acme.Config)) acme.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.server.Certificate())
	c := acme.Config{
		Roots: roots, ACMEConfig: certs.ACMEConfig{
			Directory: a.server.URL + "/dir", Hosts: []setting.CertificateHost{"a.lab.test"}, Email: "ops@lab.test", Challenge: certs.HTTP01, Dir: filepath.Join(a.t.TempDir(), "acme"),
		},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func (a *authority) open(c acme.Config) *replica {
	a.t.Helper()
	r := &replica{said: make(chan string, 1000)}
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()), testWriter{a.t}, zap.InfoLevel)
	c.Logger = zap.New(zapcore.RegisterHooks(core, func(e zapcore.Entry) error {
		if e.LoggerName == "" {
			r.said <- e.Message
		}
		return nil
	}))
	var err error
	r.Source, err = acme.Open(c)
	must(a.t, err)
	a.t.Cleanup(func() { _ = r.Close() })
	return r
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
func (testWriter) Sync() error { return nil }

// awaitSaid returns when the source has logged a message with the text.
func (r *replica) awaitSaid(t *testing.T, text string) {
	t.Helper()
	for late := time.After(patience); ; {
		select {
		case said := <-r.said:
			if strings.Contains(said, text) {
				return
			}
		case <-late:
			t.Fatalf("the source does not say %q; it stands so: %+v", text, r.Hosts())
		}
	}
}

const inUse = "certificate in use"

// answerHTTP answers challenges on what is port 80 to the authority.
func (a *authority) answerHTTP(sources ...*acme.Source) {
	server := accept.NewServer(a.tcp, accept.ServerConfig{Handler: acme.Handler(func() []*acme.Source { return sources })})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	a.t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
}

// issued starts a source by HTTP-01 and waits for its certificates.
func (a *authority) issued(c acme.Config) *replica {
	a.t.Helper()
	r := a.open(c)
	a.answerHTTP(r.Source)
	must(a.t, r.Start(a.tcp.Addr().String()))
	for range c.Hosts {
		r.awaitSaid(a.t, inUse)
	}
	return r
}

// wantGood fails unless the source has a certificate of the authority for the name.
func (a *authority) wantGood(r *replica, name string) *x509.Certificate {
	a.t.Helper()
	certificate, err := r.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	must(a.t, err)
	between := x509.NewCertPool()
	for _, der := range certificate.Certificate[1:] {
		between.AddCert(testpki.Must(x509.ParseCertificate(der)))
	}
	if _, err := certificate.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: a.roots, Intermediates: between}); err != nil {
		a.t.Fatalf("%s: %v", name, err)
	}
	return certificate.Leaf
}

// TestACMEHTTP gets certificates with keys of both kinds into one directory, and reads them back while the authority is down.
func TestACMEHTTP(t *testing.T) {
	a := newAuthority(t, authorityOptions{})
	first := a.config(func(c *acme.Config) { c.Hosts = []setting.CertificateHost{"a.lab.test", "b.lab.test"} })
	second := first
	second.Key = certs.RSA
	one, two := a.open(first), a.open(second)
	if len(one.Current()) != 0 || one.Hosts()[0].Leaf != nil {
		t.Error("there is something before the start")
	}
	if _, err := one.GetCertificate(&tls.ClientHelloInfo{ServerName: "a.lab.test"}); err == nil {
		t.Error("a certificate before the start")
	}
	a.answerHTTP(one.Source, two.Source)
	for _, r := range []*replica{one, two} {
		must(t, r.Start(a.tcp.Addr().String()))
	}
	for _, r := range []*replica{one, one, two, two} {
		r.awaitSaid(t, inUse)
	}
	for _, name := range setting.Texts(first.Hosts) {
		if _, ok := a.wantGood(one, name).PublicKey.(*ecdsa.PublicKey); !ok {
			t.Error("not ECDSA")
		}
		if _, ok := a.wantGood(two, name).PublicKey.(*rsa.PublicKey); !ok {
			t.Error("not RSA")
		}
	}
	if changed, err := one.Poll(); !changed || err != nil {
		t.Errorf("poll: %t, %v", changed, err)
	}
	if changed, err := one.Poll(); changed || err != nil {
		t.Errorf("polled again: %t, %v", changed, err)
	}
	if got := a.orders.Load(); got != 4 {
		t.Errorf("%d orders, want 4", got)
	}
	a.down.Store(true)
	again := a.open(first)
	if !a.wantGood(again, "b.lab.test").Equal(a.wantGood(one, "b.lab.test")) {
		t.Error("another certificate after a restart")
	}
}

// gatewayListener shakes hands as the gateway's listeners do, and counts the connections that come of it.
func (a *authority) gatewayListener(r *replica, clients *x509.CertPool) (given *atomic.Int64) {
	policy := testpki.Must(tlspolicy.Named("huawei-high"))
	config := policy.Server(tlspolicy.Server{
		GetCertificate: certs.NewSet(r).GetCertificate, Challenge: acme.Answer(r.Source), ClientCAs: clients, RequireClientCert: clients != nil,
	})
	given = new(atomic.Int64)
	server := accept.NewServer(a.tls, accept.ServerConfig{
		Listener: accept.Config{TLS: config}, Handler: http.NotFoundHandler(),
		Context:       func(ctx context.Context) context.Context { given.Add(1); return ctx },
		HeaderTimeout: time.Nanosecond, // connections end as soon as they are given out
	})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	a.t.Cleanup(func() {
		_ = server.Close()
		must(a.t, <-ended)
	})
	return given
}

// TestACMETLSALPN: the listener itself answers, although it wants client certificates, and nothing else comes of that.
func TestACMETLSALPN(t *testing.T) {
	a, clients := newAuthority(t, authorityOptions{}), testpki.Must(testpki.New())
	r := a.open(a.config(func(c *acme.Config) { c.Challenge = certs.TLSALPN01 }))
	given := a.gatewayListener(r, clients.Pool())
	must(t, r.Start(a.tls.Addr().String()))
	r.awaitSaid(t, inUse)
	a.wantGood(r, "a.lab.test")
	dial := func(change func(*tls.Config)) error {
		config := &tls.Config{RootCAs: a.roots, ServerName: "a.lab.test", Certificates: []tls.Certificate{testpki.Must(clients.Client("app"))}}
		change(config)
		conn, err := tls.Dial("tcp", a.tls.Addr().String(), config)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_, err = conn.Read(make([]byte, 1))
		return err
	}
	for _, name := range []string{"a.lab.test", "other.test", ""} {
		err := dial(func(c *tls.Config) {
			c.NextProtos, c.ServerName, c.InsecureSkipVerify = []string{tlspolicy.ACMEProtocol}, name, true
		})
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%q: answered without a challenge: %v", name, err)
		}
	}
	if given.Load() != 0 {
		t.Errorf("%d connections of challenges were given out", given.Load())
	}
	if err := dial(func(*tls.Config) {}); !errors.Is(err, io.EOF) || given.Load() != 1 {
		t.Errorf("a usual handshake: %v, %d given out", err, given.Load())
	}
}

func overDNS(a *authority) func(*acme.Config) {
	return func(c *acme.Config) {
		c.Hosts, c.Challenge, c.Secrets.TSIG = []setting.CertificateHost{"*.lab.test"}, certs.DNS01, secret.New(zoneKey)
		c.DNS = certs.ACMEDNS{Resolvers: []string{a.zone.address}, RFC2136: &certs.RFC2136{Server: a.zone.address, KeyName: "gateway"}}
	}
}

// TestACMEDNS gets a certificate with a wildcard, and leaves no record behind.
func TestACMEDNS(t *testing.T) {
	a := newAuthority(t, authorityOptions{})
	r := a.open(a.config(overDNS(a)))
	must(t, r.Start(""))
	r.awaitSaid(t, inUse)
	a.wantGood(r, "any.lab.test")
	if updates, left := a.zone.status(); updates != 2 || left != 0 {
		t.Errorf("%d updates and %d records left, want 2 and 0", updates, left)
	}
}

func TestACMEDNSWrongKey(t *testing.T) {
	a := newAuthority(t, authorityOptions{})
	r := a.open(a.config(overDNS(a), func(c *acme.Config) {
		c.Secrets.TSIG = secret.New(base64.StdEncoding.EncodeToString([]byte("another key of thirty-two bytes.")))
	}))
	must(t, r.Start(""))
	r.awaitSaid(t, "there is no certificate yet")
	if err := r.Hosts()[0].Err; err == nil || !strings.Contains(err.Error(), "lab.test") {
		t.Errorf("a wrong key: %v", err)
	}
}

// TestACMERenewUnderLoad renews while handshakes go on.
func TestACMERenewUnderLoad(t *testing.T) {
	a := newAuthority(t, authorityOptions{validity: allTheDue})
	r := a.issued(a.config())
	a.gatewayListener(r, nil)
	stop, done := make(chan struct{}), sync.WaitGroup{}
	var count atomic.Int64
	for range 4 {
		done.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				conn, err := tls.Dial("tcp", a.tls.Addr().String(), &tls.Config{RootCAs: a.roots, ServerName: "a.lab.test"})
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.Close()
				count.Add(1)
			}
		})
	}
	for range 3 {
		before := a.wantGood(r, "a.lab.test")
		must(t, r.Reload())
		r.awaitSaid(t, inUse)
		if a.wantGood(r, "a.lab.test").Equal(before) {
			t.Error("not renewed")
		}
	}
	close(stop)
	done.Wait()
	t.Logf("%d handshakes, %d orders", count.Load(), a.orders.Load())
	if count.Load() == 0 || a.orders.Load() != 4 {
		t.Errorf("%d handshakes, %d orders", count.Load(), a.orders.Load())
	}
}

func TestACMEBadNonces(t *testing.T) {
	a := newAuthority(t, authorityOptions{badNonces: 30})
	a.wantGood(a.issued(a.config()), "a.lab.test")
}

// TestACMEWithoutAddress: an account without an address does not get that of another source.
func TestACMEWithoutAddress(t *testing.T) {
	a := newAuthority(t, authorityOptions{})
	a.down.Store(true)
	other := a.open(a.config())
	must(t, other.Start(a.tcp.Addr().String()))
	other.awaitSaid(t, "there is no certificate yet")
	must(t, other.Close())
	a.down.Store(false)
	config := a.config(func(c *acme.Config) { c.Email = "" })
	a.wantGood(a.issued(config), "a.lab.test")
	accounts, err := filepath.Glob(filepath.Join(config.Dir, "acme", "*", "users", "*"))
	if err != nil || len(accounts) != 1 || filepath.Base(accounts[0]) != "default" {
		t.Errorf("accounts: %q, %v", accounts, err)
	}
}

// TestACMEDownAtStart: without a certificate the source says so, and gets one when the authority is back.
func TestACMEDownAtStart(t *testing.T) {
	a := newAuthority(t, authorityOptions{})
	a.down.Store(true)
	r := a.open(a.config())
	a.answerHTTP(r.Source)
	must(t, r.Start(a.tcp.Addr().String()))
	r.awaitSaid(t, "there is no certificate yet")
	if h := r.Hosts()[0]; h.Leaf != nil || h.Err == nil || !strings.Contains(h.Err.Error(), a.server.URL) {
		t.Errorf("%+v", h)
	}
	if _, err := r.Poll(); err == nil || !strings.Contains(err.Error(), "a.lab.test") {
		t.Errorf("poll: %v", err)
	}
	must(t, r.Reload())
	r.awaitSaid(t, "there is no certificate yet")
	if _, err := r.Poll(); err != nil {
		t.Errorf("reported again: %v", err)
	}
	a.down.Store(false)
	must(t, r.Reload())
	r.awaitSaid(t, inUse)
	a.wantGood(r, "a.lab.test")
}

// TestACMEDownAtRenewal: the old certificate goes on, over a restart too.
func TestACMEDownAtRenewal(t *testing.T) {
	a := newAuthority(t, authorityOptions{validity: allTheDue})
	config := a.config()
	r := a.issued(config)
	old := a.wantGood(r, "a.lab.test")
	a.down.Store(true)
	must(t, r.Reload())
	r.awaitSaid(t, "the old certificate stays in use")
	if !a.wantGood(r, "a.lab.test").Equal(old) || r.Hosts()[0].Err == nil {
		t.Errorf("%+v", r.Hosts())
	}
	must(t, r.Close())
	r = a.open(config)
	if !a.wantGood(r, "a.lab.test").Equal(old) {
		t.Error("another after a restart")
	}
	must(t, r.Start(a.tcp.Addr().String()))
	r.awaitSaid(t, "the old certificate stays in use")
}

// bound binds the account with a key.
func bound(key string) func(*acme.Config) {
	return func(c *acme.Config) { c.Binding.KeyID, c.Secrets.Binding = "kid-1", secret.New(key) }
}

// TestACMEBinding: an authority that wants an external account gets it, and refuses a wrong key, which is not shown.
func TestACMEBinding(t *testing.T) {
	const key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	a := newAuthority(t, authorityOptions{bindings: map[string]string{"kid-1": key}})
	wrong := strings.ToLower(key)
	for name, change := range map[string]func(*acme.Config){"none": func(*acme.Config) {}, "wrong": bound(wrong)} {
		r := a.open(a.config(change))
		must(t, r.Start(a.tcp.Addr().String()))
		r.awaitSaid(t, "there is no certificate yet")
		if err := r.Hosts()[0].Err; err == nil || strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a.wantGood(a.issued(a.config(bound(key))), "a.lab.test")
}

// TestACMEReplicas: two that share a directory order once, and the one that is asked answers for the other.
func TestACMEReplicas(t *testing.T) {
	a := newAuthority(t, authorityOptions{})
	config := a.config()
	one, two := a.open(config), a.open(config)
	a.answerHTTP(one.Source)
	for _, r := range []*replica{one, two} {
		must(t, r.Start(a.tcp.Addr().String()))
	}
	one.awaitSaid(t, inUse)
	two.awaitSaid(t, inUse)
	if !a.wantGood(one, "a.lab.test").Equal(a.wantGood(two, "a.lab.test")) || a.orders.Load() != 1 {
		t.Errorf("%d orders, or different certificates", a.orders.Load())
	}
}

// TestACMEMismatchedStorage: a certificate whose key is another's is not used, and obtained again at the second look.
func TestACMEMismatchedStorage(t *testing.T) {
	a := newAuthority(t, authorityOptions{})
	config := a.config()
	must(t, a.issued(config).Close())
	var keys []string
	must(t, filepath.WalkDir(config.Dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, "a.lab.test.key") {
			keys = append(keys, path)
		}
		return err
	}))
	if len(keys) != 1 {
		t.Fatalf("keys: %q", keys)
	}
	other := testpki.Must(testpki.Must(testpki.New()).Server("a.lab.test"))
	must(t, os.WriteFile(keys[0], testpki.Must(testpki.KeyPEM(other)), 0o600))
	r := a.open(config)
	if len(r.Current()) != 0 || r.Hosts()[0].Err == nil {
		t.Fatal("a certificate is used with the key of another")
	}
	must(t, r.Start(a.tcp.Addr().String()))
	r.awaitSaid(t, inUse)
	a.wantGood(r, "a.lab.test")
}

// TestACMEStops: nothing is left running but what certmagic keeps for the process, and locks' goroutines, which end by
// themselves within five seconds.
func TestACMEStops(t *testing.T) {
	a := newAuthority(t, authorityOptions{})
	before := goleak.IgnoreCurrent()
	r := a.open(a.config(func(c *acme.Config) { c.Hosts = []setting.CertificateHost{"a.lab.test", "b.lab.test"} }))
	must(t, r.Start(a.tcp.Addr().String())) // there is no answer, so that it is cut off in the middle
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := acceptOne(ctx, a.tcp)
	must(t, err)
	must(t, r.Close())
	must(t, r.Close())
	_, _ = conn.Close(), a.tcp.Close() // for the authority's own goroutines
	a.server.CloseClientConnections()
	goleak.VerifyNone(t, before,
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"))
}

// acceptOne waits for the authority to ask.
func acceptOne(ctx context.Context, l net.Listener) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	return l.Accept()
}
