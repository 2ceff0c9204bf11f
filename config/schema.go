package config

import _ "embed"

//go:embed schema.json
var schema string

// Schema returns the JSON Schema of the file, which this package's tests make from the types of fileconfig.go.
func Schema() string { return schema }
