package auditcmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// giveIndexToOwner makes the files of an index that root has built those of the owner of their directory, as whom the gateway runs: it could
// not open them otherwise, and would go on without an index.
func giveIndexToOwner(index string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	built, err := filepath.EvalSymlinks(index)
	if err != nil {
		return err
	}
	return errors.Join(giveToOwner(built), giveToOwner(index+".lock"))
}

// giveToOwner changes the owner of a file of root's that has no other name: the owner of a directory may have put a link to another file in it.
func giveToOwner(file string) error {
	var dir, info unix.Stat_t
	if err := unix.Stat(filepath.Dir(file), &dir); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := unix.Fstat(int(f.Fd()), &info); err != nil || info.Uid != 0 || info.Nlink != 1 || info.Mode&unix.S_IFMT != unix.S_IFREG {
		return err
	}
	return f.Chown(int(dir.Uid), int(dir.Gid))
}
