package snapshot

import (
	"bytes"
	"maps"
	"slices"

	"tollgate/config"
	"tollgate/fleet"
)

// common are the sections that decide what calls may do. The others are of one process: where it listens, writes and is asked.
var common = []string{"callers", "caps", "caps_default", "catalog", "credentials", "fleet", "guard", "limits", "tls_policies", "upstreams", "version"}

// Common returns a hash of what the members of a fleet should have in common, as short as records have ids: what decides what calls may do,
// without the member's own name, the generations of keys, which each process counts, and the folder of the file.
func Common(c *config.Config) string {
	of := *c
	if c.Fleet != nil {
		of.Fleet = new(*c.Fleet)
		of.Fleet.Name = fleet.OwnName{}
	}
	w := newWriter("", 8<<10)
	sections := w.sections(&of, nil)
	maps.DeleteFunc(sections, func(key string, _ func()) bool { return !slices.Contains(common, key) })
	w.object(sections)
	folder := bytes.Trim(quoted(c.Dir+"/"), `"`) // in front of paths, and behind "unix:"
	return ID(bytes.ReplaceAll(w.text, folder, nil))[:IDLength]
}
