package config

import _ "embed"

//go:embed schema.json
var schema string

// Schema returns the JSON Schema of the file, which this package's tests make from the types of its sections.
func Schema() string { return schema }
