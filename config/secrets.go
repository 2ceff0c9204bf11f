package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"tollgate/config/strictyaml"
	"tollgate/internal/private"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// maxSecret is far more than any key or token has.
const maxSecret = 64 << 10

// placeholder stands for a secret that was not to be read. It satisfies every check of a secret's form.
const placeholder = "placeholderWithoutSecret"

// secretReader reads what references refer to. It is kept by credentials, which read their keys again later.
type secretReader struct {
	dir       string
	lookupEnv func(string) (string, bool)
	pretend   bool // give placeholders instead
}

// read gives the secret itself. Its errors show neither the secret nor what may be one in the wrong place.
func (s *secretReader) read(r setting.Reference) (secret.String, error) {
	if err := r.Check(); err != nil {
		return secret.String{}, err
	}
	switch {
	case s.pretend:
		return secret.New(placeholder), nil
	case r.Env != "":
		return fromEnv(r.Env, s.lookupEnv)
	}
	return fromFile(setting.Resolve(s.dir, r.File), shownPath(r.File))
}

// secret reads what the reference at a path refers to. If it cannot, the problem is reported and ok is false.
func (b *builder) secret(path string, r setting.Reference) (value secret.String, ok bool) {
	if b.Failed(path) || r == (setting.Reference{}) { // a missing one was reported when the file was read
		return value, false
	}
	if r.File != "" {
		b.private(path, setting.Resolve(b.dir, r.File))
	}
	value, err := b.secrets.read(r)
	if err != nil {
		b.Add(b.Key(path), path, "", "%s: %v", strictyaml.LastKey(path), err)
	}
	return value, err == nil
}

func fromEnv(name string, lookup func(string) (string, bool)) (secret.String, error) {
	value, ok := lookup(name)
	if !ok {
		return secret.String{}, fmt.Errorf("environment variable %s is not set", name)
	}
	if strings.HasSuffix(value, "\n") {
		return secret.String{}, fmt.Errorf("environment variable %s ends in a line feed, which is no part of a secret: set it without (%s=\"$(cat FILE)\" leaves it out)", name, name)
	}
	return checkSecret(value, "environment variable "+name)
}

// shownPath hides what does not look like a path.
func shownPath(path string) string {
	if strings.ContainsAny(path, "./") {
		return path
	}
	return secret.Redacted
}

func fromFile(path, shown string) (secret.String, error) {
	data, err := private.Read(path, maxSecret)
	if err != nil {
		return secret.String{}, fmt.Errorf("file %s: %w", shown, bare(err))
	}
	return checkSecret(strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), "file "+shown)
}

// bare is the cause of a file error without the path, which the caller shows in its own way.
func bare(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

func checkSecret(value, where string) (secret.String, error) {
	switch {
	case value == "":
		return secret.String{}, fmt.Errorf("%s is empty", where)
	case len(value) > maxSecret:
		return secret.String{}, fmt.Errorf("%s is longer than %d bytes", where, maxSecret)
	case strings.HasPrefix(value, "\uFEFF"):
		return secret.String{}, fmt.Errorf("%s begins with a byte order mark: save it as UTF-8 without one", where)
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		return secret.String{}, fmt.Errorf("%s holds more than one word of printable ASCII: it must hold the secret and nothing else", where)
	}
	return secret.New(value), nil
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
