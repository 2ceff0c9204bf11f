package catalog

import (
	"fmt"
	"strings"
)

var effectNames = [...]string{Read: "read", Write: "write", Spend: "spend"}

var classNames = [...]string{
	ClassNone: "none", ClassPartner: "partner", ClassCustomer: "customer", ClassEither: "either", ClassUnknown: "unknown",
}

// ParseEffect reads "read", "write" or "spend".
func ParseEffect(text string) (Effect, error) {
	for i, name := range effectNames {
		if i > 0 && name == text {
			return Effect(i), nil
		}
	}
	return 0, fmt.Errorf("unknown effect %q: want %s", text, strings.Join(effectNames[1:], ", "))
}

// String gives the word that [ParseEffect] reads.
func (e Effect) String() string {
	if !e.Valid() {
		return fmt.Sprintf("Effect(%d)", uint8(e))
	}
	return effectNames[e]
}

// Valid tells whether e is one of the three effects; the zero value is not.
func (e Effect) Valid() bool { return e > 0 && int(e) < len(effectNames) }

// MarshalText implements [encoding.TextMarshaler].
func (e Effect) MarshalText() ([]byte, error) {
	if !e.Valid() {
		return nil, fmt.Errorf("invalid effect %d", uint8(e))
	}
	return []byte(effectNames[e]), nil
}

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
	for i, name := range classNames {
		if name == text {
			return Class(i), nil
		}
	}
	return 0, fmt.Errorf("unknown credential class %q: want %s", text, strings.Join(classNames[:], ", "))
}

// String gives the word that [ParseClass] reads.
func (c Class) String() string {
	if !c.Valid() {
		return fmt.Sprintf("Class(%d)", uint8(c))
	}
	return classNames[c]
}

// Valid tells whether c is one of the declared classes, [ClassNone] included.
func (c Class) Valid() bool { return int(c) < len(classNames) }

// MarshalText implements [encoding.TextMarshaler].
func (c Class) MarshalText() ([]byte, error) {
	if !c.Valid() {
		return nil, fmt.Errorf("invalid credential class %d", uint8(c))
	}
	return []byte(classNames[c]), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Class) UnmarshalText(text []byte) error {
	parsed, err := ParseClass(string(text))
	if err == nil {
		*c = parsed
	}
	return err
}
