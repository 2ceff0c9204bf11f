package config

import (
	"fmt"

	"tollgate/caller"
	"tollgate/signing"
)

// buildCallers takes the callers, and makes a registry of them to check them together.
func (b *builder) buildCallers() {
	var configs []caller.Config
	taken := map[string]string{}
	for _, name := range sortedNames(b.file.Callers) {
		known, c := Caller{Name: name}, caller.Config{Name: name}
		for i, a := range b.file.Callers[name].Auth {
			b.addAuth(fmt.Sprintf("callers.%s.auth[%d]", name, i), &known, &c, a, taken)
		}
		b.config.Callers = append(b.config.Callers, known)
		configs = append(configs, c)
	}
	if b.Failed("callers") {
		return
	}
	if _, err := caller.NewRegistry(configs, signing.Known()); err != nil {
		b.problem("callers", "", "%v", err)
	}
}

// addAuth adds one way to be known. Each is tried alone first, so that its problems are reported where it stands.
func (b *builder) addAuth(path string, known *Caller, c *caller.Config, a authConfig, taken map[string]string) {
	if b.Failed(path) {
		return
	}
	alone := caller.Config{Name: c.Name}
	var id string
	switch {
	case a.Certificate != nil:
		n := caller.Certificate{URI: a.Certificate.URI, DNS: a.Certificate.DNS, CommonName: a.Certificate.CommonName}
		id = fmt.Sprintf("certificate name %q", b.Shown(n.URI+n.DNS+n.CommonName))
		alone.Certificates = append(alone.Certificates, n)
	case a.AccessKey != nil:
		id = fmt.Sprintf("access key %q", b.Shown(a.AccessKey.ID))
		value, ok := b.secret(path+".access_key.secret", a.AccessKey.Secret)
		if !ok {
			return
		}
		b.own(owner{c.Name, path + ".access_key.secret"}, value)
		if cloud, known := b.owners[a.AccessKey.ID]; known && cloud.caller == "" && b.options.Secrets {
			b.problem(path+".access_key.id", "choose an id of your own", "id is the same as that of %s: records could not tell the two keys apart", cloud.path)
		}
		alone.AccessKeys = append(alone.AccessKeys, caller.AccessKey{ID: a.AccessKey.ID, Secret: value})
	}
	if _, err := caller.NewRegistry([]caller.Config{alone}, signing.Known()); err != nil {
		for _, cause := range leaves(err) {
			b.problem(path, "", "%v", cause)
		}
		return
	}
	if other, twice := taken[id]; twice {
		b.problem(path, "", "%s already belongs to %s", id, other)
	}
	taken[id] = path
	if a.AccessKey != nil {
		known.AccessKeys = append(known.AccessKeys, *a.AccessKey)
	}
	known.Certificates = append(known.Certificates, alone.Certificates...)
	c.Certificates = append(c.Certificates, alone.Certificates...)
	c.AccessKeys = append(c.AccessKeys, alone.AccessKeys...)
}
