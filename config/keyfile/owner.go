package keyfile

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// giveToOwner makes an open file that of the owner of its directory, who could have put another in its place.
func giveToOwner(f *os.File) error {
	var dir unix.Stat_t
	if err := unix.Stat(filepath.Dir(f.Name()), &dir); err != nil {
		return err
	}
	return f.Chown(int(dir.Uid), int(dir.Gid))
}
