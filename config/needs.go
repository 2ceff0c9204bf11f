package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"tollgate/config/strictyaml"
	"tollgate/internal/confine"
	"tollgate/internal/setting"
)

// What the process uses of the file system follows from the fields with the tag `path`, wherever they stand: `read`, `secret` (read, and perhaps no
// path but the secret itself), `write` (what is there is replaced, or made) and `make` (a folder, made where there is none). Sockets that are listened on are such too; those that are connected to
// need no right.

// extras is how the keys of what `hardening.paths` names begin.
const extras = "hardening.paths["

// needFile adds what the main file names, and the file itself.
func (b *builder) needFile() {
	const where = "hardening.landlock"
	b.needPath(where, confine.Need{Path: b.config.File, Key: "the configuration file"}, b.config.File)
	b.need("", reflect.ValueOf(b.file), "")
}

// need adds the paths that a value names. kind is what the tag of its field says.
func (b *builder) need(path string, v reflect.Value, kind string) {
	if !b.file.Hardening.On() || !namesPaths(v.Type()) && kind == "" {
		return
	}
	switch of := v.Interface().(type) {
	case confine.Extra:
		b.needPath(path+".path", confine.Need{Path: of.Path, Key: path, Write: of.Write, Folder: true}, of.Path)
		return
	case setting.Address:
		b.needPath(path, confine.Need{Path: of.Socket, Key: path, Write: true}, of.Socket)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			b.need(path, v.Elem(), kind)
		}
	case reflect.Slice:
		for i := range v.Len() {
			b.need(fmt.Sprintf("%s[%d]", path, i), v.Index(i), kind)
		}
	case reflect.Map:
		for _, key := range slices.SortedFunc(slices.Values(v.MapKeys()), func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) }) {
			b.need(path+"."+key.String(), v.MapIndex(key), kind)
		}
	case reflect.Struct:
		for _, f := range strictyaml.Fields(v.Type()) {
			b.need(strings.TrimPrefix(path+"."+f.Key, "."), v.FieldByIndex(f.Index), f.Tag.Get("path"))
		}
	case reflect.String:
		shown := setting.Resolve(b.dir, v.String())
		if kind == "secret" {
			shown = setting.Reference{File: v.String()}.Shown(b.dir).File
		}
		b.needPath(path, confine.Need{Path: v.String(), Key: path, Write: kind == "write" || kind == "make", Folder: kind == "make", Make: kind == "make"}, shown)
	}
}

// needPath adds one path, as it stands in a file, and as it can be shown.
func (b *builder) needPath(path string, n confine.Need, shown string) {
	if !b.file.Hardening.On() || n.Path == "" || path == "admin.socket" && n.Path == NoSocket {
		return
	}
	n.Path = setting.Resolve(b.dir, n.Path)
	switch folder := filepath.Dir(n.Path); {
	case folder == "/" && !n.Folder || n.Path == "/":
		b.problem(path, "move it to a folder of its own, or set hardening.landlock: off", "%s stands in /, and its folder has to be allowed: the gateway could use everything", shown)
	case b.options.Allowed != nil && !strings.HasPrefix(n.Key, extras) && !b.options.Allowed(n.Path, n.Write): // a change of those needs a restart in any case
		b.problem(path, "restart the gateway; or let hardening.paths name the folder, before the next start",
			"%s is outside of the folders that the gateway may use since its start (hardening.landlock)", shown)
	default:
		b.config.Needs = append(b.config.Needs, n)
	}
}

var namingPaths sync.Map // of a reflect.Type: bool

// namesPaths reports whether values of a type may name paths. Most callers have thousands of grants, and grants name none.
func namesPaths(t reflect.Type) bool {
	known, ok := namingPaths.Load(t)
	if !ok {
		known = findsPaths(t)
		namingPaths.Store(t, known)
	}
	return known.(bool)
}

func findsPaths(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	section := strictyaml.Section(t)
	if section == nil {
		return t == reflect.TypeFor[setting.Address]()
	}
	return section == reflect.TypeFor[confine.Extra]() || slices.ContainsFunc(strictyaml.Fields(section), func(f strictyaml.Field) bool {
		return f.Tag.Get("path") != "" || namesPaths(f.Type)
	})
}

// wide are folders of the system that many programs share.
var wide = []string{"/dev", "/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr", "/var", "/var/lib", "/var/run"}

// noteHardening notes what makes hardening less than it seems.
func (b *builder) noteHardening() {
	if h := b.config.Hardening; !h.On() && len(h.Paths) > 0 {
		b.note("hardening.paths has no effect: hardening.landlock is off")
	}
	noted := map[string]bool{}
	for _, n := range b.config.Needs {
		folder := filepath.Dir(n.Path)
		if n.Folder {
			folder = n.Path
		}
		if slices.Contains(wide, folder) && !noted[folder] {
			noted[folder] = true
			b.note("hardening: all of %s is allowed, since %s (%s) stands there: a folder of its own is better", folder, n.Path, n.Key)
		}
	}
}

// describeHardening describes what the gateway would use, as far as it is known before it starts.
func describeHardening(c *Config) string {
	read, write := 0, 0
	for _, n := range c.Needs {
		if n.Write {
			write++
		} else {
			read++
		}
	}
	return fmt.Sprintf("landlock %s: only the folders of what this configuration names, %d paths to read and %d to write", c.Hardening.Landlock, read, write)
}
