package fleet

import (
	"errors"
	"regexp"
)

// Name is a name of a member, or how those of keys begin: 1 to 64 letters, digits, "-", "_" and ".".
type Name string

const namePattern = `^[A-Za-z0-9_.-]{1,64}$`

var nameExpr = regexp.MustCompile(namePattern)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *Name) UnmarshalText(b []byte) error {
	if !nameExpr.Match(b) {
		return errors.New(`want 1 to 64 letters, digits, "-", "_" and "."`)
	}
	*n = Name(b)
	return nil
}

func (n Name) Pattern() string { return namePattern }
func (n Name) Kind() string    { return "name" }
func (n Name) String() string  { return string(n) }
