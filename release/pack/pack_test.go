package pack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 30, 18, 0, 0, 0, time.FixedZone("", 8*3600))

func entries() []Entry {
	owned := Folder("t/log", 0o700)
	owned.UID, owned.GID = 65532, 65532
	return []Entry{File("t/run", 0o755, []byte("program")), owned, Folder("t", 0o755), File("t/LICENSE", 0o644, []byte("licence"))}
}

// TestSameBytes: neither the order of entries nor the zone of the time changes an archive, and what is in it does.
func TestSameBytes(t *testing.T) {
	for name, write := range map[string]Write{"tar": Tar, "tar.gz": TarGz, "zip": Zip} {
		packed := func(at time.Time, entries []Entry) string {
			var b bytes.Buffer
			if err := write(&b, at, entries); err != nil {
				t.Fatal(name, err)
			}
			return b.String()
		}
		one, turned := entries(), entries()
		slices.Reverse(turned)
		if packed(at, one) != packed(at.UTC(), turned) {
			t.Errorf("%s: order or zone changes it", name)
		}
		turned[0].Mode = 0o600
		if packed(at, one) == packed(at, turned) {
			t.Errorf("%s: another mode does not change it", name)
		}
		if err := write(io.Discard, at, append(one, one[0])); err == nil {
			t.Errorf("%s has two files of one name", name)
		}
		if err := write(io.Discard, at, nil); err != nil {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
}

// TestTarGz reads an archive back: sorted, with modes, owners and time.
func TestTarGz(t *testing.T) {
	var b bytes.Buffer
	if err := TarGz(&b, at, entries()); err != nil {
		t.Fatal(err)
	}
	compressed, err := gzip.NewReader(&b)
	if err != nil || !compressed.ModTime.IsZero() || compressed.Name != "" {
		t.Fatalf("%+v, %v", compressed, err)
	}
	archive := tar.NewReader(compressed)
	for _, want := range []struct {
		name string
		mode fs.FileMode
		uid  int
		data string
	}{{"t/", fs.ModeDir | 0o755, 0, ""}, {"t/LICENSE", 0o644, 0, "licence"}, {"t/log/", fs.ModeDir | 0o700, 65532, ""}, {"t/run", 0o755, 0, "program"}} {
		h, err := archive.Next()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil || h.Name != want.name || h.FileInfo().Mode() != want.mode || h.Uid != want.uid || h.Gid != want.uid || string(data) != want.data ||
			!h.ModTime.Equal(at) || h.Uname != "" {
			t.Errorf("%+v %q, %v; want %+v", h, data, err, want)
		}
	}
	if _, err := archive.Next(); err != io.EOF {
		t.Error("there is more:", err)
	}
}

func TestZip(t *testing.T) {
	var b bytes.Buffer
	if err := Zip(&b, at, entries()); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range archive.File {
		names = append(names, f.Name)
		if !f.Modified.Equal(at) || f.Mode().IsDir() != (f.Name[len(f.Name)-1] == '/') {
			t.Errorf("%s of %v has mode %v", f.Name, f.Modified, f.Mode())
		}
	}
	if !slices.Equal(names, []string{"t/", "t/LICENSE", "t/log/", "t/run"}) {
		t.Error(names)
	}
	if data, err := fs.ReadFile(archive, "t/run"); err != nil || string(data) != "program" {
		t.Errorf("%q, %v", data, err)
	}
}

// TestTree takes files with one mode, follows links, leaves out what is not kept, and ends where links do not.
func TestTree(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"deep/file", "deep/secret", "none/secret"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "deep", "file"), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("deep", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	got, err := Tree(dir, "docs", func(file string) bool { return filepath.Base(file) == "file" })
	want := []Entry{
		File("docs/deep/file", 0o755, []byte("deep/file")), Folder("docs/deep", 0o755),
		File("docs/link/file", 0o755, []byte("deep/file")), Folder("docs/link", 0o755), Folder("docs", 0o755),
	}
	if err != nil || !slices.EqualFunc(got, want, func(a, b Entry) bool { return a.Name == b.Name && a.Mode == b.Mode && bytes.Equal(a.Data, b.Data) }) {
		t.Errorf("%+v, %v", got, err)
	}
	if all, err := Tree(dir, "", nil); err != nil || len(all) != 8 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := os.Symlink(".", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	if _, err := Tree(dir, "", nil); err == nil {
		t.Error("a loop has an end")
	}
}
