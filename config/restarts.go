package config

import (
	"reflect"
	"slices"
	"sync"

	"tollgate/config/strictyaml"
)

// Restarts returns the keys that have other values in another configuration and cannot change while a gateway runs, in the order of the
// manual: "audit.dir". Fields with the tag `reload:"restart"` are such keys.
func Restarts(before, after *Config) (keys []string) {
	was, is := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	for _, f := range restarting() {
		keys = restarts(keys, f.Key, f, was.FieldByName(f.Name), is.FieldByName(f.Name))
	}
	changed := func(policy string) bool {
		return !reflect.DeepEqual(before.TLSPolicies[policy], after.TLSPolicies[policy])
	}
	// The servers of metrics and of review pages and the connections of a fleet are not replaced by a reload.
	if m := before.Metrics; m.TLS != nil && reflect.DeepEqual(m.TLS, after.Metrics.TLS) && changed(m.TLS.Policy) {
		keys = append(keys, "tls_policies."+m.TLS.Policy+", which metrics uses")
	}
	if r := before.Review; r != nil && r.TLS != nil && reflect.DeepEqual(r, after.Review) && changed(r.TLS.Policy) {
		keys = append(keys, "tls_policies."+r.TLS.Policy+", which review uses")
	}
	if f := before.Fleet; f != nil && f.Redis.TLS != nil && changed(f.Redis.TLS.Policy) {
		keys = append(keys, "tls_policies."+f.Redis.TLS.Policy+", which fleet uses")
	}
	return keys
}

// restarting are the sections of the file that a Config has as they are. No other has keys that need a restart.
var restarting = sync.OnceValue(func() (sections []strictyaml.Field) {
	for _, f := range strictyaml.Fields(reflect.TypeFor[fileConfig]()) {
		if same, ok := reflect.TypeFor[Config]().FieldByName(f.Name); ok && same.Type == f.Type {
			sections = append(sections, f)
		}
	}
	return sections
})

// restarts adds the keys of a value that differ and need a restart. A section that other sections have too says so as a whole, and so does one
// with such keys that comes or goes.
func restarts(keys []string, path string, f strictyaml.Field, was, is reflect.Value) []string {
	if reflect.DeepEqual(was.Interface(), is.Interface()) {
		return keys
	}
	section := strictyaml.Section(f.Type)
	if was.Kind() == reflect.Pointer {
		if was.IsNil() || is.IsNil() {
			if f.Restart || section != nil && someRestart(section) {
				keys = append(keys, path)
			}
			return keys
		}
		was, is = was.Elem(), is.Elem()
	}
	if was.Kind() == reflect.Struct && section != nil {
		known := len(keys)
		for _, inner := range strictyaml.Fields(was.Type()) {
			keys = restarts(keys, path+"."+inner.Key, inner, was.FieldByIndex(inner.Index), is.FieldByIndex(inner.Index))
		}
		if len(keys) > known {
			return keys
		}
	}
	if f.Restart {
		keys = append(keys, path)
	}
	return keys
}

// someRestart reports whether keys of a section need a restart.
func someRestart(section reflect.Type) bool {
	return slices.ContainsFunc(strictyaml.Fields(section), func(f strictyaml.Field) bool { return f.Restart })
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
