package auditcmd

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestIndexOwner: an index that root builds is the gateway's, and nothing else that stands under its names is.
func TestIndexOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change the owner of files")
	}
	elsewhere := filepath.Join(t.TempDir(), "other")
	for name, put := range map[string]func(file string) error{
		"a hard link": func(file string) error { return os.Link(elsewhere, file) },
		"a file":      func(file string) error { return os.WriteFile(file, nil, 0o600) },
	} {
		dir := t.TempDir()
		index, built := filepath.Join(dir, "index.sqlite"), filepath.Join(dir, "index.sqlite-1")
		if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := put(built); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("index.sqlite-1", index); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, index+".lock"); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, 1234, 5678); err != nil {
			t.Fatal(err)
		}
		_ = giveIndexToOwner(index) // says that the lock is a link
		want := map[string]uint32{"a file": 1234, "a hard link": 0}[name]
		if owner(t, built) != want || owner(t, elsewhere) != 0 {
			t.Errorf("%s: of %d, want %d; what the lock names is of %d", name, owner(t, built), want, owner(t, elsewhere))
		}
	}
}

func owner(t *testing.T, file string) uint32 {
	t.Helper()
	var info unix.Stat_t
	if err := unix.Stat(file, &info); err != nil {
		t.Fatal(err)
	}
	return info.Uid
}
