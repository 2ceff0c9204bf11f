package setting

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"tollgate/internal/private"
	"tollgate/internal/secret"
)

// MaxSecret is how large a file of a secret may be: far more than any key or token has.
const MaxSecret = 64 << 10

// LookupEnv finds environment variables, as [os.LookupEnv] does.
type LookupEnv func(name string) (value string, found bool)

// Secrets is where references lead.
type Secrets struct {
	Dir       string    // of relative paths
	LookupEnv LookupEnv // nil: os.LookupEnv
}

// Read returns the secret that is kept at a reference. Its errors show neither the secret nor what may be one in the wrong place.
func (s Secrets) Read(r Reference) (secret.String, error) {
	if err := r.Check(); err != nil {
		return secret.String{}, err
	}
	if r.Env == "" {
		return fromFile(Resolve(s.Dir, r.File), shownPath(r.File))
	}
	if s.LookupEnv == nil {
		s.LookupEnv = os.LookupEnv
	}
	return fromEnv(r.Env, s.LookupEnv)
}

func fromEnv(name string, lookup LookupEnv) (secret.String, error) {
	value, ok := lookup(name)
	if !ok {
		return secret.String{}, fmt.Errorf("environment variable %s is not set", name)
	}
	if strings.HasSuffix(value, "\n") {
		return secret.String{}, fmt.Errorf("environment variable %s ends in a line feed, which is no part of a secret: set it without (%s=\"$(cat FILE)\" leaves it out)", name, name)
	}
	return CheckSecret(value, "environment variable "+name)
}

// base64Expr is the form of a longer text in base64, which may have slashes, too.
var base64Expr = regexp.MustCompile(`^[A-Za-z0-9+/]{20,}=*$`)

// shownPath hides what does not look like a path, and what looks like a random text in base64.
func shownPath(path string) string {
	random := base64Expr.MatchString(path) && strings.ContainsAny(path, "0123456789") && strings.ToLower(path) != path && strings.ToUpper(path) != path
	if strings.ContainsAny(path, "./") && !random {
		return path
	}
	return secret.Redacted
}

func fromFile(path, shown string) (secret.String, error) {
	data, err := readFile(path, shown)
	if err != nil {
		return secret.String{}, err
	}
	return ParseSecret(data, "file "+shown)
}

// ParseSecret returns the secret that is the content of a file. A final line feed is left out.
func ParseSecret(data []byte, where string) (secret.String, error) {
	return CheckSecret(strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), where)
}

// ReadFile returns what a file with secrets holds, and how its path is shown in errors.
func (s Secrets) ReadFile(path string) (data []byte, shown string, err error) {
	shown = shownPath(path)
	data, err = readFile(Resolve(s.Dir, path), shown)
	return data, shown, err
}

func readFile(path, shown string) ([]byte, error) {
	data, err := private.Read(path, MaxSecret)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", shown, bare(err))
	}
	return data, nil
}

// bare is the cause of a file error without the path, which the caller shows in its own way.
func bare(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// CheckSecret returns a value that has the form of a secret. Its errors say where it stands, and do not show it.
func CheckSecret(value, where string) (secret.String, error) {
	switch {
	case value == "":
		return secret.String{}, fmt.Errorf("%s is empty", where)
	case len(value) > MaxSecret:
		return secret.String{}, fmt.Errorf("%s is longer than %d bytes", where, MaxSecret)
	case strings.HasPrefix(value, "\uFEFF"):
		return secret.String{}, fmt.Errorf("%s begins with a byte order mark: save it as UTF-8 without one", where)
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		return secret.String{}, fmt.Errorf("%s holds more than one word of printable ASCII: it must hold the secret and nothing else", where)
	}
	return secret.New(value), nil
}
