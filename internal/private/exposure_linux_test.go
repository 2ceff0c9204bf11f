package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// asOthers runs do on threads with the rights of a user that is not ours: once in the one group, once in another.
func asOthers(do func()) {
	for _, team := range []int{othersTeam, othersTeam + 1} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			lockedAsOther(team, do)
		}()
		<-done
	}
}

// TestExposureIsTrue asks the kernel: others can use a file exactly when Exposure says so.
func TestExposureIsTrue(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	for at := dir; at != "/"; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err != nil || info.Mode()&0o005 != 0o005 {
			check(t, errors.Join(err, os.Chmod(at, 0o755)))
		}
	}
	path := filepath.Join(dir, "file")
	for _, team := range []int{os.Getegid(), othersTeam} {
		for mode := range fs.FileMode(0o1000) {
			check(t, os.WriteFile(path, nil, 0o600))
			check(t, errors.Join(os.Chown(path, -1, team), os.Chmod(path, mode)))
			same(t, path, mode)
			check(t, os.Remove(path))
		}
	}
	for name, list := range map[string][]byte{
		"ours": sharedWith(tagUser, uint32(os.Geteuid())), "another's": sharedWith(tagUser, otherUser), "another's group's": sharedWith(tagGroup, othersTeam),
	} {
		check(t, os.WriteFile(path, nil, 0o600))
		if err := setList(path, list); errors.Is(err, syscall.ENOTSUP) {
			t.Logf("%s: no access lists here", name)
		} else {
			check(t, err)
			same(t, path, modeOf(t, path))
		}
		check(t, os.Remove(path))
	}
}

// same compares what is said of a file with what another user can do.
func same(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	var can []string
	asOthers(func() {
		for flag, what := range map[int]string{os.O_RDONLY: "read", os.O_WRONLY: "change"} {
			if f, err := os.OpenFile(path, flag, 0); err == nil {
				can = append(can, what)
				_ = f.Close()
			}
		}
	})
	said := Exposure(path)
	if (said == "") != (len(can) == 0) {
		t.Errorf("mode %#o: another user can %v, and it is said: %q", mode, can, said)
	}
	for _, what := range can {
		if !strings.Contains(said, what) {
			t.Errorf("mode %#o: another user can %s, and it is said: %q", mode, what, said)
		}
	}
}

// lockedAsOther changes the rights of this thread alone, for good: the thread ends with its goroutine, which keeps it.
func lockedAsOther(team int, do func()) {
	runtime.LockOSThread()
	_, _, failed := syscall.RawSyscall(syscall.SYS_SETGROUPS, 0, 0, 0)
	if failed != 0 {
		panic(failed)
	}
	_ = syscall.Setfsgid(team) // neither says whether it worked; the test would find root's rights
	_ = syscall.Setfsuid(otherUser)
	do()
}

func setList(path string, list []byte) error { return syscall.Setxattr(path, listName, list, 0) }
