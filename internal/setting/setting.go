// Package setting has the types of values that a configuration is written with: durations, sizes, addresses, references to secrets.
//
// Each reads itself from text ([encoding.TextUnmarshaler]) with an error that says what to write, and knows a regular expression that
// admits whatever it reads (Pattern), and what it is called (Kind): that is what package config/strictyaml wants of them.
package setting
