package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
)

// trust is a directory with the files that say which clients count, and a clock.
type trust struct {
	dir     string
	ca      *testpki.CA
	elapsed time.Duration
	clients *Clients
}

func (s *trust) file(name string) string { return filepath.Join(s.dir, name) }
func (s *trust) now() time.Time          { return time.Now().Add(s.elapsed) }

// newTrust has one authority; crl and deny, unless nil, are the contents of a file each.
func newTrust(t *testing.T, crl, deny []byte, change ...func(*ListenerTLS)) *trust {
	t.Helper()
	s := &trust{dir: t.TempDir(), ca: testpki.Must(testpki.New())}
	overwrite(t, s.file("ca.pem"), s.ca.CertPEM())
	config := ListenerTLS{ClientCA: s.file("ca.pem")}
	if crl != nil {
		config.ClientCRL = []string{s.file("crl")}
		overwrite(t, s.file("crl"), crl)
	}
	if deny != nil {
		config.ClientDeny = s.file("deny")
		overwrite(t, s.file("deny"), deny)
	}
	for _, c := range change {
		c(&config)
	}
	var err error
	if s.clients, err = loadClients(&config, s.now); err != nil {
		t.Fatal(err)
	}
	return s
}

// withCRL is newTrust with a list that its authority has signed.
func withCRL(t *testing.T, template x509.RevocationList, change ...func(*ListenerTLS)) *trust {
	t.Helper()
	s := newTrust(t, nil, nil)
	overwrite(t, s.file("crl"), testpki.Must(s.ca.RevocationList(template)))
	config := ListenerTLS{ClientCA: s.file("ca.pem"), ClientCRL: []string{s.file("crl")}}
	for _, c := range change {
		c(&config)
	}
	s.clients = testpki.Must(loadClients(&config, s.now))
	return s
}

func revoked(certificates ...*x509.Certificate) (list x509.RevocationList) {
	for _, c := range certificates {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now()})
	}
	return list
}

// chainsOf verifies a client certificate as crypto/tls does.
func chainsOf(t *testing.T, leaf *x509.Certificate, roots *x509.CertPool, between ...*x509.Certificate) [][]*x509.Certificate {
	t.Helper()
	pool := x509.NewCertPool()
	for _, c := range between {
		pool.AddCert(c)
	}
	return testpki.Must(leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}))
}

func (s *trust) client(t *testing.T) *x509.Certificate {
	t.Helper()
	return testpki.Must(s.ca.Client("app")).Leaf
}

// want asks about a client of the authority. kind "" is a good answer.
func (s *trust) want(t *testing.T, leaf *x509.Certificate, kind tlspolicy.Kind, text string) {
	t.Helper()
	wantKind(t, s.clients.Check(chainsOf(t, leaf, s.ca.Pool())), kind, text)
}

func wantKind(t *testing.T, err error, kind tlspolicy.Kind, text string) {
	t.Helper()
	var refused *tlspolicy.NotAllowed
	if errors.As(err, &refused); (err == nil) != (kind == "") || err != nil && (refused == nil || refused.Kind != kind || !strings.Contains(err.Error(), text)) {
		t.Errorf("%v, want %q %q", err, kind, text)
	}
}

// settle polls until changes are taken, and returns what was reported.
func (s *trust) settle(t *testing.T) (reported string) {
	t.Helper()
	var all []string
	for range 3 {
		if _, err := s.clients.Poll(); err != nil {
			all = append(all, err.Error())
		}
	}
	return strings.Join(all, "\n")
}

func wantReported(t *testing.T, reported string, want string) {
	t.Helper()
	if (reported == "") != (want == "") || strings.Count(reported, want) > 1 && want != "" || !strings.Contains(reported, want) {
		t.Errorf("reported %q, want %q once", reported, want)
	}
}

func TestClientsWithoutLists(t *testing.T) {
	s := newTrust(t, nil, nil)
	leaf := s.client(t)
	s.want(t, leaf, "", "")
	wantReported(t, s.settle(t), "")
	s.elapsed = 2 * testpki.Lifetime
	s.want(t, leaf, tlspolicy.KindExpired, "it held until")
	wantKind(t, s.clients.Check(nil), tlspolicy.KindInvalid, "no chain")
}

// TestAuthoritiesChange: the pool is another only if the authorities are.
func TestAuthoritiesChange(t *testing.T) {
	s := newTrust(t, nil, nil)
	leaf, pool := s.client(t), s.clients.Pool()
	renameOver(t, s.file("ca.pem"), s.ca.CertPEM())
	wantReported(t, s.settle(t), "")
	if s.clients.Pool() != pool {
		t.Error("the same authorities are another pool")
	}
	other := testpki.Must(testpki.New())
	renameOver(t, s.file("ca.pem"), append(s.ca.CertPEM(), other.CertPEM()...))
	wantReported(t, s.settle(t), "")
	s.want(t, leaf, "", "")
	if s.clients.Pool() == pool {
		t.Error("other authorities are the same pool")
	}
	overwrite(t, s.file("ca.pem"), append(other.CertPEM(), "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"...))
	wantReported(t, s.settle(t), "certificate number 2")
	s.want(t, leaf, "", "")
	overwrite(t, s.file("ca.pem"), other.CertPEM())
	if err := s.clients.Reload(); err != nil {
		t.Error(err)
	}
	s.want(t, leaf, tlspolicy.KindAuthority, "not in "+s.file("ca.pem")+" any more")
}

func TestRevocationList(t *testing.T) {
	s := withCRL(t, x509.RevocationList{})
	lost, kept := s.client(t), s.client(t)
	s.want(t, lost, "", "")
	for _, encode := range []func([]byte) []byte{
		func(der []byte) []byte { return der },
		func(der []byte) []byte {
			return append([]byte("Certificate Revocation List (CRL):\n"), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
		},
	} {
		overwrite(t, s.file("crl"), encode(testpki.Must(s.ca.RevocationList(revoked(lost)))))
		wantReported(t, s.settle(t), "")
		s.want(t, lost, tlspolicy.KindRevoked, "by the list "+s.file("crl"))
		s.want(t, kept, "", "")
		if lists := s.clients.RevocationLists(); len(lists) != 1 || lists[0].Revoked != 1 || lists[0].Path != s.file("crl") || lists[0].NextUpdate.IsZero() {
			t.Errorf("lists: %+v", lists)
		}
		overwrite(t, s.file("crl"), testpki.Must(s.ca.RevocationList(x509.RevocationList{})))
		wantReported(t, s.settle(t), "")
		s.want(t, lost, "", "") // taken off the list (certificateHold)
	}
}

// TestBadListsKeepTheOldOne: whatever is wrong with a new list, those that the old one names stay refused.
func TestBadListsKeepTheOldOne(t *testing.T) {
	other := testpki.Must(testpki.New())
	dp := func(value string) []pkix.Extension {
		raw := testpki.Must(hex.DecodeString(value))
		return []pkix.Extension{{Id: oidDistributionPoint, Critical: true, Value: raw}}
	}
	entryIssuer := x509.RevocationList{RevokedCertificateEntries: []x509.RevocationListEntry{{
		SerialNumber: big.NewInt(5), RevocationTime: time.Now(), ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}},
	}}}
	long := time.Now().Add(-48 * time.Hour)
	for name, c := range map[string]struct {
		by       *testpki.CA
		template x509.RevocationList
		edit     func([]byte) []byte
		want     string
	}{
		"another's":    {other, x509.RevocationList{}, nil, "its signature is not that of"},
		"outdated":     {nil, x509.RevocationList{ThisUpdate: long, NextUpdate: long.Add(time.Hour)}, nil, "was to be replaced by"},
		"older":        {nil, x509.RevocationList{ThisUpdate: long, NextUpdate: time.Now().Add(time.Hour)}, nil, "older than the list in use"},
		"not yet":      {nil, x509.RevocationList{ThisUpdate: time.Now().Add(time.Hour), NextUpdate: time.Now().Add(2 * time.Hour)}, nil, "begins to hold at"},
		"delta":        {nil, x509.RevocationList{ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}}, nil, "critical extension 2.5.29.27"},
		"indirect":     {nil, x509.RevocationList{ExtraExtensions: dp("30038401ff")}, nil, "a full list is needed"},
		"some reasons": {nil, x509.RevocationList{ExtraExtensions: dp("300483020640")}, nil, "a full list is needed"},
		"bad point":    {nil, x509.RevocationList{ExtraExtensions: dp("31")}, nil, "malformed"},
		"of others":    {nil, entryIssuer, nil, "critical extension 2.5.29.29"},
		"bit flipped":  {nil, x509.RevocationList{}, func(der []byte) []byte { der[len(der)-1] ^= 1; return der }, "its signature is not that of"},
		"half of it":   {nil, x509.RevocationList{}, func(der []byte) []byte { return der[:len(der)/2] }, "PEM or DER"},
		"empty":        {nil, x509.RevocationList{}, func([]byte) []byte { return nil }, "PEM or DER"},
		"certificate":  {nil, x509.RevocationList{}, func([]byte) []byte { return other.CertPEM() }, "PEM block of type CERTIFICATE"},
	} {
		t.Run(name, func(t *testing.T) {
			s := withCRL(t, x509.RevocationList{})
			lost := s.client(t)
			overwrite(t, s.file("crl"), testpki.Must(s.ca.RevocationList(revoked(lost))))
			wantReported(t, s.settle(t), "")
			by := c.by
			if by == nil {
				by = s.ca
			}
			der := testpki.Must(by.RevocationList(c.template))
			if c.edit != nil {
				der = c.edit(der)
			}
			overwrite(t, s.file("crl"), der)
			wantReported(t, s.settle(t), c.want)
			s.want(t, lost, tlspolicy.KindRevoked, "")
			s.want(t, s.client(t), "", "")
			if err := s.clients.Reload(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Reload: %v", err)
			}
			s.want(t, lost, tlspolicy.KindRevoked, "")
			if _, err := loadClients(s.clients.settings, s.now); (err == nil) != (name == "outdated" || name == "older") {
				t.Errorf("as the first: %v", err)
			}
		})
	}
}

// TestOutdatedList: past its next update a list vouches for no certificate, unless the operator says so; what it names
// stays refused, and that is reported once.
func TestOutdatedList(t *testing.T) {
	for _, isLenient := range []bool{false, true} {
		s := withCRL(t, x509.RevocationList{}, func(c *ListenerTLS) { c.ClientCRLMissing = map[bool]string{false: "refuse", true: "allow"}[isLenient] })
		good := testpki.Must(s.ca.Issue(testpki.Leaf{NotAfter: time.Now().Add(9 * testpki.Lifetime)})).Leaf
		lost := testpki.Must(s.ca.Issue(testpki.Leaf{NotAfter: good.NotAfter})).Leaf
		overwrite(t, s.file("crl"), testpki.Must(s.ca.RevocationList(revoked(lost))))
		wantReported(t, s.settle(t), "")
		s.elapsed = testpki.Lifetime + time.Hour
		// The authority of the tests is as short-lived as a list, so this asks about the leaf alone.
		chain := []*x509.Certificate{good, s.ca.Certificate()}
		want := map[bool]tlspolicy.Kind{false: tlspolicy.KindStatus, true: ""}[isLenient]
		err := s.clients.status(good, chain[1], s.now())
		wantKind(t, err, want, "no revocation list of its issuer")
		wantKind(t, s.clients.status(lost, chain[1], s.now()), tlspolicy.KindRevoked, "")
		wantReported(t, s.settle(t), map[bool]string{false: "of which it says nothing are refused", true: "of which it says nothing pass"}[isLenient])
		wantReported(t, s.settle(t), "")
		overwrite(t, s.file("crl"), testpki.Must(s.ca.RevocationList(x509.RevocationList{ThisUpdate: s.now()})))
		wantReported(t, s.settle(t), "")
		wantKind(t, s.clients.status(good, chain[1], s.now()), "", "")
		s.elapsed += 2 * testpki.Lifetime
		wantReported(t, s.settle(t), "is outdated since") // and again, since it was good in between
	}
}

// TestAuthorityWithoutList: where lists are given, an authority needs one.
func TestAuthorityWithoutList(t *testing.T) {
	s := withCRL(t, x509.RevocationList{})
	other := testpki.Must(testpki.New())
	overwrite(t, s.file("ca.pem"), append(s.ca.CertPEM(), other.CertPEM()...))
	s.settle(t)
	leaf := testpki.Must(other.Client("other")).Leaf
	err := s.clients.Check(chainsOf(t, leaf, other.Pool()))
	// Authorities of the tests all have the same name, so that only the signature distinguishes them.
	wantKind(t, err, tlspolicy.KindStatus, "no revocation list of its issuer")
	overwrite(t, s.file("crl"), append(
		pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: testpki.Must(s.ca.RevocationList(x509.RevocationList{}))}),
		pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: testpki.Must(other.RevocationList(x509.RevocationList{}))})...))
	wantReported(t, s.settle(t), "")
	wantKind(t, s.clients.Check(chainsOf(t, leaf, other.Pool())), "", "")
}

// TestListOfANewAuthority: a list whose issuer comes into the bundle later counts from then on.
func TestListOfANewAuthority(t *testing.T) {
	s := withCRL(t, x509.RevocationList{})
	other := testpki.Must(testpki.New())
	lost := testpki.Must(other.Client("lost")).Leaf
	overwrite(t, s.file("crl"), testpki.Must(other.RevocationList(revoked(lost))))
	wantReported(t, s.settle(t), "its signature is not that of")
	overwrite(t, s.file("ca.pem"), other.CertPEM())
	wantReported(t, s.settle(t), "")
	wantKind(t, s.clients.Check(chainsOf(t, lost, other.Pool())), tlspolicy.KindRevoked, "")
}

// TestScope: a list about users only says nothing of authorities below the root.
func TestScope(t *testing.T) {
	user, authority := &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true}
	issuer := &x509.Certificate{RawSubject: []byte("s"), RawSubjectPublicKeyInfo: []byte("k")}
	for value, want := range map[string][2]bool{"3000": {true, true}, "30038101ff": {true, false}, "30038201ff": {false, true}, "30100e": {}} {
		list := &x509.RevocationList{Extensions: []pkix.Extension{{Id: oidDistributionPoint, Critical: true, Value: testpki.Must(hex.DecodeString(value))}}}
		s, err := scopeOf(list)
		if (err == nil) != (want != [2]bool{}) {
			t.Errorf("%s: %v", value, err)
		}
		l := &crl{issuer: issuer, scope: s}
		if got := [2]bool{l.about(user, issuer), l.about(authority, issuer)}; err == nil && got != want {
			t.Errorf("%s: about users, authorities: %v, want %v", value, got, want)
		}
	}
}

func TestDenyList(t *testing.T) {
	s := newTrust(t, nil, []byte("# none\n"))
	other := testpki.Must(testpki.New())
	lost, kept := s.client(t), s.client(t)
	print := func(ca *testpki.CA) string { return fmt.Sprintf("%X", sha256.Sum256(ca.Certificate().Raw)) }
	for line, want := range map[string]tlspolicy.Kind{
		"%x":                             tlspolicy.KindRevoked,
		"0x%X # lost":                    tlspolicy.KindRevoked,
		"0000%x\r":                       tlspolicy.KindRevoked,
		"%x " + print(s.ca):              tlspolicy.KindRevoked,
		"%x\t" + colons(print(s.ca)):     tlspolicy.KindRevoked,
		"%x " + print(other):             "",
		"# %x":                           "",
		"1%x":                            "",
		"%x " + print(other) + "\n%[1]x": tlspolicy.KindRevoked,
	} {
		overwrite(t, s.file("deny"), []byte("\n"+fmt.Sprintf(line, lost.SerialNumber)+"\n"))
		if err := s.clients.Reload(); err != nil {
			t.Fatal(err)
		}
		s.want(t, lost, want, "denied by line")
		s.want(t, kept, "", "")
	}
	overwrite(t, s.file("deny"), []byte(colons(fmt.Sprintf("%040x", lost.SerialNumber))))
	wantReported(t, s.settle(t), "")
	s.want(t, lost, tlspolicy.KindRevoked, "denied by line 1 of "+s.file("deny"))
	overwrite(t, s.file("deny"), []byte("12345g\n1 2 3\n1 abcd\n"))
	wantReported(t, s.settle(t), "line 1:")
	if err := s.clients.Reload(); err == nil || !strings.Contains(err.Error(), "line 3: has no SHA-256 fingerprint") || strings.Contains(err.Error(), "abcd") || !strings.Contains(err.Error(), s.file("deny")) {
		t.Error(err)
	}
	s.want(t, lost, tlspolicy.KindRevoked, "")
	overwrite(t, s.file("deny"), []byte(fmt.Sprintf("%x", s.ca.Certificate().SerialNumber)))
	wantReported(t, s.settle(t), "")
	s.want(t, kept, tlspolicy.KindRevoked, "") // its authority
}

// TestSerialNumbers: a word that is no serial number of at most 20 octets denies no certificate, so the list with it is refused.
func TestSerialNumbers(t *testing.T) {
	long := strings.Repeat("9f", 20)
	for word, want := range map[string]string{
		"5F0A11": "\x5f\x0a\x11", "5f:0A:11": "\x5f\x0a\x11", "0x5f0a11": "\x5f\x0a\x11", "serial=5F0A11": "\x5f\x0a\x11", "005f0a11": "\x5f\x0a\x11", "a11": "\x0a\x11", "0": "",
		long: strings.Repeat("\x9f", 20), colons(long): strings.Repeat("\x9f", 20), "00" + long: strings.Repeat("\x9f", 20),
	} {
		if list, err := parseDenyList([]byte(word)); err != nil || len((*list)[want]) != 1 {
			t.Errorf("%s: %v, %v", word, list, err)
		}
	}
	for _, word := range []string{
		"-5f", "+5f", "5g", "0x", ":", "5f:", ":5f", "5f::0a", "5:0a:11", "5f:0a:1", "5f0a:11", "serial=", "serial=serial=5f", "serial 5f", "0x0x5f", "5_f", "\uff11", "5f-0a",
		"1" + long, long + "9f", "01" + long, "0000" + long, colons(long + "9f"), strings.Repeat("ab", 32), strings.Repeat("0", 64),
	} {
		if list, err := parseDenyList([]byte("01\n" + word)); err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), word) && len(word) > 2 {
			t.Errorf("%s: %v, %v", word, list, err)
		}
	}
}

func colons(digits string) string {
	var out []string
	for i := 0; i < len(digits); i += 2 {
		out = append(out, digits[i:i+2])
	}
	return strings.Join(out, ":")
}

// TestOneBadFileHoldsUpNoOther: a bad bundle and a bad list do not keep a serial number from being denied.
func TestOneBadFileHoldsUpNoOther(t *testing.T) {
	s := withCRL(t, x509.RevocationList{}, func(c *ListenerTLS) {
		c.ClientDeny = filepath.Join(filepath.Dir(c.ClientCA), "deny")
		overwrite(t, c.ClientDeny, nil)
	})
	lost := s.client(t)
	s.want(t, lost, "", "")
	overwrite(t, s.file("ca.pem"), []byte("x"))
	_ = os.Remove(s.file("crl"))
	overwrite(t, s.file("deny"), []byte(fmt.Sprintf("%x", lost.SerialNumber)))
	reported := s.settle(t)
	for _, want := range []string{"no PEM block of type CERTIFICATE", "no such file"} {
		if strings.Count(reported, want) != 1 {
			t.Errorf("reported %q, want %q once", reported, want)
		}
	}
	s.want(t, lost, tlspolicy.KindRevoked, "denied")
}

// TestSwapsUnderLoad changes the server's certificate, the authorities, the list and the deny list while peers of both kinds
// shake hands, with sessions and without: no peer is refused that may come in, and none comes in that may not.
func TestSwapsUnderLoad(t *testing.T) {
	s := withCRL(t, x509.RevocationList{}, func(c *ListenerTLS) {
		c.ClientDeny = filepath.Join(filepath.Dir(c.ClientCA), "deny")
		overwrite(t, c.ClientDeny, nil)
	})
	other := testpki.Must(testpki.New())
	good, lost := testpki.Must(s.ca.Client("good")), testpki.Must(s.ca.Client("lost"))
	overwrite(t, s.file("crl"), testpki.Must(s.ca.RevocationList(revoked(lost.Leaf))))
	servers := [2]tls.Certificate{testpki.Must(s.ca.Server("tollgate.test")), testpki.Must(s.ca.ServerRSA("tollgate.test"))}
	f := write(t, servers[0])
	source := loadWatched(t, f.cert, f.key)
	if err := s.clients.Reload(); err != nil {
		t.Fatal(err)
	}
	policy := testpki.Must(tlspolicy.Named(tlspolicy.Default))
	config := policy.Server(tlspolicy.Server{
		GetCertificate: NewSet(source).GetCertificate, CurrentClientCAs: s.clients.Pool, CheckClient: s.clients.Check, RequireClientCert: true,
	})
	watch := Watch{Reloaders: func() []Reloader { return []Reloader{source, s.clients} }, Report: func(name string, err error) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}}
	const rounds = 30
	swap := func(round int) {
		f.replace(t, servers[round%2])
		bundle := s.ca.CertPEM()
		if round%2 == 0 {
			bundle = append(bundle, other.CertPEM()...)
		}
		overwrite(t, s.file("ca.pem"), bundle)
		overwrite(t, s.file("crl"), testpki.Must(s.ca.RevocationList(revoked(lost.Leaf, servers[round%2].Leaf))))
		overwrite(t, s.file("deny"), []byte(strings.Repeat("# x\n", round)))
		watch.Poll()
		watch.Poll()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for round := range rounds {
			swap(round)
		}
	}()
	var peers sync.WaitGroup
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := func(c tls.Certificate) *tls.Config {
			return &tls.Config{
				ServerName: "tollgate.test", RootCAs: s.ca.Pool(), Certificates: []tls.Certificate{c},
				MinVersion: version, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1),
			}
		}
		peers.Go(func() {
			again, bad := client(good), client(lost)
			for busy := true; busy; {
				select {
				case <-done:
					busy = false
				default:
				}
				for _, welcome := range []*tls.Config{again, client(good)} {
					if _, _, err := shake(t, config, welcome); err != nil {
						t.Errorf("refused: %v", err)
					}
				}
				if _, _, err := shake(t, config, bad); tlspolicy.KindOf(err) != tlspolicy.KindRevoked {
					t.Errorf("a revoked client: %v", err)
				}
			}
		})
	}
	peers.Wait()
	<-done
}

// TestOpenSSLClients: another implementation with a certificate that counts, one that is on the list, and none.
func TestOpenSSLClients(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is needed and missing; `make tools` installs it")
	}
	s := withCRL(t, x509.RevocationList{})
	good, lost, server := testpki.Must(s.ca.Client("good")), testpki.Must(s.ca.Client("lost")), testpki.Must(s.ca.Server("a.test"))
	overwrite(t, s.file("crl"), testpki.Must(s.ca.RevocationList(revoked(lost.Leaf))))
	if err := s.clients.Reload(); err != nil {
		t.Fatal(err)
	}
	config := testpki.Must(tlspolicy.Named(tlspolicy.Default)).Server(tlspolicy.Server{
		GetCertificate:   func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server, nil },
		CurrentClientCAs: s.clients.Pool, CheckClient: s.clients.Check, RequireClientCert: true,
	})
	for name, c := range map[string]struct {
		show *tls.Certificate
		want tlspolicy.Kind
	}{"good": {&good, ""}, "revoked": {&lost, tlspolicy.KindRevoked}, "none": {nil, tlspolicy.KindHandshake}} {
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			l := testpki.Must(net.Listen("tcp", "127.0.0.1:0"))
			served := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err == nil {
					err = tls.Server(conn, config).Handshake()
					_ = conn.Close()
				}
				served <- err
			}()
			args := []string{"s_client", "-connect", l.Addr().String(), version}
			if c.show != nil {
				certPath, keyPath := s.file(name+".crt"), s.file(name+".key")
				if err := testpki.WriteFiles(*c.show, certPath, keyPath); err != nil {
					t.Fatal(err)
				}
				args = append(args, "-cert", certPath, "-key", keyPath)
			}
			_ = exec.Command(openssl, args...).Run() // what it makes of the end does not matter
			if err := <-served; tlspolicy.KindOf(err) != c.want {
				t.Errorf("%s, %s: %v, want %q", name, version, err, c.want)
			}
			_ = l.Close()
		}
	}
}

// TestClientCertificateForUpstreams: our certificate is shown whichever authorities the server names, but not to one that
// cannot verify it.
func TestClientCertificateForUpstreams(t *testing.T) {
	first := issue(t, testpki.Leaf{CommonName: "gateway"})
	f := write(t, first)
	source := loadWatched(t, f.cert, f.key)
	for shown, request := range map[bool]*tls.CertificateRequestInfo{
		true:  {Version: tls.VersionTLS13, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, AcceptableCAs: [][]byte{[]byte("another")}},
		false: {Version: tls.VersionTLS13, SignatureSchemes: []tls.SignatureScheme{tls.PSSWithSHA256}},
	} {
		got, err := source.GetClientCertificate(request)
		if err != nil || got == nil || (len(got.Certificate) > 0) != shown {
			t.Errorf("%v: %v, %v", request.SignatureSchemes, got, err)
		}
	}
}

// BenchmarkClientsCheck is what each request over a connection with a client certificate costs, beside a list of 100,000
// serial numbers; "load" is what a change of that list costs.
func BenchmarkClientsCheck(b *testing.B) {
	dir, ca := b.TempDir(), testpki.Must(testpki.New())
	leaf := testpki.Must(ca.Client("app")).Leaf
	var list x509.RevocationList
	for n := range int64(100_000) {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(n + 1), RevocationTime: time.Now()})
	}
	config := ListenerTLS{ClientCA: filepath.Join(dir, "ca"), ClientCRL: []string{filepath.Join(dir, "crl")}}
	if err := errors.Join(ca.WriteFile(config.ClientCA), os.WriteFile(config.ClientCRL[0], testpki.Must(ca.RevocationList(list)), 0o600)); err != nil {
		b.Fatal(err)
	}
	clients := testpki.Must(LoadClients(&config))
	chains := testpki.Must(leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}))
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := clients.Check(chains); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := clients.Reload(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("poll", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := clients.Poll(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
