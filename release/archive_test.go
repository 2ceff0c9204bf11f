package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// file is one of an archive.
type file struct {
	header *tar.Header
	data   []byte
}

// unpack returns the files of an archive by name.
func unpack(t *testing.T, r io.Reader) map[string]file {
	t.Helper()
	files := map[string]file{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = file{h, data}
	}
}

// packed returns the files of the archive for linux/amd64, without the folder that they are in.
func packed(t *testing.T) map[string]file {
	t.Helper()
	r := made(t)
	top := r.name(platform{"linux", "amd64"})
	compressed, err := gzip.NewReader(bytes.NewReader(read(t, filepath.Join(r.out, top+".tar.gz"))))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]file{}
	for name, f := range unpack(t, compressed) {
		below, ok := strings.CutPrefix(name, top+"/")
		if !ok {
			t.Errorf("%s is beside the folder", name)
		}
		files[below] = f
	}
	return files
}

// TestArchive: what is to be there is, with its mode; all of root's, at the commit's time; nothing that is for those who build.
func TestArchive(t *testing.T) {
	files, r := packed(t), made(t)
	for name, want := range map[string]fs.FileMode{
		"tollgate": 0o755, "LICENSE": 0o644, "README.md": 0o644, "README.zh-CN.md": 0o644, "THIRD-PARTY-LICENSES": 0o644, "man/tollgate.1": 0o644, "completions/_tollgate": 0o644,
		"completions/tollgate.bash": 0o644, "completions/tollgate.fish": 0o644, "deploy/sidecar.yaml": 0o644, "deploy/central.yaml": 0o644,
		"deploy/tollgate.service": 0o644, "docs/operations.md": 0o644, "docs/tasks/": fs.ModeDir | 0o755,
	} {
		if f, ok := files[name]; !ok || f.header.FileInfo().Mode() != want || len(f.data) == 0 && !want.IsDir() {
			t.Errorf("%s: %v", name, f.header)
		}
	}
	for name, f := range files {
		if f.header.Uid != 0 || f.header.Gid != 0 || !f.header.ModTime.Equal(r.version.Time) {
			t.Errorf("%s: %+v", name, f.header)
		}
		if strings.Contains(name, "Dockerfile") || strings.Contains(name, "deploytest") || strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s is not for those who run it", name)
		}
	}
}

// program writes the program of the archive to a file.
func program(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tollgate")
	if err := os.WriteFile(name, packed(t)["tollgate"].data, 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestVersion: the program knows what it is.
func TestVersion(t *testing.T) {
	out, err := exec.Command(program(t), "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Version, Commit, Platform string }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	v := made(t).version
	if v.Commit == "" {
		v.Commit = "unknown"
	}
	if got.Version != v.Name || got.Commit != v.Commit || got.Platform != "linux/amd64" {
		t.Errorf("%+v, want %+v", got, v)
	}
}

// TestManual: each command has a page, of which groff has nothing to say.
func TestManual(t *testing.T) {
	files, binary := packed(t), program(t)
	commands := completed(t, binary)
	for _, group := range []string{"acts", "audit", "key", "tls"} {
		commands = append(commands, completed(t, binary, group)...)
	}
	if len(commands) < 40 {
		t.Errorf("only %d commands: %v", len(commands), commands)
	}
	for _, command := range commands {
		page, ok := files["man/tollgate-"+command+".1"]
		if command == "help" {
			continue
		}
		if !ok || !bytes.Contains(page.data, []byte(".SH DESCRIPTION")) {
			t.Errorf("no page for %s", command)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(name, "man/tollgate") {
			typeset(t, name, files[name].data)
		}
	}
}

// completed returns the commands that a shell offers behind those that are typed, joined as the names of their pages are.
func completed(t *testing.T, binary string, typed ...string) (commands []string) {
	t.Helper()
	out, err := exec.Command(binary, append(append([]string{"__complete"}, typed...), "")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if name, _, ok := strings.Cut(line, "\t"); ok && !strings.HasPrefix(name, "-") {
			commands = append(commands, strings.Join(append(slices.Clone(typed), name), "-"))
		}
	}
	return commands
}

// typeset has groff look for what is wrong, as man does.
func typeset(t *testing.T, name string, page []byte) {
	t.Helper()
	cmd := exec.Command("groff", "-k", "-man", "-ww", "-z", "-Tutf8")
	cmd.Stdin = bytes.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v: %s", name, err, out)
	}
}

// TestLicences: each module that the program names has its licence in the archive, and Go has.
func TestLicences(t *testing.T) {
	text := string(packed(t)["THIRD-PARTY-LICENSES"].data)
	info, err := buildinfo.ReadFile(program(t))
	if err != nil || len(info.Deps) < 10 {
		t.Fatalf("%+v, %v", info, err)
	}
	heads := []string{"==== Go : LICENSE"}
	for _, dep := range info.Deps {
		heads = append(heads, "==== "+dep.Path+" "+dep.Version+": ")
	}
	for _, head := range heads {
		if !strings.Contains(text, head) {
			t.Errorf("no %q", head)
		}
	}
}

// TestNoLicence: what asks for nothing is not shipped in the hope that it is free.
func TestNoLicence(t *testing.T) {
	if err := (module{Path: "example.com/x", Dir: t.TempDir()}).addLicences(new(bytes.Buffer)); err == nil {
		t.Error("a module without a licence is taken")
	}
}

// TestComponents: the list names the modules that the program names, in their versions, and it is in the archive as well.
func TestComponents(t *testing.T) {
	if !long {
		t.Skip("building the tool that lists them takes a minute: make soak, and make release")
	}
	r := made(t)
	list := read(t, filepath.Join(r.out, r.name(platform{"linux", "amd64"})+".cdx.json"))
	if !bytes.Equal(list, packed(t)["tollgate.cdx.json"].data) {
		t.Error("the archive has another")
	}
	var bom struct {
		BOMFormat    string
		SerialNumber string
		Metadata     struct {
			Timestamp string
			Component struct{ Version string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(list, &bom); err != nil {
		t.Fatal(err)
	}
	if bom.BOMFormat != "CycloneDX" || bom.SerialNumber != "" || bom.Metadata.Timestamp != "" || bom.Metadata.Component.Version != r.version.Name {
		t.Errorf("%+v", bom.Metadata)
	}
	var listed []string
	for _, c := range bom.Components {
		listed = append(listed, c.Name+" "+c.Version)
	}
	info, err := buildinfo.ReadFile(program(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range info.Deps {
		if !slices.Contains(listed, dep.Path+" "+dep.Version) {
			t.Errorf("%s %s is not listed", dep.Path, dep.Version)
		}
	}
	if len(listed) != len(info.Deps)+1 { // and the standard library
		t.Errorf("%d are listed, and the program names %d", len(listed), len(info.Deps))
	}
}
