// Package config reads the one YAML file that says what the gateway does, and gives checked, typed values.
//
// [Load] goes two steps and reports the problems of all of them together, each with file, line, column, the line
// itself and the nearest right word:
//
//  1. The text becomes a YAML tree, and the tree the types of its sections over their defaults: package strictyaml, which finds what is
//     no YAML, unknown and repeated keys, wrong types and units, values out of range and missing keys.
//  2. Names are followed, and the packages that use the values are asked whether they mean something: grants and
//     credential classes (policy), TLS policies and their common TLS 1.3 list (tlspolicy), endpoints and their overlaps
//     (catalog), callers and limits.
//
// A secret stands in the environment or in a file, and the configuration refers to it. What somebody wrote into the
// configuration instead is masked wherever the file is quoted.
//
// A section is one struct, in the package that uses it or in this one: it is read, completed in place, and handed to what uses it.
//
// Nothing is opened for writing, bound or started. The JSON Schema (schema.json) and the tables of docs/config.md are
// made from the types of the sections, here and in the packages that own some, by this package's tests.
package config
