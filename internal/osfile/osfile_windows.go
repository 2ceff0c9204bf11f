package osfile

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

const (
	// NoFollow is no flag here: links are followed. Making one takes a right that users do not have by default.
	NoFollow = 0
	// NonBlock is no flag here: pipes have names of their own, which are not among those of files.
	NonBlock = 0

	// HasModes reports whether the bits of a file's mode say who may use it. Here they say only whether it may be written to; access lists
	// say the rest, which are not read.
	HasModes = false
)

// OwnerOf returns no owner: owners have no numbers here.
func OwnerOf(fs.FileInfo) (owner Owner, known bool) { return Owner{}, false }

// Free returns how many bytes the volume of a folder has left for this user.
func Free(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil
}

// Writable reports whether a folder is there: access lists are not read.
func Writable(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}
