// Package setting has the types of values that a configuration is written with: durations, sizes, addresses, references to secrets.
//
// Each type reads itself from text ([encoding.TextUnmarshaler]) with an error that says what to write, and has a regular expression that
// admits all that it reads (Pattern) and a name for messages (Kind), as Scalar of package config/strictyaml asks.
package setting
