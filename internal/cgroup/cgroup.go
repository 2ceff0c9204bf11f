// Package cgroup says how much memory the control group of the process may use (cgroups(7), versions 1 and 2), and how much it uses.
//
// Limits of the groups above count too, as far as they are mounted: the least of all holds, and what is used is what that group uses. What the
// kernel would give back by itself before it ends a process is not in use: pages of files that are not to be written. A log that is written all day
// fills a group with such pages.
package cgroup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// ErrNoLimit says that the memory of the process is not limited.
var ErrNoLimit = errors.New("the memory of the process is not limited")

// maxFile bounds what is read of a file.
const maxFile = 1 << 20

// version is what a version of control groups calls its files, and the lines of its statistics.
type version struct {
	filesystem   string
	limit, usage string
	reclaimable  []string // lines to add up
	dirty        []string // of these, what is to be written first
}

var (
	version1 = version{"cgroup", "memory.limit_in_bytes", "memory.usage_in_bytes", []string{"total_inactive_file", "total_active_file"}, []string{"total_dirty", "total_writeback"}}
	version2 = version{"cgroup2", "memory.max", "memory.current", []string{"inactive_file", "active_file"}, []string{"file_dirty", "file_writeback"}}
)

// Group is the control group of the process, for memory.
type Group struct {
	root    fs.FS
	version version
	folder  string // of the group
	top     string // where the groups are mounted
}

// Limit is the least of what a group and those above it may use.
type Limit struct {
	Bytes  uint64
	group  *Group
	folder string // of the group that has it
}

// Find returns the group of the process. root is the file system of the machine.
func Find(root fs.FS) (*Group, error) {
	groups, err := read(root, "proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	mounts, err := read(root, "proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	name, v, err := memoryGroup(groups)
	if err != nil {
		return nil, err
	}
	for _, m := range memoryMounts(mounts, v) {
		g := &Group{root, v, m.folder(name), m.point}
		if _, err := fs.Stat(root, path.Join(g.folder, "memory.stat")); err == nil {
			return g, nil
		}
	}
	return nil, errors.New("the control group of the process is not mounted, or memory is not counted in it")
}

// Folder returns the path of the folder in which the groups are.
func (g *Group) Folder() string { return "/" + g.top }

// Limit returns the limit as it is now. The error wraps [ErrNoLimit] if there is none.
func (g *Group) Limit() (Limit, error) {
	least, found := Limit{group: g}, false
	for folder := g.folder; ; folder = path.Dir(folder) {
		bytes, err := g.limit(folder)
		switch {
		case err == nil && (!found || bytes < least.Bytes):
			least.Bytes, least.folder, found = bytes, folder, true
		case err != nil && !errors.Is(err, ErrNoLimit) && !errors.Is(err, fs.ErrNotExist): // the topmost group has no such file
			return Limit{}, err
		}
		if folder == g.top || folder == "." {
			break
		}
	}
	if !found {
		return Limit{}, ErrNoLimit
	}
	return least, nil
}

// unlimited is from where on version 1 means that there is no limit: it writes the largest number of whole pages.
const unlimited = 1 << 62

func (g *Group) limit(folder string) (uint64, error) {
	text, err := read(g.root, path.Join(folder, g.version.limit))
	if err != nil {
		return 0, err
	}
	if strings.TrimSpace(text) == "max" {
		return 0, ErrNoLimit
	}
	bytes, err := number(text)
	if err == nil && bytes >= unlimited {
		err = ErrNoLimit
	}
	return bytes, err
}

// Usage returns what the group uses, with all that the kernel could give back. It costs less than [Limit.InUse].
func (l *Limit) Usage() (uint64, error) {
	text, err := read(l.group.root, path.Join(l.folder, l.group.version.usage))
	if err != nil {
		return 0, err
	}
	return number(text)
}

// InUse returns what the group uses.
func (l *Limit) InUse() (uint64, error) {
	usage, err := l.Usage()
	if err != nil {
		return 0, err
	}
	text, err := read(l.group.root, path.Join(l.folder, "memory.stat"))
	if err != nil {
		return 0, err
	}
	free, err := l.group.version.free(text)
	return usage - min(usage, free), err
}

// free returns what the kernel could give back, by the statistics of a group.
func (v *version) free(statistics string) (uint64, error) {
	reclaimable, err := sum(statistics, v.reclaimable)
	if err != nil {
		return 0, err
	}
	dirty, err := sum(statistics, v.dirty)
	return reclaimable - min(reclaimable, dirty), err
}

// sum adds up some lines of statistics. One that is not there counts as 0.
func sum(statistics string, names []string) (total uint64, err error) {
	for line := range strings.Lines(statistics) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, wanted := range names {
			if name != wanted {
				continue
			}
			bytes, err := number(value)
			if total += bytes; err != nil || max(bytes, total) >= unlimited {
				return 0, fmt.Errorf("memory.stat: %.40q is no size", line)
			}
		}
	}
	return total, nil
}

func number(text string) (uint64, error) {
	bytes, err := strconv.ParseUint(strings.TrimSuffix(text, "\n"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no size", text)
	}
	return bytes, nil
}

func read(root fs.FS, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() // opened for reading
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	return string(text), err
}
