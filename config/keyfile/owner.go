package keyfile

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// giveToOwner makes an open file that of the owner of its directory, who could have put another in its place. In a directory of root's that
// a group alone may read, the gateway is of that group, and may read the file.
func giveToOwner(f *os.File) error {
	var dir unix.Stat_t
	if err := unix.Stat(filepath.Dir(f.Name()), &dir); err != nil {
		return err
	}
	if err := f.Chown(int(dir.Uid), int(dir.Gid)); err != nil || !groupReads(&dir) {
		return err
	}
	return f.Chmod(0o640)
}

func groupReads(dir *unix.Stat_t) bool {
	const group, others = 0o050, 0o007
	return dir.Uid == 0 && dir.Gid != 0 && dir.Mode&group == group && dir.Mode&others == 0
}
