package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"tollgate/caller"
	"tollgate/config/strictyaml"
	"tollgate/internal/confine"
	"tollgate/internal/private"
	"tollgate/internal/setting"
)

// Bounds on what a configuration includes.
const (
	maxIncluded     = 20_000 // files
	maxIncludedSize = 64 << 20
)

// includedConfig is the whole of an included file.
type includedConfig struct {
	// As `callers` of the main file.
	Callers map[string]callerConfig `yaml:"callers" need:"yes"`
}

// callerPart is what one file says of a caller.
type callerPart struct {
	name, path string
	file       string // its path
	callerConfig
}

// include reads the files that `include` names.
func (b *builder) include() {
	for i, entry := range b.file.Include {
		at := fmt.Sprintf("include[%d]", i)
		if b.Failed(at) {
			continue
		}
		if err := b.includeEntry(at, entry); err != nil {
			b.problem(at, "", "%v", err)
			return
		}
	}
}

// includeEntry reads a file, or the files of a directory. at is its key.
func (b *builder) includeEntry(at, entry string) error {
	path := setting.Resolve(b.dir, entry)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return b.includeFile(at, entry, path)
	}
	b.config.Dirs = append(b.config.Dirs, path)
	inside, err := os.ReadDir(path) // in the order of their names
	if err != nil {
		return err
	}
	for _, file := range inside {
		if err := b.includeOf(at, entry, path, file.Name()); err != nil {
			return err
		}
	}
	return nil
}

// includeOf reads a file of a directory, unless it is of another kind. Kubernetes and editors keep theirs under names with a dot in front.
func (b *builder) includeOf(at, entry, dir, name string) error {
	path := filepath.Join(dir, name)
	kind := filepath.Ext(name)
	if strings.HasPrefix(name, ".") || kind != ".yaml" && kind != ".yml" {
		return nil
	}
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return err
	}
	if kind == ".yml" {
		b.note("%s is not read: of a directory that is included, only *.yaml are", path)
		return nil
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 { // it may lead out of the directory
		b.needPath(at, confine.Need{Path: path, Key: at}, path)
	}
	return b.includeFile(at, filepath.Join(entry, name), path)
}

// includeFile reads one file. It is shown as the entry of the main file leads to it.
func (b *builder) includeFile(at, entry, path string) error {
	if b.Failed(at) { // it may not be read
		return nil
	}
	if b.isIncluded[path] {
		return fmt.Errorf("%s is included twice", path)
	}
	if len(b.config.Files) > maxIncluded { // the main one is among them
		return fmt.Errorf("more than %d files are included", maxIncluded)
	}
	text, err := private.Read(path, strictyaml.MaxFile)
	if err != nil {
		return err
	}
	if b.includedSize += len(text); b.includedSize > maxIncludedSize {
		return errors.New("the included files are larger than 64 MiB together")
	}
	shown := setting.Resolve(filepath.Dir(b.name), entry)
	var file includedConfig
	b.Include(shown, text, &file)
	b.isIncluded[path] = true
	b.config.Files = append(b.config.Files, path)
	b.addParts(shown, path, file.Callers)
	return nil
}

// addParts adds the callers of a file; shown is empty for the main one.
func (b *builder) addParts(shown, file string, callers map[string]callerConfig) {
	for _, name := range sortedNames(callers) {
		path := "callers." + name
		if shown != "" {
			path = strictyaml.In(shown, path)
		}
		b.callerParts = append(b.callerParts, callerPart{name, path, file, callers[name]})
		if shown != "" { // those of the main file are needed with it
			b.need(path, reflect.ValueOf(callers[name]), "")
		}
	}
}

// joinCallers makes each caller of what the files say of it.
func (b *builder) joinCallers() {
	b.file.Callers = make(map[string]callerConfig, len(b.callerParts))
	for _, part := range b.callerParts {
		first, twice := b.callerPaths[part.name]
		switch {
		case part.Extends: // below, once all that can be extended are known
		case twice:
			b.Add(b.Key(part.path), part.path, "the first is at "+b.Place(first)+"; an entry that only adds ways to be known has `extends: true`",
				"caller %q is defined twice", b.Shown(part.name))
		default:
			b.file.Callers[part.name], b.callerPaths[part.name] = part.callerConfig, part.path
		}
	}
	b.callerNames = sortedNames(b.file.Callers)
	for _, part := range b.callerParts {
		if part.Extends {
			b.extend(part)
		}
	}
	if len(b.callerParts) == 0 && len(b.file.Include) == 0 && !b.Has("callers") {
		b.Add(strictyaml.Position{}, "callers", "", "callers is missing")
	}
}

// extend adds ways to be known to a caller.
func (b *builder) extend(part callerPart) {
	_, known := b.file.Callers[part.name]
	switch {
	case !known:
		b.Add(b.Key(part.path), part.path, b.suggest(part.name, b.callerNames), "there is no caller %q to extend", b.Shown(part.name))
	case len(part.Grants) > 0:
		b.problem(part.path+".grants", "write them where the caller is defined, at "+b.Place(b.callerPaths[part.name]), "an entry that extends a caller grants nothing")
	case len(part.Auth) == 0 && !b.Failed(part.path):
		b.problem(part.path, "", "the entry extends the caller by nothing: auth is missing")
	default:
		b.extensions[part.name] = append(b.extensions[part.name], part)
	}
}

// ways returns the ways by which a caller is known, with the places where they stand.
func (b *builder) ways(name string) (paths []string, ways []caller.Auth) {
	add := func(path string, auth []caller.Auth) {
		for i := range auth {
			paths = append(paths, fmt.Sprintf("%s.auth[%d]", path, i))
		}
		ways = append(ways, auth...)
	}
	add(b.callerPaths[name], b.file.Callers[name].Auth)
	for _, part := range b.extensions[name] {
		add(part.path, part.Auth)
	}
	return paths, ways
}

// callersFailed reports whether anything is wrong with the callers of any file.
func (b *builder) callersFailed() bool {
	for _, part := range b.callerParts {
		if b.Failed(part.path) {
			return true
		}
	}
	return b.Failed("callers")
}
