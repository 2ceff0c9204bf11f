package config

import (
	"tollgate/caller"
	"tollgate/internal/secret"
	"tollgate/signing"
)

// buildCallers takes the callers, and makes a registry of them to check their names together.
func (b *builder) buildCallers() {
	taken := map[string]string{}
	for _, name := range b.callerNames {

		paths, ways := b.ways(name)
		for i, path := range paths {
			b.checkAuth(path, name, &ways[i], taken)
		}
		b.config.Callers = append(b.config.Callers, caller.Config{Name: name, Auth: ways})
	}
	if b.callersFailed() {
		return
	}
	if _, err := caller.NewRegistry(b.config.Callers, signing.Known(), nil); err != nil {
		b.problem("callers", "", "%v", err)
	}
}

// checkAuth checks one way to be known, so that its problems are reported where it stands.
func (b *builder) checkAuth(path, name string, a *caller.Auth, taken map[string]string) {
	if b.Failed(path) {
		return
	}
	var what, id string
	var err error
	if n := a.Certificate; n != nil {
		what, id, err = "certificate name", n.URI+n.DNS+n.CommonName, n.Check()
	} else {
		value, ok := b.virtualKey(path+".access_key", name, a.AccessKey)
		if !ok {
			return
		}
		what, id, err = "access key", a.AccessKey.ID, a.AccessKey.Check(value)
	}
	if err != nil {
		for _, cause := range leaves(err) {
			b.problem(path, "", "%v", cause)
		}
		return
	}
	if other, twice := taken[what+id]; twice {
		b.problem(path, "", "%s %q already belongs to %s", what, b.Shown(id), other)
	}
	taken[what+id] = path
}

// virtualKey reads the secret of a caller's key.
func (b *builder) virtualKey(path, name string, k *caller.VirtualKey) (value secret.String, ok bool) {
	if value, ok = b.secret(path+".secret", k.Secret); !ok {
		return value, false
	}
	b.own(owner{name, path + ".secret"}, value)
	if cloud, known := b.owners[k.ID]; known && cloud.caller == "" && b.options.Secrets {
		b.problem(path+".id", "choose an id of your own", "id is the same as that of %s: records could not distinguish the two keys", cloud.path)
	}
	return value, true
}
