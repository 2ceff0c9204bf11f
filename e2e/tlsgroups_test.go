package e2e

import (
	"crypto/tls"
	"encoding/xml"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// groupChecks try every key-exchange group that OpenSSL and GnuTLS know, in both versions, against a listener with all of
// the gateway's groups and one with a single group. (The hybrids with ML-KEM are in neither program.)
func (s *scan) groupChecks(listeners []tlsListener) []func() {
	var checks []func()
	for _, l := range listeners {
		if l.name != "huawei-high-rsa" && l.name != "p384-rsa" { // RSA: in TLS 1.2 an ECDSA key needs its own group offered, too
			continue
		}
		for _, version := range bothVersions {
			for _, group := range s.sample(opensslGroups(s.t)) {
				checks = append(checks, func() { s.opensslGroup(l, version, group) })
			}
			for _, group := range s.sample(gnutlsGroups(s.t)) {
				checks = append(checks, func() { s.gnutlsGroup(l, version, group) })
			}
		}
	}
	return checks
}

// groupSamples is how many groups beside those of the gateway the short form tries.
const groupSamples = 5

// sample keeps the gateway's groups, and of the others a few.
func (s *scan) sample(groups []string) []string {
	if soaking() {
		return groups
	}
	var kept []string
	others := 0
	for _, place := range s.random.Perm(len(groups)) {
		known := slices.Contains(allGroups, groupName(strings.TrimPrefix(groups[place], "GROUP-")))
		if known || others < groupSamples {
			kept = append(kept, groups[place])
		}
		if !known {
			others++
		}
	}
	return kept
}

var (
	curveName  = regexp.MustCompile(`(?m)^  (\S+)\s*:`)
	gnutlsName = regexp.MustCompile(`GROUP-[A-Z0-9]+`)
)

// opensslGroups lists what may be a group: OpenSSL 3.0 lists only its curves, many of which are not for TLS.
func opensslGroups(t testing.TB) []string {
	t.Helper()
	groups := []string{"X25519", "X448"}
	for _, m := range curveName.FindAllStringSubmatch(tool(t, "", "openssl", "ecparam", "-list_curves"), -1) {
		groups = append(groups, m[1])
	}
	for _, name := range gnutlsGroups(t) {
		if strings.HasPrefix(name, "GROUP-FFDHE") {
			groups = append(groups, strings.ToLower(strings.TrimPrefix(name, "GROUP-")))
		}
	}
	if len(groups) < 40 {
		t.Fatalf("openssl lists %d groups only: %q", len(groups), groups)
	}
	return groups
}

func gnutlsGroups(t testing.TB) []string {
	t.Helper()
	line := found(tool(t, "", "gnutls-cli", "--list"), `(?m)^Groups: (.*)$`)
	groups := gnutlsName.FindAllString(line, -1)
	if len(groups) < 10 {
		t.Fatalf("gnutls-cli lists %d groups only: %q", len(groups), line)
	}
	return groups
}

// notForTLS is what OpenSSL says, before it connects, of a curve that TLS or this version of it does not have.
var notForTLS = regexp.MustCompile(`cannot be set|no suitable groups|No groups enabled`)

func (s *scan) opensslGroup(l tlsListener, version, group string) {
	got := s.openssl(s.gateway.address(l.name), "-tls"+strings.Replace(version, ".", "_", 1), "-groups", group)
	if !slices.Contains(allGroups, groupName(group)) && notForTLS.MatchString(got.said) && got.alert == 0 && !got.answered {
		return
	}
	s.checkGroup(l, version, groupName(group), got)
}

func (s *scan) gnutlsGroup(l tlsListener, version, group string) {
	got := s.gnutls(s.gateway.address(l.name), "NORMAL:-VERS-ALL:+VERS-TLS"+version+":-GROUP-ALL:+"+group+":-KX-ALL:+ECDHE-RSA:+DHE-RSA")
	s.checkGroup(l, version, groupName(strings.TrimPrefix(group, "GROUP-")), got)
}

func (s *scan) checkGroup(l tlsListener, version, group string, got try) {
	s.t.Helper()
	switch {
	case !slices.Contains(l.groups, group):
		s.refuses(l, version, got)
	case !got.answered || got.version != version || got.group != group:
		s.t.Errorf("%s does not accept %s in TLS %s\n%s", l.name, group, version, got)
	default:
		s.accept(got, s.codeOf(got))
	}
}

// codeOf looks the suite up that a program says it used.
func (s *scan) codeOf(got try) uint16 {
	s.t.Helper()
	for _, one := range slices.Concat(s.ofOpenSSL, s.ofGnuTLS) {
		used := slices.Contains(cipherNames(one), got.suite) && (one.version == "1.3") == (got.version == "1.3")
		if used && (one.version == "1.3" || strings.Contains(one.name, "ECDHE") && strings.Contains(one.name, "RSA")) {
			return one.code
		}
	}
	s.t.Errorf("the suite of this call is not known\n%s", got)
	return 0
}

// sslscanResult is what sslscan reports about one listener.
type sslscanResult struct {
	Protocols []struct {
		Type    string `xml:"type,attr"`
		Version string `xml:"version,attr"`
		Enabled int    `xml:"enabled,attr"`
	} `xml:"ssltest>protocol"`
	Renegotiation struct {
		Supported int `xml:"supported,attr"`
	} `xml:"ssltest>renegotiation"`
	Compression *struct {
		Supported int `xml:"supported,attr"`
	} `xml:"ssltest>compression"`
	Heartbleed []struct {
		Vulnerable int `xml:"vulnerable,attr"`
	} `xml:"ssltest>heartbleed"`
	Suites []struct {
		Version string `xml:"sslversion,attr"`
		ID      string `xml:"id,attr"`
	} `xml:"ssltest>cipher"`
	Groups []struct {
		Version string `xml:"sslversion,attr"`
		ID      string `xml:"id,attr"`
	} `xml:"ssltest>group"`
}

// groupIDs are IANA's numbers.
var groupIDs = map[string]string{"P-256": "0x0017", "P-384": "0x0018", "P-521": "0x0019", "X25519": "0x001d"}

// scanChecks have sslscan look for everything that it can find.
func (s *scan) scanChecks(listeners []tlsListener) []func() {
	var checks []func()
	for i, l := range listeners {
		if soaking() || i < 3 || l.name == "p384-rsa" || len(l.suites) == 1 && l.versions[0] == "1.3" {
			checks = append(checks, func() { s.scanned(l, s.gateway.address(l.name)) })
		}
	}
	return checks
}

func (w *world) scanned(l tlsListener, address string) {
	text := tool(w.t, "", "sslscan", "--no-colour", "--xml=-", "--sni-name="+gatewayName, address)
	var r sslscanResult
	begin := max(0, strings.Index(text, "<?xml"))
	if err := xml.Unmarshal([]byte(text[begin:]), &r); err != nil {
		w.t.Errorf("reading what sslscan says about %s: %v\n%s", l.name, err, text)
		return
	}
	got, want := r.facts(), l.scanFacts()
	if !slices.Equal(got, want) {
		w.t.Errorf("sslscan finds about %s\n%q\nwant\n%q\n%s", l.name, got, want, text)
	}
}

// facts lists what was found to be there, sorted.
func (r sslscanResult) facts() []string {
	var facts []string
	for _, p := range r.Protocols {
		if p.Enabled != 0 {
			facts = append(facts, p.Type+p.Version)
		}
	}
	for _, s := range r.Suites {
		facts = append(facts, "suite "+s.ID)
	}
	for _, g := range r.Groups {
		facts = append(facts, g.Version+" group "+g.ID)
	}
	if r.Renegotiation.Supported != 0 {
		facts = append(facts, "renegotiation")
	}
	if r.Compression != nil && r.Compression.Supported != 0 {
		facts = append(facts, "compression")
	}
	for _, h := range r.Heartbleed {
		facts = append(facts, "heartbleed "+strconv.Itoa(h.Vulnerable))
	}
	slices.Sort(facts)
	return facts
}

// scanFacts lists what a scan should find.
func (l tlsListener) scanFacts() []string {
	var facts []string
	for _, version := range l.versions {
		facts = append(facts, "tls"+version, "heartbleed 0")
		for _, group := range l.groups {
			if version == "1.3" || slices.ContainsFunc(l.suites, offersAES) {
				facts = append(facts, "TLSv"+version+" group "+groupIDs[group])
			}
		}
	}
	for _, code := range l.suites {
		facts = append(facts, "suite 0x"+strings.ToUpper(strconv.FormatUint(uint64(code), 16)))
	}
	slices.Sort(facts)
	return facts
}

// offersAES: sslscan looks for the groups of TLS 1.2 with AES suites only, and finds none at a listener that has ChaCha20
// alone. The other tools offer it the groups with its own suite.
func offersAES(code uint16) bool { return strings.Contains(tls.CipherSuiteName(code), "_AES_") }
