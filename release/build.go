package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// platform is a system that the program is built for.
type platform struct{ os, arch string }

// platforms are all of them. On Linux the gateway runs; elsewhere the program has the commands that read.
var platforms = []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}}

func (p platform) String() string { return p.os + "/" + p.arch }

// runs reports whether a gateway runs on it.
func (p platform) runs() bool { return p.os == "linux" }

// program is the name of the program's file.
func (p platform) program() string {
	if p.os == "windows" {
		return "tollgate.exe"
	}
	return "tollgate"
}

func platformNames() (names []string) {
	for _, p := range platforms {
		names = append(names, p.String())
	}
	return names
}

func parsePlatforms(names string) (chosen []platform, err error) {
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(platforms, func(p platform) bool { return p.String() == name })
		if i < 0 {
			return nil, fmt.Errorf("no release is made for %q; choose from %s", name, strings.Join(platformNames(), ", "))
		}
		chosen = append(chosen, platforms[i])
	}
	return chosen, nil
}

// buildFlags are those of all builds: no path of this machine, and nothing of the history that a copy of the tree does not have.
var buildFlags = []string{"-trimpath", "-buildvcs=false"}

// build builds the program, and has the compiler's other eye look at it where the tests do not run.
func (r *release) build(p platform) (program string, err error) {
	program = filepath.Join(r.work, p.os+"-"+p.arch, p.program())
	args := append([]string{"build"}, buildFlags...)
	if err := r.goes(p, append(args, "-ldflags", r.version.LinkerFlags(), "-o", program, "./cmd/proxy")...); err != nil {
		return "", err
	}
	if r.vet && p.os != host.os {
		err = r.check(p)
	}
	return program, err
}

// check vets the packages of the program, without their tests, some of which call what only Unix has.
func (r *release) check(p platform) error {
	overlay, err := r.withoutTests()
	if err != nil {
		return err
	}
	list := r.command(p, "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.ImportPath}}{{end}}{{end}}", "./cmd/proxy")
	out, err := list.Output()
	if err != nil {
		return err
	}
	return r.goes(p, append(append([]string{"vet", "-overlay", overlay}, buildFlags...), strings.Fields(string(out))...)...)
}

// withoutTests writes what `go help build` says of -overlay: a tree that has no tests.
func (r *release) withoutTests() (string, error) {
	var replaced []string
	err := filepath.WalkDir(r.root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, "_test.go") {
			replaced = append(replaced, fmt.Sprintf("%q: \"\"", path))
		}
		return err
	})
	if err != nil {
		return "", err
	}
	file := filepath.Join(r.work, "overlay.json")
	return file, os.WriteFile(file, []byte(`{"Replace": {`+strings.Join(replaced, ", ")+`}}`), 0o600)
}

// command is one of Go, in the tree, which depends on no setting of this machine that changes what is built. GOFLAGS is not empty, since `go env -w`
// would be asked for it then.
func (r *release) command(p platform, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	return cmd
}

func (r *release) goes(p platform, args ...string) error { return quietly(r.command(p, args...)) }

// quietly runs a command, and returns what it printed if it fails.
func quietly(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err), errors.New(strings.TrimSpace(string(out))))
	}
	return nil
}
