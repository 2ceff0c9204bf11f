package scan

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
)

func TestSuitesAreThoseOfOthers(t *testing.T) {
	for _, s := range tlspolicy.Whitelist() {
		if SuiteName(s.Code) != s.Name {
			t.Errorf("0x%04X is %s here and %s on the whitelist", s.Code, SuiteName(s.Code), s.Name)
		}
		if !slices.Contains(suitesFor(s.Version), s.Code) {
			t.Errorf("%s is not asked for in %s", s.Name, tls.VersionName(s.Version))
		}
	}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if SuiteName(s.ID) != s.Name && !strings.HasPrefix(s.Name, "TLS_ECDHE_RSA_WITH_RC4") {
			t.Errorf("0x%04X is %s here and %s in Go", s.ID, SuiteName(s.ID), s.Name)
		}
	}
	all := suites()
	if len(all) < 350 || !slices.IsSortedFunc(all, func(a, b point) int { return int(a.code) - int(b.code) }) {
		t.Errorf("%d suites, or not in order", len(all))
	}
	for _, g := range tlspolicy.GroupNames() {
		if !slices.ContainsFunc(groups, func(have point) bool { return have.name == g && tlspolicy.GroupName(tls.CurveID(have.code)) == g }) {
			t.Errorf("group %s of policies is not asked for", g)
		}
	}
}

// server handles each connection until the test ends.
func server(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { defer conn.Close(); handle(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return l.Addr().String()
}

// TestOurListenersComply scans what the gateway itself serves, under each policy, and holds it against the policy.
func TestOurListenersComply(t *testing.T) {
	ca := testpki.Must(testpki.New())
	for _, name := range tlspolicy.Names() {
		policy := testpki.Must(tlspolicy.Named(name))
		for kind, issue := range map[string]func(...string) (tls.Certificate, error){"ecdsa": ca.Server, "rsa": ca.ServerRSA} {
			certificate := testpki.Must(issue("localhost"))
			config := policy.Server(tlspolicy.Server{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }})
			address := server(t, func(conn net.Conn) { _ = tls.Server(conn, config).HandshakeContext(t.Context()) })
			r, err := Scan(t.Context(), Config{Address: address, ServerName: "localhost", Roots: ca.Pool()})
			if err != nil {
				t.Fatal(err)
			}
			report := Judge(r, policy, time.Now())
			if !report.Compliant || len(report.Notes) > 0 || len(r.Found) != 2 {
				var out strings.Builder
				_ = report.WriteText(&out)
				t.Errorf("%s with %s: %s", name, kind, &out)
			}
			for _, f := range r.Found {
				var groups []string
				for _, g := range f.Groups {
					groups = append(groups, groupName(g))
				}
				want := tlspolicy.GroupNames()
				if f.Version == tls12 {
					want = want[3:] // hybrids are of TLS 1.3
				}
				if slices.Sort(groups); !slices.Equal(groups, slices.Sorted(slices.Values(want))) {
					t.Errorf("%s, %s: groups %v, want %v", name, versionName(f.Version), groups, want)
				}
			}
			if strict := testpki.Must(tlspolicy.New("strict", tlspolicy.Config{Versions: []string{"1.3"}, CipherSuites: []string{"TLS_AES_256_GCM_SHA384"}})); Judge(r, strict, time.Now()).Compliant {
				t.Error("a server of more suites complies with a policy of one")
			}
		}
	}
}

func TestNothingIsConcludedFromNoAnswer(t *testing.T) {
	for name, handle := range map[string]func(net.Conn){
		"no TLS":              func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.6\r\n") },
		"garbage in a record": func(c net.Conn) { _, _ = c.Write([]byte{22, 3, 3, 0, 4, 9, 0, 0, 0}) },
		"a suite not offered": func(c net.Conn) { _, _ = c.Write(serverHello(tls12, 0x0A0A)) },
		"refuses everything":  func(c net.Conn) { drainHello(c); _, _ = c.Write([]byte{21, 3, 1, 0, 2, 2, 40}) },
		"hangs up":            func(c net.Conn) { drainHello(c) },
		"endless":             func(c net.Conn) { endless(c) },
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Scan(t.Context(), Config{Address: server(t, handle), ServerName: "localhost"})
			if err == nil {
				t.Errorf("it was taken for a server that accepts %+v", r.Found)
			}
		})
	}
	if _, err := Scan(t.Context(), Config{Address: "localhost"}); err == nil || !strings.Contains(err.Error(), "HOST:PORT") {
		t.Errorf("an address without port: %v", err)
	}
}

// TestSilence: a server that says nothing is an error after the timeout, not a server that accepts nothing.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			return ours, nil
		}
		_, err := Scan(t.Context(), Config{Address: "server:443", Dial: dial})
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("error %v", err)
		}
	})
}

func drainHello(c net.Conn) { _, _ = c.Read(make([]byte, 64<<10)) }

func serverHello(version, suite uint16) []byte {
	var b cryptobyte.Builder
	b.AddUint8(recordHandshake)
	b.AddUint16(tls12)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint8(messageServerHello)
		b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint16(version)
			b.AddBytes(make([]byte, 33))
			b.AddUint16(suite)
			b.AddUint8(0)
		})
	})
	return append(b.BytesOrPanic(), 22, 3, 3, 0, 4, messageHelloDone, 0, 0, 0)
}

// endless sends a handshake message that goes on for ever.
func endless(c net.Conn) {
	record := append([]byte{22, 3, 3, 0x40, 0, messageServerHello, 0xFF, 0xFF, 0xFF}, make([]byte, 1<<14-4)...)
	for {
		if _, err := c.Write(record); err != nil {
			return
		}
	}
}

func TestJudge(t *testing.T) {
	policy := testpki.Must(tlspolicy.Named(tlspolicy.Default))
	ca := testpki.Must(testpki.New())
	good := testpki.Must(ca.Server("localhost")).Leaf
	old := testpki.Must(ca.Issue(testpki.Leaf{Names: []string{"localhost"}, Server: true, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})).Leaf
	future := testpki.Must(ca.Issue(testpki.Leaf{Names: []string{"localhost"}, Server: true, NotBefore: time.Now().Add(time.Hour)})).Leaf
	weak := *good
	weak.SignatureAlgorithm = x509.SHA1WithRSA
	found := func(version, suite, group uint16, bits int) []Found {
		return []Found{{Version: version, Suites: []Choice{{suite, group, bits}}}}
	}
	for _, test := range []struct {
		name  string
		found []Found
		leaf  *x509.Certificate
		why   string // empty: compliant
	}{
		{"on the list", found(tls12, 0xC02F, 29, 0), good, ""},
		{"TLS 1.3", found(tls13, 0x1302, 29, 0), good, ""},
		{"an old version", found(tls11, 0xC013, 29, 0), good, "not in the policy"},
		{"off the list", found(tls12, 0xC013, 29, 0), good, "not on the whitelist"},
		{"medium", found(tls12, 0x00A9, 0, 0), good, "not in the policy"},
		{"large DH", found(tls12, 0x009E, 0, 2048), good, ""},
		{"small DH", found(tls12, 0x009E, 0, 1024), good, "less than 2048 bits"},
		{"a suite of TLS 1.3 in 1.2", found(tls12, 0x1301, 0, 0), good, "not in the policy"},
		{"a foreign group", []Found{{tls13, []Choice{{Suite: 0x1302}}, []uint16{30}}}, good, "not a group"},
		{"expired", found(tls13, 0x1302, 29, 0), old, "expired on"},
		{"not yet valid", found(tls13, 0x1302, 29, 0), future, "not valid before"},
		{"SHA-1", found(tls13, 0x1302, 29, 0), &weak, "signed with SHA1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &Result{Address: "h:1", ServerName: "localhost", Found: test.found, Chains: [][]*x509.Certificate{{test.leaf}}}
			report := Judge(r, policy, time.Now())
			var text, page, object bytes.Buffer
			if err := errors.Join(report.WriteText(&text), report.WriteHTML(&page), report.WriteJSON(&object)); err != nil {
				t.Fatal(err)
			}
			if report.Compliant != (test.why == "") {
				t.Errorf("compliant %v\n%s", report.Compliant, &text)
			}
			for kind, out := range map[string]string{"text": text.String(), "page": page.String(), "object": object.String()} {
				if !strings.Contains(out, test.why) {
					t.Errorf("the %s does not say %q:\n%s", kind, test.why, out)
				}
			}
			var again Report
			if err := json.Unmarshal(object.Bytes(), &again); err != nil || again.Compliant != report.Compliant {
				t.Errorf("%v in %s", err, &object)
			}
		})
	}
}

// TestHostileNames: what a server writes into its certificate neither steers a terminal nor becomes HTML.
func TestHostileNames(t *testing.T) {
	leaf := testpki.Must(testpki.Must(testpki.New()).Issue(testpki.Leaf{CommonName: "\x1b[2J<script>alert(1)</script>\u202e", Server: true})).Leaf
	r := &Result{Address: "h:1", Found: []Found{{Version: tls13}}, Chains: [][]*x509.Certificate{{leaf}}}
	report := Judge(r, testpki.Must(tlspolicy.Named(tlspolicy.Default)), time.Now())
	var text, page bytes.Buffer
	if err := errors.Join(report.WriteText(&text), report.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\u202e") {
		t.Errorf("the text holds control characters: %q", &text)
	}
	if strings.Contains(page.String(), "<script") {
		t.Error("the page holds a script")
	}
}

func TestKeyExchange(t *testing.T) {
	for _, test := range []struct {
		suite  uint16
		body   []byte
		group  uint16
		dhBits int
	}{
		{0xC02F, []byte{3, 0, 29, 0}, 29, 0},              // ECDHE_RSA
		{0xC035, []byte{0, 2, 'h', 'i', 3, 0, 23}, 23, 0}, // ECDHE_PSK
		{0x009E, []byte{0, 2, 0x80, 1, 0, 1, 2}, 0, 16},   // DHE_RSA
		{0xC0AA, []byte{0, 0, 0, 1, 0x40, 0, 1, 2}, 0, 7}, // PSK_DHE
		{0x00A6, []byte{0, 3, 0, 0, 1, 0, 1, 2}, 0, 1},    // DH_anon
		{0xC02F, []byte{1, 9, 9, 9}, 0, 0},                // explicit curve: no name
	} {
		a := serverChoice{suite: test.suite}
		if err := a.keyExchange(test.body); err != nil || a.group != test.group || a.dhBits != test.dhBits {
			t.Errorf("%s: group %d, %d bits, %v", SuiteName(test.suite), a.group, a.dhBits, err)
		}
	}
}

// FuzzAnswer: what a server sends is read within bounds, or refused.
func FuzzAnswer(f *testing.F) {
	f.Add(serverHello(tls12, 0xC02F), uint16(tls12))
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40}, uint16(tls13))
	f.Add(append(serverHello(tls12, 0x009E)[:48], 22, 3, 3, 0, 8, 12, 0, 0, 4, 0, 2, 0x80, 1), uint16(tls12))
	f.Fuzz(func(t *testing.T, sent []byte, version uint16) {
		a, err := readAnswer(bytes.NewReader(sent), version)
		if (a == nil) == (err == nil) {
			t.Fatalf("%v and %v", a, err)
		}
		if err == nil && a.dhBits > 8*maxFlight {
			t.Errorf("%d bits", new(big.Int).SetInt64(int64(a.dhBits)))
		}
	})
}
