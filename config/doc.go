// Package config reads the one YAML file that says what the gateway does, and returns checked, typed values.
//
// [Load] works in two steps and reports the problems of both together, each with file, line, column, the line
// itself and the nearest right word:
//
//  1. Package strictyaml reads the text into the types of the sections, over their defaults. It reports what is not YAML, unknown and
//     repeated keys, wrong types and units, values out of range and missing keys.
//  2. Names are followed, and the packages that use the values check what they mean: grants and credential classes (grants),
//     TLS policies and their common TLS 1.3 list (tlspolicy), endpoints and their overlaps (catalog), callers (caller), limits (ratelimit).
//
// A secret stands in the environment or in a file, and the configuration refers to it. One that was written into the
// configuration instead is masked wherever the file is quoted.
//
// A section is one struct, in the package that uses it or in this one: it is read, completed in place, and handed to its user. The
// whole file is fileConfig in fileconfig.go.
//
// Nothing is opened for writing, no address is listened on, nothing is started. This package's tests make the JSON Schema (schema.json)
// and the tables of docs/config.md from the types of the sections.
package config
