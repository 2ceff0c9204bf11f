package config

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"tollgate/internal/private"
	"tollgate/internal/secret"
)

// maxSecret is far more than any key or token has.
const maxSecret = 64 << 10

// envExpr is the form of an environment variable's name. Lower case is refused, because a secret key that somebody put
// in the place of the name nearly always has some, and the name is shown in messages.
var envExpr = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,127}$`)

// placeholder stands for a secret that was not to be read. It satisfies every check of a secret's form.
const placeholder = "placeholderWithoutSecret"

// secretReader reads what references refer to. It is kept by credentials, which read their keys again later.
type secretReader struct {
	dir       string
	lookupEnv func(string) (string, bool)
	pretend   bool // give placeholders instead
}

// read gives the secret itself. Its errors show neither the secret nor what may be one in the wrong place.
func (s *secretReader) read(r reference) (secret.String, error) {
	switch {
	case r.Env != "" && !envExpr.MatchString(r.Env):
		return secret.String{}, errors.New("env: want the name of an environment variable: capital letters, digits and \"_\"")
	case s.pretend:
		return secret.New(placeholder), nil
	case r.Env != "":
		return fromEnv(r.Env, s.lookupEnv)
	}
	return fromFile(resolve(s.dir, r.File), shownPath(r.File))
}

// secret reads what the reference at a path refers to. If it cannot, the problem is reported and ok is false.
func (b *builder) secret(path string, r reference) (value secret.String, ok bool) {
	if b.failed(path) || r == (reference{}) { // a missing one was reported when the file was read
		return value, false
	}
	if r.File != "" {
		b.private(path, resolve(b.dir, r.File))
	}
	value, err := b.secrets.read(r)
	if err != nil {
		b.add(b.key(path), path, "", "%s: %v", lastKey(path), err)
	}
	return value, err == nil
}

func fromEnv(name string, lookup func(string) (string, bool)) (secret.String, error) {
	value, ok := lookup(name)
	if !ok {
		return secret.String{}, fmt.Errorf("environment variable %s is not set", name)
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
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		return secret.String{}, fmt.Errorf("%s holds more than one word of printable ASCII: it must hold the secret and nothing else", where)
	}
	return secret.New(value), nil
}
