package config

import (
	"slices"
	"strings"

	"tollgate/internal/certs"
	"tollgate/tlspolicy"
)

// tlsPolicies makes the policies of the file and adds the built-in ones.
func (b *builder) tlsPolicies() {
	for _, name := range tlspolicy.Names() {
		if p, err := tlspolicy.Named(name); err == nil {
			b.policies[name] = p
		}
	}
	for _, name := range sortedNames(b.file.TLSPolicies) {
		path := "tls_policies." + name
		if b.failed(path) {
			continue
		}
		s := b.file.TLSPolicies[name]
		p, err := tlspolicy.New(tlspolicy.Custom{Name: name, Versions: s.Versions, CipherSuites: s.CipherSuites, Groups: s.Groups})
		if err != nil {
			b.add(b.key(path), path, "", "%s", strings.ReplaceAll(err.Error(), "\n", "\n    "))
			continue
		}
		b.policies[name] = p
	}
}

// policy finds a TLS policy by name, and remembers its use for the process-wide plan.
func (b *builder) policy(path, name, where string, role tlspolicy.Role) *tlspolicy.Policy {
	known := slices.Concat(tlspolicy.Names(), sortedNames(b.file.TLSPolicies))
	if !b.named(path, "TLS policy", name, known) || b.policies[name] == nil {
		return nil
	}
	b.uses = append(b.uses, tlspolicy.Use{Where: where, Policy: b.policies[name], Role: role})
	return b.policies[name]
}

// planTLS works out the TLS 1.3 suites of the process.
func (b *builder) planTLS() {
	plan, err := tlspolicy.NewPlan(b.uses)
	if err != nil {
		for _, cause := range leaves(err) {
			b.add(b.key("tls_policies"), "tls_policies", "", "%v", cause)
		}
		return
	}
	b.config.TLS = plan
}

// checkPair reads a certificate and its key, if files are to be read.
func (b *builder) checkPair(path string, cert, key string) {
	if !b.options.Secrets || b.failed(path) {
		return
	}
	if _, err := certs.Load(cert, key); err != nil {
		b.problem(path, "", "%v", err)
	}
}

// checkPool reads a file of authorities, if files are to be read.
func (b *builder) checkPool(path, file string) {
	if !b.options.Secrets || file == "" || b.failed(path) {
		return
	}
	if _, err := certs.LoadPool(file); err != nil {
		b.problem(path, "", "%v", err)
	}
}
