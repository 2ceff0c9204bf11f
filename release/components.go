package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// components returns what is in a program as CycloneDX lists it, with the licences that it finds: https://cyclonedx.org/docs/1.6/json/.
func (r *release) components(program string) ([]byte, error) {
	tool, err := r.tool("github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod")
	if err != nil {
		return nil, err
	}
	list := program + ".cdx.json"
	cmd := exec.Command(tool, "bin", "-json", "-licenses", "-std", "-noserial", "-notimestamp", "-version", r.version.Name, "-output", list, program)
	cmd.Dir = r.root
	if err := quietly(cmd); err != nil {
		return nil, err
	}
	return os.ReadFile(list)
}

// tool builds a tool of this module, whose hash is in what it makes.
func (r *release) tool(path string) (string, error) {
	file := filepath.Join(r.work, "tools", filepath.Base(path))
	cmd := r.command(host, append(append([]string{"build"}, buildFlags...), "-o", file, path)...)
	cmd.Dir = filepath.Join(r.root, "release")
	return file, quietly(cmd)
}

// module is one that a program is built of.
type module struct{ Path, Version, Dir string }

// licences returns the licences of all that is in a program, which ask to go where it goes.
func (r *release) licences(p platform, program string) ([]byte, error) {
	modules, err := r.modules(p, program)
	if err != nil {
		return nil, err
	}
	root, err := r.command(p, "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintln(&out, "The program is built of these, which have the licences below, each under its name.")
	for _, m := range append([]module{{"Go", "", strings.TrimSpace(string(root))}}, modules...) {
		if err := m.addLicences(&out); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
	}
	return out.Bytes(), nil
}

func (m module) addLicences(out *bytes.Buffer) error {
	found := 0
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !isLicence(entry.Name()) || !entry.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, entry.Name()))
		if err != nil {
			return err
		}
		found++
		fmt.Fprintf(out, "\n==== %s %s: %s\n\n%s\n", m.Path, m.Version, entry.Name(), bytes.TrimSpace(text))
	}
	if found == 0 {
		return errors.New("it has no licence")
	}
	return nil
}

func isLicence(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, func(begin string) bool { return strings.HasPrefix(name, begin) })
}

// modules returns what a program names itself, with where the sources are.
func (r *release) modules(p platform, program string) (modules []module, err error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	args := []string{"list", "-m", "-json=Path,Version,Dir"}
	for _, dep := range info.Deps {
		args = append(args, dep.Path)
	}
	out, err := r.command(p, args...).Output()
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m module
		if err := d.Decode(&m); err == io.EOF {
			return modules, nil
		} else if err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
}
