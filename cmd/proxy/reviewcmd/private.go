package reviewcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tollgate/internal/cli"
	"tollgate/internal/osfile"
)

// othersWrite is the bit of a mode by which every user may write.
const othersWrite fs.FileMode = 0o002

// privateFolder makes a folder that only this user can read. Where others may rename what is in the folder for temporary files, they could put
// one of theirs in its place.
func privateFolder() (string, error) {
	parent := os.TempDir()
	info, err := os.Stat(parent)
	if err != nil {
		return "", fmt.Errorf("a folder for indexes: %w", err)
	}
	if osfile.HasModes && info.Mode()&othersWrite != 0 && info.Mode()&fs.ModeSticky == 0 {
		return "", fmt.Errorf("a folder for indexes: other users may rename what is in %s (its mode has no sticky bit): set TMPDIR to a folder of your own", parent)
	}
	private, err := os.MkdirTemp(parent, "tollgate-review-") // mode 0700
	if err != nil {
		return "", fmt.Errorf("a folder for indexes: %w", err)
	}
	return private, nil
}

// checkIndex refuses an index that another user could have made, or can read: they would choose which calls the pages show. A link is followed
// only if it is this user's, too.
func checkIndex(file string) error {
	for _, look := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} {
		info, err := look(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return cli.FlagError("index", err)
		}
		if owner, ok := osfile.OwnerOf(info); ok && owner.UID != os.Geteuid() {
			return cli.UsageError("--index: %s belongs to another user (uid %d)", file, owner.UID)
		}
		if osfile.HasModes && info.Mode().IsRegular() && info.Mode()&othersWrite != 0 {
			return cli.UsageError("--index: every user may write to %s (mode %#o)", file, info.Mode().Perm())
		}
	}
	return nil
}
