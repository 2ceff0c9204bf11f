package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const (
	otherUser  = 54321 // a user that is not ours
	othersTeam = 54322 // a group that is not ours
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// file makes a file with a mode, whatever the umask is.
func file(t *testing.T, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(path, []byte("secret"), 0o600))
	check(t, os.Chmod(path, mode))
	return path
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can change the owner of files")
	}
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	check(t, err)
	return info.Mode() &^ fs.ModeDir
}

// collect returns a report and what comes to it.
func collect() (Report, *[]Finding) {
	found := new([]Finding)
	return func(f Finding) { *found = append(*found, f) }, found
}

// TestReadOwn reads files of ours with every mode that their owner can read: whatever group and others may is taken away and
// reported once, and the owner's rights stay.
func TestReadOwn(t *testing.T) {
	for _, owners := range []fs.FileMode{0o400, 0o600, 0o700} {
		for others := range fs.FileMode(0o100) {
			path := file(t, owners|others)
			var want []Finding
			if others != 0 {
				want = []Finding{{path, owners | others, owners}}
			}
			for _, want := range [][]Finding{want, nil} {
				report, found := collect()
				data, err := ReadOwn(path, 6, report)
				if err != nil || string(data) != "secret" || !slices.Equal(*found, want) {
					t.Errorf("%#o: %q, %v, found %v, want %v", owners|others, data, err, *found, want)
				}
			}
			if got := modeOf(t, path); got != owners {
				t.Errorf("%#o became %#o", owners|others, got)
			}
		}
	}
}

// TestReadLeavesTheMode: files of others are read as it is.
func TestReadLeavesTheMode(t *testing.T) {
	path := file(t, 0o644)
	if data, err := Read(path, 6); err != nil || string(data) != "secret" || modeOf(t, path) != 0o644 {
		t.Errorf("%q, %v, mode %#o", data, err, modeOf(t, path))
	}
}

// TestSetIDBitsGo: the kubelet sets them on folders, and a copy may carry them to files.
func TestSetIDBitsGo(t *testing.T) {
	path := file(t, 0o660|fs.ModeSetgid|fs.ModeSetuid)
	Tighten(path, nil)
	if got := modeOf(t, path); got != 0o600 {
		t.Errorf("mode %v", got)
	}
}

// TestOfAnotherUser: what belongs to another user was not made by this process, and stays as it is even if root could change
// it. The finding says so, each time.
func TestOfAnotherUser(t *testing.T) {
	needRoot(t)
	path := file(t, 0o440)
	check(t, os.Chown(path, otherUser, othersTeam))
	for range 2 {
		report, found := collect()
		_, err := ReadOwn(path, 6, report)
		if want := []Finding{{path, 0o440, 0o440}}; err != nil || !slices.Equal(*found, want) || (*found)[0].Tightened() {
			t.Errorf("%v, found %v, want %v", err, *found, want)
		}
	}
	if got := modeOf(t, path); got != 0o440 {
		t.Errorf("the mode became %#o", got)
	}
}

// TestLinks follows the links of a Kubernetes Secret: the file behind them counts.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "..v1"), 0o700))
	real, name := filepath.Join(dir, "..v1", "key"), filepath.Join(dir, "key")
	check(t, os.WriteFile(real, []byte("secret"), 0o600))
	check(t, os.Symlink("..v1", filepath.Join(dir, "..data")))
	check(t, os.Symlink("..data/key", name))
	if text := Exposure(name); text != "" {
		t.Errorf("a private file: %s", text)
	}
	check(t, os.Chmod(real, 0o644))
	if text := Exposure(name); !strings.HasPrefix(text, name+" has mode 0644: every user may read it;") {
		t.Errorf("behind links: %q", text)
	}
	report, found := collect()
	if _, err := ReadOwn(name, 6, report); err != nil || len(*found) != 1 || modeOf(t, real) != 0o600 {
		t.Errorf("%v, found %v, mode %#o", err, *found, modeOf(t, real))
	}
	if text := Exposure(name); text != "" {
		t.Errorf("tightened: %s", text)
	}
}

// TestLinksOfOthers: who may put files into a folder of the gateway's cannot have another file of its user's tightened.
func TestLinksOfOthers(t *testing.T) {
	needRoot(t)
	victim := file(t, 0o644)
	link := filepath.Join(t.TempDir(), "signing.key")
	check(t, os.Symlink(victim, link))
	check(t, os.Lchown(link, otherUser, othersTeam))
	report, found := collect()
	_, err := ReadOwn(link, 6, report)
	Tighten(link, report)
	if want := []Finding{{link, 0o644, 0o644}, {link, 0o644, 0o644}}; err != nil || !slices.Equal(*found, want) || modeOf(t, victim) != 0o644 {
		t.Errorf("%v, found %v, mode %#o", err, *found, modeOf(t, victim))
	}
}

// TestFoldersOfOthers: the advice about a folder is one that leaves it a folder.
func TestFoldersOfOthers(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	check(t, os.Chown(dir, otherUser, othersTeam))
	check(t, os.Chmod(dir, 0o777))
	report, found := collect()
	TightenDir(dir, report)
	if text := Exposure(dir); len(*found) != 1 || !strings.HasSuffix(text, "every user may change it; give it mode 0700, or 0770 and a group of the gateway") {
		t.Errorf("found %v, %q", *found, text)
	}
}

// TestNoFile: nothing but a regular file within the bound is read, and nothing is waited for.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe, large, dangling := filepath.Join(dir, "pipe"), file(t, 0o600), filepath.Join(dir, "dangling")
	check(t, syscall.Mkfifo(pipe, 0o666))
	check(t, os.Symlink("nowhere", dangling))
	for path, want := range map[string]string{
		dir: ErrNotRegular.Error(), pipe: ErrNotRegular.Error(), "/dev/zero": ErrNotRegular.Error(), large: "larger than 5 bytes",
		dangling: "no such file", filepath.Join(dir, "none"): "no such file", "": "no such file",
	} {
		for name, read := range map[string]func() ([]byte, error){
			"Read": func() ([]byte, error) { return Read(path, 5) }, "ReadOwn": func() ([]byte, error) { return ReadOwn(path, 5, nil) },
		} {
			data, err := read()
			var pathError *fs.PathError
			if data != nil || !errors.As(err, &pathError) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %q: %q, %v, want %q", name, path, data, err, want)
			}
		}
		Tighten(path, func(f Finding) {
			if path != large {
				t.Errorf("found %v", f)
			}
		})
	}
	if got := modeOf(t, pipe) &^ fs.ModeNamedPipe; got&0o077 == 0 {
		t.Errorf("the pipe was tightened to %#o", got)
	}
}

// TestTightenDir: a folder in which others can put files is left to its owner; one that they may look into stays, and so does
// one that is shared by intent.
func TestTightenDir(t *testing.T) {
	for _, c := range []struct{ mode, want fs.FileMode }{
		{0o770 | fs.ModeSetgid, 0o700}, {0o777, 0o700}, {0o720, 0o700}, {0o702, 0o700}, {0o775, 0o700},
		{0o700, 0o700}, {0o755, 0o755}, {0o750 | fs.ModeSetgid, 0o750 | fs.ModeSetgid}, {0o777 | fs.ModeSticky, 0o777 | fs.ModeSticky},
	} {
		dir := filepath.Join(t.TempDir(), "dir")
		check(t, os.Mkdir(dir, 0o700))
		check(t, os.Chmod(dir, c.mode))
		for n := range 2 {
			report, found := collect()
			TightenDir(dir, report)
			if reported := len(*found) == 1; reported != (n == 0 && c.mode != c.want) {
				t.Errorf("%v, time %d: found %v", c.mode, n+1, *found)
			}
		}
		if got := modeOf(t, dir); got != c.want {
			t.Errorf("%v became %v, want %v", c.mode, got, c.want)
		}
		if text := Exposure(dir); text != "" {
			t.Errorf("%v: %s", c.mode, text)
		}
	}
	TightenDir(filepath.Join(t.TempDir(), "none"), nil)
	path := file(t, 0o666)
	TightenDir(path, nil)
	if got := modeOf(t, path); got != 0o666 {
		t.Errorf("a file was taken for a folder: %#o", got)
	}
}
