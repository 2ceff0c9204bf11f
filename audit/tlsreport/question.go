package tlsreport

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"tollgate/audit/logfile"
	"tollgate/tlspolicy"
)

// verdict is whether a peer could still connect.
type verdict int

const (
	fits       verdict = iota
	breaks             // nothing is left in common with its offer
	inferred           // the same, inferred from what it used
	unknown            // its offer is not known, or not whole
	needsRSA           // it could with a suite for RSA certificates
	needsECDSA         // it could with a suite for ECDSA certificates
	verdicts           // how many there are
)

// question is which peers could no longer connect if things were removed from a policy.
type question struct {
	names   []string // of what is removed
	asked   bool     // by name; others are answered only if the thing was used
	allowed allowed  // the rest
}

// allowed is what a policy offers, by version: the highest first, as both ends prefer it.
type allowed []versionSet

type versionSet struct {
	version        string
	suites, groups []string
}

// allowedBy returns what a policy offers, less what is removed.
func allowedBy(p *tlspolicy.Policy, removed ...string) allowed {
	var sets allowed
	keep := func(names []string) []string {
		return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(removed, name) })
	}
	for _, version := range slices.Backward(p.Versions()) {
		set := versionSet{version: tls.VersionName(version)}
		if slices.Contains(removed, set.version) {
			continue
		}
		for _, s := range p.Suites() {
			if s.Offered && s.Version == version {
				set.suites = append(set.suites, s.Name)
			}
		}
		for _, g := range p.GroupsFor(version) {
			set.groups = append(set.groups, tlspolicy.GroupName(g))
		}
		set.suites, set.groups = keep(set.suites), keep(set.groups)
		sets = append(sets, set)
	}
	return sets
}

// names returns the names of all that can be removed.
func (a allowed) names() (names []string) {
	for _, set := range a {
		names = append(names, set.version)
		names = append(names, set.suites...)
		for _, group := range set.groups {
			if !slices.Contains(names, group) {
				names = append(names, group)
			}
		}
	}
	return names
}

// offered returns the verdict on an offer. crypto/tls chooses the highest common version, and no other if that has no common suite.
// A part that is missing of an offer may be what is needed.
func (a allowed) offered(o *logfile.Offer, whole bool) verdict {
	i := slices.IndexFunc(a, func(set versionSet) bool { return slices.Contains(o.Versions, set.version) })
	if i < 0 {
		return lacking(whole)
	}
	common := slices.DeleteFunc(slices.Clone(a[i].suites), func(name string) bool { return !slices.Contains(o.Suites, name) })
	group := slices.ContainsFunc(a[i].groups, func(name string) bool { return slices.Contains(o.Groups, name) })
	if len(common) == 0 || !group {
		return lacking(whole)
	}
	return forKeys(common)
}

func lacking(whole bool) verdict {
	if whole {
		return breaks
	}
	return unknown
}

// forKeys returns the certificates for which suites are: those of TLS 1.3 are for all.
func forKeys(suites []string) verdict {
	ecdsa := func(name string) bool { return keyOf(name) == needsECDSA }
	rsa := func(name string) bool { return keyOf(name) == needsRSA }
	switch {
	case !slices.ContainsFunc(suites, func(name string) bool { return !ecdsa(name) }):
		return needsECDSA
	case !slices.ContainsFunc(suites, func(name string) bool { return !rsa(name) }):
		return needsRSA
	}
	return fits
}

// keyOf returns the certificate's key for the name of a suite of TLS 1.2; fits means any.
func keyOf(suite string) verdict {
	switch {
	case strings.Contains(suite, "_ECDSA_WITH_"):
		return needsECDSA
	case strings.Contains(suite, "RSA_WITH_"):
		return needsRSA
	}
	return fits
}

// used returns the verdict on a peer of which only the result of a handshake under the policy is known: the same handshake may still be
// possible, and a peer that used TLS 1.2 where TLS 1.3 was allowed cannot have offered that.
func (a allowed) used(p params, policy allowed) verdict {
	if a.has(p) {
		return fits
	}
	left := slices.ContainsFunc(a, func(set versionSet) bool { return set.version == p.version })
	if !left && p.version == tls.VersionName(tls.VersionTLS12) && policy[0].version == tls.VersionName(tls.VersionTLS13) {
		return inferred
	}
	return unknown
}

func (a allowed) has(p params) bool {
	return slices.ContainsFunc(a, func(set versionSet) bool {
		return set.version == p.version && slices.Contains(set.suites, p.suite) && slices.Contains(set.groups, p.group)
	})
}

// questions returns one for each text: names with commas between are removed together. Without texts it returns one for TLS 1.2, and
// one for each suite.
func questions(p *tlspolicy.Policy, texts []string) ([]question, error) {
	var list []question
	known := allowedBy(p).names()
	for _, text := range texts {
		var names []string
		for part := range strings.SplitSeq(text, ",") {
			name, err := findName(p, known, strings.TrimSpace(part))
			if err != nil {
				return nil, err
			}
			names = append(names, name)
		}
		list = append(list, question{names, true, allowedBy(p, names...)})
	}
	if len(texts) > 0 {
		return list, nil
	}
	for _, set := range allowedBy(p) {
		if set.version == tls.VersionName(tls.VersionTLS12) {
			list = append(list, question{[]string{set.version}, true, allowedBy(p, set.version)})
		}
		for _, suite := range set.suites {
			list = append(list, question{[]string{suite}, false, allowedBy(p, suite)})
		}
	}
	slices.SortStableFunc(list, func(a, b question) int { return rank(b) - rank(a) })
	return list, nil
}

// rank sorts what was asked for first.
func rank(q question) int {
	if q.asked {
		return 1
	}
	return 0
}

func findName(p *tlspolicy.Policy, known []string, text string) (string, error) {
	for _, name := range known {
		if spelt(name) == spelt(text) {
			return name, nil
		}
	}
	return "", fmt.Errorf("policy %s has no %q to remove; it has %s", p.Name(), truncated(text), strings.Join(known, ", "))
}

// spelt returns the same text for "TLS 1.2", "tls1.2", "TLSv1.2" and "1.2", and different texts for other names.
func spelt(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, " ", ""))
	if version, ok := strings.CutPrefix(name, "tls"); ok && strings.Contains(version, ".") {
		return strings.TrimPrefix(version, "v")
	}
	return name
}
