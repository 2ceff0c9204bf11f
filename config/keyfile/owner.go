package keyfile

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// giveToOwner makes a file that of the owner of its directory.
func giveToOwner(name string) error {
	var dir unix.Stat_t
	if err := unix.Stat(filepath.Dir(name), &dir); err != nil {
		return err
	}
	return os.Lchown(name, int(dir.Uid), int(dir.Gid))
}
