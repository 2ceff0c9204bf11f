package config

import (
	"errors"
	"slices"
	"strings"
	"time"

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
		if b.Failed(path) {
			continue
		}
		s := b.file.TLSPolicies[name]
		p, err := tlspolicy.New(tlspolicy.Custom{Name: name, Versions: s.Versions, CipherSuites: s.CipherSuites, Groups: s.Groups})
		if err != nil {
			b.Add(b.Key(path), path, "", "%s", strings.ReplaceAll(err.Error(), "\n", "\n    "))
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
			b.Add(b.Key("tls_policies"), "tls_policies", "", "%v", cause)
		}
		return
	}
	b.config.TLS = plan
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

// pins reads the pins of an upstream together: there must be two different ones.
func (b *builder) pins(path string, given []pin) []tlspolicy.Pin {
	if b.Failed(path) {
		return nil
	}
	texts := make([]string, len(given))
	for i, p := range given {
		texts[i] = string(p)
	}
	pins, err := tlspolicy.ParsePins(texts)
	if err != nil {
		for _, cause := range leaves(err) {
			b.problem(path, "", "%v", cause)
		}
	}
	return pins
}

// pin is a public key as its SHA-256: "sha256/" and 44 characters of base64, which it keeps.
type pin string

const pinPrefix = "sha256/"

func (p *pin) UnmarshalText(text []byte) error {
	encoded, ok := strings.CutPrefix(string(text), pinPrefix)
	if !ok {
		return errors.New(`want "sha256/" and the SHA-256 of a public key in base64`)
	}
	if _, err := tlspolicy.ParsePin(encoded); err != nil {
		return err
	}
	*p = pin(encoded)
	return nil
}

func (p pin) Pattern() string { return `^sha256/[A-Za-z0-9+/]{43}=$` }
func (p pin) Kind() string    { return "pin" }
