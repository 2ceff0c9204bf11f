package audit

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync makes a file's bytes and length durable. It leaves times alone, which spares the journal.
func datasync(f *os.File) error {
	if _, err := persist(func() (int, error) { return 0, unix.Fdatasync(int(f.Fd())) }); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// statx is unix.Statx, but in tests.
var statx = unix.Statx

// lookUp identifies what is at a path, and does not ask for times. A time that was asked for must be another after the next write (multigrain
// timestamps, Linux 6.13), so that each commit would change the inode as well as the file: an fsync then takes a sixth longer.
func lookUp(path string) (fileID, error) {
	const wanted = unix.STATX_INO | unix.STATX_SIZE
	var st unix.Statx_t
	err := statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, wanted, &st)
	refused := err == unix.ENOSYS || err == unix.EPERM // by an old kernel, or a seccomp filter
	if refused || err == nil && st.Mask&wanted != wanted {
		return lstat(path)
	}
	return fileID{device: unix.Mkdev(st.Dev_major, st.Dev_minor), inode: st.Ino, size: int64(st.Size)}, err
}
