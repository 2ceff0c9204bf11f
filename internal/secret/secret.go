// Package secret holds values that must never be printed.
//
// A [String] prints as "[redacted]" whatever formats it: fmt verbs, JSON, text and YAML encoders, loggers that use
// reflection through these. Only [String.Reveal] returns the value, so every use of a secret can be found by that name.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Redacted is what a secret prints as.
const Redacted = "[redacted]"

// String is a secret text. The zero value is the empty secret. Compare with [String.Equal], never with ==.
type String struct {
	value *string // behind a pointer, so that reflection-based printers of outer structs show an address at most
}

// New wraps a secret.
func New(value string) String { return String{&value} }

// Reveal returns the secret itself.
func (s String) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether the secret is empty.
func (s String) IsZero() bool { return s.Reveal() == "" }

// Equal reports whether two values are equal, in time that depends on the lengths only.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Format implements [fmt.Formatter], so that no verb or flag prints the value.
func (s String) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, Redacted) }

// String implements [fmt.Stringer].
func (s String) String() string { return Redacted }

// MarshalText implements [encoding.TextMarshaler], which JSON and YAML encoders honour.
func (s String) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
