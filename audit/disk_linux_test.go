package audit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLookUp: a file is identified by its path alike whether the kernel lets us ask for less than all or not, and what a link names is
// another file.
func TestLookUp(t *testing.T) {
	refused := func(err error) func(int, string, int, int, *unix.Statx_t) error {
		return func(int, string, int, int, *unix.Statx_t) error { return err }
	}
	for name, call := range map[string]func(int, string, int, int, *unix.Statx_t) error{
		"kernel":        unix.Statx,
		"old kernel":    refused(unix.ENOSYS),
		"seccomp":       refused(unix.EPERM),
		"without inode": refused(nil), // an answer that has nothing of what was asked for
	} {
		t.Run(name, func(t *testing.T) {
			defer func(real func(int, string, int, int, *unix.Statx_t) error) { statx = real }(statx)
			statx = call
			testLookUp(t)
		})
	}
}

func testLookUp(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	d := &osDisk{dir: dir}
	want, err := osFile{f, d}.Stat()
	if err != nil || want.size != 5 || want.inode == 0 {
		t.Fatalf("%+v, %v", want, err)
	}
	if got, err := d.Stat("f"); err != nil || got != want {
		t.Errorf("by its path %+v, %v; by its descriptor %+v", got, err, want)
	}
	if err := os.Symlink(path, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Stat("link"); err != nil || got.inode == want.inode {
		t.Errorf("a link to it is %+v, %v", got, err)
	}
	if _, err := d.Stat("none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}

// TestLookUpAsksForNoTimes: a time that was asked for costs the next commit.
func TestLookUpAsksForNoTimes(t *testing.T) {
	defer func(real func(int, string, int, int, *unix.Statx_t) error) { statx = real }(statx)
	var asked int
	statx = func(dir int, path string, flags, mask int, st *unix.Statx_t) error {
		asked |= mask
		return unix.Statx(dir, path, flags, mask, st)
	}
	l, _ := open(t, onDisk(t))
	if err := intendFor(t, l, "c"); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
	if asked == 0 || asked&(unix.STATX_ATIME|unix.STATX_MTIME|unix.STATX_CTIME) != 0 {
		t.Errorf("mask %#x", asked)
	}
}
