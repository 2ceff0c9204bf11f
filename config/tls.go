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
	b.policies, _ = new(Config).Policies() // the built-in ones, which are good
	for _, name := range sortedNames(b.file.TLSPolicies) {
		path := "tls_policies." + name
		if b.Failed(path) {
			continue
		}
		s := b.file.TLSPolicies[name]
		custom := tlspolicy.Custom{Name: name, Versions: s.Versions, CipherSuites: s.CipherSuites, Groups: s.Groups}
		p, err := tlspolicy.New(custom)
		if err != nil {
			b.Add(b.Key(path), path, "", "%s", strings.ReplaceAll(err.Error(), "\n", "\n    "))
			continue
		}
		b.policies[name] = p
		b.config.TLSPolicies = append(b.config.TLSPolicies, custom)
	}
}

// policy returns the name of a TLS policy, or "" if there is no good one of that name.
func (b *builder) policy(path, name string) string {
	known := slices.Concat(tlspolicy.Names(), sortedNames(b.file.TLSPolicies))
	if !b.named(path, "TLS policy", name, known) || b.policies[name] == nil {
		return ""
	}
	return name
}

// planTLS checks that the process can have the TLS 1.3 suites of all policies in use.
func (b *builder) planTLS() {
	if _, err := planTLS(b.every, b.config.Listeners, b.policies); err != nil {
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
