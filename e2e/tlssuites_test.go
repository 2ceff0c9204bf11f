package e2e

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// tlsListener is a listener with what its policy should come to, worked out here from the whitelist and not from the
// product's code.
type tlsListener struct {
	name     string
	policy   string // its name in the configuration
	custom   string // its declaration; empty for a built-in one
	key      string // of the certificate: "ECDSA" or "RSA"
	versions []string
	suites   []uint16 // that can be reached with the key
	groups   []string // as the gateway spells them
}

var (
	bothVersions = []string{"1.2", "1.3"}
	allGroups    = []string{"X25519", "P-256", "P-384", "P-521"} // without the hybrids, which the outside programs do not have
)

// newTLSListener takes the suites of the policy: what Go implements of them, for the versions and the key (none: all), is
// expected.
func newTLSListener(t testing.TB, policy, key string, versions, groups []string, wanted func(code uint16, s whitelisted) bool) tlsListener {
	t.Helper()
	l := tlsListener{name: policy + "-" + strings.ToLower(key), policy: policy, key: key, versions: versions, groups: groups}
	rows := whitelist(t)
	for _, implemented := range tls.CipherSuites() {
		row, listed := rows[implemented.ID]
		if !listed || !wanted(implemented.ID, row) || !slices.Contains(versions, row.version) {
			continue
		}
		if row.version == "1.3" || key == "" || strings.HasPrefix(row.name, "TLS_ECDHE_"+key+"_") {
			l.suites = append(l.suites, implemented.ID)
		}
	}
	if len(l.suites) == 0 {
		t.Fatalf("nothing is expected of %s", l.name)
	}
	return l
}

// declared adds the declaration of a policy that is not built in.
func (l tlsListener) declared(text string) tlsListener { l.custom = text; return l }

// tlsListeners are the policies under test, each with both kinds of keys where that matters, in one process.
func tlsListeners(t testing.TB) []tlsListener {
	t.Helper()
	var all []tlsListener
	for _, key := range []string{"ECDSA", "RSA"} {
		all = append(all,
			newTLSListener(t, "huawei-high", key, bothVersions, allGroups, func(_ uint16, s whitelisted) bool { return s.level == "HIGH" }),
			newTLSListener(t, "huawei", key, bothVersions, allGroups, func(uint16, whitelisted) bool { return true }),
			newTLSListener(t, "aes256", key, bothVersions, allGroups, func(c uint16, _ whitelisted) bool {
				return c == 0x1302 || c == 0xC02C || c == 0xC030
			}).declared("cipher_suites: [TLS_AES_256_GCM_SHA384, ECDHE-RSA-AES256-GCM-SHA384, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]"),
		)
	}
	all = append(all, newTLSListener(t, "p384", "RSA", bothVersions, []string{"P-384"}, func(uint16, whitelisted) bool { return true }).
		declared("groups: [secp384r1]"))
	all = append(all, singleSuite(t, "1.3", 0x1302, "ECDSA"))
	for code, row := range whitelist(t) {
		for _, key := range []string{"ECDSA", "RSA"} {
			if tls.CipherSuiteName(code) == row.name && strings.HasPrefix(row.name, "TLS_ECDHE_"+key+"_") {
				all = append(all, singleSuite(t, "1.2", code, key))
			}
		}
	}
	return all
}

// singleSuite has one suite and its version only.
func singleSuite(t testing.TB, version string, code uint16, key string) tlsListener {
	t.Helper()
	return newTLSListener(t, fmt.Sprintf("only-%04x", code), key, []string{version}, allGroups, func(c uint16, _ whitelisted) bool { return c == code }).
		declared(fmt.Sprintf("versions: [%q], cipher_suites: [%s]", version, whitelist(t)[code].name))
}

// tlsWorld is a world whose gateway has these listeners, and callers who show a certificate.
func tlsWorld(t testing.TB, listeners []tlsListener) *world {
	t.Helper()
	w := newWorld(t, bsssim.Config{Unthrottled: true})
	names := []string{gatewayName, "localhost", "127.0.0.1"}
	w.issue("ecdsa", testpki.Leaf{Names: names, Server: true})
	w.issue("rsa", testpki.Leaf{Names: names, Server: true, Key: testpki.RSA})
	w.issue("shop", testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}})
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.values.App = w.serveOn(plain, w.simulator)
	return w.configure(tlsConfiguration(listeners))
}

func tlsConfiguration(listeners []tlsListener) string {
	text := "listeners:\n"
	policies := map[string]string{}
	for _, l := range listeners {
		key := strings.ToLower(l.key)
		text += fmt.Sprintf("  - {name: %s, address: \"127.0.0.1:0\", hosts: [gateway.example],\n"+
			"     tls: {policy: %s, certificate: {files: {cert: %s.crt, key: %s.key}}, client_ca: ca.pem}}\n", l.name, l.policy, key, key)
		if l.custom != "" {
			policies[l.policy] = l.custom
		}
	}
	if len(policies) > 0 {
		text += "tls_policies:\n"
	}
	for name, declaration := range policies {
		text += "  " + name + ": {" + declaration + "}\n"
	}
	return text + tlsRest
}

// tlsRest has a plain upstream on this machine, so that nothing but the listeners decides about TLS 1.3.
const tlsRest = `
upstreams:
  bss: {url: "http://{{.App}}", catalog: cn}
credentials:
  customer: {class: customer, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
callers:
  shop:
    auth: [{certificate: {uri: "spiffe://corp.example/shop"}}]
    grants: [{operations: [effect:read], credential: customer}]
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
log: {level: info, format: json}
limits: {published: false}
`

// scan collects what the outside programs found about the listeners of one gateway.
type scan struct {
	*world
	gateway   *process
	random    *rand.Rand
	ofOpenSSL []suite
	ofGnuTLS  []suite

	mu       sync.Mutex
	accepted []accepted
}

// newScan starts a gateway with these listeners.
func newScan(t testing.TB, listeners []tlsListener) *scan {
	t.Helper()
	w := tlsWorld(t, listeners)
	return &scan{
		world: w, gateway: w.start(), random: rand.New(rand.NewPCG(seed(t), 3)), ofOpenSSL: opensslSuites(t), ofGnuTLS: gnutlsSuites(t),
	}
}

// accepted is a call that was answered, to be held against its record.
type accepted struct {
	try
	code uint16
}

// TestTLSFromOutside tries every suite, version and group that OpenSSL and GnuTLS know against every policy, and has sslscan
// look for itself. Accepted is what the policy allows, exactly.
func TestTLSFromOutside(t *testing.T) {
	t.Parallel()
	listeners := tlsListeners(t)
	s := newScan(t, listeners)
	var checks []func()
	for _, l := range listeners {
		checks = append(checks, s.opensslChecks(l)...)
		checks = append(checks, s.gnutlsChecks(l)...)
		checks = append(checks, s.oldVersions(l), s.everything(l))
	}
	checks = append(checks, s.groupChecks(listeners)...)
	checks = append(checks, s.scanChecks(listeners)...)
	probes(checks)
	s.checkRecords()
}

// TestTLSSingleSuites13 has gateways of one TLS 1.3 suite each: their processes offer no other.
func TestTLSSingleSuites13(t *testing.T) {
	t.Parallel()
	codes := []uint16{0x1303}
	if soaking() {
		codes = []uint16{0x1301, 0x1302, 0x1303}
	}
	for _, code := range codes {
		l := singleSuite(t, "1.3", code, "ECDSA")
		s := newScan(t, []tlsListener{l})
		checks := append(s.opensslChecks(l), s.gnutlsChecks(l)...)
		probes(append(checks, s.oldVersions(l), s.everything(l)))
		s.checkRecords()
		s.gateway.stop()
	}
}

// expects reports whether the listener should accept the suite.
func (l tlsListener) expects(s suite) bool { return slices.Contains(l.suites, s.code) }

// alert is what the listener answers an offer of a version with suites that it does not have.
func (l tlsListener) alert(version string) int {
	if slices.Contains(l.versions, version) {
		return alertHandshakeFailure
	}
	return alertProtocolVersion
}

// opensslChecks offers each suite that should be accepted by itself, and all others together: if any of them could be
// had, it would be chosen. The long form offers each of the others by itself, too.
func (s *scan) opensslChecks(l tlsListener) []func() {
	var checks []func()
	others := map[string][]suite{}
	for _, one := range s.ofOpenSSL {
		if !l.expects(one) {
			others[one.version] = append(others[one.version], one)
		}
		if l.expects(one) || soaking() {
			checks = append(checks, func() { s.check(l, one, one.version, s.openssl(s.gateway.address(l.name), offering(one)...)) })
		}
	}
	for version, rest := range others {
		checks = append(checks, func() { s.refuses(l, version, s.openssl(s.gateway.address(l.name), offering(rest...)...)) })
	}
	return checks
}

// offering returns the arguments of s_client for suites of one version. It needs a shared key and a password, or it leaves
// the suites with PSK and SRP out of its offer.
func offering(suites ...suite) []string {
	var names []string
	for _, one := range suites {
		names = append(names, one.name)
	}
	if suites[0].version == "1.3" {
		return []string{"-tls1_3", "-ciphersuites", strings.Join(names, ":")}
	}
	return []string{"-tls1_2", "-psk", "abcd", "-srpuser", "x", "-srppass", "pass:y", "-cipher", strings.Join(names, ":") + ":@SECLEVEL=0"}
}

// gnutlsSamples is how many suites of each listener GnuTLS offers in the short form beside those that are accepted.
const gnutlsSamples = 4

func (s *scan) gnutlsChecks(l tlsListener) []func() {
	var checks []func()
	for i, place := range s.random.Perm(len(s.ofGnuTLS)) {
		one := s.ofGnuTLS[place]
		if !soaking() && i >= gnutlsSamples && !l.expects(one) {
			continue
		}
		priority := gnutlsPriority(s.t, one, one.version)
		checks = append(checks, func() { s.check(l, one, one.version, s.gnutls(s.gateway.address(l.name), priority)) })
	}
	return checks
}

// check holds an offer of one suite against what the listener should make of it.
func (s *scan) check(l tlsListener, one suite, version string, got try) {
	s.t.Helper()
	switch {
	case !l.expects(one):
		s.refuses(l, version, got)
	case !got.answered || got.version != version || !slices.Contains(cipherNames(one), got.suite):
		s.t.Errorf("%s does not accept %s\n%s", l.name, one.name, got)
	default:
		s.accept(got, one.code)
	}
}

func (s *scan) refuses(l tlsListener, version string, got try) {
	s.t.Helper()
	if !got.refused(l.alert(version)) {
		s.t.Errorf("%s does not refuse with alert %d\n%s", l.name, l.alert(version), got)
	}
}

func (s *scan) accept(got try, code uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = append(s.accepted, accepted{got, code})
}

// cipherNames returns the name of a suite, and how GnuTLS calls its cipher once it is in use.
func cipherNames(s suite) []string {
	for _, cipher := range []string{"AES_128_GCM", "AES_256_GCM", "CHACHA20_POLY1305"} {
		if strings.Contains(s.name, cipher) {
			return []string{s.name, strings.ReplaceAll(cipher, "_", "-")}
		}
	}
	return []string{s.name}
}

// oldVersions offers everything in the versions before TLS 1.2.
func (s *scan) oldVersions(l tlsListener) func() {
	return func() {
		address := s.gateway.address(l.name)
		for _, version := range []string{"-tls1", "-tls1_1"} {
			s.refuses(l, "1.1", s.openssl(address, version, "-cipher", "ALL:@SECLEVEL=0"))
		}
		for _, version := range []string{"VERS-TLS1.0", "VERS-TLS1.1"} {
			s.refuses(l, "1.1", s.gnutls(address, "LEGACY:-VERS-ALL:+"+version))
		}
	}
}

// everything offers all suites at once, those with 128 bits first: the listener finds one that it has, in its highest
// version. So a peer with a choice is never turned away because of what it prefers.
func (s *scan) everything(l tlsListener) func() {
	const first = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_SHA256"
	return func() {
		for _, order := range []string{"AES128:CHACHA20:ALL", "CHACHA20:AES256:ALL"} {
			s.chooses(l, s.openssl(s.gateway.address(l.name), "-ciphersuites", first, "-cipher", order+":@SECLEVEL=0"))
		}
		s.chooses(l, s.openssl(s.gateway.address(l.name), "-no_tls1_2", "-no_tls1_3"))
	}
}

func (s *scan) chooses(l tlsListener, got try) {
	s.t.Helper()
	if strings.Contains(got.what, "-no_tls1_3") {
		s.refuses(l, "1.1", got)
		return
	}
	highest := l.versions[len(l.versions)-1]
	for _, one := range s.ofOpenSSL {
		if got.answered && got.suite == one.name && got.version == highest && one.version == highest && l.expects(one) {
			s.accept(got, one.code)
			return
		}
	}
	s.t.Errorf("%s does not choose from what it has\n%s", l.name, got)
}

// checkRecords holds every accepted call against its record: what the gateway wrote down is what the program saw.
func (s *scan) checkRecords() {
	s.t.Helper()
	records := map[string]logfile.Record{}
	for _, r := range s.records() {
		if r.Kind == logfile.KindIntent {
			records[r.Call] = r
		}
	}
	if len(s.accepted) == 0 || len(records) != len(s.accepted) {
		s.t.Errorf("%d calls were answered, and %d are on record", len(s.accepted), len(records))
	}
	for _, a := range s.accepted {
		id := found(a.said, `(?m)^Tollgate-Call-Id: (\S+?)\r?$`)
		want := logfile.TLS{Version: "TLS " + a.version, Suite: tls.CipherSuiteName(a.code), Group: a.group, Resumed: a.resumed, ServerName: gatewayName}
		got := records[id].TLSIn
		if got == nil {
			s.t.Errorf("no record of call %q\n%s", id, a)
			continue
		}
		if want.Group == "" { // some versions of the programs do not print the group of a resumed session
			want.Group = got.Group
		}
		want.ALPN, want.Peer, want.PeerFingerprint, want.PeerNotAfter = a.alpn, got.Peer, got.PeerFingerprint, got.PeerNotAfter
		if want.Offer = got.Offer; want.Offer == nil || !slices.Contains(want.Offer.Suites, want.Suite) {
			s.t.Errorf("the peer offered %+v, so it is on record, and took %s", want.Offer, want.Suite)
		}
		if *got != want {
			s.t.Errorf("on record is %+v, want %+v\n%s", *got, want, a)
		}
	}
}
