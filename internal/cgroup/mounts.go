package cgroup

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// memoryGroup returns the name of the group in which the memory of the process is counted: that of version 1, where it has the memory, since
// then version 2 has not. groups is /proc/self/cgroup.
func memoryGroup(groups string) (name string, v version, err error) {
	err = errors.New("the process is in no control group")
	for line := range strings.Lines(groups) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		switch {
		case len(parts) < 3 || !strings.HasPrefix(parts[2], "/"):
		case slices.Contains(strings.Split(parts[1], ","), "memory"):
			return parts[2], version1, nil
		case parts[0] == "0" && parts[1] == "":
			name, v, err = parts[2], version2, nil
		}
	}
	return name, v, err
}

// mount is where groups are mounted, without the first slash, and which of them is at the top.
type mount struct{ point, root string }

// memoryMounts returns the mounts in which groups of a version count memory. mounts is /proc/self/mountinfo: see proc_pid_mountinfo(5).
func memoryMounts(mounts string, v version) (found []mount) {
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		fields, of := strings.Split(before, " "), strings.Split(after, " ")
		if !ok || len(fields) < 5 || len(of) < 3 || !strings.HasPrefix(fields[3], "/") || !strings.HasPrefix(fields[4], "/") {
			continue
		}
		if of[0] == v.filesystem && (of[0] == version2.filesystem || slices.Contains(strings.Split(of[2], ","), "memory")) {
			found = append(found, mount{strings.TrimPrefix(path.Clean(fields[4]), "/"), path.Clean(fields[3])})
		}
	}
	return found
}

// folder returns the folder of a group. Where a mount does not have the group, as in a container that does not see those outside, its top is the
// group.
func (m mount) folder(name string) string {
	below, ok := strings.CutPrefix(name+"/", strings.TrimSuffix(m.root, "/")+"/")
	if !ok || strings.Contains(name+"/", "/../") {
		return m.point
	}
	return path.Join(m.point, below)
}
