package scan

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"tollgate/tlspolicy"
)

// Report is what a scan found, and what a policy says to it.
type Report struct {
	Address      string        `json:"address"`
	ServerName   string        `json:"server_name"`
	Policy       string        `json:"policy"`
	Time         time.Time     `json:"time"`
	Compliant    bool          `json:"compliant"` // nothing is accepted that the policy does not allow, and no certificate is refused
	Versions     []Version     `json:"versions"`
	Certificates []Certificate `json:"certificates"`
	Notes        []string      `json:"notes,omitempty"` // what a reader should know, and what changes nothing
}

// Verdict is what the policy says to one thing that a server accepts.
type Verdict struct {
	Allowed bool   `json:"allowed"`
	Why     string `json:"why,omitempty"` // why not
}

// Version is what a server does in one protocol version.
type Version struct {
	Name     string  `json:"name"`
	Accepted bool    `json:"accepted"`
	Suites   []Named `json:"suites,omitempty"` // in the server's order
	Groups   []Named `json:"groups,omitempty"`
	Verdict
}

// Named is a suite or a group.
type Named struct {
	Code  string `json:"code"` // "0xC02F"
	Name  string `json:"name"`
	Level string `json:"level,omitempty"` // of a suite of the whitelist
	With  string `json:"with,omitempty"`  // the group that the server used the suite with
	Verdict
}

// Certificate is a leaf that a server showed.
type Certificate struct {
	Subject     string    `json:"subject"`
	Names       []string  `json:"names,omitempty"`
	Issuer      string    `json:"issuer"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Key         string    `json:"key"`
	Signature   string    `json:"signature"`
	Fingerprint string    `json:"fingerprint"` // SHA-256, lower-case hex
	Verdict
}

// Judge holds a result against a policy at a time.
func Judge(r *Result, p *tlspolicy.Policy, now time.Time) *Report {
	report := &Report{Address: r.Address, ServerName: r.ServerName, Policy: p.Name(), Time: now.UTC(), Compliant: true}
	for _, version := range versions {
		v := judgeVersion(r, p, version)
		report.Compliant = report.Compliant && v.compliant()
		report.Versions = append(report.Versions, v)
	}
	for _, chain := range r.Chains {
		c := judgeChain(chain, now)
		report.Compliant = report.Compliant && c.Allowed
		report.Certificates = append(report.Certificates, c)
	}
	if len(r.Chains) == 0 {
		report.Notes = append(report.Notes, "the server showed no certificate that could be read")
	}
	if r.Untrusted != nil {
		report.Notes = append(report.Notes, "the certificate is not trusted here: "+r.Untrusted.Error())
	}
	return report
}

func judgeVersion(r *Result, p *tlspolicy.Policy, version uint16) Version {
	v := Version{Name: versionName(version), Verdict: verdict(slices.Contains(p.Versions(), version), "not in the policy")}
	i := slices.IndexFunc(r.Found, func(f Found) bool { return f.Version == version })
	if i < 0 {
		return v
	}
	v.Accepted = true
	for _, c := range r.Found[i].Suites {
		v.Suites = append(v.Suites, judgeSuite(p, version, c))
	}
	for _, g := range r.Found[i].Groups {
		allowed := slices.Contains(p.Groups(), tls.CurveID(g))
		v.Groups = append(v.Groups, Named{Code: code(g), Name: groupName(g), Verdict: verdict(allowed, "not a group of the policy")})
	}
	return v
}

// compliant reports whether the policy allows what was accepted. A version that is not accepted complies: a policy does not demand.
func (v Version) compliant() bool {
	refused := func(n Named) bool { return !n.Allowed }
	return !v.Accepted || v.Allowed && !slices.ContainsFunc(v.Suites, refused) && !slices.ContainsFunc(v.Groups, refused)
}

// minFiniteField is the least size of a finite-field group, as of an RSA key.
const minFiniteField = 2048

func judgeSuite(p *tlspolicy.Policy, version uint16, c Choice) Named {
	n := Named{Code: code(c.Suite), Name: SuiteName(c.Suite), Verdict: verdict(false, "not on the whitelist")}
	for _, s := range tlspolicy.Whitelist() {
		if s.Code == c.Suite {
			n.Level, n.Verdict = string(s.Level), verdict(false, "not in the policy")
		}
	}
	for _, s := range p.Suites() {
		if s.Code == c.Suite && s.Version == version {
			n.Verdict = verdict(true, "")
		}
	}
	switch {
	case c.Group != 0:
		n.With = groupName(c.Group)
	case c.DHBits != 0:
		n.With = fmt.Sprintf("DH %d bits", c.DHBits)
		if n.Allowed {
			n.Verdict = verdict(c.DHBits >= minFiniteField, fmt.Sprintf("its group has less than %d bits", minFiniteField))
		}
	}
	return n
}

func verdict(allowed bool, why string) Verdict {
	if allowed {
		return Verdict{Allowed: true}
	}
	return Verdict{Why: why}
}

func code(c uint16) string { return fmt.Sprintf("0x%04X", c) }

func judgeChain(chain []*x509.Certificate, now time.Time) Certificate {
	leaf := chain[0]
	sum := sha256.Sum256(leaf.Raw)
	c := Certificate{
		Subject: leaf.Subject.String(), Names: leaf.DNSNames, Issuer: leaf.Issuer.String(), NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(),
		Key: keyName(leaf), Signature: leaf.SignatureAlgorithm.String(), Fingerprint: hex.EncodeToString(sum[:]),
	}
	for _, ip := range leaf.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	why := fault(chain, now)
	c.Verdict = verdict(why == "", why)
	return c
}

// fault returns why a gateway would refuse a chain, but for whom it trusts.
func fault(chain []*x509.Certificate, now time.Time) string {
	leaf := chain[0]
	switch {
	case now.After(leaf.NotAfter):
		return "expired on " + leaf.NotAfter.UTC().Format(time.DateOnly)
	case now.Before(leaf.NotBefore):
		return "not valid before " + leaf.NotBefore.UTC().Format(time.DateOnly)
	}
	for _, c := range chain {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minFiniteField {
			return fmt.Sprintf("the RSA key of %s has %d bits, less than %d", c.Subject, key.N.BitLen(), minFiniteField)
		}
		if tlspolicy.SignedWeakly(c) {
			return fmt.Sprintf("the certificate of %s is signed with %s", c.Subject, c.SignatureAlgorithm)
		}
	}
	return ""
}

func keyName(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d bits", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}
