// Package freeze is the kill switch: what an operator has stopped, and the last check of a call before its first byte.
//
// A [Freeze] stops all calls of a caller, all that a credential signs, all that concern a customer, all that spend, or all. The freezes
// in force are a [Set], which does not change. The [Switch] replaces it by another one and has the change recorded, and each call looks at
// it at the [Gate]. Time is an argument throughout.
package freeze

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tollgate/internal/words"
)

// Kind says what a freeze stops.
type Kind string

const (
	Caller     Kind = "caller"     // the calls of one caller
	Credential Kind = "credential" // the calls that one credential signs
	Customer   Kind = "customer"   // the calls that concern one account
	Spend      Kind = "spend"      // the calls of operations that spend
	All        Kind = "all"        // all calls
)

// Kinds lists all of them.
func Kinds() []Kind { return []Kind{Caller, Credential, Customer, Spend, All} }

// named reports whether a kind needs a name.
func (k Kind) named() bool { return k == Caller || k == Credential || k == Customer }

// Bounds of a freeze. [Max] freezes of the greatest size fit into one line of the log: a test of package logfile asks for it.
const (
	Max       = 128 // freezes in force at a time
	maxName   = 64  // bytes
	maxReason = 240 // bytes, where quotes and backslashes count twice, as in the log
	maxBy     = 32  // bytes
	maxEndBy  = 128 // bytes of the name that asks for the end of a freeze, and where
	idLength  = len("f-") + 2*idBytes
	idBytes   = 4
)

// Subject is what a freeze stops.
type Subject struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name,omitempty"` // of the caller or the credential, or the customer's id
}

func (s Subject) String() string { return s.Message().String() }

// Message returns the text of String.
func (s Subject) Message() words.Message {
	if !slices.Contains(Kinds(), s.Kind) {
		return words.Plain(string(s.Kind) + " " + s.Name)
	}
	return words.Say("error.freeze."+string(s.Kind), "Name", s.Name)
}

// Check returns what is wrong with a subject.
func (s Subject) Check() error {
	switch {
	case !slices.Contains(Kinds(), s.Kind):
		return fmt.Errorf("a freeze is of kind %s, not %q", strings.Trim(fmt.Sprint(Kinds()), "[]"), s.Kind)
	case s.Kind.named() && strings.TrimSpace(s.Name) == "":
		return fmt.Errorf("a freeze of kind %s needs a name", s.Kind)
	case !s.Kind.named() && s.Name != "":
		return fmt.Errorf("a freeze of kind %s has no name", s.Kind)
	case len(s.Name) > maxName || strings.ContainsAny(s.Name, `"\`) || !printable(s.Name):
		return fmt.Errorf("the name of a %s has up to %d printable bytes, without quotes and backslashes", s.Kind, maxName)
	}
	return nil
}

// key returns what calls are compared by. Whether the provider distinguishes customer ids by case or blanks is not known, so they are
// taken for the same.
func (s Subject) key() Subject {
	if s.Kind == Customer {
		s.Name = strings.ToLower(strings.TrimSpace(s.Name))
	}
	return s
}

// Freeze is a stop in force.
type Freeze struct {
	ID string `json:"id"`
	Subject
	Reason string    `json:"reason"`         // of the operator, for callers to read
	Since  time.Time `json:"since"`          // by the wall clock
	Until  time.Time `json:"until,omitzero"` // by the wall clock; zero: until it is lifted
	By     string    `json:"by,omitempty"`   // who asked for it
}

// String describes for callers and operators which freeze it is, why, and until when.
func (f *Freeze) String() string { return f.Message().String() }

// Message returns the text of String.
func (f *Freeze) Message() words.Message {
	until := words.Say("error.freeze.until_lifted")
	if !f.Until.IsZero() {
		until = words.Say("error.until", "Time", f.Until.UTC().Format(time.RFC3339))
	}
	return words.Say("error.freeze", "ID", f.ID, "Subject", f.Subject.Message(), "Until", until, "Reason", f.Reason)
}

// NewID returns an id for a freeze.
func NewID() string {
	var b [idBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return "f-" + hex.EncodeToString(b[:])
}

// Check returns what is wrong with a freeze.
func (f *Freeze) Check() error {
	if err := f.Subject.Check(); err != nil {
		return err
	}
	switch {
	case !IsID(f.ID):
		return fmt.Errorf("%.40q is not the id of a freeze", f.ID)
	case strings.TrimSpace(f.Reason) == "":
		return errors.New("a freeze needs a reason, which callers read in refusals")
	case escapedLen(f.Reason) > maxReason || !printable(f.Reason):
		return fmt.Errorf("a reason has up to %d printable bytes", maxReason)
	case len(f.By) > maxBy || strings.ContainsAny(f.By, `"\`) || !printable(f.By):
		return errors.New("who asks for a freeze is not a short text")
	case f.Since.IsZero() || !inCalendar(f.Since) || !inCalendar(f.Until):
		return errors.New("the times of a freeze are not of the years 0001 to 9999")
	}
	return nil
}

// IsID reports whether a text may be the id of a freeze.
func IsID(id string) bool {
	_, err := hex.DecodeString(strings.TrimPrefix(id, "f-"))
	return err == nil && len(id) == idLength && strings.ToLower(id) == id
}

func inCalendar(t time.Time) bool { return t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 }

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// escapedLen returns how many bytes the log needs for a printable text.
func escapedLen(s string) int { return len(s) + strings.Count(s, `"`) + strings.Count(s, `\`) }
