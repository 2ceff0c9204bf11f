//go:build unix

package osfile

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// NoFollow is a flag of [os.OpenFile]: a symbolic link is not opened.
	NoFollow = unix.O_NOFOLLOW
	// NonBlock is a flag of [os.OpenFile]: opening a pipe does not wait for its other end.
	NonBlock = unix.O_NONBLOCK

	// HasModes reports whether the bits of a file's mode say who may use it.
	HasModes = true
)

// OwnerOf returns whose a file is, if the system says it.
func OwnerOf(info fs.FileInfo) (owner Owner, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Owner{}, false
	}
	return Owner{UID: int(st.Uid), GID: int(st.Gid), Links: uint64(st.Nlink)}, true
}

// Free returns how many bytes the file system of a folder has left for this user.
func Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// Writable reports whether this process may make files in a folder.
func Writable(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
