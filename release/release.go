package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"tollgate/release/image"
	"tollgate/release/pack"
	"tollgate/release/version"
)

// release is what is made, and of what.
type release struct {
	root, out string
	version   version.Version
	files     map[string]bool // those of the version; nil: all that are there
	platforms []platform
	sbom, vet bool // tests do without what takes minutes
	say       func(format string, args ...any)

	work string // a folder that is removed at the end
}

// run makes all files. Where it fails, some may be there, and SHA256SUMS is not.
func (r *release) run() (err error) {
	if r.root, err = realPath(r.root); err != nil {
		return err
	}
	if err := emptyFolder(r.out); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "tollgate-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work) // what is left is no part of the result
	common, err := r.common()
	if err != nil {
		return err
	}
	for _, p := range r.platforms {
		if err := r.make(p, common); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return writeSums(r.out)
}

func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty", dir)
	}
	return err
}

// make makes the files of one platform.
func (r *release) make(p platform, common contents) error {
	r.say("%s for %s", r.version.Name, p)
	program, err := r.build(p)
	if err != nil {
		return err
	}
	own, err := r.ownOf(p, program)
	if err != nil {
		return err
	}
	write, ending := pack.TarGz, ".tar.gz"
	if p.os == "windows" {
		write, ending = pack.Zip, ".zip"
	}
	top := r.name(p)
	entries := append(below(top, common.of(p)), below(top, own)...)
	if err := r.write(top+ending, func(w io.Writer) error { return write(w, r.version.Time, entries) }); err != nil || !p.runs() {
		return err
	}
	return r.writeImage(p, program)
}

// name is what the files of a platform begin with, and the folder in its archive.
func (r *release) name(p platform) string {
	return "tollgate_" + r.version.Name + "_" + p.os + "_" + p.arch
}

// ownOf returns what an archive has for its platform alone. The list of what is in the program stands beside the archive, too.
func (r *release) ownOf(p platform, program string) ([]pack.Entry, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	licences, err := r.licences(p, program)
	if err != nil {
		return nil, err
	}
	entries := []pack.Entry{pack.File(p.program(), 0o755, data), pack.File("THIRD-PARTY-LICENSES", 0o644, licences)}
	if !r.sbom {
		return entries, nil
	}
	list, err := r.components(program)
	if err != nil {
		return nil, err
	}
	err = r.write(r.name(p)+".cdx.json", func(w io.Writer) error { return writeAll(w, list) })
	return append(entries, pack.File("tollgate.cdx.json", 0o644, list)), err
}

func writeAll(w io.Writer, data []byte) error {
	_, err := w.Write(data)
	return err
}

// write writes a file of the result.
func (r *release) write(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(r.out, name), b.Bytes(), 0o644)
}

func (r *release) writeImage(p platform, program string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	dockerfile, err := os.ReadFile(filepath.Join(r.root, "deploy", "Dockerfile"))
	if err != nil {
		return err
	}
	config, err := image.Describe(dockerfile, map[string]string{
		"VERSION": r.version.Name, "REVISION": r.version.Commit, "CREATED": r.version.Time.Format(time.RFC3339),
	})
	if err != nil {
		return fmt.Errorf("deploy/Dockerfile: %w", err)
	}
	i := image.Image{Config: config, Architecture: p.arch, Program: data, Tag: r.version.ImageTag(), Created: r.version.Time}
	return r.write(r.name(p)+".oci.tar", i.WriteArchive)
}

// below puts a folder before the names of entries.
func below(folder string, entries []pack.Entry) []pack.Entry {
	moved := make([]pack.Entry, len(entries))
	for i, e := range entries {
		e.Name = folder + "/" + e.Name
		moved[i] = e
	}
	return moved
}

// host is the platform that this program runs on.
var host = platform{runtime.GOOS, runtime.GOARCH}
