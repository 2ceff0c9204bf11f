package service

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tollgate/admin"
	"tollgate/config"
	"tollgate/fleet"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// kept is a tlsReloader of one listener and one upstream, and the folder with their files.
func kept(t *testing.T, leaf testpki.Leaf) (k *tlsReloader, dir string, logs *observer.ObservedLogs, ca *testpki.CA) {
	t.Helper()
	dir, ca = t.TempDir(), testpki.Must(testpki.New())
	leaf.Names = []string{"gw.example"}
	for _, name := range []string{"tls", "us"} {
		issue(t, ca, leaf, dir, name)
	}
	if err := ca.WriteFile(filepath.Join(dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	list := x509.RevocationList{ThisUpdate: time.Now().Add(-9 * time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	if err := os.WriteFile(filepath.Join(dir, "ca.crl"), testpki.Must(ca.RevocationList(list)), 0o600); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	k = newTLSReloader(zap.New(core), setting.Secrets{}, nil)
	k.policies = testpki.Must(new(config.Config).Policies())
	k.metrics = admin.NewCertificates(prometheus.NewRegistry(), k.metricsSources())
	_, _, err := k.listener("https", &certs.ListenerTLS{
		Policy:       tlspolicy.Default,
		Certificates: []certs.Certificate{{Files: &certs.CertificateFiles{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}}},
		ClientCA:     filepath.Join(dir, "ca.pem"), ClientCRL: []string{filepath.Join(dir, "ca.crl")},
	})
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream.Config{Name: "bss", TLS: &certs.UpstreamTLS{
		Policy: tlspolicy.Default, ClientCertificate: &certs.CertificateFiles{Cert: filepath.Join(dir, "us.crt"), Key: filepath.Join(dir, "us.key")},
	}}
	if _, _, err := k.upstream(u); err != nil {
		t.Fatal(err)
	}
	return k, dir, logs, ca
}

func issue(t *testing.T, ca *testpki.CA, leaf testpki.Leaf, dir, name string) {
	t.Helper()
	certificate := testpki.Must(ca.Issue(leaf))
	if err := testpki.WriteFiles(certificate, filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")); err != nil {
		t.Fatal(err)
	}
}

// TestReloaderWarns of all that is due, in the words of its place.
func TestReloaderWarns(t *testing.T) {
	now := time.Now()
	k, dir, _, _ := kept(t, testpki.Leaf{NotBefore: now.Add(-10 * time.Hour), NotAfter: now.Add(90 * time.Minute)})
	defer k.close()
	got := strings.Join(k.warnings(now), "\n")
	for _, want := range []string{
		"listener https: the certificate gw.example expires in 1h",
		"upstream bss: the certificate gw.example expires in 1h",
		"listener https: the revocation list " + filepath.Join(dir, "ca.crl") + " of CN=Tollgate throw-away CA expires in 1h",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no warning %q in\n%s", want, got)
		}
	}
	if n := len(k.warnings(now.Add(-2 * time.Hour))); n != 0 {
		t.Errorf("%d warnings while all is well", n)
	}
	if got := strings.Join(k.warnings(now.Add(2*time.Hour)), "\n"); strings.Count(got, "has expired") != 3 {
		t.Errorf("after the end:\n%s", got)
	}
}

// TestReloaderFollows files without being asked: two looks after a change it is there, what is wrong is reported once, and what is
// right again too.
func TestReloaderFollows(t *testing.T) {
	k, dir, logs, ca := kept(t, testpki.Leaf{})
	defer k.close()
	twice := func() { k.watch.Poll(); k.watch.Poll() }
	twice()
	if all := logs.TakeAll(); len(all) != 0 {
		t.Errorf("reported without a change: %v", all)
	}
	key, err := os.ReadFile(filepath.Join(dir, "us.key"))
	if err != nil {
		t.Fatal(err)
	}
	for step, c := range []struct {
		change func() error
		report string
		warned bool
	}{
		{func() error { issue(t, ca, testpki.Leaf{Names: []string{"next.example"}}, dir, "tls"); return nil }, "certificates have changed", false},
		{func() error { return os.WriteFile(filepath.Join(dir, "us.key"), []byte("no key"), 0o600) }, "what was in use stays in use", true},
		{func() error { return nil }, "", true},
		{func() error { return os.WriteFile(filepath.Join(dir, "us.key"), key, 0o600) }, "certificates have changed", false},
	} {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		twice()
		twice()
		all := logs.TakeAll()
		if (len(all) == 0) != (c.report == "") || len(all) > 1 || len(all) == 1 && !strings.Contains(all[0].Message, c.report) {
			t.Errorf("step %d: reported %v, want %q", step, all, c.report)
		}
		if got := strings.Join(k.warnings(time.Now()), "\n"); strings.Contains(got, "upstream bss: "+filepath.Join(dir, "us.crt")) != c.warned {
			t.Errorf("step %d: warnings:\n%s", step, got)
		}
	}
	if in := strings.Join(k.inUse(), "\n"); !strings.Contains(in, "next.example") {
		t.Errorf("in use:\n%s", in)
	}
}

// TestReloaderRuns: once started it looks by itself, and close waits for its end.
func TestReloaderRuns(t *testing.T) {
	k, dir, logs, ca := kept(t, testpki.Leaf{})
	k.interval = time.Millisecond
	reported, report := make(chan error, 10), k.watch.Report
	k.watch.Report = func(name string, err error) { report(name, err); reported <- err }
	k.start()
	issue(t, ca, testpki.Leaf{Names: []string{"next.example"}}, dir, "tls")
	for <-reported != nil { // half the change may be seen first
	}
	k.close()
	logs.TakeAll()
	issue(t, ca, testpki.Leaf{Names: []string{"last.example"}}, dir, "tls")
	if got := k.all()[0].sources[0].Current()[0].Leaf.DNSNames[0]; got != "next.example" || logs.Len() != 0 {
		t.Errorf("it goes on after its end: %s", got)
	}
}

// TestSessionsTowardsUpstream: with a certificate of ours none is kept, since it would show the certificate of its beginning.
func TestSessionsTowardsUpstream(t *testing.T) {
	k, dir, _, _ := kept(t, testpki.Leaf{})
	defer k.close()
	u := &upstream.Config{Name: "bss", TLS: &certs.UpstreamTLS{Policy: tlspolicy.Default}}
	_, without, err := k.upstream(u)
	if err != nil || without.ClientSessionCache == nil {
		t.Errorf("without a certificate: %v", err)
	}
	u.TLS.ClientCertificate = &certs.CertificateFiles{Cert: filepath.Join(dir, "us.crt"), Key: filepath.Join(dir, "us.key")}
	_, with, err := k.upstream(u)
	if err != nil || with.ClientSessionCache != nil {
		t.Errorf("with a certificate sessions are kept: %v", err)
	}
	u.TLS.ClientCertificate.Cert = filepath.Join(dir, "missing.crt")
	if _, _, err := k.upstream(u); err == nil {
		t.Error("a missing certificate is taken")
	}
}

// handshake is one between a listener and an upstream's configuration.
func handshake(server, client *tls.Config) (serverErr, clientErr error) {
	near, far := net.Pipe()
	done := make(chan error)
	go func() {
		err := tls.Server(far, server).Handshake()
		_ = far.Close()
		done <- err
	}()
	clientErr = tls.Client(near, client).Handshake()
	_, _ = io.Copy(io.Discard, near) // the server has tickets to send
	_ = near.Close()
	return <-done, clientErr
}

// TestSettingsOfTLSHold: what a configuration says of client certificates and of pins decides on handshakes.
func TestSettingsOfTLSHold(t *testing.T) {
	k, dir, _, _ := kept(t, testpki.Leaf{Server: true})
	defer k.close()
	shown := []certs.Certificate{{Files: &certs.CertificateFiles{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}}}
	towards := func(pins ...tlspolicy.Pin) *tls.Config {
		_, client, err := k.upstream(&upstream.Config{Name: "gw", TLS: &certs.UpstreamTLS{
			Policy: tlspolicy.Default, CA: filepath.Join(dir, "ca.pem"), ServerName: "gw.example", Pins: pins,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	for certificate, refused := range map[string]bool{"required": true, "optional": false, "": false} {
		_, server, err := k.listener(certificate, &certs.ListenerTLS{
			Policy: tlspolicy.Default, Certificates: shown, ClientCA: filepath.Join(dir, "ca.pem"), ClientCertificate: certificate,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err, _ := handshake(server, towards()); (err != nil) != refused {
			t.Errorf("client_certificate %q: without one %v", certificate, err)
		}
		if _, err := handshake(server, towards(tlspolicy.Pin{}, tlspolicy.Pin{1})); tlspolicy.KindOf(err) != tlspolicy.KindPin {
			t.Errorf("other pins: %v", err)
		}
	}
}

// TestWholeHandshakeExpires: what handshakes depend on besides leaves counts in readiness and in the metric, with its own name: an
// intermediate of a chain, an authority of client_ca, one of an upstream's ca.
func TestWholeHandshakeExpires(t *testing.T) {
	now := time.Now()
	k, dir, _, ca := kept(t, testpki.Leaf{})
	defer k.close()
	over := func(name string) []byte {
		old := testpki.Leaf{Names: []string{name}, Server: true, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-time.Hour)}
		return testpki.CertPEM(testpki.Must(ca.Issue(old)))
	}
	for file, more := range map[string][]byte{"tls.crt": over("intermediate.example"), "us.crt": over("ours.example"), "ca.pem": over("root.example")} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, append(testpki.Must(os.ReadFile(path)), more...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k.reload()
	u := &upstream.Config{Name: "other", TLS: &certs.UpstreamTLS{Policy: tlspolicy.Default, CA: filepath.Join(dir, "ca.pem")}}
	if _, _, err := k.upstream(u); err != nil {
		t.Fatal(err)
	}
	warnings := strings.Join(k.warnings(now), "\n")
	for _, want := range []string{
		"listener https: the certificate intermediate.example in the chain of gw.example has expired",
		"upstream bss: the certificate ours.example in the chain of gw.example has expired",
		"listener https: the authority root.example of " + filepath.Join(dir, "ca.pem") + " has expired",
		"upstream other: the authority root.example of " + filepath.Join(dir, "ca.pem") + " has expired",
	} {
		if !strings.Contains(warnings, want) {
			t.Errorf("no warning %q in\n%s", want, warnings)
		}
	}
	shown := map[admin.Certificate]bool{}
	for _, c := range k.certificates() {
		c.NotAfter = time.Time{}
		shown[c] = true
	}
	for _, want := range []admin.Certificate{
		{Listener: "https", Name: "gw.example"}, {Listener: "https", Name: "intermediate.example"}, {Listener: "https", Name: "root.example"},
		{Upstream: "bss", Name: "gw.example"}, {Upstream: "bss", Name: "ours.example"}, {Upstream: "other", Name: "root.example"},
	} {
		if !shown[want] {
			t.Errorf("the metric lacks %+v: %v", want, shown)
		}
	}
}

// TestDamagedBundleStays: a damaged block in client_ca is refused at a reload: the old authorities stay, with a warning and a count.
func TestDamagedBundleStays(t *testing.T) {
	k, dir, logs, ca := kept(t, testpki.Leaf{})
	defer k.close()
	before := k.all()[0].clients.Pool()
	path := filepath.Join(dir, "ca.pem")
	damaged := strings.Replace(string(ca.CertPEM()), "M", "#", 1)
	if err := os.WriteFile(path, append(ca.CertPEM(), damaged...), 0o600); err != nil {
		t.Fatal(err)
	}
	k.watch.Poll()
	k.watch.Poll()
	if k.all()[0].clients.Pool() != before {
		t.Error("the authorities were replaced")
	}
	const want = "PEM block number 2, from line "
	if got := strings.Join(k.warnings(time.Now()), "\n"); !strings.Contains(got, want) || !strings.Contains(got, path) {
		t.Errorf("readiness: %q", got)
	}
	if all := logs.TakeAll(); len(all) != 1 || all[0].Message != "certificates: what was in use stays in use" {
		t.Errorf("log: %v", all)
	}
}

// TestListenerWithoutCertificate: it is not opened.
func TestListenerWithoutCertificate(t *testing.T) {
	k := newTLSReloader(zap.NewNop(), setting.Secrets{}, nil)
	k.policies = map[string]*tlspolicy.Policy{tlspolicy.Default: {}}
	if _, config, err := k.listener("x", &certs.ListenerTLS{Policy: tlspolicy.Default}); err == nil || config != nil || len(k.all()) != 0 {
		t.Errorf("%v, %v", config, err)
	}
}

// TestRedisTLS: the way to the fleet's Redis is under a policy, for the name that is dialed unless another is configured, and each connection
// goes by the authorities and the certificate of now. A file that cannot be taken leaves the ones in use.
func TestRedisTLS(t *testing.T) {
	k, dir, _, ca := kept(t, testpki.Leaf{Server: true})
	defer k.close()
	_, server, err := k.listener("redis", &certs.ListenerTLS{
		Policy: tlspolicy.Default, ClientCA: filepath.Join(dir, "ca.pem"), ClientCertificate: "required",
		Certificates: []certs.Certificate{{Files: &certs.CertificateFiles{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	issue(t, ca, testpki.Leaf{Names: []string{"us.example"}}, dir, "us")
	authorities := filepath.Join(dir, "redis-ca.pem")
	if err := ca.WriteFile(authorities); err != nil {
		t.Fatal(err)
	}
	towards, err := k.redis(&fleet.TLS{
		Policy: tlspolicy.Default, CA: authorities, Certificate: &certs.CertificateFiles{Cert: filepath.Join(dir, "us.crt"), Key: filepath.Join(dir, "us.key")},
	})
	if err != nil {
		t.Fatal(err)
	}
	as := func(name string) *tls.Config {
		config := towards()
		config.ServerName = name // which the client fills in where none is configured
		return config
	}
	if err, other := handshake(server, as("gw.example")); err != nil || other != nil {
		t.Errorf("%v, %v", err, other)
	}
	if _, err := handshake(server, as("other.example")); err == nil {
		t.Error("a server of another name is taken")
	}
	other := testpki.Must(testpki.New())
	for _, step := range []struct {
		text  []byte
		taken bool
	}{{other.CertPEM(), false}, {[]byte("no certificate"), false}, {append(other.CertPEM(), ca.CertPEM()...), true}} {
		if err := os.WriteFile(authorities, step.text, 0o600); err != nil {
			t.Fatal(err)
		}
		k.reload()
		if _, err := handshake(server, as("gw.example")); (err == nil) != step.taken {
			t.Errorf("authorities %.20q: %v", step.text, err)
		}
	}
	if err := os.WriteFile(authorities, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k.reload()
	if got, want := strings.Join(k.warnings(time.Now()), "\n"), "upstream fleet.redis: "+authorities+" stays as it was since "; !strings.Contains(got, want) {
		t.Errorf("no warning %q in %s", want, got)
	}
	for _, bad := range []fleet.TLS{
		{Policy: "mine"}, {Policy: tlspolicy.Default, CA: filepath.Join(dir, "missing.pem")},
		{Policy: tlspolicy.Default, Certificate: &certs.CertificateFiles{Cert: filepath.Join(dir, "missing.crt"), Key: filepath.Join(dir, "us.key")}},
	} {
		if _, err := k.redis(&bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
