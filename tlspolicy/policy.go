package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Default names the policy that is used where none is named.
const Default = "huawei-high"

// Policy is an immutable set of protocol versions, cipher suites and groups. Make it with [Named] or [New].
type Policy struct {
	name     string
	versions []uint16 // ascending
	suites   []Suite  // in whitelist order, only of versions
	groups   []tls.CurveID
	codes    [2][]uint16 // offered suites of TLS 1.2 and TLS 1.3
}

// Names lists the policies that [Named] knows.
func Names() []string { return []string{"huawei", "huawei-high"} }

// Named returns one of the built-in policies. The error for any other name lists them.
func Named(name string) (*Policy, error) {
	if i := slices.Index(Names(), name); i >= 0 {
		return All()[i], nil
	}
	return nil, fmt.Errorf("unknown TLS policy %q%s (choices: %s)", truncate(name), didYouMean(name, Names()), strings.Join(Names(), ", "))
}

// All returns the built-in policies, in the order of [Names].
func All() []*Policy {
	return []*Policy{
		newPolicy("huawei", bothVersions(), Whitelist(), defaultGroups()),
		newPolicy("huawei-high", bothVersions(), highSuites(), defaultGroups()),
	}
}

func highSuites() []Suite {
	return slices.DeleteFunc(Whitelist(), func(s Suite) bool { return s.Level != High })
}

func bothVersions() []uint16 { return []uint16{tls.VersionTLS12, tls.VersionTLS13} }

func newPolicy(name string, versions []uint16, suites []Suite, groups []tls.CurveID) *Policy {
	p := &Policy{name: name, versions: versions, groups: groups}
	for _, s := range suites {
		if !slices.Contains(versions, s.Version) {
			continue
		}
		p.suites = append(p.suites, s)
		if s.Offered {
			i := versionIndex(s.Version)
			p.codes[i] = append(p.codes[i], s.Code)
		}
	}
	return p
}

func versionIndex(version uint16) int {
	if version == tls.VersionTLS13 {
		return 1
	}
	return 0
}

// Name is the policy's name, for messages and records.
func (p *Policy) Name() string { return p.name }

// Versions returns the allowed protocol versions, lowest first.
func (p *Policy) Versions() []uint16 { return slices.Clone(p.versions) }

// Suites returns the allowed suites in the whitelist's order, also those that are not offered.
func (p *Policy) Suites() []Suite { return slices.Clone(p.suites) }

// Groups returns the allowed key-exchange groups, the preferred ones first.
func (p *Policy) Groups() []tls.CurveID { return slices.Clone(p.groups) }

// HTTP2 reports whether HTTP/2 can be served under the policy: RFC 9113 section 9.2.2 requires one of two suites of
// TLS 1.2, and net/http checks for them; TLS 1.3 alone will do as well.
func (p *Policy) HTTP2() bool {
	if !p.allowsVersion(tls.VersionTLS12) {
		return true
	}
	codes := p.offered(tls.VersionTLS12)
	return slices.Contains(codes, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256) ||
		slices.Contains(codes, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
}

func (p *Policy) allowsVersion(version uint16) bool { return slices.Contains(p.versions, version) }

// offered returns the suites of a version that are allowed and that crypto/tls can speak. The caller must not change it.
func (p *Policy) offered(version uint16) []uint16 { return p.codes[versionIndex(version)] }
