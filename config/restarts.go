package config

import (
	"reflect"
	"slices"

	"tollgate/config/strictyaml"
)

// Restarts returns the keys that have other values in another configuration and cannot change while a gateway runs, in the order of the
// manual: "audit.dir". Fields with the tag `reload:"restart"` are such keys.
func Restarts(before, after *Config) (keys []string) {
	was, is := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	for _, f := range restarting() {
		keys = restarts(keys, f.Key, f, was.FieldByName(f.Name), is.FieldByName(f.Name))
	}
	return keys
}

// restarting are the sections of the file that a Config has as they are. No other has keys that need a restart.
func restarting() (sections []strictyaml.Field) {
	for _, f := range strictyaml.Fields(reflect.TypeFor[fileConfig]()) {
		if same, ok := reflect.TypeFor[Config]().FieldByName(f.Name); ok && same.Type == f.Type {
			sections = append(sections, f)
		}
	}
	return sections
}

func restarts(keys []string, path string, f strictyaml.Field, was, is reflect.Value) []string {
	if reflect.DeepEqual(was.Interface(), is.Interface()) {
		return keys
	}
	if was.Kind() == reflect.Pointer && !was.IsNil() && !is.IsNil() {
		was, is = was.Elem(), is.Elem()
	}
	if was.Kind() == reflect.Struct && strictyaml.Section(was.Type()) != nil && !isWhole(f) {
		for _, inner := range strictyaml.Fields(was.Type()) {
			keys = restarts(keys, path+"."+inner.Key, inner, was.FieldByIndex(inner.Index), is.FieldByIndex(inner.Index))
		}
		return keys
	}
	if f.Restart {
		keys = append(keys, path)
	}
	return keys
}

// isWhole reports whether any change of a section needs a restart, although its keys need none elsewhere.
func isWhole(f strictyaml.Field) bool {
	section := strictyaml.Section(f.Type)
	return f.Restart && section != nil && slices.ContainsFunc(strictyaml.Fields(section), func(inner strictyaml.Field) bool { return !inner.Restart })
}

// NeedsRestart reports whether a change of the value at a path of the file needs a restart.
func NeedsRestart(path []string) bool {
	fields := restarting()
	for _, key := range path {
		i := slices.IndexFunc(fields, func(f strictyaml.Field) bool { return f.Key == key })
		if i < 0 || fields[i].Restart {
			return i >= 0
		}
		section := strictyaml.Section(fields[i].Type)
		if section == nil {
			return false
		}
		fields = strictyaml.Fields(section)
	}
	return false
}
