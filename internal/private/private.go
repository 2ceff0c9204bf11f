// Package private holds the one rule for files that only the gateway should be able to use: keys, tokens, secrets.
//
// # Files that the gateway made
//
// The log's signing key, the keys of an internal authority, the keys of ACME: [ReadOwn] and [Tighten] take every right of
// group and others away again and report it. This is needed because the kubelet grants a pod's fsGroup the right to read and
// write all files of a volume, each time that it mounts the volume. Only a file that belongs to the process's user counts as
// made by the gateway: what another user owns was handed to it. Where the mode cannot be changed (a volume that is mounted
// read-only) the next section holds.
//
// # Files of others
//
// [Read] takes them with any mode. Their owner may use them, and so may the process's groups: a Kubernetes Secret with mode
// 0440 belongs to root and the pod's fsGroup. [Exposure] returns who else may, which is logged. The file
// is not refused, in either direction: a mode says little without those of the folders above, common mounts (Docker secrets,
// Kubernetes Secrets without defaultMode) are readable for all, and a refusal would stop a gateway that ran until now.
//
// Rights are read from the opened file or, following symbolic links, from the file that the path leads to. With a POSIX
// ACL (acl(5)) the group bits of the mode are only its mask, and its entries count: systemd hands credentials over with one.
//
// On Windows nothing is tightened and [Exposure] knows of none, since modes say nothing there and access lists are not read: who may use a file
// is what the folder has that it is in. On other systems than Linux the mode alone counts.
package private

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tollgate/internal/osfile"
)

// ErrNotRegular is wrapped by the errors of folders, pipes and devices.
var ErrNotRegular = errors.New("not a regular file")

// Finding is what was found out about a file or folder of the gateway's own that group or others may use.
type Finding struct {
	Path string
	Mode fs.FileMode // permission bits as they were found
	Now  fs.FileMode // permission bits as they are now; the same when they could not be changed
}

// Tightened reports whether group and others have no rights any more.
func (f Finding) Tightened() bool { return f.Now&groupAndOthers == 0 }

// Report is called with each finding, before the file is used. A nil Report is not called.
type Report func(Finding)

// Read returns the content of a regular file of at most limit bytes. Errors are of type [*fs.PathError].
func Read(path string, limit int64) ([]byte, error) {
	return readWith(path, limit, nil)
}

// ReadOwn is Read for a file that the gateway made: it is tightened before.
func ReadOwn(path string, limit int64, report Report) ([]byte, error) {
	return readWith(path, limit, func(f *os.File, info fs.FileInfo) { tighten(f, info, groupAndOthers, report) })
}

func readWith(path string, limit int64, before func(*os.File, fs.FileInfo)) ([]byte, error) {
	f, info, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // opened for reading: nothing can be lost
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	if before != nil {
		before(f, info)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %d bytes", limit)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// open does not wait for the writer of a pipe.
func open(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|osfile.NonBlock, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

const (
	groupAndOthers fs.FileMode = 0o077
	theirWriting   fs.FileMode = 0o022
)

// Tighten takes the rights of group and others away from a file that the gateway made. A file that cannot be opened is left as
// it is.
func Tighten(path string, report Report) {
	f, info, err := open(path)
	if err != nil {
		return
	}
	defer f.Close() // opened for reading
	if info.Mode().IsRegular() {
		tighten(f, info, groupAndOthers, report)
	}
}

// TightenDir leaves a folder that the gateway made to its owner if group or others may add and remove files there: they could
// put another key in the place of ours. One that they may only look into was opened on purpose and stays as it is, and so
// does one with the sticky bit, which is shared by intent, such as /tmp.
func TightenDir(path string, report Report) {
	f, info, err := open(path)
	if err != nil {
		return
	}
	defer f.Close() // opened for reading
	if info.IsDir() && info.Mode()&fs.ModeSticky == 0 {
		tighten(f, info, theirWriting, report)
	}
}

// TightenAll is [TightenDir], and [Tighten] for the files whose names below the folder match a pattern of [fs.Glob].
func TightenAll(dir string, report Report, patterns ...string) {
	TightenDir(dir, report)
	for _, pattern := range patterns {
		names, _ := fs.Glob(os.DirFS(dir), pattern) // fails for a bad pattern only
		for _, name := range names {
			Tighten(filepath.Join(dir, name), report)
		}
	}
}

// tighten leaves an open file to its owner if group or others have one of the rights in question.
func tighten(f *os.File, info fs.FileInfo, rights fs.FileMode, report Report) {
	found := Finding{Path: f.Name(), Mode: info.Mode().Perm(), Now: info.Mode().Perm()}
	if !osfile.HasModes || found.Mode&rights == 0 {
		return
	}
	if isOurs(f.Name(), info) && f.Chmod(found.Mode&^groupAndOthers) == nil {
		if after, err := f.Stat(); err == nil { // some file systems take a mode and do not keep it
			found.Now = after.Mode().Perm()
		}
	}
	if report != nil {
		report(found)
	}
}

// isOurs reports whether an open file is one that the process made: it has the process's user, and no other user led us to it by
// a link of theirs. A user who may write in the folder could otherwise have any file of that user tightened, of root the system's.
func isOurs(path string, opened fs.FileInfo) bool {
	named, err := os.Lstat(path)
	if err != nil || ownerOf(opened) != os.Geteuid() {
		return false
	}
	if named.Mode()&fs.ModeSymlink == 0 {
		return os.SameFile(named, opened)
	}
	owner := ownerOf(named)
	return owner == os.Geteuid() || owner == 0
}

// ownerOf returns -1 where the system names none.
func ownerOf(info fs.FileInfo) int {
	if owner, ok := osfile.OwnerOf(info); ok {
		return owner.UID
	}
	return -1
}
