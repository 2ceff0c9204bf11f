package fleet

import (
	"errors"
	"regexp"
)

// MemberName is the name of a member: 1 to 64 letters, digits, "-", "_" and ".".
type MemberName string

// Prefix is how the names of keys begin: 1 to 64 letters, digits, "-", "_" and ".".
type Prefix string

const namePattern = `^[A-Za-z0-9_.-]{1,64}$`

var nameExpr = regexp.MustCompile(namePattern)

var errName = errors.New(`want 1 to 64 letters, digits, "-", "_" and "."`)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *MemberName) UnmarshalText(b []byte) error {
	*n = MemberName(b)
	return checkName(b)
}

func (n MemberName) Pattern() string { return namePattern }
func (n MemberName) Kind() string    { return "name" }
func (n MemberName) String() string  { return string(n) }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Prefix) UnmarshalText(b []byte) error {
	*p = Prefix(b)
	return checkName(b)
}

func (p Prefix) Pattern() string { return namePattern }
func (p Prefix) Kind() string    { return "name" }
func (p Prefix) String() string  { return string(p) }

func checkName(b []byte) error {
	if !nameExpr.Match(b) {
		return errName
	}
	return nil
}
