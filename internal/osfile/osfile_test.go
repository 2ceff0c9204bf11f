package osfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOwnerOf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(file, file+".link"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := OwnerOf(info); !ok || got.UID != os.Geteuid() || got.Links != 2 {
		t.Errorf("%+v, %v", got, ok)
	}
	if got, ok := OwnerOf(foreign{info}); ok {
		t.Errorf("of a file of no file system: %+v", got)
	}
}

// foreign is a file of which the system says nothing.
type foreign struct{ fs.FileInfo }

func (foreign) Sys() any { return nil }

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	link, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if f, err := os.OpenFile(link, os.O_RDONLY|NoFollow, 0); err == nil {
		_ = f.Close()
		t.Error("a link was followed")
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(pipe, os.O_RDONLY|NonBlock, 0) // would wait for a writer
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

func TestFree(t *testing.T) {
	if n, err := Free(t.TempDir()); err != nil || n <= 0 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := Free(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that is not there has room")
	}
}
