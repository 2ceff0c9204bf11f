// Package osfile has what files are on one operating system and not on another: owners, flags of open(2), free space. The gateway runs on
// Linux; the commands that read run on the others as well, where less can be checked: each function says what.
package osfile

// Owner is whose a file is, by the numbers of user and group, and how many names it has.
type Owner struct {
	UID, GID int
	Links    uint64
}
