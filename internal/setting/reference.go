package setting

import (
	"errors"
	"regexp"
)

// Reference is where a secret is kept: exactly one of its keys. Secrets never stand in the file itself.
type Reference struct {
	// The name of an environment variable, in upper case. It is read when the gateway starts.
	Env string `yaml:"env"`
	// The path of a file that holds the secret and nothing else; a final line feed is left out. Only the gateway's user and
	// groups should be able to read it: otherwise `check`, the log and readiness say so.
	File string `yaml:"file" path:"secret"`
}

// ExactlyOne marks a section of which exactly one key is given.
func (Reference) ExactlyOne() {}

// InsteadOfSecret returns what to write where a secret would stand.
func (Reference) InsteadOfSecret() string { return "{env: NAME} or {file: PATH}" }

// Shown returns the reference as it can be shown: with an absolute path, a relative one being in dir. What stands for a path and does not
// look like one is hidden, since it may be the secret.
func (r Reference) Shown(dir string) Reference {
	if shown := shownPath(r.File); shown != r.File {
		r.File = shown
	} else {
		r.File = Resolve(dir, r.File)
	}
	return r
}

// envExpr is the form of an environment variable's name. Lower case is refused, because a secret key that was put
// in the place of the name nearly always has some, and the name is shown in messages.
var envExpr = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,127}$`)

// Check reports a name of an environment variable that is none. It does not show it, since it may be the secret.
func (r Reference) Check() error {
	if r.Env != "" && !envExpr.MatchString(r.Env) {
		return errors.New("env: want the name of an environment variable: capital letters, digits and \"_\"")
	}
	return nil
}
