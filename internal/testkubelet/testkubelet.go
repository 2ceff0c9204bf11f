// Package testkubelet does to a folder what the kubelet does to a volume when a pod with an fsGroup is to mount it, for tests
// of a second start.
package testkubelet

import (
	"io/fs"
	"os"
	"path/filepath"
)

// The rights that are added (Kubernetes, pkg/volume/volume_linux.go: rwMask, execMask).
const (
	ofFiles   fs.FileMode = 0o660
	ofFolders             = ofFiles | 0o110 | fs.ModeSetgid
)

// SetFSGroup changes the group of everything in and below dir, and grants the group the right to read and write it. Of symbolic links
// only the owner changes.
func SetFSGroup(dir string, group int) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if err := os.Lchown(path, -1, group); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return err
		}
		added := ofFiles
		if info.IsDir() {
			added = ofFolders
		}
		return os.Chmod(path, info.Mode()|added)
	})
}

// AnyGroup returns a group that this process may change its files to: one of another's, if it is root.
func AnyGroup() int {
	if os.Geteuid() == 0 {
		return 54322
	}
	groups, err := os.Getgroups()
	if err != nil || len(groups) == 0 {
		return os.Getegid()
	}
	return groups[len(groups)-1]
}
