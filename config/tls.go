package config

import (
	"slices"
	"strings"
	"time"

	"tollgate/internal/certs"
	"tollgate/tlspolicy"
)

// tlsPolicies makes the policies of the file and adds the built-in ones.
func (b *builder) tlsPolicies() {
	b.policies, _ = new(Config).Policies() // the built-in ones, which are good
	b.config.TLSPolicies = b.file.TLSPolicies
	for _, name := range sortedNames(b.file.TLSPolicies) {
		path := "tls_policies." + name
		if b.Failed(path) {
			continue
		}
		p, err := tlspolicy.New(name, b.file.TLSPolicies[name])
		if err != nil {
			b.Add(b.Key(path), path, "", "%s", strings.ReplaceAll(err.Error(), "\n", "\n    "))
			continue
		}
		b.policies[name] = p
	}
}

// policy checks that there is a TLS policy of a name.
func (b *builder) policy(path, name string) {
	known := slices.Concat(tlspolicy.Names(), sortedNames(b.file.TLSPolicies))
	slices.Sort(known)
	b.named(path, "TLS policy", name, known)
}

// planTLS checks that the process can have the TLS 1.3 suites of all policies in use.
func (b *builder) planTLS() {
	if _, err := planTLS(b.every, b.config.Fleet, b.config.Secured(), b.policies); err != nil {
		for _, cause := range leaves(err) {
			b.Add(b.Key("tls_policies"), "tls_policies", "", "%v", cause)
		}
	}
}

// checkBundle reads a file of authorities, if files are to be read.
func (b *builder) checkBundle(path, where, file string) {
	if !b.options.Secrets || file == "" || b.Failed(path) {
		return
	}
	bundle, err := certs.LoadBundle(file)
	if err != nil {
		b.problem(path, "", "%v", err)
		return
	}
	b.noteExpiry(where, bundle.Warning(time.Now()))
}

// checkPins checks the pins of an upstream together: there must be two different ones.
func (b *builder) checkPins(path string, pins []tlspolicy.Pin) {
	if b.Failed(path) {
		return
	}
	if err := tlspolicy.CheckPins(pins); err != nil {
		for _, cause := range leaves(err) {
			b.problem(path, "", "%v", cause)
		}
	}
}
