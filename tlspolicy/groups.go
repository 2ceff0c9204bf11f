package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// group is a key exchange that policies can allow.
type group struct {
	id     tls.CurveID
	name   string
	alias  string // IANA's or OpenSSL's other spelling
	only13 bool   // hybrids are defined for TLS 1.3 only
}

// knownGroups lists what crypto/tls implements, in its own order of preference (crypto/tls/defaults.go of Go 1.26).
var knownGroups = [...]group{
	{tls.X25519MLKEM768, "X25519MLKEM768", "x25519mlkem768", true},
	{tls.SecP256r1MLKEM768, "SecP256r1MLKEM768", "secp256r1mlkem768", true},
	{tls.SecP384r1MLKEM1024, "SecP384r1MLKEM1024", "secp384r1mlkem1024", true},
	{tls.X25519, "X25519", "x25519", false},
	{tls.CurveP256, "P-256", "secp256r1", false},
	{tls.CurveP384, "P-384", "secp384r1", false},
	{tls.CurveP521, "P-521", "secp521r1", false},
}

// GroupNames lists the groups that a policy can name, in the order in which they are preferred.
func GroupNames() []string {
	names := make([]string, len(knownGroups))
	for i, g := range knownGroups {
		names[i] = g.name
	}
	return names
}

// GroupName names a group as policies do, or returns its number ("0x6399").
func GroupName(id tls.CurveID) string {
	for _, g := range knownGroups {
		if g.id == id {
			return g.name
		}
	}
	return fmt.Sprintf("0x%04X", uint16(id))
}

func defaultGroups() []tls.CurveID {
	ids := make([]tls.CurveID, len(knownGroups))
	for i, g := range knownGroups {
		ids[i] = g.id
	}
	return ids
}

func parseGroup(name string) (tls.CurveID, error) {
	var spellings []string
	for _, g := range knownGroups {
		if name == g.name || name == g.alias {
			return g.id, nil
		}
		spellings = append(spellings, g.name, g.alias)
	}
	return 0, fmt.Errorf("unknown group %q%s (choices: %s)", truncate(name), didYouMean(name, spellings), strings.Join(GroupNames(), ", "))
}

// GroupsFor returns those of the policy's groups that work in a protocol version: hybrids are of TLS 1.3 only.
func (p *Policy) GroupsFor(version uint16) []tls.CurveID {
	return slices.Clone(groupsFor(version, p.groups))
}

// groupsFor returns those of ids that work in a protocol version.
func groupsFor(version uint16, ids []tls.CurveID) []tls.CurveID {
	if version == tls.VersionTLS13 {
		return ids
	}
	var usable []tls.CurveID
	for _, g := range knownGroups {
		for _, id := range ids {
			if id == g.id && !g.only13 {
				usable = append(usable, id)
			}
		}
	}
	return usable
}
