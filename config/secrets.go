package config

import (
	"tollgate/config/strictyaml"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// placeholder stands for a secret that was not to be read. It satisfies every check of a secret's form.
const placeholder = "placeholderWithoutSecret"

// secret reads what the reference at a path refers to. If it cannot, the problem is reported and ok is false.
func (b *builder) secret(path string, r setting.Reference) (value secret.String, ok bool) {
	if b.Failed(path) || r == (setting.Reference{}) { // a missing one was reported when the file was read
		return value, false
	}
	if r.File != "" {
		b.keepPrivate(path, setting.Resolve(b.dir, r.File))
	}
	err := r.Check()
	if err == nil && !b.options.Secrets {
		return secret.New(placeholder), true
	}
	if err == nil {
		value, err = setting.Secrets{Dir: b.dir, LookupEnv: b.options.LookupEnv}.Read(r)
	}
	if err != nil {
		b.Add(b.Key(path), path, "", "%s: %v", strictyaml.LastKey(path), err)
	}
	return value, err == nil
}

// owner is who has a secret.
type owner struct {
	caller string // empty: the gateway, which signs with it
	path   string // where it is referred to
}

// own notes whose a secret is, and reports one that another owner has: which of two callers calls could not be said, nor whether a
// cloud key was used past the gateway. The credentials have one owner. Placeholders are all the same, and not compared.
func (b *builder) own(o owner, value secret.String) {
	other, taken := b.owners[value.Reveal()]
	switch {
	case !b.options.Secrets:
	case !taken:
		b.owners[value.Reveal()] = o
	case other.caller != o.caller:
		b.Add(b.Key(o.path), o.path, "give the caller a secret of its own", "%s is the same as that of %s", strictyaml.LastKey(o.path), other.path)
	}
}
