package setting

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"regexp"
	"strconv"
)

// Mode says who may use a file or a socket, in octal digits as chmod takes them: "0660".
type Mode fs.FileMode

const modePattern = `^0?[0-7]{3}$`

var modeExpr = regexp.MustCompile(modePattern)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (m *Mode) UnmarshalText(b []byte) error {
	if !modeExpr.Match(b) {
		return errors.New(`want three octal digits for owner, group and others: "0660"`)
	}
	bits, err := strconv.ParseUint(string(b), 8, 12)
	*m = Mode(bits)
	return err
}

func (m Mode) Pattern() string { return modePattern }
func (m Mode) Kind() string    { return "mode" }
func (m Mode) String() string  { return fmt.Sprintf("%04o", uint32(m)) }

// Group is a group of users: its name or its number.
type Group string

const groupPattern = `^([A-Za-z_][A-Za-z0-9_.-]{0,31}|[0-9]{1,10})$`

var groupExpr = regexp.MustCompile(groupPattern)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (g *Group) UnmarshalText(b []byte) error {
	if !groupExpr.Match(b) {
		return errors.New("want the name of a group, or its number")
	}
	*g = Group(b)
	return nil
}

func (g Group) Pattern() string { return groupPattern }
func (g Group) Kind() string    { return "group" }

// ID returns the number of the group. A name is looked up on this machine.
func (g Group) ID() (int, error) {
	if id, err := strconv.ParseUint(string(g), 10, 31); err == nil {
		return int(id), nil
	}
	found, err := user.LookupGroup(string(g))
	if err != nil {
		return 0, fmt.Errorf("there is no group %s on this machine", string(g))
	}
	return strconv.Atoi(found.Gid)
}
