package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tollgate/release/version"
)

// long reports whether the tests may take minutes: all platforms, and caches that are empty.
var long = os.Getenv("TOLLGATE_SOAK") != ""

// tested are the platforms that the tests make releases for.
func tested() []platform {
	if long {
		return platforms
	}
	return []platform{{"linux", "amd64"}}
}

var temporary []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range temporary {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// one makes the release of this tree, once for all tests.
var one = sync.OnceValues(func() (*release, error) {
	r := &release{root: "..", sbom: long, vet: long, platforms: tested(), say: func(string, ...any) {}}
	var err error
	if r.version, err = version.Of(r.root); err != nil {
		return nil, err
	}
	if r.files, err = version.Files(r.root); err != nil {
		return nil, err
	}
	if r.out, err = os.MkdirTemp("", "tollgate-dist-"); err != nil {
		return nil, err
	}
	temporary = append(temporary, r.out)
	return r, r.run()
})

func made(t *testing.T) *release {
	t.Helper()
	r, err := one()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSameBytes: a copy of the tree in another folder makes the same files, in the long form by compilers that start with nothing.
func TestSameBytes(t *testing.T) {
	first := made(t)
	again := *first
	again.root, again.out = filepath.Join(t.TempDir(), "another", "tree"), t.TempDir()
	copyTree(t, first, again.root)
	if again.files != nil { // the copy has no others
		again.files = nil
	}
	if long {
		t.Setenv("GOCACHE", t.TempDir())
	}
	if err := again.run(); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, first.out, again.out)
}

// sameFiles compares two folders by the names and bytes of their files.
func sameFiles(t *testing.T, one, other string) {
	t.Helper()
	names, others := list(t, one), list(t, other)
	if strings.Join(names, " ") != strings.Join(others, " ") || len(names) < 3 {
		t.Fatalf("there are %v and %v", names, others)
	}
	for _, name := range names {
		if !bytes.Equal(read(t, filepath.Join(one, name)), read(t, filepath.Join(other, name))) {
			t.Errorf("%s differs", name)
		}
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// notCopied are the folders of a tree that no version has.
var notCopied = map[string]bool{".git": true, "node_modules": true, "bin": true, "dist": true, "build": true}

func copyTree(t *testing.T, r *release, to string) {
	t.Helper()
	err := filepath.WalkDir(r.root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(r.root, path) // it is below
		switch {
		case err != nil:
			return err
		case d.IsDir() && notCopied[d.Name()]:
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !r.kept(path):
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			return errors.Join(err, os.Symlink(target, filepath.Join(to, name)))
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), read(t, path), info.Mode().Perm()|0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSums has sha256sum check the hashes, as docs/release.md says, and find a changed file.
func TestSums(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(made(t).out)); err != nil {
		t.Fatal(err)
	}
	check := func() (string, error) {
		cmd := exec.Command("sha256sum", "--strict", "--check", sums)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := check()
	if names := list(t, dir); err != nil || strings.Count(out, ": OK\n") != len(names)-1 {
		t.Errorf("%v: %s, of %v", err, out, names)
	}
	name := list(t, dir)[1]
	if err := os.WriteFile(filepath.Join(dir, name), append(read(t, filepath.Join(dir, name)), 0), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := check(); err == nil || !strings.Contains(out, name+": FAILED") {
		t.Errorf("changed: %v: %s", err, out)
	}
}

func TestReleasable(t *testing.T) {
	for _, c := range []struct {
		v     version.Version
		dirty bool
		want  string
	}{
		{version.Version{Name: "0.2.0", Tagged: true, Newest: "0.2.0"}, false, ""},
		{version.Version{Name: "0.2.0-rc.1", Tagged: true, Newest: "0.2.0"}, false, ""},
		{version.Version{Name: "0.2.0-dev.1+abc", Newest: "0.1.0"}, false, ""},
		{version.Version{Name: "0.2.0", Tagged: true, Newest: "0.1.0"}, false, "the tag says 0.2.0"},
		{version.Version{Name: "0.1.0+abc.dirty", Newest: "0.1.0", Dirty: true}, false, "not committed"},
		{version.Version{Name: "0.1.0+abc.dirty", Newest: "0.1.0", Dirty: true}, true, ""},
	} {
		if err := releasable(c.v, c.dirty); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c, err, c.want)
		}
	}
}

func TestParsePlatforms(t *testing.T) {
	if got, err := parsePlatforms(strings.Join(platformNames(), ",")); err != nil || fmt.Sprint(got) != fmt.Sprint(platforms) {
		t.Errorf("%v, %v", got, err)
	}
	for _, name := range []string{"", "linux", "linux/amd64,", "plan9/amd64"} {
		if got, err := parsePlatforms(name); err == nil {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// TestNotEmpty: files of another release do not get into the list of this one.
func TestNotEmpty(t *testing.T) {
	dir := t.TempDir()
	if err := emptyFolder(filepath.Join(dir, "new")); err != nil {
		t.Error(err)
	}
	if err := emptyFolder(dir); err == nil {
		t.Error("a folder with something in it is taken")
	}
}
