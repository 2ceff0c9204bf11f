package catalog

import (
	"fmt"
	"slices"
	"strings"
)

var effectNames = [...]string{Read: "read", Write: "write", Spend: "spend"}

var classNames = [...]string{
	ClassNone: "none", ClassPartner: "partner", ClassCustomer: "customer", ClassEither: "either", ClassUnknown: "unknown",
}

// ParseEffect reads "read", "write" or "spend".
func ParseEffect(text string) (Effect, error) {
	if i := slices.Index(effectNames[:], text); i > 0 {
		return Effect(i), nil
	}
	return 0, fmt.Errorf("unknown effect %q: want %s", text, strings.Join(effectNames[1:], ", "))
}

// String returns the word that [ParseEffect] reads.
func (e Effect) String() string {
	if !e.Valid() {
		return fmt.Sprintf("Effect(%d)", uint8(e))
	}
	return effectNames[e]
}

// Valid reports whether e is one of the three effects; the zero value is not.
func (e Effect) Valid() bool { return e > 0 && int(e) < len(effectNames) }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (e *Effect) UnmarshalText(text []byte) error {
	parsed, err := ParseEffect(string(text))
	if err == nil {
		*e = parsed
	}
	return err
}

// ParseClass reads "none", "partner", "customer", "either" or "unknown".
func ParseClass(text string) (Class, error) {
	if i := slices.Index(classNames[:], text); i >= 0 {
		return Class(i), nil
	}
	return 0, fmt.Errorf("unknown credential class %q: want %s", text, strings.Join(classNames[:], ", "))
}

// String returns the word that [ParseClass] reads.
func (c Class) String() string {
	if !c.Valid() {
		return fmt.Sprintf("Class(%d)", uint8(c))
	}
	return classNames[c]
}

// Valid reports whether c is one of the declared classes, [ClassNone] included.
func (c Class) Valid() bool { return int(c) < len(classNames) }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Class) UnmarshalText(text []byte) error {
	parsed, err := ParseClass(string(text))
	if err == nil {
		*c = parsed
	}
	return err
}
