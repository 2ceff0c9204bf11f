package private

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"tollgate/internal/osfile"
)

// Exposure describes who, beside the file's owner and the groups of this process, may read or change the file that a path
// leads to, and what to do about it; "" if no one else may. Of a folder it says who may add and remove files. A path that leads
// nowhere exposes nothing.
func Exposure(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	owner, ok := osfile.OwnerOf(info)
	if !ok {
		return ""
	}
	who := self().others(info.Mode(), uint32(owner.UID), grantsOf(info.Mode(), uint32(owner.GID), accessList(path)))
	if who == "" {
		return ""
	}
	advice := "mode 0600, or 0440 and a group of the gateway"
	if info.IsDir() {
		advice = "mode 0700, or 0770 and a group of the gateway"
	}
	return fmt.Sprintf("%s has mode %#o: %s; give it %s", path, info.Mode().Perm(), who, advice)
}

// right is what a user may do with a file, in the bits of a mode.
type right uint16

const (
	change right = 2
	read   right = 4
)

func (r right) String() string {
	switch r {
	case change:
		return "change"
	case read:
		return "read"
	}
	return "read and change"
}

type subject int

const (
	everybody subject = iota
	group
	user
)

// grant is the right of a user or group other than the owner.
type grant struct {
	subject subject
	id      uint32 // of the group or user
	right   right
}

// grantsOf returns what a mode and, if there is one, an access list grant.
func grantsOf(mode fs.FileMode, owningGroup uint32, list []byte) []grant {
	if grants, ok := parseList(list, owningGroup); ok {
		return grants
	}
	perm := right(mode.Perm())
	return []grant{{everybody, 0, perm}, {group, owningGroup, perm >> 3}}
}

// process is who runs.
type process struct {
	user   uint32
	groups []uint32
}

func self() process {
	p := process{uint32(os.Geteuid()), []uint32{uint32(os.Getegid())}}
	groups, err := os.Getgroups()
	if err != nil {
		return p // fewer groups count as ours
	}
	for _, g := range groups {
		p.groups = append(p.groups, uint32(g))
	}
	return p
}

// others describes the grants to others than p and the owner.
func (p process) others(mode fs.FileMode, owner uint32, grants []grant) string {
	matters := read | change
	if mode.IsDir() {
		matters = change
		if mode&fs.ModeSticky != 0 {
			return ""
		}
	}
	var said []string
	for _, g := range grants {
		if g.subject != everybody {
			g.right &^= rightOfAll(grants)
		}
		if g.right &= matters; g.right == 0 || p.expects(g, owner) {
			continue
		}
		said = append(said, fmt.Sprintf("%s may %v it", g.who(), g.right))
	}
	return strings.Join(said, ", ")
}

func rightOfAll(grants []grant) right {
	var all right
	for _, g := range grants {
		if g.subject == everybody {
			all |= g.right
		}
	}
	return all
}

// expects reports whether the user or group of a grant may have it.
func (p process) expects(g grant, owner uint32) bool {
	switch g.subject {
	case group:
		return slices.Contains(p.groups, g.id)
	case user:
		return g.id == p.user || g.id == owner || g.id == 0 // root reads everything anyway
	}
	return false
}

func (g grant) who() string {
	switch g.subject {
	case group:
		return fmt.Sprintf("group %d, in which the gateway is not,", g.id)
	case user:
		return fmt.Sprintf("user %d", g.id)
	}
	return "every user"
}
