package tlspolicy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Config is a policy of the operator's own: an entry of `tls_policies`. The order of its lists has no meaning, since crypto/tls has its
// own.
type Config struct {
	// Protocol versions. Default: both.
	Versions []string `yaml:"versions" choice:"1.2|1.3"`
	// Cipher suites, in IANA or OpenSSL spelling. They must be on the whitelist (`tollgate tls policy huawei` shows it).
	// Default: those of `huawei-high`.
	CipherSuites []string `yaml:"cipher_suites"`
	// Key-exchange groups. Default: the post-quantum hybrids, then X25519, P-256, P-384, P-521.
	Groups []string `yaml:"groups"`
}

// New returns a policy; the name is for messages and records. Its error joins everything that is wrong: unknown names, suites off the
// whitelist, suites of a version that is not allowed, things listed twice, and versions left without a suite or a group that Go can speak.
func New(name string, c Config) (*Policy, error) {
	versions, versionErr := customVersions(c.Versions)
	suites, suiteErr := customSuites(c.CipherSuites)
	groups, groupErr := customGroups(c.Groups)
	problems := []error{customName(name), versionErr, suiteErr, groupErr}
	if versionErr == nil && suiteErr == nil && groupErr == nil { // otherwise these would be consequences, not causes
		p := newPolicy(name, versions, suites, groups)
		problems = append(problems, p.unusable())
		if len(c.CipherSuites) > 0 {
			problems = append(problems, stranded(suites, versions))
		}
		if errors.Join(problems...) == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("TLS policy %q: %w", truncate(name), errors.Join(problems...))
}

func customName(name string) error {
	if name == "" {
		return errors.New("a policy needs a name")
	}
	if slices.Contains(Names(), name) {
		return errors.New("the name is taken by a built-in policy")
	}
	return nil
}

func customVersions(names []string) ([]uint16, error) {
	if len(names) == 0 {
		return bothVersions(), nil
	}
	versions, err := parseEach(names, parseVersion)
	slices.Sort(versions)
	return versions, err
}

func customSuites(names []string) ([]Suite, error) {
	if len(names) == 0 {
		return highSuites(), nil
	}
	chosen, err := parseEach(names, parseSuiteName)
	if err != nil {
		return nil, fmt.Errorf("%w\nchoices that Go can speak: %s", err, choices(bothVersions()...))
	}
	return slices.DeleteFunc(Whitelist(), func(s Suite) bool { return !slices.Contains(chosen, s.Code) }), nil
}

func customGroups(names []string) ([]tls.CurveID, error) {
	if len(names) == 0 {
		return defaultGroups(), nil
	}
	chosen, err := parseEach(names, parseGroup)
	return slices.DeleteFunc(defaultGroups(), func(id tls.CurveID) bool { return !slices.Contains(chosen, id) }), err
}

// parseEach parses all names and joins the problems. Something listed twice, in whatever spelling, is one.
func parseEach[T comparable](names []string, parse func(string) (T, error)) ([]T, error) {
	var values []T
	var problems []error
	for _, name := range names {
		value, err := parse(name)
		if err == nil && slices.Contains(values, value) {
			err = fmt.Errorf("%q is listed twice", truncate(name))
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		values = append(values, value)
	}
	return values, errors.Join(problems...)
}

func parseSuiteName(name string) (uint16, error) {
	var spellings []string
	for _, s := range whitelist() {
		if name == s.Name || name != "" && name == s.OpenSSLName {
			return s.Code, nil
		}
		spellings = append(spellings, s.Name, s.OpenSSLName)
	}
	if isOffWhitelist(name) {
		return 0, fmt.Errorf("cipher suite %q is not on the whitelist", truncate(name))
	}
	return 0, fmt.Errorf("unknown cipher suite %q%s", truncate(name), didYouMean(name, spellings))
}

// isOffWhitelist reports whether name is a suite that exists, in either spelling, but is not whitelisted. It knows the
// suites of crypto/tls, which are those that people try.
func isOffWhitelist(name string) bool {
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if name == s.Name || name == legacyOpenSSLName(s.Name) {
			return true
		}
	}
	return false
}

// legacyOpenSSLName spells the CBC, RC4 and RSA key exchange suites of crypto/tls as OpenSSL does: "AES128-SHA".
func legacyOpenSSLName(iana string) string {
	name := openSSLName(Suite{Name: iana, Version: tls.VersionTLS12})
	name = strings.NewReplacer("-CBC-SHA", "-SHA", "RC4-128", "RC4", "3DES-EDE-CBC", "DES-CBC3").Replace(name)
	return strings.TrimPrefix(name, "RSA-")
}

// unusable returns an error for versions that are left without a suite or a group that crypto/tls can speak.
func (p *Policy) unusable() error {
	var problems []error
	for _, version := range p.versions {
		if len(p.offered(version)) == 0 {
			problems = append(problems, noSuite(version))
		}
		if len(groupsFor(version, p.groups)) == 0 {
			problems = append(problems, fmt.Errorf("no group for TLS %s: add one of X25519, P-256, P-384, P-521, or set versions: [%q]",
				versionNumber(version), versionNumber(otherVersion(version))))
		}
	}
	return errors.Join(problems...)
}

func noSuite(version uint16) error {
	return fmt.Errorf("no cipher suite for TLS %s that Go can speak: add one of %s, or set versions: [%q]",
		versionNumber(version), choices(version), versionNumber(otherVersion(version)))
}

// choices lists the whitelisted suites of these versions that crypto/tls can speak.
func choices(versions ...uint16) string {
	var names []string
	for _, s := range whitelist() {
		if s.Offered && slices.Contains(versions, s.Version) {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ", ")
}

func otherVersion(version uint16) uint16 {
	if version == tls.VersionTLS13 {
		return tls.VersionTLS12
	}
	return tls.VersionTLS13
}

// stranded reports suites of a version that the policy does not allow, which could never be used.
func stranded(suites []Suite, versions []uint16) error {
	var problems []error
	for _, s := range suites {
		if !slices.Contains(versions, s.Version) {
			problems = append(problems, fmt.Errorf("%s is a suite of TLS %s, which versions leaves out", s.Name, versionNumber(s.Version)))
		}
	}
	return errors.Join(problems...)
}
