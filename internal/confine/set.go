package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/landlock-lsm/go-landlock/landlock"

	"tollgate/internal/durable"
)

// Need is a path that a process uses, and what it is named by.
type Need struct {
	Path  string // absolute
	Key   string // of the configuration: "listeners[0].tls.client_ca"
	Write bool   // what is there is changed, replaced or made
	// Folder says that the path is a folder, which is made where there is none, if Make says so. Other paths are files, or either.
	Folder, Make bool
}

// Set is what a process may use: folders, with all that is below them, and files of the system.
type Set struct {
	folders map[string]bool // whether it may be written to, by the path without links
	files   []string
}

// NewSet returns what is needed. It makes the folders that are to be made, since there are no rules for what is not there. A path whose folder is /
// is an error: with it everything would be allowed.
func NewSet(needs []Need) (*Set, error) {
	s := &Set{folders: map[string]bool{}}
	for _, n := range needs {
		if n.Make {
			_ = durable.MakeDir(n.Path, 0o700) // what uses it says what is wrong
		}
		all := folders(n.Path, n.Folder)
		if len(all) == 0 && n.Folder && !n.Make {
			return nil, fmt.Errorf("%s: there is no %s, and what is not there at the start cannot be allowed", n.Key, n.Path)
		}
		for _, folder := range all {
			if folder == "/" {
				return nil, fmt.Errorf("hardening.landlock: the folder of %s (%s) is /, so that everything would be allowed: move it to a folder of its own",
					n.Path, n.Key)
			}
			s.add(folder, n.Write)
		}
	}
	s.simplify()
	return s, nil
}

func (s *Set) add(folder string, write bool) { s.folders[folder] = s.folders[folder] || write }

// folders returns the folders, without links, that hold what a path leads to: that of the path, where another file may take its place, and that
// of what it links to. A folder stands for itself, and one that is missing for none.
func folders(path string, folder bool) (all []string) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		if info, err := os.Stat(real); err == nil && info.IsDir() {
			return []string{real}
		}
		all = append(all, filepath.Dir(real))
	} else if folder {
		return nil
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		all = append(all, dir)
	}
	return all
}

// simplify leaves out the folders for which one above them allows as much.
func (s *Set) simplify() {
	for folder, write := range s.folders {
		if parent := filepath.Dir(folder); s.covers(parent, write) {
			delete(s.folders, folder)
		}
	}
}

// covers reports whether a path without links is in a folder of the set. The folder / is in none.
func (s *Set) covers(path string, write bool) bool {
	for ; path != "/"; path = filepath.Dir(path) {
		if may, ok := s.folders[path]; ok && (may || !write) {
			return true
		}
	}
	return false
}

// Allows reports whether a file may be used at a path, now and when another has taken its place. It goes by where links lead now.
func (s *Set) Allows(path string, write bool) bool {
	real, err := filepath.EvalSymlinks(path)
	for errors.Is(err, fs.ErrNotExist) { // it would be made in the nearest folder above
		path = filepath.Dir(path)
		real, err = filepath.EvalSymlinks(path)
	}
	return err == nil && s.covers(real, write)
}

// Folders returns the folders that may be read only, and those that may be written to.
func (s *Set) Folders() (read, write []string) {
	for folder, may := range s.folders {
		if may {
			write = append(write, folder)
		} else {
			read = append(read, folder)
		}
	}
	slices.Sort(read)
	slices.Sort(write)
	return read, write
}

// What a process needs of the system, to read it: addresses and names of hosts, groups, zones of time, and what the kernel says of it. In
// /proc/sys/net/core is the longest queue of a listener, of which the standard library makes its own.
var (
	systemFolders = []string{"/usr/share/zoneinfo", "/proc/self", "/proc/sys/net/core"}
	systemFiles   = []string{
		"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/group", "/etc/localtime",
		"/dev/urandom", // SQLite
		"/proc/stat",   // when the system started, for process_start_time_seconds
	}
)

// AddSystem adds what any process needs of the system, and further folders of the system. Where a file links to a deeper folder, such as
// /run/systemd/resolve, others will take its place there; a folder like /etc is not allowed for the sake of some files.
func (s *Set) AddSystem(more ...string) {
	for _, folder := range slices.Concat(systemFolders, more) {
		if real, err := filepath.EvalSymlinks(folder); err == nil {
			s.add(real, false)
		}
	}
	for _, file := range systemFiles {
		real, err := filepath.EvalSymlinks(file)
		switch dir := filepath.Dir(real); {
		case err != nil:
		case filepath.Dir(dir) == "/":
			s.files = append(s.files, real)
		default:
			s.add(dir, false)
		}
	}
}

func (s *Set) rules() []landlock.Rule {
	read, write := s.Folders()
	return []landlock.Rule{
		landlock.PathAccess(readFile, s.files...).IgnoreIfMissing(),
		landlock.PathAccess(readFolder, read...).IgnoreIfMissing(),
		landlock.PathAccess(writeFolder, write...).IgnoreIfMissing(),
	}
}
